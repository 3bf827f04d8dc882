"""The contract of a line of sale: what selling knows of photos, tickets, rentals and the rest, and nothing more.

Selling owns money, orders and payments. A line owns what it sells: whether a thing is on sale, what a set of things
costs, which stock it takes, and how it reaches the buyer.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol, Self, runtime_checkable

from chalicelib.core.table import Write


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in a cart: `ref` is its id within the line of sale `kind`.

    `licence` is the class under which it is bought, `package` the code of the one that the buyer selected, if any.
    """

    kind: str
    ref: str
    licence: str = "personal"
    package: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """How an amount comes about: `count` times `name` at `price` (minor units)."""

    code: str
    name: str
    count: int
    price: int

    @property
    def amount(self) -> int:
        return self.count * self.price


@dataclass(frozen=True, slots=True)
class LineTax:
    """The tax on a line, as it was when that was priced: `amount` (minor units) at `rate`, in thousandths of a percent.

    An `inclusive` one is taken out of the price, any other is put on top. What the line costs has it in either case.
    """

    tax_class: str
    name: str
    rate: int
    inclusive: bool
    amount: int

    @property
    def added(self) -> int:
        """What is put on top of the price."""
        return 0 if self.inclusive else self.amount


@dataclass(frozen=True, slots=True)
class Deposit:
    """What a buyer leaves with us beside the price, in minor units: it goes back, at `due_at` by itself."""

    amount: int
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TaxSum:
    """What lines with a tax of this name and rate come to: `base` without it and `amount` of it, in minor units."""

    name: str
    rate: int
    inclusive: bool
    base: int
    amount: int


def percent(rate: int) -> str:
    """A tax rate (thousandths of a percent) for people: `7`, `8.875`."""
    return f"{Decimal(rate).scaleb(-3).normalize():f}"


def tax_sums(lines: Iterable[tuple[int, LineTax | None]]) -> tuple[TaxSum, ...]:
    """The taxes of lines, each with its amount (tax included), by name and rate in the order they come."""
    bases: Counter[tuple[str, int, bool]] = Counter()
    amounts: Counter[tuple[str, int, bool]] = Counter()
    for amount, tax in lines:
        if tax is not None:
            bases[tax.name, tax.rate, tax.inclusive] += amount - tax.amount
            amounts[tax.name, tax.rate, tax.inclusive] += tax.amount
    return tuple(TaxSum(*of, bases[of], amounts[of]) for of in bases)


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """A group of items with one price. `list_amount` is what the items would cost one by one; `because` says to a
    person why the parts are the cheapest way. Amounts are minor units. `makers` tells of each of the `refs` who made
    it and so earns by it, None where nobody did; empty where nobody made any. With `weights` each of the refs brings
    its part of the amount, without them all bring the same. What is `prepaid` goes to the buyer's account, which they
    need, and nobody earns by it until it is spent; credit does not pay for it. `discount` is what codes took off,
    `tax` what of the amount is tax: the parts come to `amount` and `discount`, less what tax is put on top.
    `tax_class` is the class of product by which it is taxed, None where it never is. The `deposit` is paid with the
    amount and no part of it: no code takes it off, no tax is on it, nobody earns by it."""

    kind: str
    subject: str
    title: str
    refs: tuple[str, ...]
    parts: tuple[Part, ...]
    amount: int
    list_amount: int
    because: str
    makers: tuple[str | None, ...] = ()
    licence: str = "personal"
    prepaid: bool = False
    discount: int = 0
    tax_class: str | None = None
    tax: LineTax | None = None
    weights: tuple[int, ...] = ()
    deposit: Deposit | None = None

    @property
    def net(self) -> int:
        """What is left of the amount without its tax."""
        return self.amount - (self.tax.amount if self.tax else 0)

    @property
    def saved(self) -> int:
        """Against the list, before tax is put on top."""
        return self.list_amount - self.amount + (self.tax.added if self.tax else 0)

    def less(self, off: int) -> Self:
        return replace(self, amount=self.amount - off, discount=self.discount + off)

    def taxed(self, tax: LineTax) -> Self:
        return replace(self, amount=self.amount + tax.added, tax=tax)


