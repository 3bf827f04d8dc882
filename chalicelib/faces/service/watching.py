"""Somebody is told when photos that show them come on sale: their face is kept beside the index until they had enough.

What came on sale is looked through in rounds, and nobody is told twice within a day or twice of a photo. A round looks
for each of them anew: a photo that an engine was slow to know of is found by the next one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from chalicelib.core import clock, ids, log, outbox
from chalicelib.core.errors import AppError, Conflict
from chalicelib.core.queues import Fact
from chalicelib.core.secrets import sign
from chalicelib.core.table import Write, transact
from chalicelib.events import service as events
from chalicelib.faces import engines, store
from chalicelib.faces.engines.contract import MOST_MATCHES, Match
from chalicelib.faces.messages import FaceWatchDue, FaceWatchEnded, FaceWatchRound, OwnPhotosFound
from chalicelib.faces.model import (
    TOLD_LASTS,
    Purpose,
    Recognition,
    Search,
    SearchState,
    Watch,
    round_after,
)
from chalicelib.faces.service.recognition import index_of, with_faces
from chalicelib.lines.photos import service as photos

_AT_ONCE = 50
_SWEEP_AT_MOST = 100


def beginning(search: Search) -> list[Write]:
    """Writes with which somebody waits for photos: for those on sale already, too."""
    watch = Watch(search.watch, search.organization, search.event, search.index, search.wording, search.consented_at)
    held = with_faces(search.organization, search.event)
    return [store.add_watch(watch), store.still(held), store.put_round(held, round_after(clock.now()))]


def ending(organization: str, event: str, watch: str) -> Write:
    """A write after which somebody waits no more, and their face is forgotten."""
    return outbox.publish(FaceWatchEnded(organization=organization, event=event, watch=watch))


def is_watched(organization: str, event: str, watch: str) -> bool:
    return _find(organization, event, watch) is not None


def watch_data(organization: str, event: str, watch: str) -> Mapping[str, Any] | None:
    """What is kept of somebody who waits."""
    held = _find(organization, event, watch)
    if held is None:
        return None
    return {"wording": held.wording, "consented_at": held.consented_at, "told_at": held.told_at, "told": held.told}


def token_of(organization: str, search: str) -> str:
    """What opens the photos that somebody is told of."""
    return sign("own-photos", organization, search)


# --- behind the API -----------------------------------------------------------------------------------------


def keep(search: Search, wanted: Recognition, picture: bytes) -> None:
    """Have the picture's face kept, unless who it shows has had enough already. Raises NoFace."""
    engine, index = engines.face_engine(), index_of(wanted)
    held = store.find_watch(search.organization, search.index, search.watch)
    if held is None or held.begun:  # a run before may have come to the engine
        engine.unwatch(index, search.watch, held.face if held else None)
    if held is None:
        return
    if not held.begun:
        transact(store.save_watch(replace(held, begun=True)))
        held = replace(held, begun=True, version=held.version + 1)
    face = engine.watch(index, held.id, picture)
    try:
        transact(store.save_watch(replace(held, face=face)))
    except Conflict:
        engine.unwatch(index, held.id, face)  # they had enough meanwhile
        raise


def end(fact: FaceWatchEnded) -> bool:
    """Forget a face that was waited for; False where that was done, or its index is no more."""
    held = store.recognition(fact.organization, fact.event)
    watch = _find(fact.organization, fact.event, fact.watch)
    if watch is None:
        return False
    if watch.begun:
        engines.face_engine().unwatch(index_of(held), watch.id, watch.face)
    store.forget_watch(watch)
    return True


def came_on_sale(seen: Recognition) -> list[Write]:
    """Writes with which who waits is looked for in what was taken into an index."""
    is_waited = store.has_watches(seen.organization, str(seen.index))
    return [store.put_round(seen, round_after(clock.now()))] if is_waited else []


def went_live(organization: str, event: str) -> bool:
    """Photos that came on sale before their event was shown are seen from now on; False where nobody waits."""
    held = store.recognition(organization, event)
    writes = came_on_sale(held) if held.has_faces else []
    if writes:
        transact(*writes)
    return bool(writes)


