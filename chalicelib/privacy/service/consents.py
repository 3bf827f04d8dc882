"""What people agree to, with every answer they ever gave."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from chalicelib.core import clock, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict
from chalicelib.core.table import MOST_WRITES, Page, PageRequest, transact
from chalicelib.notifications import service as notifications
from chalicelib.privacy import store
from chalicelib.privacy.model import Consent, ConsentKind, export_key

_WITHDRAWN = "erased"
_PAGE = PageRequest(size=100)


def consents_of(actor: Principal) -> list[Consent]:
    return store.consents(actor.organization, actor.known_user)


def answer(actor: Principal, kind: ConsentKind, *, granted: bool, wording: str) -> list[Consent]:
    """Note an answer. The same answer to the same wording is noted once.

    Raises Conflict `needed_for_account` where data processing is refused: without it there is no account to keep.
    """
    if kind is ConsentKind.DATA_PROCESSING and not granted:
        raise Conflict("needed_for_account", "There is no account without this. Ask for it to be erased instead.")
    _note(Consent(actor.organization, actor.known_user, kind, granted, wording, clock.now()))
    return consents_of(actor)


def answers(actor: Principal, request: PageRequest) -> Page[Consent]:
    """Every answer of the caller, the newest first."""
    return store.answers(actor.organization, actor.known_user, request)


def has_consented(organization: str, user: str, kind: ConsentKind) -> bool:
    found = store.find_consent(organization, user, kind)
    return found is not None and found.granted


def note_granted(organization: str, user: str, kind: ConsentKind, wording: str, at: datetime) -> bool:
    """Note a consent that somebody gave elsewhere; False where it is known, or something was answered since."""
    was = store.find_consent(organization, user, kind)
    given = Consent(organization, user, kind, True, wording, at)
    if given.is_same(was) or (was is not None and was.at >= at):
        return False
    _note(given)
    return True


def _note(consent: Consent) -> None:
    was = store.find_consent(consent.organization, consent.user, consent.kind)
    said = [] if consent.is_same(was) else store.answer(consent, was)
    if consent.kind is ConsentKind.ANALYTICS and (said or not consent.granted):  # a no is a no whatever stands there
        said = [*said, notifications.measure(consent.organization, consent.user, agreed=consent.granted)]
    if said:
        transact(*said)


# --- as a holding -------------------------------------------------------------------------------------------


def face_data(organization: str, user: str) -> Mapping[str, Any]:
    return {"recognition": has_consented(organization, user, ConsentKind.FACE_RECOGNITION)}


def withdraw_faces(organization: str, user: str) -> None:
    """From now on no face of somebody may be looked for."""
    if has_consented(organization, user, ConsentKind.FACE_RECOGNITION):
        _note(Consent(organization, user, ConsentKind.FACE_RECOGNITION, False, _WITHDRAWN, clock.now()))


def personal_data(organization: str, user: str) -> Mapping[str, Any]:
    return {"consents": store.consents(organization, user), "answers": list(_all_answers(organization, user))}


def erase_person(organization: str, user: str) -> None:
    """Forget consents, their history and exports."""
    storage.remove("documents", export_key(organization, user, ""))
    writes = list(store.forget(organization, user))
    for start in range(0, len(writes), MOST_WRITES):
        transact(*writes[start : start + MOST_WRITES])


def _all_answers(organization: str, user: str) -> Iterator[Consent]:
    request: PageRequest | None = _PAGE
    while request is not None:
        found = store.answers(organization, user, request)
        yield from found.items
        request = PageRequest(size=_PAGE.size, cursor=found.cursor) if found.cursor else None
