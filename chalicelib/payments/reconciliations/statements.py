"""Statements of gateways as they are downloaded: CSV whose columns a format names. Pure."""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from chalicelib.core.errors import Invalid
from chalicelib.core.money import Money

LARGEST = 5 * 1024 * 1024
"""Bytes of a statement."""
MOST_ROWS = 20_000
_LONGEST_TEXT = 100
_AMOUNT = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,6})?")


class What(StrEnum):
    """What a row tells of. OTHER (fees of their own, payouts to the bank) is counted and not compared."""

    CAPTURE = "capture"
    REFUND = "refund"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Format:
    """Columns by what they hold; amounts are in major units, below zero where money went out.

    `key` names the payment, several columns joined: its charge at the gateway (`charge`), the terms it was agreed on
    (`terms`, see gateways/terms.py) or our own id (`payment`). `kind` says what a row tells of by these words; without
    it every row is a payment. `reference` is what the gateway calls a refund. What the buyer paid stands in `paid`,
    where the gateway settles in another currency.
    """

    key: tuple[str, ...]
    found_by: Literal["charge", "terms", "payment"]
    amount: str
    fee: str | None = None
    currency: str | None = None
    kind: str | None = None
    captures: tuple[str, ...] = ()
    refunds: tuple[str, ...] = ()
    reference: str | None = None
    paid: str | None = None
    paid_currency: str | None = None

    @property
    def columns(self) -> set[str]:
        """Those that a file must have."""
        optional = (self.currency, self.kind, self.reference, self.paid, self.paid_currency)
        return {*self.key, self.amount, *(name for name in optional if name)}


@dataclass(frozen=True, slots=True)
class Known:
    """A format of a gateway's own."""

    gateway: str
    format: Format


FORMATS: Mapping[str, Known] = {
    # Balance change from activity, itemized: https://docs.stripe.com/reports/report-types/balance
    "stripe_balance": Known(
        "stripe",
        Format(
            key=("payment_intent_id",),
            found_by="charge",
            amount="gross",
            fee="fee",
            currency="currency",
            kind="reporting_category",
            captures=("charge",),
            refunds=("refund",),
            reference="source_id",
            paid="customer_facing_amount",
            paid_currency="customer_facing_currency",
        ),
    ),
    # Bill payments into a biller's account. The bank's products name their columns differently: see docs/operations.md
    "promptpay_biller": Known(
        "promptpay",
        Format(key=("Reference 1", "Reference 2"), found_by="terms", amount="Amount", fee="Fee"),
    ),
}


@dataclass(frozen=True, slots=True)
class Row:
    """`number` counts from 1. Amounts are minor units without a sign; None where the text is no amount.

    `paid` is what the buyer paid, in `paid_currency`; `fee` None where the statement does not tell it. `again`: an
    earlier row told the same.
    """

    number: int
    what: What
    key: str
    reference: str
    amount: int | None
    currency: str
    fee: int | None
    paid: int | None
    paid_currency: str
    again: bool = False

    @property
    def name(self) -> tuple[What, str, str]:
        return self.what, self.key, self.reference


def read(content: bytes, format: Format, currency: str) -> list[Row]:
    """The rows of a statement; `currency` is that of statements without such a column.

    Raises Invalid `statement_not_csv`, `statement_columns`, `statement_too_long`.
    """
    try:
        table = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        headings = next(table, [])
        if missing := sorted(format.columns - set(headings)):
            raise Invalid("statement_columns", f"The statement has no column {', '.join(missing)}.", field="format")
        told: Counter[tuple[What, str, str]] = Counter()
        rows = []
        for number, cells in enumerate(table, start=1):
            if number > MOST_ROWS:
                raise Invalid("statement_too_long", f"A statement has up to {MOST_ROWS} rows. Take a shorter period.")
            row = _row(number, dict(zip(headings, cells, strict=False)), format, currency)
            rows.append(replace(row, again=told[row.name] > 0))
            told[row.name] += 1
        return rows
    except (UnicodeDecodeError, csv.Error):
        raise Invalid("statement_not_csv", "The statement is no CSV in UTF-8.", field="sha256") from None


def _row(number: int, cells: Mapping[str, str], format: Format, currency: str) -> Row:
    def cell(name: str | None) -> str:
        return cells.get(name, "").strip()[:_LONGEST_TEXT] if name else ""

    what = What.CAPTURE
    if format.kind is not None:
        kind = cell(format.kind)
        what = What.CAPTURE if kind in format.captures else What.REFUND if kind in format.refunds else What.OTHER
    settled_in = cell(format.currency).upper() or currency
    amount = _minor(cell(format.amount), settled_in)
    paid_in = cell(format.paid_currency).upper() or settled_in
    return Row(
        number=number,
        what=what,
        key="".join(cell(name) for name in format.key),
        reference=cell(format.reference) if what is What.REFUND else "",
        amount=amount,
        currency=settled_in,
        fee=_minor(cell(format.fee), settled_in) if cell(format.fee) else None,
        paid=_minor(cell(format.paid), paid_in) if cell(format.paid) else amount,
        paid_currency=paid_in,
    )


def _minor(text: str, currency: str) -> int | None:
    """Minor units without a sign of `-1,234.56`; None for what is no amount, or finer than the currency is."""
    plain = text.replace(",", "")
    if not _AMOUNT.fullmatch(plain):
        return None
    try:
        return abs(Money.of(Decimal(plain), currency).amount)
    except ValueError:
        return None