def begin_rounds() -> int:
    """Begin the rounds whose time has come; returns how many."""
    begun = 0
    for due in store.rounds_due(clock.now(), _SWEEP_AT_MOST):
        told = FaceWatchRound(organization=due.organization, event=due.event, index=due.index)
        try:
            transact(store.remove_round(due), outbox.publish(told))
            begun += 1
        except AppError as refusal:
            log.warning("round not begun", organization=due.organization, event=due.event, code=refusal.code)
    return begun


def go_round(fact: FaceWatchRound) -> bool:
    """Have everybody looked for who waits, page by page; False where nobody does, or nothing is shown yet."""
    if not _is_shown(fact.organization, fact.event, fact.index):
        return False
    found = store.watches(fact.organization, fact.index, fact.after, _AT_ONCE)
    about = {"organization": fact.organization, "event": fact.event, "index": fact.index}
    told: list[Fact] = [FaceWatchDue(**about, watch=watch.id) for watch in found]
    if len(found) == _AT_ONCE:
        told.append(FaceWatchRound(**about, after=found[-1].id))
    if told:
        transact(*map(outbox.publish, told))
    return bool(told)


def look_for(fact: FaceWatchDue) -> bool:
    """Look for somebody, and have them told of photos that they were not told of; False where there are none.

    Who was told within a day is looked for when it is over.
    """
    held = store.recognition(fact.organization, fact.event)
    watch = store.find_watch(fact.organization, fact.index, fact.watch)
    if watch is None or watch.face is None or not _is_shown(fact.organization, fact.event, fact.index):
        return False
    now = clock.now()
    if watch.silent_until is not None and now < watch.silent_until:
        transact(store.put_round(held, round_after(watch.silent_until)))
        return False
    matches = engines.face_engine().watched(index_of(held), watch.id, watch.face)
    new = [match for match in best_of(matches) if match.photo not in watch.told]
    on_sale = photos.find(watch.organization, (match.photo for match in new))
    shown = [match for match in new if match.photo in on_sale and on_sale[match.photo].for_sale][:MOST_MATCHES]
    if not shown:
        return False
    search = _told(watch, held, len(shown))
    store.put_matches(search, shown)
    told = OwnPhotosFound(
        organization=watch.organization, event=watch.event, watch=watch.id, search=search.id, count=len(shown)
    )
    transact(
        *store.add_search(search, watch.id),
        store.save_watch(watch.told_of((match.photo for match in shown), now)),
        outbox.publish(told),
    )
    return True


def best_of(found: Iterable[Match]) -> list[Match]:
    """Each photo's best match, in their order."""
    best: dict[str, Match] = {}
    for match in found:
        best.setdefault(match.photo, match)
    return list(best.values())


def _told(watch: Watch, held: Recognition, found: int) -> Search:
    """The search that shows somebody what they are told of. The same for the same try."""
    now = clock.now()
    id = ids.derived("fsr", watch.id, str(watch.version))
    lasting = now + TOLD_LASTS
    return Search(
        id=id,
        organization=watch.organization,
        event=watch.event,
        index=watch.index,
        purpose=Purpose.SEARCH,
        user=None,
        token_digest=ids.digest(token_of(watch.organization, id)),
        wording=watch.wording,
        consented_at=watch.consented_at,
        expires_at=min(lasting, held.keep_until or lasting),
        due_at=None,
        state=SearchState.DONE,
        found=found,
    )


def _find(organization: str, event: str, watch: str) -> Watch | None:
    """None where it has ended, or its index is no more."""
    held = store.recognition(organization, event)
    return store.find_watch(organization, held.index, watch) if held.index else None


def _is_shown(organization: str, event: str, index: str) -> bool:
    """Whether faces of that index are looked for, and people may see what was found."""
    held = store.recognition(organization, event)
    return held.has_faces and held.index == index and events.get(organization, event).is_public
