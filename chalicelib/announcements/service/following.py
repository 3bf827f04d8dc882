"""Somebody wants to hear of an event, proves that the address is theirs, and may leave at any time.

Who asks gets the same answer whatever is known of the address, and nothing is kept of it before it is proven.
"""

from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Purpose
from chalicelib.announcements import store
from chalicelib.announcements.messages import FollowAsked
from chalicelib.announcements.model import KEPT_FOR, Channel, Follower, address_owner, follower_id
from chalicelib.announcements.service import links
from chalicelib.announcements.service.links import Opened, open_link, unsubscribe_link
from chalicelib.core import clock, ids, outbox, sealing
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, NotFound, Unavailable
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Write, transact
from chalicelib.events import service as events
from chalicelib.events.model import Event
from chalicelib.faces import service as faces
from chalicelib.notifications import service as notifications
from chalicelib.notifications.muting import Muting
from chalicelib.orders import service as orders
from chalicelib.organizations import service as organizations

__all__ = ["open_link", "unsubscribe_link"]

_TRIES = 5
_AT_ONCE = 100


def ask(
    principal: Principal, id_or_slug: str, *, email: str | None, phone: str | None, language: str | None = None
) -> None:
    """Send a code to an address that wants to hear of an event. Raises NotFound, Forbidden, Invalid, Limited."""
    event = events.awaited(principal, id_or_slug)
    address = accounts.normal_address(email, phone)
    accounts.count_code(event.organization, address, principal.source)
    follower = follower_id(event.organization, event.id, address)
    nonce, issued = accounts.issue_code(event.organization, follower, Purpose.FOLLOW_EVENT, address)
    asked = FollowAsked(
        organization=event.organization,
        event=event.id,
        follower=follower,
        nonce=nonce,
        language=language or organizations.get(event.organization).language,
    )
    transact(issued, outbox.publish(asked))


def send_code(fact: FollowAsked) -> Outcome:
    """Skipped for a code that nobody waits for any more, and an event that is gone."""
    waiting = accounts.awaited_code(fact.organization, fact.follower, fact.nonce, Purpose.FOLLOW_EVENT)
    event = find_event(fact.organization, fact.event)
    if waiting is None or event is None:
        return Outcome.SKIPPED
    challenge, code = waiting
    address = str(challenge.address)
    is_phone = accounts.is_phone(address)
    send = notifications.send_text if is_phone else notifications.send_email
    link = None if is_phone else links.confirm_link(fact.organization, event.id, fact.follower, code)
    minutes = int(accounts.CODE_LASTS.total_seconds()) // 60
    return send(
        fact.organization,
        once=f"follow-event-code#{fact.nonce}",
        to=address,
        template="follow_event_code",
        language=fact.language,
        values={"event": event.name, "code": code, "minutes": minutes, "link": link},
    )


def confirm(
    principal: Principal,
    id_or_slug: str,
    *,
    email: str | None,
    phone: str | None,
    code: str,
    language: str | None = None,
) -> None:
    """The address is proven by the code that came there. Raises NotFound, Invalid for a wrong code."""
    event = events.awaited(principal, id_or_slug)
    follower = follower_id(event.organization, event.id, accounts.normal_address(email, phone))
    _confirm(event, follower, code, principal.user, language)


def press(organization: str, token: str, language: str) -> Opened | Muting:
    """Do what a link is for. To leave twice is to leave once. Raises NotFound."""
    opened = open_link(organization, token)
    if opened.act == "mute":
        if accounts.find_user(organization, opened.user) is None:
            raise links.over()
        notifications.mute(organization, opened)
        return opened
    if opened.act == "unsubscribe":
        leave(organization, opened.event, opened.follower)
        return opened
    event = find_event(organization, opened.event)
    if event is None:
        raise links.over()
    try:
        _confirm(event, opened.follower, opened.proof, None, language)
    except Invalid as refusal:
        raise links.over() from refusal
    return opened


def leave(organization: str, event: str, follower: str) -> bool:
    """From now on nothing is sent there, whatever is bought; False for who has left or was never there."""

    def left(was: Follower | None) -> Follower | None:
        return was.left(clock.now()) if was and was.left_at is None else None

    return change(organization, event, follower, left)


def stop(principal: Principal, id_or_slug: str) -> None:
    """Somebody with an account hears no more of an event, at any address of theirs. Twice is once."""
    event = events.awaited(principal, id_or_slug)
    for follower in list(store.owned(event.organization, principal.known_user)):
        if follower.event == event.id:
            leave(follower.organization, follower.event, follower.id)


