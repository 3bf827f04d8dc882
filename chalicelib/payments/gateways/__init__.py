"""Payment gateways behind one contract."""

from dataclasses import dataclass
from functools import cache

from chalicelib.core.secrets import secrets
from chalicelib.core.settings import settings
from chalicelib.payments.gateways.contract import Gateway, GatewayAccount
from chalicelib.payments.gateways.paynoi import PayNoi


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to pay as buyers know it. `kind` says what they do."""

    gateway: str
    title: str
    kind: str
    currencies: tuple[str, ...]


OFFERS = (Offer("paynoi", "PromptPay", "qr_code", ("THB",)),)
NAMES = frozenset(offer.gateway for offer in OFFERS)
"""The gateways that payments may go through."""


def offered(organization: str, currency: str) -> list[Offer]:
    """The ways to pay an organization in a currency: those of gateways where it has an account."""
    return [
        offer for offer in OFFERS if currency in offer.currencies and account_of(organization, offer.gateway).api_key
    ]


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
