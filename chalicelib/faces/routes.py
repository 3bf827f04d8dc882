"""Faces over HTTP. The `{id}` of an event is its id or its slug."""

from chalicelib.core.auth import PUBLIC, SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging
from chalicelib.faces import schemas, service
from chalicelib.faces.model import Block, Group, Opened, Purpose, Recognition, Search, Seen
from chalicelib.faces.service import Found

routes = Routes("faces")

_TEN_A_MINUTE = (10, 60)


# --- an event -----------------------------------------------------------------------------------------------


@routes.get("/events/{id}/recognition", permission="event.manage", returns=schemas.Recognition)
def read_recognition(principal: Principal, id: str) -> Recognition:
    """What is looked for in an event's photos."""
    return service.recognition_of(principal, id)


@routes.put("/events/{id}/recognition", permission="event.manage", returns=schemas.Recognition)
def set_recognition(principal: Principal, id: str, body: schemas.NewRecognition) -> Recognition:
    """Say what is looked for: faces with the legal basis that the organizer attests, bib numbers.

    Photos on sale are looked at, and what comes on sale. Without faces, what was found of them is forgotten.
    """
    return service.recognize(
        principal, id, body.basis(), bibs=body.bibs, keep_days=body.keep_days, version=body.version
    )


# --- who looks for themselves -------------------------------------------------------------------------------


@routes.post("/face/search", permission=PUBLIC, returns=schemas.OpenedSearch, status=202, limit=_TEN_A_MINUTE)
def search(principal: Principal, body: schemas.NewSearch) -> Opened:
    """Look for one's own face among an event's photos. The picture is deleted as soon as it was looked at."""
    return service.ask(principal, body.event_id, Purpose.SEARCH, picture=body.picture(), wording=body.consent.wording)


@routes.get("/face/search/{id}/status", permission=PUBLIC, returns=schemas.SearchStatus)
def read_status(principal: Principal, id: str) -> Search:
    """How far a search is. A visitor sends its token."""
    return service.status(principal, id)


@routes.get("/face/search/{id}/results", permission=PUBLIC, returns=schemas.FoundPhoto, many=True)
def read_results(principal: Principal, id: str, query: Paging) -> Page[Found]:
    """The photos that were found, the most alike first. A visitor sends the search's token."""
    return service.results(principal, id, query.request())


@routes.post("/face/feedback", permission=SIGNED_IN)
def give_feedback(principal: Principal, body: schemas.Feedback) -> None:
    """Say whether a photo that a search found shows its searcher."""
    service.note_feedback(principal, body.search_id, body.photo_id, correct=body.correct)


@routes.post(
    "/events/{id}/faces/blocks",
    permission=SIGNED_IN,
    returns=schemas.OpenedBlock,
    status=202,
    limit=_TEN_A_MINUTE,
)
def block(principal: Principal, id: str, body: schemas.Selfie) -> Opened:
    """Have one's own face taken out of an event's index, and kept out. Its status is that of a search."""
    return service.ask(principal, id, Purpose.BLOCK, picture=body.picture(), wording=body.consent.wording)


@routes.delete("/events/{id}/faces/blocks/{block}", permission=SIGNED_IN)
def unblock(principal: Principal, id: str, block: str) -> None:
    """Let a face be found again in photos that come on sale from now on: one's own, or as staff anybody's."""
    service.unblock(principal, id, block)


# --- staff --------------------------------------------------------------------------------------------------


@routes.get("/photos/{id}/faces", permission="photo.review", returns=schemas.PhotoFaces)
def read_faces(principal: Principal, id: str) -> Seen:
    """The faces and numbers that were found in a photo."""
    return service.faces_of(principal, id)


@routes.post("/face/group", permission="photo.review", returns=schemas.Group, status=202)
def group(principal: Principal, body: schemas.NewGroup) -> Group:
    """Have the faces grouped that look like one of a photo; asked again, with what came since."""
    return service.group(principal, body.photo_id, body.face_id)


@routes.get("/events/{id}/faces/groups", permission="photo.review", returns=schemas.Group, many=True)
def list_groups(principal: Principal, id: str, query: Paging) -> Page[Group]:
    """The groups of an event."""
    return service.groups(principal, id, query.request())


@routes.get("/events/{id}/faces/blocks", permission="photo.review", returns=schemas.Block, many=True)
def list_blocks(principal: Principal, id: str, query: Paging) -> Page[Block]:
    """Who does not want to be found at an event: no names, no pictures."""
    return service.blocks(principal, id, query.request())


@routes.put("/events/{id}/faces/groups/{group}", permission="photo.review", returns=schemas.Group)
def verify_group(principal: Principal, id: str, group: str, body: schemas.Verdict) -> Group:
    """Say whether a group is one person."""
    return service.verify(principal, id, group, verified=body.verified)