def note_buyer(organization: str, order_id: str) -> bool:
    """Who bought photos of an event may be told of it; False for an order without a buyer, or without events."""
    order = orders.get(organization, order_id)
    if order.buyer is None:
        return False
    found = [find_event(organization, subject) for subject in dict.fromkeys(line.subject for line in order.lines)]
    noted = [_note(event, order.buyer, order.owner, order.language) for event in found if event is not None]
    return any(noted)


def forget_event(organization: str, event: str) -> None:
    """Drop all that belongs to an event. May run again where it was cut off."""
    store.forget_notices(organization, event)
    while gone := store.followers(organization, event, "", _AT_ONCE):
        for follower in gone:
            transact(*store.forget_follower(follower))


def find_event(organization: str, event: str) -> Event | None:
    """None for one that was deleted, and for what is no event."""
    try:
        return events.get(organization, event) if ids.is_id("evt", event) else None
    except NotFound:
        return None


def _confirm(event: Event, follower: str, code: str, user: str | None, language: str | None) -> None:
    met = accounts.confirm_code(event.organization, follower, Purpose.FOLLOW_EVENT, code)
    address, now = str(met.address), clock.now()
    if follower != follower_id(event.organization, event.id, address):  # a link whose event somebody exchanged
        raise links.over()
    spoken = spoken_by(event, language)

    def asked(was: Follower | None) -> Follower:
        return (was or new(event, address, spoken)).asked(at=now, **person(event, address, user, spoken))

    change(event.organization, event.id, follower, asked, kept=kept(event), also=(accounts.use_code(met),))


def _note(event: Event, address: str, user: str | None, language: str) -> bool:
    follower = follower_id(event.organization, event.id, address)

    def bought(was: Follower | None) -> Follower | None:
        known = was or new(event, address, language)
        owners, sealed = _owners(event.organization, address, user), _sealed(event.organization, follower, address)
        changed = known.bought(user=user, address=sealed, owners=owners, at=clock.now())
        return None if changed is known or known.bought_at is not None else changed

    return change(event.organization, event.id, follower, bought, kept=kept(event))


def change(
    organization: str,
    event: str,
    follower: str,
    decide: Callable[[Follower | None], Follower | None],
    *,
    kept: datetime | None = None,
    also: tuple[Write, ...] = (),
) -> bool:
    """Decide on the newest state and commit; False where there is nothing to do. A watch that is left ends."""
    for _ in range(_TRIES):
        was = store.find_follower(organization, event, follower)
        changed = decide(was)
        if changed is None:
            return False
        changed = changed.kept(kept) if kept else changed
        over = watch_of(was) if was and was.watch != changed.watch else []
        try:
            transact(*also, *store.save_follower(changed, was=was), *over)
            return True
        except Conflict:
            continue
    raise Unavailable("busy", "Too much happens at once. Try again.", retry_after=1)


def watch_of(follower: Follower) -> list[Write]:
    """Writes after which the face of somebody is forgotten, where they had it watched for."""
    if follower.watch is None:
        return []
    return [faces.ending(follower.organization, follower.event, follower.watch)]


def new(event: Event, address: str, language: str) -> Follower:
    return Follower(
        id=follower_id(event.organization, event.id, address),
        organization=event.organization,
        event=event.id,
        channel=Channel.SMS if accounts.is_phone(address) else Channel.EMAIL,
        language=language,
        expires_at=kept(event),
    )


def kept(event: Event) -> datetime:
    day = datetime.combine(event.date, time.max, UTC).replace(microsecond=0)
    return max(clock.now(), day) + KEPT_FOR


def spoken_by(event: Event, language: str | None) -> str:
    return language or organizations.get(event.organization).language


def person(event: Event, address: str, user: str | None, language: str) -> dict[str, Any]:
    """What is kept of somebody who proved an address."""
    follower = follower_id(event.organization, event.id, address)
    return {
        "user": user,
        "language": language,
        "address": _sealed(event.organization, follower, address),
        "owners": _owners(event.organization, address, user),
    }


def _owners(organization: str, address: str, user: str | None) -> tuple[str, ...]:
    found = address_owner(organization, address)
    return (found, user) if user else (found,)


def _sealed(organization: str, follower: str, address: str) -> str:
    return sealing.seal(organization, purpose(follower), address)


def purpose(follower: str) -> str:
    """What an address is sealed for."""
    return f"follower-address#{follower}"
