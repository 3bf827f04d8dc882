"""Tickets as a line of sale: a line for each type, of which an order holds units until they are handed out or freed."""

from collections.abc import Sequence
from datetime import datetime

from chalicelib.core.errors import NotFound
from chalicelib.core.table import Write
from chalicelib.lines.contract import Counted, Item, Quote, QuoteLine, Sold
from chalicelib.lines.tickets import service
from chalicelib.lines.tickets.model import parsed, ref_of


class Tickets:
    kind = "tickets"
    tax_classes: tuple[str, ...] = ("tickets",)

    def quote(self, organization: str, items: Sequence[Item], at: datetime) -> Quote:
        return service.priced(organization, list(dict.fromkeys(item.ref for item in items)), at)

    def select(self, organization: str, subject: str, package: str, refs: Sequence[str]) -> Sequence[Item]:
        raise NotFound("package_not_found", "Tickets are sold one by one: put them into the cart.")

    def hold(self, organization: str, line: QuoteLine, order: str, until: datetime) -> Sequence[Write]:
        return service.hold(organization, line, order)

    def release(self, organization: str, subject: str, refs: Sequence[str], order: str) -> Sequence[Write]:
        return service.release(organization, subject, refs, order)

    def fulfil(self, sold: Sold) -> None:
        service.hand_out(sold)

    def revoke(self, sold: Sold) -> None:
        service.withdraw(sold)

    def thing(self, ref: str) -> str | None:
        named = parsed(ref)
        return named[0] if named else None

    def nth(self, thing: str, number: int) -> str:
        return ref_of(thing, number)


LINE: Counted = Tickets()
