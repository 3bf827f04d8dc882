"""Taxes: staff keep the table, quotes are taxed by it, and what was sold is booked as owed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from chalicelib import lines
from chalicelib.audit import service as audit
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Invalid
from chalicelib.core.table import transact
from chalicelib.ledger import service as ledger
from chalicelib.lines.contract import Quote
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import Organization
from chalicelib.taxes import store
from chalicelib.taxes.model import Rate, Rounding, TaxTable, taxed
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
    unknown = {rate.tax_class for rate in rates} - set(classes())
    if unknown:
        raise Invalid("unknown_tax_class", f"Classes are {', '.join(classes())}.", field="rates")
    was = store.get(actor.organization)
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


def book(organization: str, *, order: str, line: str, amount: int, currency: str) -> bool:
    """Owe the tax of a line that is handed over, once; False: it is booked, or there is none."""
    return _book("tax", f"{order}#{line}", organization, order, amount, currency)


def take_back(organization: str, *, refund: str, order: str, line: str, amount: int, currency: str) -> bool:
    """Owe less: what of a refund of a line was tax. As `book`."""
    return _book("untax", f"{refund}#{line}", organization, order, -amount, currency)


def _book(kind: str, part: str, organization: str, order: str, amount: int, currency: str) -> bool:
    if not amount:
        return False
    entry = ledger.taxation(
        part, organization=organization, order=order, amount=amount, currency=currency, at=clock.now(), kind=kind
    )
    try:
        transact(*ledger.book(entry))
    except ledger.Booked:
        return False
    return True


def _usual(policy: Organization, quote: Quote) -> dict[str, Rate]:
    if policy.tax is None or not policy.tax.rate:
        return {}
    rate, inclusive = policy.tax.rate * _FINER, policy.tax.included
    return {each: Rate(each, USUAL, rate, inclusive) for line in quote.lines if (each := line.tax_class) is not None}


def _day(policy: Organization, at: datetime) -> date:
    return at.astimezone(ZoneInfo(policy.timezone)).date()
