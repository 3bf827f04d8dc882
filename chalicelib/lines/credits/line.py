"""Credit as a line of sale: no stock, a pack is a line, delivered into the buyer's wallet."""

from collections.abc import Sequence
from datetime import datetime

from chalicelib.core.errors import NotFound
from chalicelib.core.table import Write
from chalicelib.lines.contract import Item, LineOfSale, Part, Problem, Quote, QuoteLine, Sold
from chalicelib.lines.credits import service
from chalicelib.lines.credits.model import Pack


class Credits:
    kind = "credits"
    tax_classes: tuple[str, ...] = ()  # what it is spent on is taxed, and by then it is known what that is

    def quote(self, organization: str, items: Sequence[Item], at: datetime) -> Quote:
        wanted = list(dict.fromkeys(item.ref for item in items))
        found = service.packs(organization, wanted)
        quote = Quote()
        for ref in wanted:
            pack = found.get(ref)
            if pack is None:
                quote += Quote(problems=(Problem(ref, "pack_not_found", "There is no such credit pack."),))
            elif refusal := service.why_not(pack, at):
                quote += Quote(problems=(Problem(ref, refusal.code, refusal.message),))
            else:
                quote += Quote(lines=(_line(pack),))
        return quote

    def select(self, organization: str, subject: str, package: str, refs: Sequence[str]) -> Sequence[Item]:
        raise NotFound("package_not_found", "Credit is sold in packs: put one into the cart.")

    def hold(self, organization: str, line: QuoteLine, order: str, until: datetime) -> Sequence[Write]:
        return ()

    def release(self, organization: str, subject: str, refs: Sequence[str], order: str) -> Sequence[Write]:
        return ()

    def fulfil(self, sold: Sold) -> None:
        service.grant(sold)

    def revoke(self, sold: Sold) -> None:
        """Take back what is left of what was bought."""
        service.revoke(sold)


def _line(pack: Pack) -> QuoteLine:
    return QuoteLine(
        kind=Credits.kind,
        subject=pack.event or Credits.kind,
        title=pack.name,
        refs=(pack.id,),
        parts=(Part(pack.id, pack.name, 1, pack.price),),
        amount=pack.price,
        list_amount=pack.credit,
        because="credit to spend later",
        prepaid=True,
    )


LINE: LineOfSale = Credits()
