"""Somebody looks for themselves, or wants not to be found: both begin with their consent and their picture.

The consent is stored before the picture is, and the picture is deleted as soon as it was looked at. Should nobody look
at it, the sweep deletes it.
"""

import hmac
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.core import clock, ids, log, outbox, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict, NotFound
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.events import service as events
from chalicelib.events.model import Event
from chalicelib.faces import engines, store
from chalicelib.faces.engines.contract import MOST_MATCHES, NoFace
from chalicelib.faces.messages import FaceSearchAsked, FaceSearchConsented, FaceWatchLost
from chalicelib.faces.model import (
    SEARCH_LASTS,
    SELFIE_LASTS,
    Opened,
    Purpose,
    Recognition,
    Search,
    SearchState,
)
from chalicelib.faces.service import blocking, watching
from chalicelib.faces.service.indexing import picture_in
from chalicelib.faces.service.recognition import index_of, with_faces
from chalicelib.faces.service.watching import best_of
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.model import Shown
from chalicelib.media import service as media

_SWEEP_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class Found:
    similarity: float
    photo: Shown


def ask(principal: Principal, id_or_slug: str, purpose: Purpose, *, picture: bytes, wording: str) -> Opened:
    """Begin to look for the largest face of a picture. Raises Conflict `faces_off`, NotFound."""
    event = events.visible(principal, id_or_slug)
    opened = prepare(principal, event, purpose, picture=picture, wording=wording)
    transact(*asking(opened.search))
    return opened


def prepare(principal: Principal, event: Event, purpose: Purpose, *, picture: bytes, wording: str) -> Opened:
    """Store the consent, and then the picture; nothing follows before `asking`. Raises Conflict `faces_off`."""
    wanted = with_faces(event.organization, event.id)
    now = clock.now()
    token = ids.token() if principal.user is None else None
    search = Search(
        id=ids.new("fsr"),
        organization=event.organization,
        event=event.id,
        index=str(wanted.index),
        purpose=purpose,
        user=principal.user,
        token_digest=ids.digest(token) if token else None,
        wording=wording,
        consented_at=now,
        expires_at=now + SEARCH_LASTS,
        due_at=now + SELFIE_LASTS,
    )
    about = {"organization": search.organization}
    told = [FaceSearchConsented(**about, user=search.user, wording=wording, at=now)] if search.user else []
    transact(*store.add_search(search), *map(outbox.publish, told))
    storage.upload("documents", search.selfie_key, picture, content_type="application/octet-stream")
    return Opened(search.asked(), token)


def asking(search: Search) -> list[Write]:
    """Writes after which somebody looks at the picture of a search that was prepared."""
    asked = FaceSearchAsked(organization=search.organization, search=search.id)
    return [store.save_search(search), outbox.publish(asked)]


def status(principal: Principal, search_id: str) -> Search:
    """Raises NotFound for a search that is not the caller's, or is over."""
    search = store.find_search(principal.organization, search_id)
    if search is None or search.expires_at <= clock.now() or not _is_theirs(search, principal):
        raise NotFound("search_not_found", "There is no such search.")
    return search


def results(principal: Principal, search_id: str, request: PageRequest) -> Page[Found]:
    """The photos on sale that were found, the most alike first: a page may hold fewer than asked for.

    Raises Conflict `search_not_done`, and `faces_off` where the organizer gave the faces up meanwhile.
    """
    search = status(principal, search_id)
    if search.state is not SearchState.DONE:
        raise Conflict("search_not_done", "The search is not done. Ask for its status.")
    events.visible(principal, search.event)
    if with_faces(search.organization, search.event).index != search.index:
        raise Conflict("faces_off", "The faces of this event were given up. Search again.")
    found = store.matches(search, request)
    held = photos.find(search.organization, [match.photo for match in found.items])
    on_sale = [match for match in found.items if match.photo in held and held[match.photo].for_sale]
    shown = [Found(match.similarity, photos.shown(held[match.photo])) for match in on_sale]
    return Page(shown, found.size, found.cursor, total=search.found, number=found.number)


def note_feedback(actor: Principal, search_id: str, photo_id: str, *, correct: bool) -> None:
    """Whether a photo that was found shows its searcher. Raises NotFound."""
    search = status(actor, search_id)
    if photos.get(actor.organization, photo_id).event != search.event:
        raise NotFound("photo_not_found", "There is no such photo.")
    transact(store.note_feedback(search, photo_id, correct, clock.now()))


# --- behind the API -----------------------------------------------------------------------------------------


def run(organization: str, search_id: str) -> bool:
    """Look for the face; False where somebody did. Its picture is gone afterwards."""
    search = store.find_search(organization, search_id)
    if search is None:
        return False
    did = search.state is SearchState.ASKED
    if did:
        transact(*_ended(_answered(search)))
    storage.delete("documents", search.selfie_key)
    return did


def delete_selfies() -> int:
    """Delete what lies here for too long, and end searches that nobody answered; returns how many there were."""
    deleted = 0
    for due in store.selfies_due(clock.now(), _SWEEP_AT_MOST):
        try:
            search = store.find_search(due.organization, due.id)
            if search is not None and search.due_at is not None:
                storage.delete("documents", search.selfie_key)
                transact(*_ended(search.without_selfie()))
                deleted += 1
        except AppError as refusal:
            log.warning("selfie not deleted", organization=due.organization, code=refusal.code)
    return deleted


def _answered(search: Search) -> Search:
    wanted = store.recognition(search.organization, search.event)
    if not wanted.has_faces or wanted.index != search.index:
        return search.failed("faces_off")
    try:
        picture = _selfie(search)
        if picture is None:
            return search.failed("search_timed_out")
        if search.purpose is Purpose.WATCH:
            watching.keep(search, wanted, picture)
            return search.done(0)
        if search.purpose is Purpose.BLOCK:
            return search.done(blocking.block(search, wanted, picture))
        return search.done(_look(search, wanted, picture))
    except (media.Rejected, NoFace) as refusal:
        return search.failed(refusal.code)


def _ended(search: Search) -> list[Write]:
    """Who is to be told of photos can not be, where nobody is on their picture."""
    told = FaceWatchLost(organization=search.organization, event=search.event, watch=search.watch)
    is_lost = search.purpose is Purpose.WATCH and search.state is SearchState.FAILED
    return [store.save_search(search), *([outbox.publish(told)] if is_lost else [])]


def _look(search: Search, wanted: Recognition, picture: bytes) -> int:
    found = best_of(engines.face_engine().search(index_of(wanted), picture))[:MOST_MATCHES]
    store.put_matches(search, found)
    return len(found)


def _selfie(search: Search) -> bytes | None:
    with TemporaryDirectory(prefix="selfie-") as folder:
        path = Path(folder) / "selfie"
        return picture_in(path) if storage.download("documents", search.selfie_key, path) else None


def _is_theirs(search: Search, principal: Principal) -> bool:
    if search.user is not None:
        return search.user == principal.user
    known = search.token_digest or ""
    return hmac.compare_digest(ids.digest(principal.tokens.get("search", "")), known)
