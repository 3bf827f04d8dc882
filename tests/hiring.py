"""A line of sale that asks for deposits: tools for a day, of which there are always enough."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from chalicelib.core.table import Write
from chalicelib.lines.contract import Deposit, Item, LineOfSale, Part, Quote, QuoteLine, Sold

PRICE, DEPOSIT = 100_00, 500_00
BACK_AFTER = timedelta(days=7)


class Tools:
    kind = "tools"
    tax_classes: tuple[str, ...] = ("tools",)

    def quote(self, organization: str, items: Sequence[Item], at: datetime) -> Quote:
        count, refs = len(items), tuple(item.ref for item in items)
        part = Part("day", "Tool for a day", count, PRICE)
        deposit = Deposit(count * DEPOSIT, at.replace(hour=0, minute=0, second=0, microsecond=0) + BACK_AFTER)
        line = QuoteLine(
            "tools", "shed", "Tools", refs, (part,), part.amount, part.amount, "one price", tax_class="tools",
            deposit=deposit,
        )  # fmt: skip
        return Quote((line,))

    def select(self, organization: str, subject: str, package: str, refs: Sequence[str]) -> Sequence[Item]:
        raise NotImplementedError

    def hold(self, organization: str, line: QuoteLine, order: str, until: datetime) -> Sequence[Write]:
        return ()

    def release(self, organization: str, subject: str, refs: Sequence[str], order: str) -> Sequence[Write]:
        return ()

    def fulfil(self, sold: Sold) -> None:
        """Somebody hands it over the counter."""

    def revoke(self, sold: Sold) -> None:
        """Somebody takes it back over the counter."""


def with_tools(known: Mapping[str, LineOfSale]) -> Callable[[], dict[str, LineOfSale]]:
    """In the place of `lines.discover`: the lines that are there, and this one."""
    every: dict[str, LineOfSale] = {**known, Tools.kind: Tools()}
    return lambda: every
