"""An organization says a notice in its own words: it is tried before it is kept, and again each time it is sent.

What can not be used when it is sent gives way to the product's own words, so that no notice is lost.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.audit import service as audit
from chalicelib.core import clock, log
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, Unprocessable
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.notifications.mail import compose, compose_entry, compose_text, filled, framed, shortened
from chalicelib.notifications.model import one_line
from chalicelib.notifications.values import Values
from chalicelib.notifications.wording import samples, store
from chalicelib.notifications.wording.model import LONGEST, PARTS, Channel, Held, Place, Version, Wording, places
from chalicelib.notifications.wording.output import check_page, check_text
from chalicelib.notifications.wording.sandbox import Compiled, Unusable, compiled
from chalicelib.organizations import service as organizations

_LONGEST_OUTPUT = {"subject": 2_000, "text": 30_000, "html": 120_000}
_KEPT = timedelta(minutes=1)
_MOST_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody gets: `subject` is a mail's, or the title of an entry; only a mail has a page of HTML."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One notice as staff see it; without words where the product's hold."""

    place: Place
    held: Held
    wording: Wording


_in_force: dict[tuple[str, str], tuple[datetime, int, Mapping[str, Compiled] | None]] = {}
"""What was read less than a minute ago, by organization and place: until when it counts, its version, and the words."""

_told: set[tuple[str, str, int]] = set()
"""Versions that could not be used, and of which the log knows."""


def forget() -> None:
    """Read anew: for who changed something, and for tests that swap the database."""
    _in_force.clear()
    _told.clear()


# --- saying -------------------------------------------------------------------------------------------------


def say(organization: str, kind: str, channel: Channel, language: str, values: Mapping[str, Any]) -> Said | None:
    """A notice in the organization's words; None where it has none, or none that can be used for these values."""
    place = Place(kind, channel, language)
    version, parts = _read(organization, place)
    if parts is None:
        return None
    try:
        return _said(place, parts, values)
    except Unusable as failure:
        _log(organization, place, version, failure)
        return None


def sample(organization: str, place: Place) -> Values:
    """Made-up values."""
    return samples.full(place.values, organizations.url_of(organization), clock.now())


def _read(organization: str, place: Place) -> tuple[int, Mapping[str, Compiled] | None]:
    key, now = (organization, place.name), clock.now()
    until, version, parts = _in_force.get(key, (now, 0, None))
    if until > now:
        return version, parts
    held = store.find(organization, place.name)
    parts = None
    if held.own:
        try:
            parts = _compiled(place, store.version(organization, place.name, held.version).wording)
        except Unprocessable as failure:  # a later release may name other values
            _log(organization, place, held.version, failure)
    if len(_in_force) >= _MOST_KEPT:
        _in_force.clear()
    _in_force[key] = (now + _KEPT, held.version, parts)
    return held.version, parts


def _log(organization: str, place: Place, version: int, failure: Exception) -> None:
    """Once for each version and process: of a kind that everybody gets it would fill the log."""
    if (organization, place.name, version) not in _told:
        _told.add((organization, place.name, version))
        log.warning("own words not used", organization=organization, template=place.name, code=type(failure).__name__)


def _said(place: Place, parts: Mapping[str, Compiled], values: Mapping[str, Any]) -> Said:
    """Raises Unusable."""
    known = {name: values[name] for name in place.variables if name in values}
    made = {}
    for name, part in parts.items():
        with _blaming(name):
            made[name] = part.render(known)
    with _blaming("text"):
        text = _FINISHED[place.channel](made["text"])
        check_text(text, known, place.required)
    subject = one_line(made.get("subject", ""))
    with _blaming("subject"):
        if "subject" in parts:
            check_text(subject, known, [])
    if "html" not in parts:
        return Said(subject, text, "")
    with _blaming("html"):
        check_page(made["html"], known, place.required)
    return Said(subject, text, framed(made["html"], place.language, subject, values["organization"]))


_FINISHED: Mapping[Channel, Callable[[str], str]] = {
    "email": lambda text: text.strip() + "\n",
    "sms": shortened,
    "inapp": one_line,
}


@contextmanager
def _blaming(part: str) -> Iterator[None]:
    try:
        yield
    except Unusable as failure:
        failure.part = part
        raise


# --- changing -----------------------------------------------------------------------------------------------


