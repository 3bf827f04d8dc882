"""CSV (RFC 4180) of payouts: the file for the bank, and what a party's money is made of."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from chalicelib.ledger.service import Movement
from chalicelib.organizations.model import BankAccount
from chalicelib.payouts.model import Item

TRANSFERS = ("reference", "holder", "bank", "account", "amount", "currency")
STATEMENT = ("day", "kind", "event", "bookings", "amount", "currency")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def transfers(items: Sequence[tuple[Item, BankAccount]]) -> str:
    """A line for each transfer. Amounts have two decimals; what a spreadsheet takes for a formula begins with `'`."""
    rows = [
        (item.reference, _text(to.holder), _text(to.bank), to.number, *_money(item.amount, item)) for item, to in items
    ]
    return _written(TRANSFERS, rows)


def statement(item: Item, booked: Iterable[Movement]) -> str:
    """A line for each day (UTC), kind of booking and event, and how many there were. They come to the amount."""
    sums: Counter[tuple[str, str, str]] = Counter()
    counts: Counter[tuple[str, str, str]] = Counter()
    for one in booked:
        key = one.at.date().isoformat(), one.kind, one.subject or ""
        sums[key] -= one.amount
        counts[key] += 1
    return _written(STATEMENT, [(*key, str(counts[key]), *_money(sums[key], item)) for key in sorted(counts)])


def _money(amount: int, item: Item) -> tuple[str, str]:
    return str(Decimal(amount).scaleb(-2)), item.currency


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value


def _written(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()
