"""Reconciliations: staff hand in a gateway's statement, a job compares it, and what differs can be read."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from chalicelib.audit import service as audit
from chalicelib.core import clock, outbox, sheets, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.payments import gateways
from chalicelib.payments.reconciliations import store
from chalicelib.payments.reconciliations.messages import StatementDue
from chalicelib.payments.reconciliations.model import Difference, Reconciliation, State, id_of
from chalicelib.payments.reconciliations.statements import FORMATS, Format

BOOKED_BY = 3600
"""Seconds after which every booking of a moment is found."""
MOST_EXPORTED = 25_000
COLUMNS = ("row", "difference", "key", "payment", "theirs", "ours", "currency")


@dataclass(frozen=True, slots=True)
class Offered:
    """`form` is how to send the file, while it is still to be sent."""

    reconciliation: Reconciliation
    form: storage.UploadForm | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A file that somebody has: `format` is the name of a gateway's own, or what its columns hold."""

    gateway: str | None
    format: str | Format
    sha256: str
    size: int
    since: datetime
    until: datetime


def offer(actor: Principal, statement: Statement) -> Offered:
    """Announce a statement, or hand it in once its file is there. The same file is compared once.

    Raises Invalid `period_not_over`, `unknown_gateway`, `unknown_format`.
    """
    organization, at = actor.organization, clock.now()
    if statement.until <= statement.since or (at - statement.until).total_seconds() < BOOKED_BY:
        raise Invalid("period_not_over", "A statement is of a period that ended an hour ago.", field="until")
    gateway, format = _format(statement)
    id = id_of(organization, gateway, statement.sha256)
    held = store.find(organization, id)
    if held is None:
        held = Reconciliation(
            id=id,
            organization=organization,
            gateway=gateway,
            format=format,
            sha256=statement.sha256,
            size=statement.size,
            since=statement.since,
            until=statement.until,
            state=State.AWAITED,
            made_by=actor.user,
            made_at=at,
        )
        told = {"gateway": gateway, "since": statement.since, "until": statement.until}
        log_it = audit.entry(actor, action="statement.announced", entity="reconciliation", entity_id=id, after=told)
        try:
            transact(store.save(held, was=None), log_it)
        except Conflict:
            held = store.get(organization, id)  # somebody else announced it at the same moment
    if held.state is State.AWAITED:
        return _handed_in(held)
    return Offered(held, None)


def _format(statement: Statement) -> tuple[str, Format]:
    if isinstance(statement.format, Format):
        if statement.gateway not in gateways.NAMES:
            raise Invalid("unknown_gateway", "There is no such payment service.", field="gateway")
        return statement.gateway, statement.format
    known = FORMATS.get(statement.format)
    if known is None:
        raise Invalid("unknown_format", f"Formats are {', '.join(FORMATS)}.", field="format")
    return known.gateway, known.format


def _handed_in(held: Reconciliation) -> Offered:
    if storage.peek("documents", held.key, 1) is None:
        form = storage.upload_form(
            held.key, content_type="text/csv", size=held.size, sha256=held.sha256, bucket="documents"
        )
        return Offered(held, form)
    due = StatementDue(organization=held.organization, reconciliation=held.id)
    with suppress(Conflict):  # handed in at the same moment
        transact(store.save(held.begun(), was=held), outbox.publish(due))
    return Offered(store.get(held.organization, held.id), None)


def listed(principal: Principal, request: PageRequest) -> Page[Reconciliation]:
    return store.listed(principal.organization, request)


def get(principal: Principal, id: str) -> Reconciliation:
    """Raises NotFound."""
    return store.get(principal.organization, id)


def differences(principal: Principal, id: str, request: PageRequest) -> Page[Difference]:
    """Raises NotFound."""
    return store.page_of_differences(get(principal, id), request)


def export(principal: Principal, id: str) -> str:
    """All differences as CSV, amounts in minor units. Raises NotFound."""
    return _written(store.differences(get(principal, id), MOST_EXPORTED))


def _written(found: Iterable[Difference]) -> str:
    rows = (
        (
            str(each.number),
            each.kind,
            sheets.text(each.key),
            each.payment or "",
            "" if each.theirs is None else str(each.theirs),
            "" if each.ours is None else str(each.ours),
            sheets.text(each.currency or ""),
        )
        for each in found
    )
    return sheets.written(COLUMNS, rows)
