"""Who does not want to be found is taken out of an event's index, and kept out of it."""

from dataclasses import replace

from chalicelib.core import clock, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound
from chalicelib.core.table import transact
from chalicelib.events import service as events
from chalicelib.faces import engines, store
from chalicelib.faces.engines.contract import NoFace
from chalicelib.faces.messages import FaceUnblocked
from chalicelib.faces.model import Block, Recognition, Search
from chalicelib.faces.service.recognition import index_of, with_faces


def block(search: Search, wanted: Recognition, picture: bytes) -> int:
    """Take the picture's face out of the index; returns of how many photos. Raises NoFace."""
    held = store.find_block(search.organization, search.index, search.block)
    if held is None:
        held = Block(search.block, search.organization, search.event, search.index, str(search.user), clock.now())
        wanted = replace(wanted, blocks=wanted.blocks + 1)
        transact(store.save_recognition(wanted), *store.add_block(held))
    try:
        blocked = engines.face_engine().block(index_of(wanted), held.id, picture)
    except NoFace:
        _lift(held)
        raise
    photos = {match.photo for match in blocked.found}
    if len(photos) > (held.photos or 0):  # kept first: the next try finds only what this one had not forgotten yet
        counted = replace(held, photos=len(photos))
        transact(store.save_block(counted))
        held = replace(counted, version=held.version + 1)
    for photo in photos:
        gone = [match.face for match in blocked.found if match.photo == photo]
        seen = store.find_seen(search.organization, search.index, photo)
        if seen is not None and seen.without(gone) != seen:
            transact(store.save_seen(seen.without(gone), was=seen))
        # Last: what is still in the index is found again by the next try.
        engines.face_engine().forget(index_of(wanted), photo, gone)
    transact(store.save_block(replace(held, face=blocked.face)))
    return held.photos or 0


def unblock(principal: Principal, id_or_slug: str, block_id: str) -> None:
    """Let a face be found again, in what is taken in from now on. Its own block, or staff any. Raises NotFound."""
    event = events.visible(principal, id_or_slug)
    held = store.get_block(event.organization, str(with_faces(event.organization, event.id).index), block_id)
    if held.user != principal.user and not principal.may("photo.review"):
        raise NotFound("block_not_found", "There is no such block.")
    _lift(held)


def lift_all(organization: str, user: str) -> None:
    """Forget the blocked faces of somebody. May run again where it was cut off."""
    for index, block_id in store.blocks_of(organization, user):
        held = store.find_block(organization, index, block_id)
        if held is not None:
            _lift(held)


def let_go(fact: FaceUnblocked) -> bool:
    """The engine forgets a blocked face; False where its index is no more."""
    held = store.recognition(fact.organization, fact.event)
    if held.index != fact.index:
        return False
    engines.face_engine().unblock(index_of(held), fact.block, fact.face)
    return True


def _lift(held: Block) -> None:
    fact = FaceUnblocked(
        organization=held.organization, event=held.event, index=held.index, block=held.id, face=held.face or held.id
    )
    transact(*store.remove_block(held), outbox.publish(fact))
