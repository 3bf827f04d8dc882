"""Somebody registers a device, and it is told what lands in their inbox."""

from datetime import timedelta
from typing import Any

from chalicelib.core import clock, ids, log, sealing
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Unavailable
from chalicelib.core.once import Taken, claim, recall
from chalicelib.core.queues import Outcome
from chalicelib.core.secrets import secrets
from chalicelib.core.table import Write, transact
from chalicelib.notifications import store as preferences
from chalicelib.notifications.analytics.model import Figure
from chalicelib.notifications.analytics.service import counting
from chalicelib.notifications.channels import Undeliverable, push
from chalicelib.notifications.channels.push import Platform, Push
from chalicelib.notifications.devices import store
from chalicelib.notifications.devices.model import Device, Devices, device_id
from chalicelib.notifications.inbox import service as inbox
from chalicelib.notifications.model import Channel
from chalicelib.notifications.quiet import service as quiet
from chalicelib.organizations import service as organizations

_TRIES = 5
_REMEMBERED = timedelta(days=30)
_LONGEST = 500


def register(principal: Principal, platform: Platform, token: str) -> None:
    """Have a device rung for the caller, and for nobody else from now on. Raises Unprocessable."""
    add(principal.organization, principal.known_user, platform, token)


def add(organization: str, user: str, platform: Platform, token: str, also: tuple[Write, ...] = ()) -> None:
    """Have a device rung for `user` alone. What is written `also` commits with it. Raises Unprocessable."""
    push.of_platform(platform, organization)
    id = device_id(platform, token)
    device = Device(id, platform, sealing.seal(organization, _purpose(id), token), clock.now())
    for _ in range(_TRIES):
        owner, held = store.owner_of(organization, id), store.devices_of(organization, user)
        changed = held.having(device)
        dropped = [store.disown(organization, gone) for gone in held.lost(changed)]
        writes = [store.own(organization, id, user, was=owner), store.save(changed), *dropped]
        if owner not in (None, user):
            writes.append(store.save(store.devices_of(organization, str(owner)).without(id)))
        try:
            transact(*also, *writes)
            return
        except Conflict:
            continue
    raise Unavailable("busy", "Too much happens at once. Try again.", retry_after=1)


def unregister(principal: Principal, token: str | None) -> None:
    """Have a device rung no more, or all of the caller's. One that is not theirs is none."""
    known = {ids.digest(f"{platform}:{token}") for platform in Platform} if token else None
    _drop(principal.organization, principal.known_user, known)


def devices_of(principal: Principal) -> Devices:
    return store.devices_of(principal.organization, principal.known_user)


def web_push_key() -> str | None:
    """What browsers subscribe with, where this stage rings any."""
    from chalicelib.notifications.channels.webpush import public_key

    account = secrets().webpush
    return public_key(account) if account else None


def leave(organization: str, user: str, platform: Platform) -> None:
    """Have no device of a platform rung any more. Twice is once."""
    held = store.devices_of(organization, user).devices
    _drop(organization, user, {device.id for device in held if device.platform is platform})


def drop_of_owner(organization: str, platform: Platform, token: str) -> bool:
    """Forget a device that its service says is gone; False where nobody has it."""
    id = device_id(platform, token)
    owner = store.owner_of(organization, id)
    if owner is None:
        return False
    _drop(organization, owner, {id})
    return True


def ring(organization: str, user: str, entry_id: str, *, waited: bool = False) -> Outcome:
    """Tell somebody's devices of an entry of their inbox; skipped where it is read already, or not wanted there.

    In their quiet hours it waits, unless it has `waited`, or is urgent.

    Of all services LINE alone has an idempotency key. So the mark follows the message; one that is sent twice takes its
    own place on a device.
    Raises what kept a service from taking it, after the other devices had their turn.
    """
    found = inbox.find(organization, user, entry_id)
    held = store.devices_of(organization, user).devices
    if found is None or not held:
        return Outcome.SKIPPED
    state, entry = found
    chosen = preferences.preferences_of(organization, user)
    wanted = [device for device in held if chosen.wants(_channel_of(device), entry.kind)]
    if state.has_read(entry) or not wanted:
        return Outcome.SKIPPED
    if not waited and quiet.hold_push(chosen, entry.kind, entry.id):
        return Outcome.SUCCESS
    link = f"{organizations.url_of(organization)}{entry.page}" if entry.page else None
    told = Push(entry.id, entry.topic, entry.title, _cut(entry.text), link)
    failures: list[Unavailable] = []
    for device in wanted:
        try:
            _tell(organization, user, device, told)
        except Unavailable as failure:
            failures.append(failure)
    if failures:
        raise failures[0]
    return Outcome.SUCCESS


def personal_data(organization: str, user: str) -> list[dict[str, Any]]:
    held = store.devices_of(organization, user).devices
    return [{"platform": device.platform, "seen_at": device.seen_at} for device in held]


def erase_person(organization: str, user: str) -> None:
    """May run again where it was cut off."""
    _drop(organization, user, None)
    transact(store.forget(organization, user))


def _tell(organization: str, user: str, device: Device, told: Push) -> None:
    key = f"{told.id}#{device.id}"
    if recall(organization, "push", key) is not None:
        return
    try:
        token = sealing.unseal(organization, _purpose(device.id), device.token)
        message = push.of_platform(device.platform, organization).send(token, told)
    except (Undeliverable, sealing.NotSealed):
        log.info("device gone", organization=organization)
        _drop(organization, user, {device.id})
        return
    try:
        counted = counting(organization, _channel_of(device), told.topic, Figure.SENT, thing=key)
        transact(claim(organization, "push", key, result=message, keep=_REMEMBERED), *counted)
        log.info("push sent", organization=organization, template=told.topic)
    except Taken:
        log.warning("two deliveries of one message became two pushes", organization=organization)


def _channel_of(device: Device) -> Channel:
    return "line" if device.platform is Platform.LINE else "push"


def _cut(text: str) -> str:
    """The most that every service takes, for whom four kilobytes are the limit. The inbox has the whole."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _drop(organization: str, user: str, gone: set[str] | None) -> None:
    """Forget devices of somebody: these, or all."""
    for _ in range(_TRIES):
        held = store.devices_of(organization, user)
        kept = held.without(*gone) if gone is not None else Devices(organization, user, version=held.version)
        lost = held.lost(kept)
        if not lost:
            return
        try:
            transact(store.save(kept), *(store.disown(organization, id) for id in lost))
            return
        except Conflict:
            continue
    raise Unavailable("busy", "Too much happens at once. Try again.", retry_after=1)


def _purpose(device: str) -> str:
    return f"push-token#{device}"
