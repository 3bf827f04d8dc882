"""Payment gateways behind one contract."""

from functools import cache

from chalicelib.core.secrets import secrets
from chalicelib.core.settings import settings
from chalicelib.payments.gateways.contract import Gateway, GatewayAccount
from chalicelib.payments.gateways.paynoi import PayNoi

NAMES = frozenset({"paynoi"})
"""The gateways that payments may go through."""


@cache
def of_name(name: str) -> Gateway:
    """Raises KeyError for a gateway that is not known: names come from our own records."""
    return {"paynoi": lambda: PayNoi(settings().paynoi_url)}[name]()


def account_of(organization: str, name: str) -> GatewayAccount:
    """The organization's own account at a gateway, else the deployment's. `name` as in `of_name`."""
    known = secrets()
    held = {"paynoi": known.paynoi_of_organizations.get(organization, known.paynoi)}[name]
    return GatewayAccount(
        api_key=held.api_key.get_secret_value(),
        key_id=held.key_id,
        account=held.account,
        type=held.type,
        previous_api_key=held.previous_api_key.get_secret_value() if held.previous_api_key else None,
    )
