"""Whether everybody has their part of what was sold, and the state its tax."""

from collections import Counter, defaultdict
from typing import Any

from chalicelib.revenue.model import Takings
from infra.audit.books import PAID, Books, Findings, told


def shares(books: Books) -> Findings:
    """What a line brought is owed to whom it belongs to, to the last satang, once it is handed over."""
    booked, back = _shared(books), _taken_back(books)
    for order in books.of("OrderRecord"):
        for line in order.lines:
            found, due = booked.pop((order.id, line.id), Counter()), _due(order.organization, line)
            due.subtract(_owed(order.organization, line, back[order.id, line.id]))
            wrong = []
            brought = sum(share.takings.gross for share in line.shares)
            if line.shares and brought != line.amount - _tax(line):
                wrong.append(f"brought {line.amount - _tax(line)} without tax, its shares come to {brought}")
            if found != due and (found or order.status == "completed"):
                wrong.append(f"is shared as {dict(due)}, booked as {dict(found)}")
            if found and order.status not in PAID:
                wrong.append(f"is shared out, and its order {order.status}")
            yield f"{order.id} {line.id}", told(wrong)
    for order_id, line_id in booked:
        yield f"{order_id} {line_id}", "is shared out and does not exist"


def taxes(books: Books) -> Findings:
    """The tax of a line that is handed over is owed, less what went back of it with refunds, and nothing else is."""
    booked: Counter[tuple[str, str]] = Counter()
    back: Counter[tuple[str, str]] = Counter()
    for posting in books.of("PostingRecord"):
        if posting.account == f"tax:{posting.organization}":
            booked[posting.order, posting.entry.split("#")[2]] -= int(posting.amount)
    for refund in books.of("RefundRecord"):
        back.update({(refund.order, part.line): part.tax for part in refund.parts})
    for order in books.of("OrderRecord"):
        for line in order.lines:
            key = order.id, line.id
            owed, due = booked[key], _tax(line) - back[key]
            wrong = owed != due and (key in booked or order.status == "completed")
            yield f"{order.id} {line.id}", f"{due} of tax is due, booked is {owed}" if wrong else None
            booked.pop(key, None)
    for order_id, line_id in booked:
        yield f"{order_id} {line_id}", "is booked as tax and does not exist"


def tax_reports(books: Books) -> Findings:
    """What is reported of tax, all days together, is what is booked."""
    booked: Counter[str] = Counter()
    for posting in books.of("PostingRecord"):
        if posting.account == f"tax:{posting.organization}":
            booked[posting.organization] -= int(posting.amount)
    for row in books.of("TaxTotalRecord"):
        booked[row.pk.split("#")[1]] -= int(row.tax or 0) - int(row.tax_back or 0)
    for organization, left in booked.items():
        yield organization, f"{left} of tax is booked and in no report" if left else None


def takings(books: Books) -> Findings:
    """The sums of what was taken are those of the lines that were shared out."""
    booked, back = _shared(books), _taken_back(books)
    recounted: dict[str, Takings] = defaultdict(Takings)
    summed: dict[str, Takings] = defaultdict(Takings)
    for order in books.of("OrderRecord"):
        for line in order.lines:
            for number, share in enumerate(line.shares, start=1) if (order.id, line.id) in booked else ():
                of_whom = (share.photographer, f"{line.subject}#{share.photographer}") if share.photographer else ()
                gone = [-things for things in _things(back[order.id, line.id], number, share)]
                for whose in ("all", line.subject, *of_whom):
                    recounted[f"T#{order.organization}#TAKEN#{whose}"] += sum(gone, share.takings)
                for (ref, brought), minus in zip(share.by_ref(), gone, strict=True):
                    recounted[f"T#{order.organization}#TAKEN#{ref}"] += brought + minus
    for row in books.of("TakingsRecord"):
        summed[row.pk] += Takings(
            *(int(part or 0) for part in (row.sold, row.platform, row.photographer, row.organizer))
        )
    for key in sorted({*recounted, *summed}):
        same = recounted[key] == summed[key]
        yield key, None if same else f"summed up to {summed[key]}, the lines to {recounted[key]}"


def _tax(line: Any) -> int:
    return line.tax.amount if line.tax else 0


def _shared(books: Books) -> dict[tuple[str, str], Counter[str]]:
    """(order, line) -> account -> what was booked there of its shares."""
    booked: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for posting in books.of("PostingRecord"):
        kind, *of = posting.entry.split("#")
        if kind in ("share", "unshare"):
            booked[posting.order, of[1]][posting.account] += int(posting.amount)
    return booked


def _taken_back(books: Books) -> dict[tuple[str, str], list[Any]]:
    """(order, line) -> what settled refunds took back of its shares."""
    back: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for refund in books.of("RefundRecord"):
        for each in refund.returned:
            back[refund.order, each.line].append(each)
    return back


def _things(back: list[Any], number: int, share: Any) -> list[Takings]:
    """What was taken back of each thing of a share."""
    returned = [each.things for each in back if each.number == number]
    return [sum((things[position] for things in returned), Takings()) for position in range(len(share.refs))]


def _owed(organization: str, line: Any, back: list[Any]) -> Counter[str]:
    """Account -> what refunds took back of it."""
    owed: Counter[str] = Counter()
    for number, share in enumerate(line.shares, start=1):
        takings = sum(_things(back, number, share), Takings())
        owed["revenue-shares"] += takings.gross
        owed["platform"] -= takings.platform
        owed[f"organizer:{organization}"] -= takings.organizer
        owed[f"photographer:{share.photographer}"] -= takings.photographer
    return owed


def _due(organization: str, line: Any) -> Counter[str]:
    """Account -> what the shares of a line come to."""
    due: Counter[str] = Counter()
    for share in line.shares:
        due["revenue-shares"] += share.takings.gross
        due["platform"] -= share.takings.platform
        due[f"organizer:{organization}"] -= share.takings.organizer
        due[f"photographer:{share.photographer}"] -= share.takings.photographer
    return due
