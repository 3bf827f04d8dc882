"""What staff sees of faces: those of a photo, and which look like one person."""

from dataclasses import replace

from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.events import service as events
from chalicelib.faces import engines, store
from chalicelib.faces.messages import FaceGroupAsked
from chalicelib.faces.model import Block, Group, Member, Seen
from chalicelib.faces.service.recognition import index_of, with_faces
from chalicelib.lines.photos import service as photos


def faces_of(actor: Principal, photo_id: str) -> Seen:
    """What was recognized in a photo. Raises NotFound."""
    photo = photos.get(actor.organization, photo_id)
    held = store.recognition(photo.organization, photo.event)
    seen = store.find_seen(photo.organization, held.index, photo.id) if held.index else None
    return seen or Seen(photo.organization, held.index or "", photo.id)


def group(actor: Principal, photo_id: str, face: str) -> Group:
    """Have the faces found that look like one of a photo. Raises NotFound, Conflict `faces_off`."""
    photo = photos.get(actor.organization, photo_id)
    index = str(with_faces(photo.organization, photo.event).index)
    if face not in {each.id for each in faces_of(actor, photo_id).faces or ()}:
        raise NotFound("face_not_found", "There is no such face.")
    id = ids.derived("fgr", index, face)
    was = store.find_group(photo.organization, index, id)
    asked = was or Group(id, photo.organization, photo.event, index, photo.id, face, clock.now())
    writes = [] if was else [store.save_group(asked, was=None)]
    told = FaceGroupAsked(organization=photo.organization, event=photo.event, index=index, group=id)
    transact(*writes, outbox.publish(told))
    return asked


def groups(actor: Principal, id_or_slug: str, request: PageRequest) -> Page[Group]:
    event = events.get(actor.organization, id_or_slug)
    return store.groups(event.organization, str(with_faces(event.organization, event.id).index), request)


def blocks(actor: Principal, id_or_slug: str, request: PageRequest) -> Page[Block]:
    """Who does not want to be found at an event, without a name and a face. Raises NotFound, Conflict `faces_off`."""
    event = events.get(actor.organization, id_or_slug)
    return store.blocks(event.organization, str(with_faces(event.organization, event.id).index), request)


def verify(actor: Principal, id_or_slug: str, group_id: str, *, verified: bool) -> Group:
    """Say whether a group is one person. Raises NotFound, Conflict `group_not_done`."""
    event = events.get(actor.organization, id_or_slug)
    index = str(with_faces(event.organization, event.id).index)
    was = store.find_group(event.organization, index, group_id)
    if was is None:
        raise NotFound("group_not_found", "There is no such group.")
    if was.members is None:
        raise Conflict("group_not_done", "The group is not made yet.")
    if was.verified is verified:
        return was
    changed = replace(was, verified=verified, verified_by=actor.known_user, verified_at=clock.now())
    noted = audit.entry(
        actor,
        action="event.face_group_verified",
        entity="event",
        entity_id=event.id,
        before={"verified": was.verified},
        after={"group": was.id, "verified": verified},
    )
    transact(store.save_group(changed, was=was), noted)
    return changed


def fill(fact: FaceGroupAsked) -> bool:
    """Find a group's members; False where they are those that it has, or its index is no more."""
    held = store.recognition(fact.organization, fact.event)
    was = store.find_group(fact.organization, fact.index, fact.group)
    if held.index != fact.index or was is None:
        return False
    found = engines.face_engine().alike(index_of(held), was.photo, was.face)
    members = tuple(Member(match.face, match.photo, match.similarity) for match in found)
    if members == was.members:
        return False
    unverified = replace(was, members=members, verified=None, verified_by=None, verified_at=None)
    transact(store.save_group(unverified, was=was))
    return True
