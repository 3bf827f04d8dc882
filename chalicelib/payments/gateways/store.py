"""What a gateway was asked that knows no keys of ours.

| access                  | key                                             |
|-------------------------|-------------------------------------------------|
| refunds of a charge     | pk G#gateway-returns#{transaction} / sk -       |

A charge's name is unknown outside and holds a payment's id, which is an organization's own.
"""

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core.table import Record, Typed, create, replace, table, transact
from chalicelib.payments.gateways.returns import Entry, Page


class ReturnsRecord(Record):
    Meta = table("payments")
    keys = ("G#gateway-returns#{}", "-")
    model = Page

    transaction = UnicodeAttribute()
    entries = Typed[tuple[Entry, ...]](tuple[Entry, ...])


class Kept:
    """A journal in DynamoDB."""

    def read(self, transaction: str) -> Page:
        record = ReturnsRecord.fetch(_pk(transaction), "-")
        return record.value() if record else Page(transaction)

    def write(self, page: Page, *, was: Page) -> None:
        record = ReturnsRecord.of(page, pk=_pk(page.transaction), sk="-")
        transact(replace(record, was.version) if was.version else create(record))


def _pk(transaction: str) -> str:
    return f"G#gateway-returns#{transaction}"
