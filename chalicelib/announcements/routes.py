"""Hearing of events over HTTP. The `{id}` of an event is its id or its slug."""

from chalicelib.announcements import page, schemas, service
from chalicelib.announcements.model import Audience, Notice
from chalicelib.announcements.service import Said
from chalicelib.core.auth import ANONYMOUS, PUBLIC, SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging, Reply, Request
from chalicelib.faces.model import Opened
from chalicelib.faces.schemas import OpenedSearch

routes = Routes("announcements")

_TEN_A_MINUTE = (10, 60)
_PROGRAMS = (600, 60)
"""Providers of mail leave lists for all their customers, from few addresses."""


# --- who wants to hear --------------------------------------------------------------------------------------


@routes.post("/events/{id}/notices", permission=PUBLIC, status=202, limit=_TEN_A_MINUTE)
def register(principal: Principal, id: str, body: schemas.Registration) -> None:
    """Ask to be told when an event's photos are up, and what its organizer announces: a code goes to the address.

    Before an event is shown it is found by its id alone.
    """
    service.ask(principal, id, email=body.email, phone=body.phone, language=body.language)


@routes.put("/events/{id}/notices", permission=PUBLIC, limit=_TEN_A_MINUTE)
def confirm(principal: Principal, id: str, body: schemas.Confirmation) -> None:
    """Prove the address with the code that came there. Nothing else is sent before."""
    service.confirm(principal, id, email=body.email, phone=body.phone, code=body.code, language=body.language)


@routes.post("/events/{id}/notices/faces", permission=PUBLIC, returns=OpenedSearch, status=202, limit=_TEN_A_MINUTE)
def watch(principal: Principal, id: str, body: schemas.Watch) -> Opened:
    """Be told when photos come on sale that show one: by a selfie, at an address that the code of `POST` proves.

    The picture is deleted as soon as it was looked at; its status is that of a search. Whoever asks again is told by
    the newer picture. The link of each message, and `DELETE`, end it.
    """
    return service.watch(
        principal,
        id,
        email=body.email,
        phone=body.phone,
        code=body.code,
        language=body.language,
        picture=body.picture(),
        wording=body.consent.wording,
    )


@routes.delete("/events/{id}/notices", permission=SIGNED_IN)
def stop(principal: Principal, id: str) -> None:
    """Hear no more of an event, at any address that one asked for or bought with."""
    service.stop(principal, id)


@routes.get("/notices", permission=ANONYMOUS, raw="text/html", hidden=True, limit=_PROGRAMS)
def show_link(principal: Principal, request: Request, query: schemas.Link) -> Reply:
    """The page behind the links of messages. Nothing happens before its button: programs follow links, too.

    One that only leads somewhere leads there at once, and is counted.
    """
    return page.show(principal.organization, request, query.token)


@routes.post("/notices", permission=ANONYMOUS, raw="text/html", hidden=True, limit=_PROGRAMS)
def press_link(principal: Principal, request: Request, query: schemas.Link) -> Reply:
    """The button of that page, and what mail programs send by themselves (RFC 8058)."""
    return page.press(principal.organization, request, query.token)


# --- announcements ------------------------------------------------------------------------------------------


@routes.post("/events/{id}/announce", permission="event.manage", returns=schemas.Notice, status=202)
def announce(principal: Principal, id: str, body: schemas.NewAnnouncement) -> Notice:
    """Tell something to those who asked to hear of an event, to its buyers, or to both: up to three times a day."""
    return service.announce(principal, id, body.texts.words(), Audience(body.audience))


@routes.get("/events/{id}/announce", permission="event.manage", returns=schemas.Notice, many=True)
def list_notices(principal: Principal, id: str, query: Paging) -> Page[Notice]:
    """What was told of an event, the newest first, and how many messages were sent or failed."""
    return service.announced(principal, id, query.request())


@routes.get("/events/{id}/announcements", permission=PUBLIC, returns=schemas.Announcement, many=True, cache=60)
def list_announcements(principal: Principal, id: str, query: Paging) -> Page[Said]:
    """What the organizer of an event announced, the newest first."""
    return service.public(principal, id, query.request())


# --- broadcasts ---------------------------------------------------------------------------------------------


@routes.post(
    "/admin/broadcasts",
    permission="user.manage",
    returns=schemas.Broadcast,
    status=202,
    aliases=("/admin/notifications/broadcast",),
)
def broadcast(principal: Principal, body: schemas.NewBroadcast) -> schemas.Broadcast:
    """Tell something to many, now or at a time: up to ten times a day."""
    told = service.broadcast(
        principal, body.texts.words(), body.heard_by(), event=body.event_id, page=body.page, at=body.at
    )
    return schemas.Broadcast.of(told)


@routes.get("/admin/broadcasts", permission="user.manage", returns=schemas.Broadcast, many=True)
def list_broadcasts(principal: Principal, query: Paging) -> Page[schemas.Broadcast]:
    """What was told and is planned, the newest first, and how many it reached."""
    return service.broadcasts(principal, query.request()).map(schemas.Broadcast.of)


@routes.get("/admin/broadcasts/{id}", permission="user.manage", returns=schemas.BroadcastFigures)
def show_broadcast(principal: Principal, id: str) -> schemas.BroadcastFigures:
    """How far a broadcast is, and how many opened it."""
    return schemas.BroadcastFigures.counted(*service.figures_of(principal, id))


@routes.delete("/admin/broadcasts/{id}", permission="user.manage", returns=schemas.Broadcast)
def cancel_broadcast(principal: Principal, id: str) -> schemas.Broadcast:
    """Tell nobody any more. Who was told was told."""
    return schemas.Broadcast.of(service.cancel(principal, id))
