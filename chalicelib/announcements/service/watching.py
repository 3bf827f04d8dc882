"""Somebody sends a picture of themselves and proves an address; there they are told of photos that show them."""

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Purpose
from chalicelib.announcements import store
from chalicelib.announcements.model import Channel, Follower, follower_id
from chalicelib.announcements.service.delivering import page_of, reader_of
from chalicelib.announcements.service.following import change, find_event, kept, new, person, purpose, spoken_by
from chalicelib.announcements.service.links import unsubscribe_link
from chalicelib.announcements.service.privacy import known_as
from chalicelib.core import sealing
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Invalid
from chalicelib.core.queues import Outcome
from chalicelib.events import service as events
from chalicelib.faces import service as faces
from chalicelib.faces.messages import OwnPhotosFound
from chalicelib.faces.model import Opened
from chalicelib.faces.model import Purpose as Why
from chalicelib.notifications import service as notifications
from chalicelib.notifications.service import Undeliverable

_AT_ONCE = 100


def watch(
    principal: Principal,
    id_or_slug: str,
    *,
    email: str | None,
    phone: str | None,
    code: str,
    language: str | None,
    picture: bytes,
    wording: str,
) -> Opened:
    """Have somebody told of photos that show them, at an address that the code proves. An earlier picture is forgotten.

    Raises NotFound, Forbidden, Conflict `faces_off`, Invalid for a wrong code.
    """
    event = events.awaited(principal, id_or_slug)
    faces.with_faces(event.organization, event.id)
    address = accounts.normal_address(email, phone)
    follower = follower_id(event.organization, event.id, address)
    met = accounts.confirm_code(event.organization, follower, Purpose.FOLLOW_EVENT, code)
    opened = faces.prepare(principal, event, Why.WATCH, picture=picture, wording=wording)
    spoken = spoken_by(event, language)

    def watching(was: Follower | None) -> Follower:
        known = was or new(event, address, spoken)
        return known.watching(opened.search.watch, **person(event, address, principal.user, spoken))

    begun = (accounts.use_code(met), *faces.asking(opened.search), *faces.beginning(opened.search))
    change(event.organization, event.id, follower, watching, kept=kept(event), also=begun)
    return opened


def tell_of_photos(fact: OwnPhotosFound) -> Outcome:
    """Send somebody the link to photos that show them. Skipped for who had enough, and an event that is gone.

    The face of who can not be told is not kept: their watch ends.
    """
    event = find_event(fact.organization, fact.event)
    found = next((each for each in store.owned(fact.organization, fact.watch) if each.watch == fact.watch), None)
    if event is None or found is None or found.address is None:
        return Outcome.SKIPPED
    # After the #: what opens the photos is for the browser alone, and stands in no log of a server.
    opens = f"#search={fact.search}&token={faces.token_of(fact.organization, fact.search)}"
    send = notifications.send_text if found.channel is Channel.SMS else notifications.send_email
    try:
        return send(
            fact.organization,
            once=f"own-photos#{fact.search}",
            to=sealing.unseal(fact.organization, purpose(found.id), found.address),
            template="own_photos",
            language=found.language,
            values={
                "event": event.name,
                "count": fact.count,
                "link": f"{page_of(event)}{opens}",
                "unsubscribe": unsubscribe_link(fact.organization, event.id, found.id),
            },
            reader=reader_of(found, event, f"own-photos#{fact.search}", asked=True),
        )
    except (Undeliverable, Invalid, sealing.NotSealed):
        _end(found, fact.watch)
        return Outcome.SUCCESS


def lose_watch(organization: str, event: str, watch: str) -> bool:
    """Nobody can be looked for with that picture; False where somebody had it forgotten already."""
    found = [each for each in store.owned(organization, watch) if each.event == event]
    return any(_end(each, watch) for each in found)


def end_watches(organization: str, event: str) -> bool:
    """Faces of an event were forgotten, and with them who waited; False where nobody did. May run again."""
    ended, after = False, ""
    while page := store.followers(organization, event, after, _AT_ONCE):
        for each in page:
            if each.watch is not None and not faces.is_watched(organization, event, each.watch):
                ended |= _end(each, each.watch)
        after = page[-1].id
    return ended


def face_data(organization: str, user: str) -> list[Mapping[str, Any]]:
    """Where somebody has their face watched for."""
    return [
        {"event": each.event, "watch": faces.watch_data(organization, each.event, str(each.watch))}
        for each in _watching(organization, user)
    ]


def stop_watching(organization: str, user: str) -> None:
    """Nobody has the face of somebody any more. May run again where it was cut off."""
    for each in _watching(organization, user):
        _end(each, str(each.watch))


def _watching(organization: str, user: str) -> Iterator[Follower]:
    return (each for each in list(known_as(organization, user)) if each.watch is not None)


def _end(follower: Follower, watch: str) -> bool:
    def without(was: Follower | None) -> Follower | None:
        return was.without_watch() if was and was.watch == watch else None

    return change(follower.organization, follower.event, follower.id, without)
