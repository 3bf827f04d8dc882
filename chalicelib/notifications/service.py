"""Notices to people: by e-mail, by text, in their inbox. Jinja2 and the clients of AWS are loaded by the first one."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from chalicelib.core import clock, ids, log, metrics
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict
from chalicelib.core.metrics import Metric
from chalicelib.core.once import Taken, claim, recall
from chalicelib.core.queues import Outcome
from chalicelib.core.sealing import NotSealed
from chalicelib.core.table import Write, transact
from chalicelib.notifications import store
from chalicelib.notifications.analytics import clicks
from chalicelib.notifications.analytics import service as figures
from chalicelib.notifications.analytics import store as analytics
from chalicelib.notifications.analytics.model import Figure, Fives
from chalicelib.notifications.channels import Undeliverable, email, sms
from chalicelib.notifications.channels.email import Letter, ascii_address
from chalicelib.notifications.devices import service as devices
from chalicelib.notifications.feedback import service as feedback
from chalicelib.notifications.feedback.model import Reason
from chalicelib.notifications.inbox import service as inbox
from chalicelib.notifications.mail import LANGUAGES, Mail, compose, compose_entry, compose_text
from chalicelib.notifications.mail import filled as filled_in
from chalicelib.notifications.model import NECESSARY, Channel, Kind, Preferences, Reader
from chalicelib.notifications.moments import told
from chalicelib.notifications.muting import Muting, mute_link
from chalicelib.notifications.muting import opened as open_mute_link
from chalicelib.notifications.quiet import service as quiet
from chalicelib.notifications.quiet.model import QuietHours, Waiting
from chalicelib.notifications.values import TEMPLATES, TEXTS, Values
from chalicelib.notifications.wording import service as wording
from chalicelib.notifications.wording.model import Place
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import Organization

__all__ = ["Place", "Reader", "Reason", "Undeliverable", "open_mute_link", "told"]
"""Of what stands here under another name those that other rooms take here."""

_REMEMBERED = timedelta(days=30)
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Notice:
    """What `send_email` and `send_text` are asked for."""

    channel: Literal["email", "sms"]
    organization: str
    once: str
    to: str
    template: str
    language: str
    values: Mapping[str, Any]
    reader: Reader | None


def _mail(notice: Notice, home: Organization, spoken: str, filled: dict[str, Any]) -> str:
    own = wording.say(notice.organization, notice.template, "email", spoken, filled)
    letter = Letter(
        Mail(own.subject, own.text, own.html) if own else compose(notice.template, spoken, filled),
        to=ascii_address(notice.to),
        sender=home.mail_name,
        organization=notice.organization,
        id=ids.digest(f"{notice.organization}#{notice.once}"),
        notice=notice.template,
        unsubscribe=_one_click(notice) or filled.get("unsubscribe"),
    )
    return email.send(letter)


def _one_click(notice: Notice) -> str | None:
    """Where the mail program of somebody ends this kind of mail, unless they asked for what they get."""
    about, reader = TEMPLATES[notice.template].about, notice.reader
    if reader is None or reader.asked or about in NECESSARY:
        return None
    return mute_link(notice.organization, reader.user, notice.channel, about)


def _text(notice: Notice, _: Organization, spoken: str, filled: dict[str, Any]) -> str:
    own = wording.say(notice.organization, notice.template, "sms", spoken, filled)
    return sms.send(own.text if own else compose_text(notice.template, spoken, filled), to=notice.to)


_Hours = Callable[[QuietHours | None], QuietHours | None]
_Carry = Callable[[Notice, Organization, str, dict[str, Any]], str]
_CHANNELS: dict[Channel, tuple[str, dict[str, type[Values]], _Carry, Metric, Metric]] = {
    "email": ("mail", TEMPLATES, _mail, Metric.MAILS_SENT, Metric.MAILS_FAILED),
    "sms": ("text", TEXTS, _text, Metric.TEXTS_SENT, Metric.TEXTS_FAILED),
}
"""What one is called, what it can tell, who sends it in a language with checked values, and what is counted."""


def send_email(
    organization: str,
    *,
    once: str,
    to: str,
    template: str,
    language: str,
    values: Mapping[str, Any],
    reader: Reader | None = None,
) -> Outcome:
    """Mail `template` (see `values.TEMPLATES` for its values) to one address, in the organization's name.

    It lands in the inbox of its `reader` first, if they have an account. A mail of a kind that is not necessary is
    SKIPPED where they do not want it; who has no account has chosen nothing. `once` names the occasion: a mail sent for
    it in the last 30 days is SKIPPED, and so is one to an address that bounced. No carrier has an idempotency key, so
    the mark follows the mail: a process that dies between the two mails again, and no mail is lost. An unknown
    `language` becomes the organization's. In the headers is a value `unsubscribe`, or where its `reader` ends all of
    its kind. Raises what kept the carrier from accepting: the queue tries again.
    """
    return _send(Notice("email", organization, once, to, template, language, values, reader))


def send_text(
    organization: str,
    *,
    once: str,
    to: str,
    template: str,
    language: str,
    values: Mapping[str, Any],
    reader: Reader | None = None,
) -> Outcome:
    """Text `template` to one phone number (E.164); what is not urgent after the quiet hours of its `reader`.

    Otherwise as `send_email`.
    """
    return _send(Notice("sms", organization, once, to, template, language, values, reader))


def tell(
    organization: str,
    reader: Reader,
    *,
    once: str,
    about: Kind,
    topic: str,
    title: str,
    text: str,
    broadcast: str | None = None,
) -> bool:
    """Put plain text into somebody's inbox, which rings their devices; False where they do not want it there.

    Twice for one occasion, which `once` names where the reader names none, is once. Who opens it is counted for its
    `broadcast`, too.
    """
    if not _is_wanted(organization, reader, "inapp", about):
        return False
    occasion = reader.occasion or once
    inbox.receive(
        organization,
        reader.user,
        occasion=occasion,
        kind=about,
        topic=topic,
        title=title,
        text=text,
        page=reader.page,
        broadcast=broadcast,
    )
    return True


def was_sent(organization: str, channel: Channel, once: str) -> bool:
    """Whether a mail or a text was sent for this occasion in the last 30 days."""
    return recall(organization, channel, once) is not None


def send_sample(organization: str, *, once: str, to: str, place: Place) -> Outcome:
    """Send what is in force with made-up values, to whoever tries it. Raises as `send_email`."""
    send = send_text if place.channel == "sms" else send_email
    values = dict(wording.sample(organization, place))
    return send(organization, once=once, to=to, template=place.kind, language=place.language, values=values)


def measure(organization: str, user: str, *, agreed: bool) -> Write:
    """Have the links of somebody's mails count from now on, or count no more."""
    return analytics.measure(organization, user) if agreed else analytics.forget(organization, user)


