"""A report of tax as a table for a spreadsheet."""

from chalicelib.core import sheets
from chalicelib.core.money import Money
from chalicelib.lines.contract import percent
from chalicelib.taxes.model import Report

_COLUMNS = (
    "from", "to", "class", "name", "percent", "inclusive", "base", "tax", "reversed_base", "reversed_tax", "due",
    "currency",
)  # fmt: skip


def written(report: Report) -> str:
    """A line for each kind of tax."""
    rows = []
    for total in report.totals:
        kind = total.tax_class, sheets.text(total.name), percent(total.rate), "yes" if total.inclusive else "no"
        amounts = total.base, total.tax, total.base_back, total.tax_back, total.due
        money = (str(Money(amount, report.currency).decimal) for amount in amounts)
        rows.append((str(report.first), str(report.last), *kind, *money, report.currency))
    return sheets.written(_COLUMNS, rows)