@dataclass(frozen=True, slots=True)
class Discount:
    """What a code takes off in all, in minor units; `says` is how, in words."""

    promotion: str
    code: str
    name: str
    says: str
    amount: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one item can not be bought now, or a code does not hold; `code` and `message` as in an error."""

    ref: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What items cost together, after `discounts` and with tax, and which of them can not be bought.

    `currency` is that of the whole, which the cart names; lines of sale quote in it and name none.
    """

    lines: tuple[QuoteLine, ...] = ()
    problems: tuple[Problem, ...] = ()
    discounts: tuple[Discount, ...] = ()
    currency: str = ""

    def __add__(self, other: "Quote") -> "Quote":
        discounts = self.discounts + other.discounts
        return Quote(self.lines + other.lines, self.problems + other.problems, discounts, self.currency)

    @property
    def total(self) -> int:
        """What is to be paid: the lines and their deposits."""
        return sum(line.amount for line in self.lines) + self.deposit

    @property
    def deposit(self) -> int:
        return sum(line.deposit.amount for line in self.lines if line.deposit)

    @property
    def discount(self) -> int:
        return sum(line.discount for line in self.lines)

    @property
    def list_total(self) -> int:
        return sum(line.list_amount for line in self.lines)

    @property
    def saved(self) -> int:
        return sum(line.saved for line in self.lines)

    @property
    def taxes(self) -> tuple[TaxSum, ...]:
        return tax_sums((line.amount, line.tax) for line in self.lines)


@dataclass(frozen=True, slots=True)
class Sold:
    """A paid order line as its line of sale sees it. `subject`, `refs` and `amount` are those of the quote.

    `code` is the order's, `buyer` the address it was placed with, which may be gone since, `language` what they read.
    """

    organization: str
    order: str
    line: str
    owner: str | None
    subject: str
    refs: tuple[str, ...]
    code: str
    buyer: str | None
    amount: int
    currency: str
    payment: str
    paid_at: datetime
    licence: str = "personal"
    language: str | None = None


class LineOfSale(Protocol):
    """Every method may run twice with the same arguments and then changes nothing the second time.

    `tax_classes` are those that its quotes name.
    """

    kind: str
    tax_classes: tuple[str, ...]

    def quote(self, organization: str, items: Sequence[Item], at: datetime) -> Quote:
        """Price the items as they stand at `at`. Never raises for an item: it becomes a problem."""
        ...

    def select(self, organization: str, subject: str, package: str, refs: Sequence[str]) -> Sequence[Item]:
        """The things as a buyer takes them with a package of their subject. Raises what speaks against it."""
        ...

    def hold(self, organization: str, line: QuoteLine, order: str, until: datetime) -> Sequence[Write]:
        """Conditional writes that keep stock for an order until `until`; they join the order's own transaction."""
        ...

    def release(self, organization: str, subject: str, refs: Sequence[str], order: str) -> Sequence[Write]:
        """The writes that undo `hold` exactly: the order is not paid any more, or was given back before `fulfil`."""
        ...

    def fulfil(self, sold: Sold) -> None:
        """Take the stock for good and hand over. Restartable: a retry completes what a crash left half done."""
        ...

    def revoke(self, sold: Sold) -> None:
        """Withdraw what was handed over, as far as it was, and free its stock: the money went back. Restartable.

        What was not handed over `release` has freed, unless the two met: then some of it may be there all the same.
        """
        ...


@runtime_checkable
class Counted(LineOfSale, Protocol):
    """It sells several of one thing. In a cart each is an item of its own, with a number."""

    def thing(self, ref: str) -> str | None:
        """What an item is one of; None for a reference that is none of this kind."""
        ...

    def nth(self, thing: str, number: int) -> str:
        """How a cart names the n-th of a thing; they count from 1."""
        ...
