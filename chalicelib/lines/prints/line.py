"""Prints as a line of sale: a parcel is a line, held by one order at a time and handed over to a laboratory."""

from collections.abc import Sequence
from datetime import datetime

from chalicelib.core.errors import AppError, NotFound
from chalicelib.core.table import Write
from chalicelib.lines.contract import Item, LineOfSale, Problem, Quote, QuoteLine, Sold
from chalicelib.lines.prints import service


class Prints:
    kind = "prints"
    tax_classes: tuple[str, ...] = ("prints",)

    def quote(self, organization: str, items: Sequence[Item], at: datetime) -> Quote:
        found = service.find(organization, [item.ref for item in items])
        quote = Quote()
        for item in items:
            try:
                if item.ref not in found:
                    raise NotFound("parcel_not_found", "There is no such parcel.")
                quote += Quote(lines=(service.priced(found[item.ref]),))
            except AppError as refusal:
                quote += Quote(problems=(Problem(item.ref, refusal.code, refusal.message),))
        return quote

    def select(self, organization: str, subject: str, package: str, refs: Sequence[str]) -> Sequence[Item]:
        raise NotFound("package_not_found", "Prints are sold by the parcel: pack one and put it into the cart.")

    def hold(self, organization: str, line: QuoteLine, order: str, until: datetime) -> Sequence[Write]:
        return (service.hold(organization, line.refs[0], order),)

    def release(self, organization: str, subject: str, refs: Sequence[str], order: str) -> Sequence[Write]:
        return service.release(organization, refs[0], order)

    def fulfil(self, sold: Sold) -> None:
        service.take(sold)

    def revoke(self, sold: Sold) -> None:
        """Not print it, where there is time."""
        service.withdraw(sold)


LINE: LineOfSale = Prints()
