"""Which ways to pay an organization offers: in its order, for the amounts that it set."""

from dataclasses import dataclass

from chalicelib.configuration import service as configuration
from chalicelib.core.errors import Unprocessable
from chalicelib.payments import gateways
from chalicelib.payments.settings import Choice, PaymentMethods

QR = "qr"
"""Asks for whichever gateway shows a QR code."""


@dataclass(frozen=True, slots=True)
class Offered:
    """`smallest` and `largest` bound what an order may cost to be paid this way, in minor units."""

    gateway: str
    title: str
    kind: str
    currencies: tuple[str, ...]
    smallest: int
    largest: int | None

    def fits(self, amount: int) -> bool:
        return self.smallest <= amount and (self.largest is None or amount <= self.largest)


def offered(organization: str, currency: str, amount: int | None = None) -> list[Offered]:
    """The ways to pay, the first choice first; with an `amount` only those that take it."""
    chosen = configuration.read(organization, PaymentMethods).methods
    offers = gateways.open_to(organization, currency, [choice.method for choice in chosen])
    could = {offer.gateway: offer for offer in offers}
    found = [
        Offered(offer.gateway, offer.title, offer.kind, (currency,), choice.smallest, choice.largest)
        for choice in chosen or [Choice(method=name) for name in could]
        if choice.enabled and (offer := could.get(choice.method))
    ]
    return [each for each in found if amount is None or each.fits(amount)]


def holds(organization: str, gateway: str) -> bool:
    """Whether the organization wants the money set aside first, at a gateway that can do so."""
    chosen = configuration.read(organization, PaymentMethods).methods
    return any(each.hold for each in chosen if each.method == gateway) and gateways.offer_of(gateway).holds


def choose(organization: str, currency: str, amount: int, method: str | None) -> str:
    """The gateway for an order: the `method` of that name, any with a QR code for `qr`, the first choice for None.

    Raises Unprocessable `method_not_offered`.
    """
    for each in offered(organization, currency, amount):
        if method in (None, each.gateway) or (method == QR and each.kind == "qr_code"):
            return each.gateway
    raise Unprocessable("method_not_offered", "This order can not be paid that way.", field="method")
