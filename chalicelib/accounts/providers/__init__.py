"""Who else proves who somebody is: one adapter per provider behind `contract.py`."""

from chalicelib.accounts.providers.contract import IdentityProvider
from chalicelib.core.errors import NotFound
from chalicelib.core.secrets import secrets
from chalicelib.core.settings import settings

NAMES = ("google", "apple", "facebook")


def of_name(name: str) -> IdentityProvider:
    """The provider with the stage's client. Raises NotFound for one that the stage has no client at."""
    from chalicelib.accounts.providers import facebook, oidc

    client = secrets().identity_providers.get(name)
    if name not in NAMES or client is None:
        raise NotFound("provider_not_found", "Nobody can sign in with this provider here.")
    sandbox = f"{settings().identity_url}/{name}" if settings().identity_url else None
    match name:
        case "google":
            return oidc.google(client, sandbox)
        case "apple":
            return oidc.apple(client, sandbox)
    return facebook.Facebook(client, sandbox)