def listed(organization: str) -> list[tuple[Place, Held]]:
    """All that may be worded, and how it stands."""
    known = store.all_of(organization)
    return [(place, known.get(place.name) or Held(organization, place.name)) for place in places()]


def show(organization: str, place: Place) -> Shown:
    held = store.find(organization, place.name)
    words = store.version(organization, place.name, held.version).wording if held.own else Wording()
    return Shown(place, held, words)


def history(organization: str, place: Place, request: PageRequest) -> Page[Version]:
    """What it was, newest first."""
    return store.versions(organization, place.name, request)


def preview(organization: str, place: Place, draft: Wording) -> Said:
    """How it would read with made-up values; without a draft as it reads now. Raises Invalid, Unprocessable."""
    words = draft if draft.parts() else show(organization, place).wording
    values = filled(sample(organization, place), organizations.get(organization), place.language)
    if words.parts():
        return _tried(place, _compiled(place, words), values)
    if place.channel == "email":
        mail = compose(place.kind, place.language, values)
        return Said(mail.subject, mail.text, mail.html)
    if place.channel == "sms":
        return Said("", compose_text(place.kind, place.language, values), "")
    return Said(*compose_entry(place.kind, place.language, values), "")


def save(actor: Principal, place: Place, wording: Wording, version: int) -> Shown:
    """Word it, where it is still at `version`. Raises Invalid, Unprocessable `template_refused`, Conflict."""
    home = organizations.get(actor.organization)
    parts = _compiled(place, wording)
    for given in samples.all_of(place.values, organizations.url_of(home.id), clock.now()):
        _tried(place, parts, filled(given, home, place.language))
    return _keep(actor, place, wording, version, "changed")


def remove(actor: Principal, place: Place) -> None:
    """The product's own words hold again. Twice is once."""
    held = store.find(actor.organization, place.name)
    if held.own:
        _keep(actor, place, Wording(), held.version, "removed")


def restore(actor: Principal, place: Place, number: int, version: int) -> Shown:
    """An earlier version becomes the newest. Raises as `save`, and NotFound."""
    earlier = store.version(actor.organization, place.name, number).wording
    if earlier.parts():
        return save(actor, place, earlier, version)
    return _keep(actor, place, earlier, version, "removed")


def _keep(actor: Principal, place: Place, wording: Wording, version: int, done: str) -> Shown:
    held = store.find(actor.organization, place.name)
    if held.version != version:
        raise Conflict("version_conflict", "Somebody else changed this first. Load it again.", field="version")
    became = held.next(own=bool(wording.parts()), at=clock.now(), by=actor.user)
    noted = audit.entry(
        actor,
        action=f"template.{done}",
        entity="template",
        entity_id=place.name,
        before={"version": held.version, "own": held.own},
        after={"version": became.version, "own": became.own},
    )
    transact(*store.save(became, wording, was=version), noted)
    _in_force.pop((actor.organization, place.name), None)
    return Shown(place, became, wording)


def _compiled(place: Place, wording: Wording) -> dict[str, Compiled]:
    """Raises Invalid for the wrong parts, Unprocessable for what can not be used."""
    parts = wording.parts()
    for name in sorted({*parts, *PARTS[place.channel]}):
        if name not in PARTS[place.channel]:
            raise Invalid("part_not_here", f"This channel has no {name}.", field=name)
        if name not in parts:
            raise Invalid("part_missing", f"This channel has a {name}, too.", field=name)
    return {name: _compiled_part(place, name, source) for name, source in parts.items()}


def _compiled_part(place: Place, name: str, source: str) -> Compiled:
    if len(source) > LONGEST[name]:
        raise Invalid("too_long", f"This may have {LONGEST[name]} signs.", field=name)
    try:
        return compiled(
            source,
            names=frozenset(place.variables),
            lists=place.lists,
            html=name == "html",
            longest=_LONGEST_OUTPUT[name],
        )
    except Unusable as failure:
        raise _refused(failure, name) from failure


def _tried(place: Place, parts: Mapping[str, Compiled], values: Mapping[str, Any]) -> Said:
    """Raises Unprocessable."""
    try:
        return _said(place, parts, values)
    except Unusable as failure:
        raise _refused(failure, failure.part or "text") from failure


def _refused(failure: Unusable, part: str) -> Unprocessable:
    where = f"Line {failure.line}: " if failure.line else ""
    return Unprocessable("template_refused", f"{where}{failure.reason}", field=part)
