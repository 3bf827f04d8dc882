"""What a code takes off, when, and for whom. Pure rules; amounts are minor units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.core.errors import Invalid
from chalicelib.core.money import Money, allocate
from chalicelib.lines.contract import Discount, Problem, Quote, QuoteLine

MOST_CODES = 3
"""At one order. Each adds up to four writes to the transaction that places it."""

LIMITED = 0
"""The part of the count of a code that its limit holds at."""


class Kind(StrEnum):
    """In the order in which several codes are applied: each takes its part of what those before it left."""

    FREE_ITEMS = "free_items"
    PERCENT = "percent"
    AMOUNT = "amount"


@dataclass(frozen=True, slots=True)
class Promotion:
    """`code` is what buyers type, in capitals, and never changes.

    FREE_ITEMS: of each `buy` + `free` things of a line `free` cost nothing. PERCENT: `percent` of the price. AMOUNT:
    `amount`. It concerns lines of the `kinds` and `subjects` (events), where empty means any, and only where these
    come to `minimum`. `limit` is how often it may be taken, `per_customer` how often by one buyer. Without `stacks`
    no other code stands beside it.
    """

    id: str
    organization: str
    code: str
    name: str
    kind: Kind
    created_at: datetime
    percent: int = 0
    amount: int = 0
    buy: int = 0
    free: int = 0
    minimum: int = 0
    kinds: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    limit: int | None = None
    per_customer: int | None = None
    stacks: bool = False
    active: bool = True
    version: int = 0

    def __post_init__(self) -> None:
        wanted = {Kind.PERCENT: ("percent",), Kind.AMOUNT: ("amount",), Kind.FREE_ITEMS: ("buy", "free")}[self.kind]
        for name in ("percent", "amount", "buy", "free"):
            if (getattr(self, name) > 0) != (name in wanted):
                raise Invalid("promotion_terms", f"{self.kind} takes {' and '.join(wanted)}.", field=name)
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise Invalid("promotion_terms", "It ends before it begins.", field="endsAt")

    def says(self, currency: str) -> str:
        """What it takes off, in words."""
        match self.kind:
            case Kind.FREE_ITEMS:
                return f"{self.free} of each {self.buy + self.free} free"
            case Kind.PERCENT:
                return f"{self.percent} % off"
            case Kind.AMOUNT:
                return f"{Money(self.amount, currency)} off"

    def concerns(self, line: QuoteLine) -> bool:
        """Credit that is bought is money: a code takes something off it only where it names `credits`."""
        named = line.kind in self.kinds if self.kinds or line.prepaid else True
        return named and (not self.subjects or line.subject in self.subjects)

    def why_not(self, at: datetime) -> Problem | None:
        """What speaks against it whatever is in the cart."""
        if not self.active:
            return self.problem("promo_off", "This code is not in use.")
        if self.starts_at is not None and at < self.starts_at:
            return self.problem("promo_not_yet", "This code is for later.")
        if self.ends_at is not None and at >= self.ends_at:
            return self.problem("promo_over", "This code has expired.")
        return None

    def why_not_for(self, lines: Sequence[QuoteLine], currency: str) -> Problem | None:
        """What speaks against it for these lines at their full price."""
        concerned = [line.amount for line in lines if self.concerns(line)]
        if not sum(concerned):
            return self.problem("promo_nothing_fits", "This code is for other things than these.")
        if sum(concerned) < self.minimum:
            least, missing = Money(self.minimum, currency), Money(self.minimum - sum(concerned), currency)
            return self.problem("promo_minimum", f"This code starts at {least}: {missing} is missing.")
        return None

    def problem(self, code: str, message: str) -> Problem:
        return Problem(self.code, code, message)

    def takes(self, lines: Sequence[QuoteLine]) -> list[int]:
        """What it takes off each line, of what that costs now."""
        left = [line.amount if self.concerns(line) else 0 for line in lines]
        if self.kind is Kind.FREE_ITEMS:
            # Things of a line have one price together: a free one costs its even part of that.
            free = map(self._free_of, lines)
            return [amount * n // len(line.refs) for line, amount, n in zip(lines, left, free, strict=True)]
        wanted = sum(left) * self.percent // 100 if self.kind is Kind.PERCENT else min(sum(left), self.amount)
        return allocate(wanted, left) if wanted else [0] * len(left)

    def _free_of(self, line: QuoteLine) -> int:
        """Things with prices of their own have no even part: none of them is free."""
        return 0 if line.weights else len(line.refs) // (self.buy + self.free) * self.free


def normal_code(typed: str) -> str:
    """As codes are kept: people type them in any case, and with blanks around."""
    return typed.strip().upper()


def discounted(quote: Quote, promotions: Sequence[Promotion]) -> Quote:
    """The quote with what these codes take off: of each line, and in all. No line gets below nothing."""
    lines, discounts = list(quote.lines), []
    for promotion in sorted(promotions, key=lambda each: (list(Kind).index(each.kind), each.code)):
        takes = promotion.takes(lines)
        lines = [line.less(off) for line, off in zip(lines, takes, strict=True)]
        says = promotion.says(quote.currency)
        discounts.append(Discount(promotion.id, promotion.code, promotion.name, says, sum(takes)))
    return replace(quote, lines=tuple(lines), discounts=tuple(discounts))


@dataclass(frozen=True, slots=True)
class Taken:
    """How often a code was taken, by the part of the count."""

    parts: Mapping[int, int]

    @property
    def total(self) -> int:
        return sum(self.parts.values())

    @property
    def without_limit(self) -> int:
        """How often while there was no limit: a limit is held by one part, which all then meet at."""
        return self.total - self.parts.get(LIMITED, 0)


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A code at an order: what it took off, the `part` of the count that it moved, and as whose it was counted."""

    promotion: str
    code: str
    name: str
    says: str
    amount: int
    part: int
    customers: tuple[str, ...] = ()