def follow_link(organization: str, token: str) -> str | None:
    """Where a link that counts leads, None for one of another sort. Raises NotFound for a forged one."""
    return clicks.follow(organization, token)


def opened(organization: str, broadcast: str, sent: int) -> Fives | None:
    """How many of so many opened a broadcast in their inbox, so far. None of few."""
    return figures.opened(organization, broadcast, sent)


def preferences_of(principal: Principal) -> Preferences:
    return store.preferences_of(principal.organization, principal.known_user)


def choose(
    principal: Principal, told: Mapping[Channel, Mapping[Kind, bool]], hours: _Hours = lambda held: held
) -> Preferences:
    """Want the kinds that are told of, by channel, or want them no more. Others stay as they are.

    `hours` makes of the quiet hours that are held what they are to be.
    """
    return _choose(principal.organization, principal.known_user, told, hours)


def mute(organization: str, asked: Muting) -> None:
    """Do what a link is for. Twice is once."""
    if store.preferences_of(organization, asked.user).wants(asked.channel, asked.kind):
        _choose(organization, asked.user, {asked.channel: {asked.kind: False}}, lambda held: held)


def _choose(organization: str, user: str, told: Mapping[Channel, Mapping[Kind, bool]], hours: _Hours) -> Preferences:
    for _ in range(_TRIES):
        held = store.preferences_of(organization, user)
        chosen = replace(held.changed(told), quiet=hours(held.quiet))
        try:
            transact(store.save(chosen, was=held))
            return chosen
        except Conflict:
            continue
    raise Conflict("changed_meanwhile", "Your settings keep changing. Try again.")


def problem_with(organization: str, address: str) -> Reason | None:
    """Why an e-mail address is mailed no more, or not what is not necessary."""
    return feedback.problem_with(organization, address)


def known_of(organization: str, address: str) -> dict[str, Any] | None:
    """For the export: what came of mails to an address."""
    return feedback.personal_data(organization, address)


def forget_address(organization: str, address: str) -> None:
    """For the erasure. May run again where it was cut off."""
    feedback.forget(organization, address)


def personal_data(organization: str, user: str) -> dict[str, Any]:
    """Which notices somebody has chosen, what their inbox holds, and which devices ring."""
    return {
        "settings": store.preferences_of(organization, user).chosen,
        "links_count": analytics.is_measured(organization, user),
        "inbox": inbox.personal_data(organization, user),
        "devices": devices.personal_data(organization, user),
    }


def erase_person(organization: str, user: str) -> None:
    """Forget what somebody has chosen and was told. May run again where it was cut off."""
    quiet.erase_person(organization, user)
    devices.erase_person(organization, user)
    inbox.erase_person(organization, user)
    transact(store.forget(organization, user), analytics.forget(organization, user))


