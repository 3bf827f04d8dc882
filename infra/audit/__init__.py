"""`python3 -m infra audit`: do the books balance, and does what is stored agree with itself? It reads, and only reads.

Every table is read whole. A system that is in use changes meanwhile, so what does not agree is looked at once more,
and told only if it still does not. `--tables PREFIX` looks at tables that were restored beside those of the stage.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.audit import indexes, ledger, selling, sharing, withheld
from infra.audit.books import Books, Findings
from infra.audit.report import Difference, Report

SECOND_LOOK = 5.0  # seconds: longer than a request, a job's transaction or an index needs

CHECKS: tuple[Callable[[Books], Findings], ...] = (
    ledger.entries,
    ledger.balances,
    ledger.captures,
    selling.orders,
    ledger.refunds,
    withheld.disputes,
    withheld.deposits,
    sharing.shares,
    sharing.taxes,
    sharing.tax_reports,
    sharing.takings,
    selling.grants,
    selling.sales,
    selling.stock,
    selling.tickets,
    ledger.wallets,
    ledger.payouts,
    selling.promotions,
    selling.invoices,
    indexes.counters,
    indexes.pointers,
)


def audit(prefix: str, client: Any = None) -> Report:
    """Look at the tables of a prefix (`thepixstock-prod`), twice if the first look finds differences."""
    report = look(prefix, client)
    if report.differences:
        time.sleep(SECOND_LOOK)
        again = look(prefix, client)
        report = Report(again.looked_at, sorted(set(again.differences) & set(report.differences)))
    return report


def look(prefix: str, client: Any = None) -> Report:
    """What all checks find in the tables as they are read now."""
    books = Books(prefix, client)
    books.read()
    report = Report(Counter({"items": books.items_read}), list(books.unread))
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        report.looked_at[name] = 0
        for subject, wrong in check(books):
            report.looked_at[name] += 1
            if wrong:
                report.differences.append(Difference(name, subject, wrong))
    return report


def show(console: Console, report: Report) -> None:
    table = Table("check", "looked at", "differences", title="Audit", title_justify="left")
    wrong = Counter(difference.check for difference in report.differences)
    for check, count in report.looked_at.items():
        table.add_row(check, f"{count:,}", str(wrong[check]))
    console.print(table)
    for difference in report.differences[:50]:
        console.print(f"{difference.check}: {difference.subject}: {difference.text}", highlight=False)
