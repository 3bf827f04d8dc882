"""Codes that open an event, and the tokens that prove that one was known."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.accounts import service as accounts
from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, limits
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Forbidden, NotFound
from chalicelib.core.secrets import is_signature, sign
from chalicelib.core.table import transact
from chalicelib.events import store
from chalicelib.events.model import Access, Event

LASTS = timedelta(hours=12)
TRIES, TRIES_WITHIN = 100, 600
"""Wrong codes and right ones of one event in so many seconds, whoever enters them: a code has at least six letters."""

_TOKEN = re.compile(r"([0-9]{1,12})\.([\w-]{43})")


@dataclass(frozen=True, slots=True)
class Entry:
    """`token` goes into the header `X-Event-Token`."""

    token: str
    expires_at: datetime


def restrict(actor: Principal, event: Event, access: Access, code: str | None) -> Event:
    """Say who gets in. With a new code, tokens for the one before open nothing any more.

    Raises Conflict `version_conflict`, Invalid where a code is missing.
    """
    digest = accounts.password_digest(_normal(code)) if code is not None else event.entry_code
    changed = event.restricted(access, digest, clock.now())
    told = audit.entry(
        actor, action="event.access_changed", entity="event", entity_id=event.id,
        before={"access": event.access or Access.PUBLIC}, after={"access": access},
    )  # fmt: skip
    transact(*store.save(changed, was=event), told)
    return store.get(event.organization, event.id)


def enter(principal: Principal, id_or_slug: str, code: str) -> Entry:
    """A token for who knows the code. Raises Forbidden `access_code_wrong`, whatever is wrong; Limited."""
    event = _known(principal.organization, id_or_slug)
    subject = event.id if event else id_or_slug
    limits.take(principal.organization, "event-entry", subject, limit=TRIES, seconds=TRIES_WITHIN)
    stored = event.entry_code if event and event.is_public else None
    if not accounts.password_matches(stored, _normal(code)) or event is None:
        raise Forbidden("access_code_wrong", "This code does not open this event.")
    ends = clock.now() + LASTS
    return Entry(f"{clock.epoch(ends)}.{sign(*_signed(event, clock.epoch(ends)))}", ends)


def has_entered(principal: Principal, event: Event) -> bool:
    """Whether the caller brings a token for the event's code as it is now."""
    found = _TOKEN.fullmatch(principal.tokens.get("event", ""))
    if found is None or int(found[1]) <= clock.epoch(clock.now()):
        return False
    return is_signature(found[2], *_signed(event, int(found[1])))


def _signed(event: Event, ends: int) -> tuple[str, ...]:
    return "event entry", event.organization, event.id, str(ends), ids.digest(event.entry_code or "")


def _known(organization: str, id_or_slug: str) -> Event | None:
    try:
        if ids.is_id("evt", id_or_slug):
            return store.get(organization, id_or_slug)
        return store.get_by_slug(organization, id_or_slug)
    except NotFound:
        return None


def _normal(code: str) -> str:
    """People read codes aloud and type them with blanks."""
    return re.sub(r"[\s-]", "", code).casefold()
