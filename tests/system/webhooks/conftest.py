from dataclasses import replace

import pytest

from chalicelib.core import ids
from chalicelib.payments import gateways
from tests.system.webhooks.till import Till
from tests.system.world import World


@pytest.fixture
def till(world: World, monkeypatch: pytest.MonkeyPatch) -> Till:
    """Each shop has a key of its own at the gateways."""
    account_of, keys = gateways.account_of, {shop.organization: ids.token() for shop in (world.a, world.b)}

    def own_account(organization: str, name: str) -> gateways.GatewayAccount:
        return replace(
            account_of(organization, name), api_key=keys[organization], webhook_secrets=(keys[organization],)
        )

    monkeypatch.setattr(gateways, "account_of", own_account)
    return Till(world)
