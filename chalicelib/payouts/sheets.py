"""CSV (RFC 4180) of payouts: the file for the bank, what a party's money is made of, statements of account."""

from collections import Counter
from collections.abc import Iterable, Sequence

from chalicelib.core.money import Money
from chalicelib.core.sheets import text, written
from chalicelib.ledger.service import Movement
from chalicelib.organizations.model import BankAccount
from chalicelib.payouts.model import Item, Statement

TRANSFERS = ("reference", "holder", "bank", "account", "amount", "currency")
STATEMENT = ("day", "kind", "event", "bookings", "amount", "currency")
ACCOUNT = ("day", "kind", "reference", "event", "event_name", "amount", "balance", "currency")


def transfers(items: Sequence[tuple[Item, BankAccount]]) -> str:
    """A line for each transfer. Amounts have the decimals of their currency.

    What a spreadsheet takes for a formula begins with `'`.
    """
    rows = [
        (item.reference, text(to.holder), text(to.bank), to.number, *_money(item.amount, item)) for item, to in items
    ]
    return written(TRANSFERS, rows)


def statement(item: Item, booked: Iterable[Movement]) -> str:
    """A line for each day (UTC), kind of booking and event, and how many there were. They come to the amount."""
    sums: Counter[tuple[str, str, str]] = Counter()
    counts: Counter[tuple[str, str, str]] = Counter()
    for one in booked:
        key = one.at.date().isoformat(), one.kind, one.subject or ""
        sums[key] -= one.amount
        counts[key] += 1
    return written(STATEMENT, [(*key, str(counts[key]), *_money(sums[key], item)) for key in sorted(counts)])


def account(found: Statement) -> str:
    """The opening balance, a line for each posting, and the closing balance."""
    currency = found.organization.currency
    opened, closed = (str(Money(each, currency).decimal) for each in (found.opening, found.closing))
    first, last = found.period.first.isoformat(), found.period.last.isoformat()
    lines = [
        (
            line.day.isoformat(),
            line.kind,
            line.reference,
            line.event or "",
            text(line.event_name or ""),
            str(Money(line.amount, currency).decimal),
            str(Money(line.balance, currency).decimal),
            currency,
        )
        for line in found.lines
    ]
    opening = (first, "opening", "", "", "", "", opened, currency)
    closing = (last, "closing", "", "", "", "", closed, currency)
    return written(ACCOUNT, [opening, *lines, closing])


def _money(amount: int, item: Item) -> tuple[str, str]:
    return str(Money(amount, item.currency).decimal), item.currency
