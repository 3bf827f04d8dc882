"""Rates by class of product and day, and what of an amount is tax. Pure rules; amounts are minor units."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Self

from chalicelib.core.errors import Conflict, Invalid
from chalicelib.core.money import allocate
from chalicelib.lines.contract import LineTax, QuoteLine
from chalicelib.organizations.model import VersionConflict

WHOLE = 100_000
"""Thousandths of a percent of everything."""

MOST_RATES = 200


LONGEST_REPORT = timedelta(days=366)


class Rounding(StrEnum):
    """What is rounded to whole minor units: the tax of each line, or that of all lines of an order with one rate."""

    LINE = "line"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Rate:
    """A tax in thousandths of a percent: in the price (`inclusive`), or put on top of it.

    It is valid from a day on, in the organization's zone, until the next one of its class is.
    """

    tax_class: str
    name: str
    rate: int
    inclusive: bool
    valid_from: date = date.min

    def of(self, amount: int) -> int:
        """The tax that is in an amount, or that comes on top of it. A half is rounded up."""
        whole = WHOLE + self.rate if self.inclusive else WHOLE
        return (2 * amount * self.rate + whole) // (2 * whole)


@dataclass(frozen=True, slots=True)
class TaxTable:
    """An organization's rates, and how tax is rounded. Version 0 is one that was never stored."""

    organization: str
    rates: tuple[Rate, ...] = ()
    rounding: Rounding = Rounding.LINE
    version: int = 0

    def on(self, day: date) -> dict[str, Rate]:
        """Class -> its rate on that day."""
        begun = (rate for rate in self.rates if rate.valid_from <= day)
        return {rate.tax_class: rate for rate in sorted(begun, key=lambda rate: rate.valid_from)}

    def changed(self, rates: Sequence[Rate], rounding: Rounding, version: int, today: date) -> Self:
        """With these rates instead. What has begun stays: only a newer rate of its class ends it.

        Raises Conflict (`version_conflict`, `tax_in_force`), Invalid (`tax_twice`, `tax_in_past`).
        """
        if version != self.version:
            raise VersionConflict
        if len({(rate.tax_class, rate.valid_from) for rate in rates}) < len(rates):
            raise Invalid("tax_twice", "A class has one rate from a day on.", field="rates")
        if any(rate.valid_from <= today for rate in set(self.rates) - set(rates)):
            raise Conflict("tax_in_force", "A rate that is in force ends with a newer one.", field="rates")
        if any(rate.valid_from < today for rate in set(rates) - set(self.rates)):
            raise Invalid("tax_in_past", "A new rate is valid from today on, or from later.", field="rates")
        in_order = sorted(rates, key=lambda rate: (rate.tax_class, rate.valid_from))
        return replace(self, rates=tuple(in_order), rounding=rounding)


@dataclass(frozen=True, slots=True)
class TaxTotal:
    """What was taxed alike in some days: `base` without the tax and `tax` of it, and what of both refunds took back."""

    tax_class: str
    name: str
    rate: int
    inclusive: bool
    base: int = 0
    tax: int = 0
    base_back: int = 0
    tax_back: int = 0

    @property
    def due(self) -> int:
        return self.tax - self.tax_back

    @property
    def kind(self) -> tuple[str, int, bool, str]:
        return self.tax_class, self.rate, self.inclusive, self.name

    def __add__(self, other: "TaxTotal") -> "TaxTotal":
        return replace(
            self,
            base=self.base + other.base,
            tax=self.tax + other.tax,
            base_back=self.base_back + other.base_back,
            tax_back=self.tax_back + other.tax_back,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """The tax of some days in the organization's zone, `last` being one of them."""

    first: date
    last: date
    currency: str
    totals: tuple[TaxTotal, ...]

    @property
    def due(self) -> int:
        return sum(total.due for total in self.totals)


def summed(totals: Iterable[TaxTotal]) -> tuple[TaxTotal, ...]:
    """One for each kind of tax."""
    found: dict[tuple[str, int, bool, str], TaxTotal] = {}
    for total in totals:
        found[total.kind] = found[total.kind] + total if total.kind in found else total
    return tuple(found[kind] for kind in sorted(found))


def taxed(lines: Sequence[QuoteLine], rates: Mapping[str, Rate], rounding: Rounding) -> tuple[QuoteLine, ...]:
    """The lines with their tax, by class -> rate.

    Rounded per order, the tax of all lines with one rate is divided over them by largest remainder.
    """
    found, together = list(lines), defaultdict[tuple[Rate, int], list[int]](list)
    for number, line in enumerate(lines):
        rate = rates.get(line.tax_class or "")
        if rate is not None:
            together[rate, number if rounding is Rounding.LINE else 0].append(number)
    for (rate, _), numbers in together.items():
        amounts = [lines[number].amount for number in numbers]
        tax = rate.of(sum(amounts))
        parts = allocate(tax, amounts) if tax else [0] * len(amounts)
        for number, part in zip(numbers, parts, strict=True):
            found[number] = lines[number].taxed(LineTax(rate.tax_class, rate.name, rate.rate, rate.inclusive, part))
    return tuple(found)


def taken_back(amount: int, line_left: int, tax_left: int) -> int:
    """What of an amount that goes back of a line is tax: in proportion to what is left of both, a half rounded up.

    So a line that is given back whole, in however many steps, leaves nothing of its tax.
    """
    return allocate(amount, [tax_left, line_left - tax_left])[0] if amount else 0
