"""Taxes: staff keep the table, quotes are taxed by it, and what was sold is booked as owed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from chalicelib import lines
from chalicelib.audit import service as audit
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Invalid
from chalicelib.core.table import transact
from chalicelib.ledger import service as ledger
from chalicelib.lines.contract import LineTax, Quote
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import Organization
from chalicelib.taxes import store
from chalicelib.taxes.model import LONGEST_REPORT, Rate, Report, Rounding, TaxTable, TaxTotal, summed, taxed
from chalicelib.taxes.model import taken_back as taken_back

USUAL = "VAT"
"""What the tax of the organization's profile is called."""

_FINER = 10  # a profile's rate is in hundredths of a percent


def table_of(organization: str) -> TaxTable:
    return store.get(organization)


def set_table(actor: Principal, rates: Sequence[Rate], rounding: Rounding, version: int) -> TaxTable:
    """Tax quotes from now on by these rates. Orders that are placed keep the tax they were placed with.

    Raises Invalid (`unknown_tax_class`, `tax_twice`, `tax_in_past`), Conflict (`version_conflict`, `tax_in_force`).
    """
    was = store.get(actor.organization)
    if not {rate.tax_class for rate in rates} <= {*classes(), *(rate.tax_class for rate in was.rates)}:
        raise Invalid("unknown_tax_class", f"Classes are {', '.join(classes())}.", field="rates")
    today = _day(organizations.get(actor.organization), clock.now())
    now = was.changed(rates, rounding, version, today)
    told = audit.entry(
        actor,
        action="tax_table.set",
        entity="tax_table",
        entity_id=actor.organization,
        before={"rates": was.rates, "rounding": was.rounding},
        after={"rates": now.rates, "rounding": now.rounding},
    )
    transact(store.save(now), told)
    return replace(now, version=version + 1)


def classes() -> list[str]:
    """The classes of product that are taxed."""
    return sorted({each for line in lines.discover().values() for each in line.tax_classes})


def apply(organization: str, quote: Quote) -> Quote:
    """The quote with the tax of each line, by the rates of today.

    A class without a rate in the table has that of the organization's profile, if any.
    """
    if all(line.tax_class is None for line in quote.lines):
        return quote
    table, policy = store.get(organization), organizations.get(organization)
    rates = _usual(policy, quote) | table.on(_day(policy, clock.now()))
    return replace(quote, lines=taxed(quote.lines, rates, table.rounding))


def book(organization: str, *, order: str, line: str, tax: LineTax, base: int, currency: str) -> bool:
    """Owe the tax of a line that is handed over, once, and report it with its `base`; False: it is booked."""
    total = replace(_total(tax), base=base, tax=tax.amount)
    return _book("tax", f"{order}#{line}", organization, order, total, currency)


def take_back(
    organization: str, *, refund: str, order: str, line: str, tax: LineTax, amount: int, base: int, currency: str
) -> bool:
    """Owe less: what of a refund of a line was tax, and what of it was not. As `book`."""
    total = replace(_total(tax), base_back=base, tax_back=amount)
    return _book("untax", f"{refund}#{line}", organization, order, total, currency)


def report(organization: str, first: date | None, last: date | None) -> Report:
    """What was taxed from the first day to the last, in the organization's zone, by kind of tax.

    Without `last` until the end of last month, without `first` from the beginning of the last day's month. A sale
    counts on the day it was handed over, a refund on the day it was taken back: as in the ledger's account of taxes.
    Raises Invalid `period_ends_first`, `period_too_long`.
    """
    home = organizations.get(organization)
    last = last or _day(home, clock.now()).replace(day=1) - timedelta(days=1)
    first = first or last.replace(day=1)
    if last < first:
        raise Invalid("period_ends_first", "The last day is before the first one.", field="to")
    if last - first >= LONGEST_REPORT:
        raise Invalid("period_too_long", f"A report is of {LONGEST_REPORT.days} days at most.", field="to")
    return Report(first, last, home.currency, summed(store.counted(organization, first, last)))


def _book(kind: str, part: str, organization: str, order: str, total: TaxTotal, currency: str) -> bool:
    at = clock.now()
    entry = ledger.taxation(
        part, organization=organization, order=order, amount=total.due, currency=currency, at=at, kind=kind
    )
    counted = store.count(organization, order, _day(organizations.get(organization), at), total)
    try:
        transact(*ledger.book(entry), counted)
    except ledger.Booked:
        return False
    return True


def _total(tax: LineTax) -> TaxTotal:
    return TaxTotal(tax.tax_class, tax.name, tax.rate, tax.inclusive)


def _usual(policy: Organization, quote: Quote) -> dict[str, Rate]:
    if policy.tax is None or not policy.tax.rate:
        return {}
    rate, inclusive = policy.tax.rate * _FINER, policy.tax.included
    return {each: Rate(each, USUAL, rate, inclusive) for line in quote.lines if (each := line.tax_class) is not None}


def _day(policy: Organization, at: datetime) -> date:
    return at.astimezone(ZoneInfo(policy.timezone)).date()
