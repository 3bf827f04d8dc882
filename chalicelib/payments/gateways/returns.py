"""What was asked of a gateway that knows no keys of ours: written down first, so that it is given back once.

Such a gateway tells how much of a charge is left. What was left before a refund, and what is left after an answer
got lost, say whether it happened; so one refund of a charge is asked for at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, Self

from chalicelib.core.errors import Conflict, Unprocessable
from chalicelib.payments.gateways.contract import Returned
from chalicelib.payments.gateways.wire import refused, unavailable


@dataclass(frozen=True, slots=True)
class Entry:
    """One refund, in minor units. `before` is what was left then; `reference` is None until it is known to be done."""

    key: str
    amount: int
    before: int
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """All refunds of a charge."""

    transaction: str
    entries: tuple[Entry, ...] = ()
    version: int = 0

    def find(self, key: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.key == key), None)

    @property
    def is_busy(self) -> bool:
        return any(entry.reference is None for entry in self.entries)

    def noting(self, entry: Entry) -> Self:
        others = tuple(each for each in self.entries if each.key != entry.key)
        return replace(self, entries=(*others, entry), version=self.version + 1)

    def without(self, key: str) -> Self:
        others = tuple(each for each in self.entries if each.key != key)
        return replace(self, entries=others, version=self.version + 1)


class Journal(Protocol):
    def read(self, transaction: str) -> Page: ...

    def write(self, page: Page, *, was: Page) -> None:
        """Raises Conflict where another one was written meanwhile."""


def give_back(
    journal: Journal,
    transaction: str,
    key: str,
    amount: int,
    left: Callable[[], int],
    ask: Callable[[], str],
) -> Returned:
    """Ask for a refund once for each `key`. `left` says what of the charge can still be given back; `ask` gives it
    back and says what the gateway calls that. Raises as `Gateway.refund`."""
    page = journal.read(transaction)
    entry = page.find(key)
    if entry is not None and entry.amount != amount:
        raise refused()
    if entry is not None and entry.reference is not None:
        return Returned("settled", entry.reference)
    if entry is None and page.is_busy:
        raise unavailable()  # first it must be known what became of the other one
    now = left()
    if entry is None:
        if amount > now:
            raise refused()
        entry = Entry(key, amount, now)
        page = _noted(journal, page, entry)
    elif now == entry.before - amount:
        return _done(journal, page, entry, f"{key}-unnamed")
    elif now != entry.before:
        raise unavailable()  # somebody gave back something else meanwhile: a person has to look
    try:
        reference = ask()
    except Unprocessable:
        journal.write(page.without(key), was=page)
        raise
    return _done(journal, page, entry, reference)


def _done(journal: Journal, page: Page, entry: Entry, reference: str) -> Returned:
    _noted(journal, page, replace(entry, reference=reference))
    return Returned("settled", reference)


def _noted(journal: Journal, page: Page, entry: Entry) -> Page:
    noted = page.noting(entry)
    try:
        journal.write(noted, was=page)
    except Conflict:
        raise unavailable() from None
    return noted
