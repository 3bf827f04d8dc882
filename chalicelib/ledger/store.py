"""The ledger: one item per posting.

| access                              | key                                                   |
|-------------------------------------|-------------------------------------------------------|
| the postings of one entry           | pk T#{org}#JRN#{entry} / sk {number}                  |
| an account's postings, by time      | by_account T#{org}#ACC#{account} / at#entry#number    |
"""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import clock
from chalicelib.core.errors import Conflict
from chalicelib.core.table import Moment, Record, Write, create, index, table
from chalicelib.ledger.model import Entry, Posting


class Booked(Conflict):
    """This business event is in the ledger already."""

    def __init__(self) -> None:
        super().__init__("entry_booked", "This is booked already.")


class PostingRecord(Record):
    Meta = table("ledger")
    keys = ("T#{}#JRN#{*}", "{}")

    entry = UnicodeAttribute()
    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    account = UnicodeAttribute()
    amount = NumberAttribute()
    currency = UnicodeAttribute()
    subject = UnicodeAttribute(null=True)
    at = Moment()
    account_pk = UnicodeAttribute()
    account_sk = UnicodeAttribute()
    by_account = index("by_account")


def book(entry: Entry) -> tuple[Write, ...]:
    """The writes of an entry. Raises Booked at commit when it exists."""
    return tuple(
        create(
            PostingRecord(
                f"T#{entry.organization}#JRN#{entry.id}",
                f"{number:03d}",
                entry=entry.id,
                organization=entry.organization,
                order=entry.order,
                account=posting.account,
                amount=posting.amount,
                currency=entry.currency,
                subject=posting.subject,
                at=entry.at,
                account_pk=f"T#{entry.organization}#ACC#{posting.account}",
                account_sk=f"{clock.stamp(entry.at)}#{entry.id}#{number:03d}",
            ),
            Booked(),
        )
        for number, posting in enumerate(entry.postings)
    )


def postings(organization: str, entry: str) -> list[Posting]:
    found = PostingRecord.query(f"T#{organization}#JRN#{entry}", consistent_read=True)
    return [Posting(record.account, int(record.amount), record.subject) for record in found]


def find(organization: str, entry: str) -> Entry | None:
    found = list(PostingRecord.query(f"T#{organization}#JRN#{entry}", consistent_read=True))
    if not found:
        return None
    postings = tuple(Posting(record.account, int(record.amount), record.subject) for record in found)
    return Entry(entry, organization, found[0].order, found[0].currency, found[0].at, postings)


def balance(organization: str, account: str) -> int:
    """The sum of an account in minor units, from all of its postings: for audits, not for requests."""
    found = PostingRecord.by_account.query(f"T#{organization}#ACC#{account}")
    return sum(int(record.amount) for record in found)
