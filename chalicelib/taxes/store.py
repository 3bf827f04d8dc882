"""Tables of tax, beside the other settings of an organization.

| access                       | key                            |
|------------------------------|--------------------------------|
| an organization's table      | pk T#{org}#TAXES / sk -        |
"""

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core.errors import Conflict
from chalicelib.core.table import Choice, Record, Several, Write, create, replace, table
from chalicelib.taxes.model import Rate, Rounding, TaxTable


class TaxTableRecord(Record):
    Meta = table("organizations")
    keys = ("T#{}#TAXES", "-")
    model = TaxTable

    organization = UnicodeAttribute()
    rates = Several(Rate)
    rounding = Choice(Rounding)


def get(organization: str) -> TaxTable:
    """An empty one where nobody has stored any."""
    record = TaxTableRecord.fetch(_pk(organization), "-")
    return record.value() if record else TaxTable(organization)


def save(changed: TaxTable) -> Write:
    """A write that holds while the stored table is at `changed.version`, 0 meaning none."""
    record = TaxTableRecord.of(changed, pk=_pk(changed.organization), sk="-")
    refused = Conflict("version_conflict", "Somebody else changed this first. Load it again.", field="version")
    return replace(record, changed.version, refused) if changed.version else create(record, refused)


def _pk(organization: str) -> str:
    return f"T#{organization}#TAXES"
