"""The ledger's public face: book entries inside other domains' transactions, read balances back."""

from collections.abc import Iterator
from datetime import datetime

from chalicelib.core.table import Page, PageRequest, Write
from chalicelib.ledger import store
from chalicelib.ledger.model import (
    Entry,
    Movement,
    Posting,
    acceptance,
    capture,
    covered,
    dispute,
    dispute_loss,
    distribution,
    fee,
    forfeiture,
    instalment,
    lapse,
    refund,
    spending,
    suspense,
    taxation,
)
from chalicelib.ledger.store import Booked

__all__ = [
    "Booked",
    "Entry",
    "Movement",
    "Posting",
    "acceptance",
    "balance",
    "between",
    "book",
    "capture",
    "covered",
    "dispute",
    "dispute_loss",
    "distribution",
    "fee",
    "find",
    "forfeiture",
    "instalment",
    "lapse",
    "movements",
    "postings",
    "refund",
    "spending",
    "suspense",
    "taxation",
]


def book(entry: Entry) -> tuple[Write, ...]:
    """Writes to join to the transaction that the entry tells of. Raises Booked there if it is booked already."""
    return store.book(entry)


def postings(organization: str, entry: str) -> list[Posting]:
    return store.postings(organization, entry)


def find(organization: str, entry: str) -> Entry | None:
    """An entry with all that belongs to it, or None."""
    return store.find(organization, entry)


def balance(organization: str, account: str) -> int:
    return store.balance(organization, account)


def movements(organization: str, account: str, request: PageRequest) -> Page[Movement]:
    """A page of an account's postings, the newest first."""
    return store.movements(organization, account, request)


def between(organization: str, account: str, after: str, before: datetime | None) -> Iterator[tuple[str, Movement]]:
    """(place, posting) of an account in its order: those behind the place `after`, of before a moment.

    For moments that are an hour past: what was booked just now may be found a little later.
    """
    return store.between(organization, account, after, before)
