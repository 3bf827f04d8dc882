"""What is not urgent waits while somebody wants to be left alone, and is told once when that is over."""

from chalicelib.core import clock, log, outbox, sealing
from chalicelib.core.errors import Conflict
from chalicelib.core.table import transact
from chalicelib.notifications.model import Kind, Preferences
from chalicelib.notifications.quiet import store
from chalicelib.notifications.quiet.messages import QuietHoursEnded
from chalicelib.notifications.quiet.model import Waiting, waiting_id

URGENT = frozenset({Kind.ACCOUNT})
"""Codes, and what is about the safety of an account: they disturb at any hour."""

_AT_ONCE = 200


def hold_push(held: Preferences, kind: Kind, entry: str) -> bool:
    """Let the push about an entry of the inbox wait; False where it need not."""
    return _hold(held, kind, "push", entry, entry=entry)


def hold_text(held: Preferences, kind: Kind, once: str, notice: str) -> bool:
    """Let a text wait; False where it need not. `notice` is all that it takes to send it later."""
    return _hold(held, kind, "sms", once, notice=notice)


def release_due() -> int:
    """Tell of what waited long enough; returns how much that is."""
    return sum(_release(waiting) for waiting in list(store.due(clock.now(), _AT_ONCE)))


def find(organization: str, user: str, id: str) -> Waiting | None:
    return store.find(organization, user, id)


def notice_of(waiting: Waiting) -> str | None:
    """What was given to `hold_text`. Raises sealing.NotSealed."""
    if waiting.notice is None:
        return None
    return sealing.unseal(waiting.organization, _purpose(waiting.id), waiting.notice)


def done(waiting: Waiting) -> None:
    """It waits no more. Twice is once."""
    transact(store.drop(waiting))


def erase_person(organization: str, user: str) -> None:
    """May run again where it was cut off."""
    store.drop_all(organization, user)


def _hold(
    held: Preferences, kind: Kind, channel: str, occasion: str, *, entry: str | None = None, notice: str | None = None
) -> bool:
    now = clock.now()
    due = held.quiet.ending(now) if held.quiet and kind not in URGENT else None
    if due is None:
        return False
    id = waiting_id(channel, occasion)
    sealed = sealing.seal(held.organization, _purpose(id), notice) if notice else None
    try:
        transact(*store.add(Waiting(id, held.organization, held.user, due, entry, sealed)))
    except Conflict:
        log.info("notice waits already", organization=held.organization)
    return True


def _release(waiting: Waiting) -> bool:
    ended = QuietHoursEnded(organization=waiting.organization, user=waiting.user, waiting=waiting.id)
    try:
        transact(store.end(waiting), outbox.publish(ended))
    except Conflict:
        log.info("notice released already", organization=waiting.organization)
        return False
    return True


def _purpose(id: str) -> str:
    return f"waiting#{id}"
