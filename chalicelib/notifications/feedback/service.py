"""A mail bounces or somebody complains: the address is mailed no more. Staff see that, and lift it.

What became of mails is counted (`notifications.analytics`).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.audit import service as audit
from chalicelib.core import clock, log, sealing
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Unavailable
from chalicelib.core.once import Taken, claim
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.notifications.analytics.model import Figure
from chalicelib.notifications.analytics.service import counting
from chalicelib.notifications.channels.email import ascii_address
from chalicelib.notifications.feedback import store
from chalicelib.notifications.feedback.model import Reason, Suppression, address_id
from chalicelib.notifications.feedback.wire import Event, is_event
from chalicelib.notifications.model import Kind

_TRIES = 5
_REMEMBERED = timedelta(days=30)
_NO_COMPLAINT = "not-spam"


def take(message: dict[str, Any]) -> Outcome:
    """An event that SES told of one of our mails. Twice is once: SES gives each feedback an id.

    Raises LookupError for what is no event, pydantic's ValidationError for one that is none of ours.
    """
    if not is_event(message):
        raise LookupError("a message that nobody here sends")
    event = Event.model_validate(message)
    organization, changed = event.organization, _change_of(event)
    if organization is None:
        return Outcome.SKIPPED
    if event.delivery is not None:
        return _note_delivery(organization, event)
    if changed is None:
        return Outcome.SKIPPED
    return _note(organization, event, *changed)


def is_suppressed(organization: str, address: str, kind: Kind) -> bool:
    """Whether no mail of that kind goes to an address, as carriers take it."""
    found = store.find(organization, address_id(address), clock.now())
    return found is not None and found.stops(kind)


def problem_with(organization: str, address: str) -> Reason | None:
    """Why an address is mailed no more."""
    found = store.find(organization, address_id(ascii_address(address)), clock.now())
    return found.reason if found else None


def listed(principal: Principal, request: PageRequest, email: str | None) -> Page[Suppression]:
    """A page of what bounced or complained, or what is known of one address."""
    if email is None:
        return store.listed(principal.organization, request)
    found = store.find(principal.organization, address_id(ascii_address(email)), clock.now())
    return Page([found] if found else [], request.size, None)


def address_of(suppression: Suppression) -> str | None:
    """None where a key sealed it that is accepted no more."""
    try:
        return sealing.unseal(suppression.organization, _purpose(suppression.id), suppression.address)
    except sealing.NotSealed:
        return None


def lift(principal: Principal, id: str) -> None:
    """Mail an address again, until it bounces again. Raises NotFound."""
    found = store.get(principal.organization, id, clock.now())
    noted = audit.entry(
        principal,
        action="suppression.lifted",
        entity="suppression",
        entity_id=id,
        before={"reason": found.reason, "detail": found.detail},
    )
    transact(store.drop(found), noted)


def personal_data(organization: str, address: str) -> dict[str, Any] | None:
    found = store.find(organization, address_id(ascii_address(address)), clock.now())
    return {"since": found.since, "reason": found.reason, "detail": found.detail} if found else None


def forget(organization: str, address: str) -> None:
    """Keep no address: its digest stays for a month, so that nothing goes there meanwhile. Twice is once."""
    found = store.find(organization, address_id(ascii_address(address)), clock.now())
    if found is not None and found.address:
        transact(store.save(replace(found, address="")))


Change = Callable[[Suppression, datetime], Suppression]


def _change_of(event: Event) -> tuple[str, Change] | None:
    """The feedback's id, and what it makes of what is known; None for what changes nothing."""
    if (complaint := event.complaint) is not None:
        if complaint.about == _NO_COMPLAINT:
            return None
        return complaint.id, lambda held, at: held.complained(complaint.word, at)
    if (bounce := event.bounce) is not None:
        if bounce.type == "Permanent":
            return bounce.id, lambda held, at: held.bounced(bounce.status, at)
        return bounce.id, lambda held, at: held.failed(bounce.status, at)
    return None


def _note_delivery(organization: str, event: Event) -> Outcome:
    """Counted, and nothing else: a delivery has no id, and a mail of ours has one receiver."""
    counted = _counted(organization, event, Figure.DELIVERED)
    if not counted:
        return Outcome.SKIPPED
    known = claim(organization, "delivery", event.mail.id, result=event.mail.id, keep=_REMEMBERED)
    try:
        transact(known, *counted)
    except Taken:
        return Outcome.SKIPPED
    return Outcome.SUCCESS


def _counted(organization: str, event: Event, figure: Figure) -> list[Write]:
    if event.notice is None:
        return []
    return counting(organization, "email", event.notice, figure, thing=event.mail.id, day=event.day)


def _note(organization: str, event: Event, feedback: str, change: Change) -> Outcome:
    counted = _counted(organization, event, Figure.COMPLAINED if event.complaint else Figure.BOUNCED)
    for _ in range(_TRIES):
        now, id = clock.now(), address_id(event.address)
        held = store.find(organization, id, now) or _fresh(organization, event.address, now)
        known = claim(organization, "feedback", f"{feedback}#{id}", result=id, keep=_REMEMBERED)
        changed = change(held, now)
        try:
            transact(known, store.save(changed), *counted)
        except Taken:
            return Outcome.SKIPPED
        except Conflict:
            continue
        log.info("mail came back", organization=organization, code=changed.reason or "transient")
        return Outcome.SUCCESS
    raise Unavailable("busy", "Too much happens at once. Try again.", retry_after=1)


def _fresh(organization: str, address: str, now: datetime) -> Suppression:
    id = address_id(address)
    return Suppression(id, organization, sealing.seal(organization, _purpose(id), address), now, now)


def _purpose(id: str) -> str:
    return f"suppressed#{id}"
