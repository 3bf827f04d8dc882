"""A message reaches all who hear of an event, or who have an account, a page of them a message of the queue.

A page ends with one transaction of the counts, where to go on and the next page's fact: told again it finds that it is
done. Within a page each message is marked as soon as it was sent.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.administration import service as administration
from chalicelib.accounts.model import User
from chalicelib.announcements import store
from chalicelib.announcements.messages import NoticeDue
from chalicelib.announcements.model import PAGE, Audience, Channel, Follower, Kind, Notice
from chalicelib.announcements.service.following import find_event, purpose
from chalicelib.announcements.service.links import unsubscribe_link
from chalicelib.core import clock, ids, once, outbox, sealing
from chalicelib.core.errors import Invalid
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest, transact
from chalicelib.events.model import Event
from chalicelib.notifications import service as notifications
from chalicelib.notifications.model import Kind as About
from chalicelib.notifications.service import Reader, Undeliverable
from chalicelib.organizations import service as organizations

_REMEMBERED = timedelta(days=30)
_TEMPLATES = {Kind.LIVE: "event_live", Kind.ANNOUNCEMENT: "announcement", Kind.BROADCAST: "announcement"}

Telling = Callable[[], bool]
"""Tells one person; whether the message is sent, now or by an earlier try."""


def begin_live(organization: str, event_id: str) -> bool:
    """Tell those who asked for it that an event's photos are up; False where that was begun, or the event is gone."""
    if find_event(organization, event_id) is None:
        return False
    notice = Notice(ids.new("ann"), organization, event_id, Kind.LIVE, Audience.REGISTERED, clock.now())
    begun = once.claim(organization, "event-live", event_id, result="begun", keep=_REMEMBERED)
    due = NoticeDue(organization=organization, event=event_id, notice=notice.id)
    try:
        transact(begun, store.add_notice(notice), outbox.publish(due))
        return True
    except once.Taken:
        return False


def deliver(fact: NoticeDue) -> Outcome:
    """Tell the page after `fact.after`. Skipped where that was done.

    Raises what keeps SES or SNS from accepting a message now: the page comes back, and who was told is not told again.
    """
    notice = store.find_notice(fact.organization, fact.event, fact.notice)
    if notice is None or notice.over or notice.cursor != fact.after:
        return Outcome.SKIPPED
    event = find_event(fact.organization, notice.event)
    if event is None and notice.kind is not Kind.BROADCAST:
        return Outcome.SKIPPED
    tellings, cursor = _accounts(notice) if not notice.event else _followers(notice, event)
    sent = failed = 0
    for tell in tellings:
        try:
            sent += tell()
        except (Undeliverable, Invalid, sealing.NotSealed):
            failed += 1
    told = notice.told(sent=sent, failed=failed, cursor=cursor, at=clock.now())
    rest = [outbox.publish(fact.model_copy(update={"after": cursor}))] if cursor else []
    transact(store.save_notice(told), *rest)
    return Outcome.SUCCESS


def _followers(notice: Notice, event: Event | None) -> tuple[Iterator[Telling], str | None]:
    """Who comes next, and after whom to go on. Of an event that is gone, nobody."""
    if event is None:
        return iter(()), None
    people = store.followers(notice.organization, event.id, notice.cursor, PAGE)
    now = clock.now()
    tellings = (partial(_tell, notice, event, person) for person in people if person.hears(notice.audience, now))
    return tellings, people[-1].id if len(people) == PAGE else None


def _accounts(notice: Notice) -> tuple[Iterator[Telling], str | None]:
    request = PageRequest(PAGE, notice.cursor or None)
    people = administration.find_people(notice.organization, request, name=None, email=None, phone=None)
    tellings = (
        partial(_tell_account, notice, person)
        for person in people.items
        if notice.audience.has(person.roles) and not person.blocked
    )
    return tellings, people.cursor


def page_of(event: Event) -> str:
    """Where people see an event."""
    return f"{organizations.url_of(event.organization)}/events/{event.slug}"


def reader_of(follower: Follower, event: Event, occasion: str, *, asked: bool) -> Reader | None:
    """The account of somebody who hears of an event."""
    return Reader(follower.user, f"/events/{event.slug}", occasion, asked=asked) if follower.user else None


def _tell_account(notice: Notice, person: User) -> bool:
    text = notice.text_in(person.language)
    return notifications.tell(
        notice.organization,
        Reader(person.id, notice.page),
        once=notice.id,
        about=About.NEWS,
        topic=notice.kind,
        title=text.title,
        text=text.text,
        broadcast=notice.id,
    )


def _is_own(organization: str, user: str, follower: Follower, address: str) -> bool:
    """Whether an account has proven the address, and not only bought with it."""
    person = accounts.find_user(organization, user)
    return person is not None and accounts.proven_address(person, follower.channel) == address


def _tell(notice: Notice, event: Event, follower: Follower) -> bool:
    """Whether the message is sent, now or by an earlier try; somebody with an account may have chosen otherwise."""
    values: dict[str, Any] = {
        "event": event.name,
        "link": page_of(event),
        "unsubscribe": unsubscribe_link(event.organization, event.id, follower.id),
    }
    if notice.kind is not Kind.LIVE:
        text = notice.text_in(follower.language)
        values |= {"title": text.title, "text": text.text}
    is_text = follower.channel is Channel.SMS
    key = f"{notice.id}#{follower.id}"
    to = sealing.unseal(event.organization, purpose(follower.id), str(follower.address))
    reader = reader_of(follower, event, notice.id, asked=follower.asked_at is not None)
    outcome = (notifications.send_text if is_text else notifications.send_email)(
        event.organization,
        once=key,
        to=to,
        template=_TEMPLATES[notice.kind],
        language=follower.language,
        values=values,
        reader=reader and replace(reader, at_own_address=_is_own(event.organization, reader.user, follower, to)),
    )
    return outcome is Outcome.SUCCESS or notifications.was_sent(event.organization, "sms" if is_text else "email", key)