def _is_wanted(organization: str, reader: Reader | None, channel: Channel, kind: Kind) -> bool:
    if kind in NECESSARY or (reader is not None and reader.asked):
        return True
    held = store.preferences_of(organization, reader.user) if reader else Preferences(organization, "")
    return held.wants(channel, kind)


def _send(notice: Notice, *, waited: bool = False) -> Outcome:
    organization, channel, once = notice.organization, notice.channel, notice.once
    if recall(organization, channel, once) is not None:
        return Outcome.SKIPPED
    word, templates, *_ = _CHANNELS[channel]
    home = organizations.get(organization)
    spoken = next((known for known in (notice.language, home.language) if known in LANGUAGES), "en")
    given = templates[notice.template].model_validate(dict(notice.values))
    filled = filled_in(given, home, spoken)
    if notice.reader is not None and not given.opens:
        own = wording.say(organization, notice.template, "inapp", spoken, filled)
        title, text = (own.subject, own.text) if own else compose_entry(notice.template, spoken, filled)
        tell(organization, notice.reader, once=once, about=given.about, topic=notice.template, title=title, text=text)
    named = {"organization": organization, "template": notice.template}
    if not _is_wanted(organization, notice.reader, channel, given.about):
        log.info(f"{word} not wanted", **named)
        return Outcome.SKIPPED
    if channel == "email" and feedback.is_suppressed(organization, ascii_address(notice.to), given.about):
        log.info(f"{word} suppressed", **named)
        return Outcome.SKIPPED
    if not waited and _waits(notice, given, filled):
        log.info(f"{word} waits", **named)
        return Outcome.SUCCESS
    return _hand_over(notice, given, home, spoken, filled)


def _hand_over(notice: Notice, given: Values, home: Organization, spoken: str, filled: dict[str, Any]) -> Outcome:
    """Have it carried, then mark and count it: once, whatever becomes of this process in between."""
    word, _, carry, sent, failed = _CHANNELS[notice.channel]
    named = {"organization": notice.organization, "template": notice.template}
    today = clock.now().date()
    link = _counted_link(notice, given, filled, today)
    try:
        message = carry(notice, home, spoken, filled | ({"link": link} if link else {}))
    except Exception:
        log.warning(f"{word} not sent", metrics.of({failed: 1}), **named)
        raise
    became = (Figure.SENT, Figure.LINKED) if link else (Figure.SENT,)
    told = (notice.organization, notice.channel, notice.template)
    counted = figures.counting(*told, *became, thing=notice.once, day=today)
    try:
        done = claim(notice.organization, notice.channel, notice.once, result=message, keep=_REMEMBERED)
        transact(done, *counted)
        log.info(f"{word} sent", metrics.of({sent: 1}), **named)
    except Taken:
        log.warning(f"two deliveries of one message became two {word}s", **named)
    return Outcome.SUCCESS


def _counted_link(notice: Notice, given: Values, filled: Mapping[str, Any], day: date) -> str | None:
    """What stands in the mail instead of its link, where that leads to a public page and its reader agreed to it."""
    if notice.channel != "email" or notice.reader is None or not notice.reader.at_own_address or not given.public:
        return None
    return clicks.counted_link(notice.organization, notice.reader.user, notice.template, filled["link"], day)


def _waits(notice: Notice, given: Values, filled: Mapping[str, Any]) -> bool:
    """Whether a text comes after the quiet hours of its reader. Mails disturb nobody, and codes wait for nobody."""
    if notice.channel != "sms" or notice.reader is None or given.opens:
        return False
    told = {name: filled[name] for name in type(given).model_fields}  # times as they are read: text
    held = store.preferences_of(notice.organization, notice.reader.user)
    kept = json.dumps(asdict(replace(notice, values=told)), default=str)
    return quiet.hold_text(held, given.about, notice.once, kept)


def deliver_waiting(organization: str, user: str, id: str) -> Outcome:
    """What waited for the end of quiet hours. Skipped where it was delivered, or is wanted no more."""
    waiting = quiet.find(organization, user, id)
    if waiting is None:
        return Outcome.SKIPPED
    outcome = Outcome.SKIPPED
    if waiting.entry is not None:
        outcome = devices.ring(organization, user, waiting.entry, waited=True)
    elif (notice := _kept(waiting)) is not None:
        try:
            outcome = _send(notice, waited=True)
        except Undeliverable:
            log.info("text undeliverable", organization=organization)
    quiet.done(waiting)
    return outcome


def _kept(waiting: Waiting) -> Notice | None:
    """None where a key sealed it that is accepted no more."""
    try:
        told = json.loads(quiet.notice_of(waiting) or "{}")
    except NotSealed:
        return None
    return Notice(**told | {"reader": Reader(**told["reader"])})
