"""A report of tax as a table for a spreadsheet."""

import csv
import io

from chalicelib.core.money import Money
from chalicelib.lines.contract import percent
from chalicelib.taxes.model import Report

_COLUMNS = (
    "from", "to", "class", "name", "percent", "inclusive", "base", "tax", "reversed_base", "reversed_tax", "due",
    "currency",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def written(report: Report) -> str:
    """CSV (RFC 4180), a line for each kind of tax. What a spreadsheet takes for a formula begins with `'`."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for total in report.totals:
        name = f"'{total.name}" if total.name.startswith(_FORMULA) else total.name
        kind = total.tax_class, name, percent(total.rate), "yes" if total.inclusive else "no"
        amounts = total.base, total.tax, total.base_back, total.tax_back, total.due
        money = (Money(amount, report.currency).decimal for amount in amounts)
        writer.writerow([report.first, report.last, *kind, *money, report.currency])
    return out.getvalue()
