"""The ledger: one item per posting.

| access                              | key                                                   |
|-------------------------------------|-------------------------------------------------------|
| the postings of one entry           | pk T#{org}#JRN#{entry} / sk {number}                  |
| an account's postings, by time      | by_account T#{org}#ACC#{account} / at#entry#number    |
"""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import clock
from chalicelib.core.errors import Conflict
from chalicelib.core.table import Moment, Page, PageRequest, Record, Write, create, index, page, table
from chalicelib.ledger.model import Entry, Movement, Posting


class Booked(Conflict):
    """This business event is in the ledger already."""

    def __init__(self) -> None:
        super().__init__("entry_booked", "This is booked already.")


class PostingRecord(Record):
    Meta = table("ledger")
    keys = ("T#{}#JRN#{*}", "{}")

    entry = UnicodeAttribute()
    organization = UnicodeAttribute()
    order = UnicodeAttribute(null=True)
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
                account_pk=_account_pk(entry.organization, posting.account),
                account_sk=f"{clock.stamp(entry.at)}#{entry.id}#{number:03d}",
            ),
            Booked(),
        )
        for number, posting in enumerate(entry.postings)
    )


def postings(organization: str, entry: str) -> list[Posting]:
    found = PostingRecord.query(f"T#{organization}#JRN#{entry}", consistent_read=True)
    return [Posting(record.account, int(record.amount), record.subject) for record in found]


def balance(organization: str, account: str) -> int:
    """The sum of an account in minor units, from all of its postings: for audits, not for requests."""
    found = PostingRecord.by_account.query(_account_pk(organization, account))
    return sum(int(record.amount) for record in found)


def movements(organization: str, account: str, request: PageRequest) -> Page[Movement]:
    pk = _account_pk(organization, account)
    found = page(PostingRecord, PostingRecord.by_account, pk, request, newest_first=True)
    return found.map(_movement)


def _movement(record: PostingRecord) -> Movement:
    return Movement(record.entry, record.order, int(record.amount), record.subject, record.currency, record.at)


def _account_pk(organization: str, account: str) -> str:
    return f"T#{organization}#ACC#{account}"


def between(organization: str, account: str, after: str, before: datetime | None) -> Iterator[tuple[str, Movement]]:
    last = clock.stamp(before) if before is not None else "~"
    first = f"{after}#"  # no place begins with another one
    if last < first:
        return
    behind = PostingRecord.account_sk.between(first, last)
    for record in PostingRecord.by_account.query(_account_pk(organization, account), behind):
        yield record.account_sk, _movement(record)
