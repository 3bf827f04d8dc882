"""Tables of tax, beside the other settings of an organization; and what was taxed, beside its postings in the ledger.

| access                        | key                                                                          |
|-------------------------------|------------------------------------------------------------------------------|
| an organization's table       | pk T#{org}#TAXES / sk -                                                      |
| what was taxed in some days   | pk T#{org}#TAXED#{year} / sk {day}#{class}#{rate}#{inclusive}#{shard}#{name} |

A day has a row for each kind of tax and shard, however much was sold on it.
"""

from collections.abc import Iterator
from datetime import date

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import ids
from chalicelib.core.table import Choice, Record, Several, Write, create, replace, table, update
from chalicelib.organizations.model import VersionConflict
from chalicelib.taxes.model import Rate, Rounding, TaxTable, TaxTotal

_SHARDS = 8


class TaxTableRecord(Record):
    Meta = table("organizations")
    keys = ("T#{}#TAXES", "-")
    model = TaxTable

    organization = UnicodeAttribute()
    rates = Several(Rate)
    rounding = Choice(Rounding)


class TaxTotalRecord(Record):
    Meta = table("ledger")
    keys = ("T#{}#TAXED#{}", "{}#{}#{}#{}#{}#{*}")

    base = NumberAttribute(null=True)
    tax = NumberAttribute(null=True)
    base_back = NumberAttribute(null=True)
    tax_back = NumberAttribute(null=True)


def get(organization: str) -> TaxTable:
    """An empty one where nobody has stored any."""
    record = TaxTableRecord.fetch(_pk(organization), "-")
    return record.value() if record else TaxTable(organization)


def save(changed: TaxTable) -> Write:
    """A write that holds while the stored table is at `changed.version`, 0 meaning none."""
    record = TaxTableRecord.of(changed, pk=_pk(changed.organization), sk="-")
    refused = VersionConflict()
    return replace(record, changed.version, refused) if changed.version else create(record, refused)


def count(organization: str, order: str, day: date, change: TaxTotal) -> Write:
    """The write that adds to what was taxed on a day."""
    shard = ids.shard_of(order, _SHARDS)
    sk = f"{day}#{change.tax_class}#{change.rate}#{change.inclusive:d}#{shard:02d}#{change.name}"
    steps = (
        (TaxTotalRecord.base, change.base),
        (TaxTotalRecord.tax, change.tax),
        (TaxTotalRecord.base_back, change.base_back),
        (TaxTotalRecord.tax_back, change.tax_back),
    )
    row = TaxTotalRecord(_taxed_pk(organization, day.year), sk)
    return update(row, *(attribute.add(step) for attribute, step in steps if step))


def counted(organization: str, first: date, last: date) -> Iterator[TaxTotal]:
    """What was taxed from the first day to the last, row by row."""
    for year in range(first.year, last.year + 1):
        within = TaxTotalRecord.sk.between(f"{first}#", f"{last}$")  # behind a day's rows, which go on with a #
        for row in TaxTotalRecord.query(_taxed_pk(organization, year), within, consistent_read=True):
            _, tax_class, rate, inclusive, _, name = row.sk.split("#", 5)
            amounts = (int(amount or 0) for amount in (row.base, row.tax, row.base_back, row.tax_back))
            yield TaxTotal(tax_class, name, int(rate), inclusive == "1", *amounts)


def _taxed_pk(organization: str, year: int) -> str:
    return f"T#{organization}#TAXED#{year}"


def _pk(organization: str) -> str:
    return f"T#{organization}#TAXES"
