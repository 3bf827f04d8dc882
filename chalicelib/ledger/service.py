"""The ledger's public face: book entries inside other domains' transactions, read balances back."""

from chalicelib.core.table import Write
from chalicelib.ledger import store
from chalicelib.ledger.model import Entry, Posting, acceptance, capture, distribution, refund, suspense
from chalicelib.ledger.store import Booked

__all__ = [
    "Booked",
    "Entry",
    "Posting",
    "acceptance",
    "balance",
    "book",
    "capture",
    "distribution",
    "find",
    "postings",
    "refund",
    "suspense",
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
