"""Comparing a statement with the books, in pages that any process can go on with.

First each row is looked up here, then each booking of the period there. A page is one transaction of what it found and
how far it came: a run that was cut off goes on behind it, and of two runs at once one page counts.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from chalicelib.core import clock, log, outbox, storage
from chalicelib.core.errors import Invalid, NotFound
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Write, transact
from chalicelib.ledger import service as ledger
from chalicelib.organizations import service as organizations
from chalicelib.payments import store as payment_store
from chalicelib.payments.gateways.terms import Terms
from chalicelib.payments.model import Payment
from chalicelib.payments.reconciliations import store
from chalicelib.payments.reconciliations.messages import StatementDue
from chalicelib.payments.reconciliations.model import (
    FEES_BOOKED,
    MATCHED,
    OTHER,
    Difference,
    Kind,
    Reconciliation,
    State,
    Totals,
    compared,
    key_of,
    unknown_fee,
)
from chalicelib.payments.reconciliations.statements import MOST_ROWS, Row, What, read
from chalicelib.payments.refunds import service as refunds

PAGE = 30
"""Rows of a page: each takes up to three writes of the hundred that a transaction has."""
BUDGET = 5.0
"""Seconds after which the next message goes on."""


def go_on(organization: str, id: str) -> Outcome:
    """Go on with a reconciliation, to its end or as long as a message may take.

    Raises Conflict where another run was faster: it goes on.
    """
    held = store.get(organization, id)
    if held.state is not State.RUNNING:
        storage.remove("documents", held.key)
        return Outcome.SKIPPED
    try:
        content = storage.read("documents", held.key)
        rows = read(content, held.format, organizations.get(organization).currency)
    except Invalid as refusal:
        _save(held.ended(State.FAILED, clock.now(), refusal.message), held)
        storage.remove("documents", held.key)
        return Outcome.SUCCESS
    ends = time.monotonic() + BUDGET
    while held.state is State.RUNNING:
        held = _rows(held, rows) if held.row < len(rows) else _bookings(held, rows)
        if time.monotonic() >= ends:
            break
    if held.state is State.RUNNING:
        transact(outbox.publish(StatementDue(organization=organization, reconciliation=id)))
    else:
        storage.remove("documents", held.key)
        log.info("statement compared", organization=organization, count=held.rows)
    return Outcome.SUCCESS


def _save(held: Reconciliation, was: Reconciliation, *more: Write) -> Reconciliation:
    transact(store.save(held, was=was), *more)
    return replace(held, version=was.version + 1)


def _rows(was: Reconciliation, rows: Sequence[Row]) -> Reconciliation:
    """A page of what they say."""
    some = rows[was.row : was.row + PAGE]
    counts, totals, writes = Counter[str](), defaultdict[str, Totals](Totals), list[Write]()
    for row in some:
        found, booked = _looked_up(was, row)
        counts[found if isinstance(found, str) else found.kind] += 1
        counts[FEES_BOOKED] += bool(booked)
        writes += booked if isinstance(found, str) else [store.add_difference(was, found)]
        totals[row.currency] += _theirs(row)
    now = replace(was.counted(counts, totals), rows=len(rows), row=was.row + len(some))
    return _save(now, was, *writes)


def _theirs(row: Row) -> Totals:
    amount, fee = row.amount or 0, row.fee or 0
    if row.what is What.OTHER or row.again:
        return Totals()
    captured = amount if row.what is What.CAPTURE else 0
    return Totals(captured_theirs=captured, refunded_theirs=amount - captured, fees_theirs=fee)


def _looked_up(held: Reconciliation, row: Row) -> tuple[str | Difference, list[Write]]:
    """What a row counts as, or its difference; and what books a fee that only they know."""
    if row.what is What.OTHER:
        return OTHER, []
    plain = Difference(row.number, Kind.UNREADABLE, row.key, theirs=row.paid, currency=row.paid_currency)
    if row.amount is None or row.paid is None:
        return plain, []
    if row.again:
        return replace(plain, kind=Kind.TWICE), []
    payment = _payment(held, row.key)
    if payment is None:
        return replace(plain, kind=Kind.MISSING_HERE), []
    if row.what is What.REFUND:
        return _refund(row, replace(plain, payment=payment.id), payment), []
    difference, fee = compared(row, payment), unknown_fee(row, payment)
    return difference or MATCHED, _fee(payment, fee) if fee and not difference else []


def _refund(row: Row, plain: Difference, payment: Payment) -> str | Difference:
    given = refunds.of_order(payment.organization, payment.order)
    ours = next((each.amount for each in given if each.ended_at and each.reference == row.reference), None)
    if ours is None:
        return replace(plain, kind=Kind.MISSING_HERE)
    return MATCHED if row.paid == ours else replace(plain, kind=Kind.AMOUNT, ours=ours)


def _payment(held: Reconciliation, key: str) -> Payment | None:
    """The payment of a key, if money came for it."""
    try:
        payment = payment_store.get(held.organization, _id_of(held, key))
    except (NotFound, ValueError):
        return None
    known = payment.is_final and payment.gateway == held.gateway and key_of(held.format, payment, None) == key
    return payment if known else None


def _id_of(held: Reconciliation, key: str) -> str:
    """Raises NotFound, ValueError."""
    match held.format.found_by:
        case "charge":
            return payment_store.behind(held.gateway, key)
        case "terms":
            return Terms.read(key).reference
        case "payment":
            return key


def _fee(payment: Payment, fee: int) -> list[Write]:
    entry = ledger.fee(
        payment.id,
        organization=payment.organization,
        order=payment.order,
        source=f"gateway:{payment.gateway}",
        amount=fee,
        currency=payment.currency,
        at=clock.now(),
    )
    return [*ledger.book(entry), payment_store.save(replace(payment, fee=fee), was=payment)]


def _bookings(was: Reconciliation, rows: Sequence[Row]) -> Reconciliation:
    """A page of what we booked in the period. Behind the last one it is done."""
    after = was.after or clock.stamp(was.since)
    found = list(islice(ledger.between(was.organization, f"gateway:{was.gateway}", after, was.until), PAGE))
    if not found:
        return _save(replace(was, rows=len(rows)).ended(State.DONE, clock.now()), was)
    told = {row.key for row in rows if row.what is What.CAPTURE}
    captures = {each.entry: each.entry.split("#")[1:] for _, each in found if each.kind == "capture"}
    payments = payment_store.find(was.organization, list({of[0] for of in captures.values()}))
    counts, totals, writes = Counter[str](), defaultdict[str, Totals](Totals), list[Write]()
    for _, booked in found:
        if booked.kind == "refund":
            totals[booked.currency] += Totals(refunded_ours=-booked.amount)
        if booked.entry not in captures:
            continue
        id, *stray = captures[booked.entry]
        payment = payments[id]
        received, fee = (booked.amount, 0) if stray else (payment.received or 0, payment.fee or 0)
        totals[booked.currency] += Totals(captured_ours=received, fees_ours=fee)
        key = key_of(was.format, payment, stray[0] if stray else None)
        if key not in told:
            number = MOST_ROWS + 1 + was.counts.get(Kind.MISSING_THERE, 0) + counts[Kind.MISSING_THERE]
            missing = Difference(number, Kind.MISSING_THERE, key, id, None, received, booked.currency)
            counts[Kind.MISSING_THERE] += 1
            writes.append(store.add_difference(was, missing))
    now = replace(was.counted(counts, totals), after=found[-1][0])
    return _save(now, was, *writes)
