"""Notices to people: by e-mail, by text, in their inbox. Jinja2 and the clients of AWS are loaded by the first one."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import log, metrics
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict
from chalicelib.core.metrics import Metric
from chalicelib.core.once import Taken, claim, recall
from chalicelib.core.queues import Outcome
from chalicelib.core.table import transact
from chalicelib.notifications import store
from chalicelib.notifications.channels import Undeliverable, email, sms
from chalicelib.notifications.devices import service as devices
from chalicelib.notifications.inbox import service as inbox
from chalicelib.notifications.mail import LANGUAGES, compose, compose_entry, compose_text
from chalicelib.notifications.model import NECESSARY, TEMPLATES, TEXTS, Channel, Kind, Preferences, Reader, Values, told
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import Organization

__all__ = ["Reader", "Undeliverable", "choose", "preferences_of", "send_email", "send_text", "tell", "told", "was_sent"]

_REMEMBERED = timedelta(days=30)
_TRIES = 5
_CHANNELS: dict[Channel, tuple[str, dict[str, type[Values]], Metric, Metric]] = {
    "email": ("mail", TEMPLATES, Metric.MAILS_SENT, Metric.MAILS_FAILED),
    "sms": ("text", TEXTS, Metric.TEXTS_SENT, Metric.TEXTS_FAILED),
}
"""What one is called, what it can tell, and what is counted."""


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
    """Mail `template` (see `model.TEMPLATES` for its values) to one address, in the organization's name.

    It lands in the inbox of its `reader` first, if they have an account. A mail of a kind that is not necessary is
    SKIPPED where they do not want it; who has no account has chosen nothing. `once` names the occasion: a mail sent for
    it in the last 30 days is SKIPPED. SES has no idempotency key, so the mark follows the mail: a process that dies
    between the two mails again, and no mail is lost. An unknown `language` becomes the organization's. A value
    `unsubscribe` is in the mail's headers, too. Raises what kept SES from accepting: the queue tries again.
    """

    def send(home: Organization, spoken: str, filled: dict[str, Any]) -> str:
        mail = compose(template, spoken, filled)
        return email.send(mail, to=to, sender=home.mail_name, unsubscribe=filled.get("unsubscribe"))

    return _send("email", organization, reader, once, template, language, values, send)


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
    """Text `template` to one phone number (E.164). Otherwise as `send_email`, with SNS in the place of SES."""

    def send(_: Organization, spoken: str, filled: dict[str, Any]) -> str:
        return sms.send(compose_text(template, spoken, filled), to=to)

    return _send("sms", organization, reader, once, template, language, values, send)


def tell(organization: str, reader: Reader, *, once: str, about: Kind, topic: str, title: str, text: str) -> bool:
    """Put plain text into somebody's inbox, which rings their devices; False where they do not want it there.

    Twice for one occasion, which `once` names where the reader names none, is once.
    """
    if not _is_wanted(organization, reader, "inapp", about):
        return False
    occasion = reader.occasion or once
    inbox.receive(
        organization, reader.user, occasion=occasion, kind=about, topic=topic, title=title, text=text, page=reader.page
    )
    return True


def was_sent(organization: str, channel: Channel, once: str) -> bool:
    """Whether a mail or a text was sent for this occasion in the last 30 days."""
    return recall(organization, channel, once) is not None


def preferences_of(principal: Principal) -> Preferences:
    return store.preferences_of(principal.organization, principal.known_user)


def choose(principal: Principal, told: Mapping[Channel, Mapping[Kind, bool]]) -> Preferences:
    """Want the kinds that are told of, by channel, or want them no more. Others stay as they are."""
    for _ in range(_TRIES):
        held = preferences_of(principal)
        chosen = held.changed(told)
        try:
            transact(store.save(chosen, was=held))
            return chosen
        except Conflict:
            continue
    raise Conflict("changed_meanwhile", "Your settings keep changing. Try again.")


def personal_data(organization: str, user: str) -> dict[str, Any]:
    """Which notices somebody has chosen, what their inbox holds, and which devices ring."""
    return {
        "settings": store.preferences_of(organization, user).chosen,
        "inbox": inbox.personal_data(organization, user),
        "devices": devices.personal_data(organization, user),
    }


def erase_person(organization: str, user: str) -> None:
    """Forget what somebody has chosen and was told. May run again where it was cut off."""
    devices.erase_person(organization, user)
    inbox.erase_person(organization, user)
    transact(store.forget(organization, user))


def _is_wanted(organization: str, reader: Reader | None, channel: Channel, kind: Kind) -> bool:
    if kind in NECESSARY or (reader is not None and reader.asked):
        return True
    held = store.preferences_of(organization, reader.user) if reader else Preferences(organization, "")
    return held.wants(channel, kind)


def _send(
    channel: Channel,
    organization: str,
    reader: Reader | None,
    once: str,
    template: str,
    language: str,
    values: Mapping[str, Any],
    send: Callable[[Organization, str, dict[str, Any]], str],
) -> Outcome:
    """`send` is given the organization, the language to speak and the checked values, and returns a message id."""
    if recall(organization, channel, once) is not None:
        return Outcome.SKIPPED
    word, templates, sent, failed = _CHANNELS[channel]
    home = organizations.get(organization)
    spoken = next((known for known in (language, home.language) if known in LANGUAGES), "en")
    given = templates[template].model_validate(dict(values))
    filled = {
        name: told(value, spoken, home.timezone) if isinstance(value, datetime) else value for name, value in given
    }
    filled["organization"] = filled.get("organization") or home.mail_name
    if reader is not None and not given.opens:
        title, text = compose_entry(template, spoken, filled)
        tell(organization, reader, once=once, about=given.about, topic=template, title=title, text=text)
    named = {"organization": organization, "template": template}
    if not _is_wanted(organization, reader, channel, given.about):
        log.info(f"{word} not wanted", **named)
        return Outcome.SKIPPED
    try:
        message = send(home, spoken, filled)
    except Exception:
        log.warning(f"{word} not sent", metrics.of({failed: 1}), **named)
        raise
    try:
        transact(claim(organization, channel, once, result=message, keep=_REMEMBERED))
        log.info(f"{word} sent", metrics.of({sent: 1}), **named)
    except Taken:
        log.warning(f"two deliveries of one message became two {word}s", **named)
    return Outcome.SUCCESS
