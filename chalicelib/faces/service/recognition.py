"""An organizer lets faces and numbers be looked for, and no longer: by their word, with the event, or in time."""

from dataclasses import dataclass, replace
from datetime import timedelta

from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, log, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict
from chalicelib.core.queues import Fact
from chalicelib.core.settings import settings
from chalicelib.core.table import PageRequest, transact
from chalicelib.events import service as events
from chalicelib.faces import engines, store
from chalicelib.faces.engines.contract import Index, new_key
from chalicelib.faces.messages import FaceIndexDropped, PhotoToRecognize, RecognitionOpened
from chalicelib.faces.model import Attestation, LegalBasis, Recognition
from chalicelib.lines.photos import service as photos

_AT_ONCE = 50
_SWEEP_AT_MOST = 100
_AUDITED = ("attestation", "bibs", "keep_until")


@dataclass(frozen=True, slots=True)
class Basis:
    """What an organizer attests; see `model.Attestation`."""

    basis: LegalBasis
    statement: str
    minors: bool
    guardians: bool


def recognition_of(actor: Principal, id_or_slug: str) -> Recognition:
    event = events.get(actor.organization, id_or_slug)
    return store.recognition(event.organization, event.id)


def recognize(
    actor: Principal, id_or_slug: str, basis: Basis | None, *, bibs: bool, keep_days: int, version: int
) -> Recognition:
    """Say what is looked for at an event. Without a basis that suffices, faces that were found are forgotten.

    Raises Conflict `faces_not_offered`, `bibs_not_offered`, `version_conflict`.
    """
    event, now = events.get(actor.organization, id_or_slug), clock.now()
    was = store.recognition(event.organization, event.id)
    if was.version != version:
        raise Conflict("version_conflict", "Somebody changed this first. Load it again.", field="version")
    if basis is not None:
        engines.face_engine()
    if bibs:
        engines.text_reader()
    attested = None
    if basis is not None:
        attested = Attestation(basis.basis, basis.statement, basis.minors, basis.guardians, actor.known_user, now)
    wants_faces = attested is not None and attested.suffices
    changed = was.told(attested, bibs, now + timedelta(days=keep_days))
    if not (wants_faces or bibs):
        changed = was.closed().told(attested, False, None)
    elif was.index is None or (was.has_faces and not wants_faces):
        changed = _opened(changed)
    told: list[Fact] = _given_up(was) if was.index != changed.index else []
    if changed.index is not None:
        told.append(RecognitionOpened(organization=event.organization, event=event.id, index=changed.index))
    noted = audit.entry(
        actor,
        action="event.recognition_changed",
        entity="event",
        entity_id=event.id,
        before={name: getattr(was, name) for name in _AUDITED},
        after={name: getattr(changed, name) for name in _AUDITED},
    )
    transact(store.save_recognition(changed), noted, *map(outbox.publish, told))
    return replace(changed, version=version + 1)


def with_faces(organization: str, event: str) -> Recognition:
    """What is recognized at an event whose faces are looked for. Raises Conflict `faces_off`."""
    found = store.recognition(organization, event)
    if not found.has_faces:
        raise Conflict("faces_off", "Faces are not looked for at this event.")
    return found


def index_of(seen: Recognition) -> Index:
    """The index of an event that has one."""
    assert seen.index is not None
    return Index(seen.organization, seen.event, seen.index, seen.key, has_blocks=seen.blocks > 0)


# --- behind the API -----------------------------------------------------------------------------------------


def begin(fact: RecognitionOpened) -> bool:
    """Have what is on sale already looked at, page by page; False for an index that is no more."""
    seen = store.recognition(fact.organization, fact.event)
    if seen.index != fact.index:
        return False
    if fact.cursor is None and seen.has_faces:
        engines.face_engine().open(index_of(seen))
    found = photos.on_sale(fact.organization, fact.event, PageRequest(size=_AT_ONCE, cursor=fact.cursor))
    about = {"organization": fact.organization, "event": fact.event}
    told: list[Fact] = [PhotoToRecognize(**about, photo=photo.id) for photo in found.items]
    if found.cursor is not None:
        told.append(RecognitionOpened(**about, index=fact.index, cursor=found.cursor))
    if told:
        transact(*map(outbox.publish, told))
    return bool(told)


def give_up(organization: str, event: str) -> bool:
    """Recognize nothing any more at an event; False where nothing was."""
    was = store.recognition(organization, event)
    if was.index is None:
        return False
    transact(store.save_recognition(was.closed()), *map(outbox.publish, _given_up(was)))
    return True


def forget_index(organization: str, event: str, index: str) -> None:
    """Drop all that was found. May run again where it was cut off."""
    if settings().faces is not None:
        engines.face_engine().drop(Index(organization, event, index))
    store.forget_index(organization, index)


def give_up_due() -> int:
    """Forget the indexes that were kept long enough; returns how many."""
    given_up = 0
    for due in store.indexes_due(clock.now(), _SWEEP_AT_MOST):
        try:
            held = store.recognition(due.organization, due.id)
            if held.keep_until is not None and held.keep_until <= clock.now():
                given_up += give_up(due.organization, due.id)
        except AppError as refusal:
            log.warning("faces not given up", organization=due.organization, event=due.id, code=refusal.code)
    return given_up


def _opened(changed: Recognition) -> Recognition:
    id = ids.new("fix")
    return changed.opened(id, new_key(changed.organization, id))


def _given_up(was: Recognition) -> list[Fact]:
    if was.index is None:
        return []
    return [FaceIndexDropped(organization=was.organization, event=was.event, index=was.index)]
