"""A delivery is called, and what came of it is kept.

A call is claimed before it is made: whoever dies then leaves a claim that runs out, and the sweep has it called again,
under the same webhook-id. So a receiver may hear of something twice, and misses nothing.
"""

import random
from contextlib import suppress
from datetime import datetime, timedelta

from chalicelib.audit import service as audit
from chalicelib.core import clock, log, outbox, queues
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Unavailable
from chalicelib.core.queues import Outcome
from chalicelib.core.settings import settings
from chalicelib.core.table import Write, transact
from chalicelib.webhooks import addresses, calling, signing, store
from chalicelib.webhooks.messages import DeliveryDue, EndpointDisabled
from chalicelib.webhooks.model import (
    ASKED_FOR,
    GRACE,
    WAITS,
    Answer,
    Delivery,
    Endpoint,
    State,
    Why,
)
from chalicelib.webhooks.service.announcing import due
from chalicelib.webhooks.service.endpoints import secrets_of

_TRIES = 5
_SWEEP_AT_MOST = 100
_LONGEST_DELAY = timedelta(minutes=15)
"""For which SQS keeps a message back."""
_USER_AGENT = "ThePixStock-Webhooks/1"


def deliver(fact: DeliveryDue) -> Outcome:
    """Call an endpoint about one delivery, unless that was done, or has to wait. Skipped where nothing was called."""
    for _ in range(_TRIES):
        delivery = store.find_delivery(fact.organization, fact.endpoint, fact.delivery)
        if delivery is None or delivery.state is not State.WAITING or delivery.calls != fact.calls:
            return Outcome.SKIPPED
        try:
            return _deliver(delivery)
        except Conflict:
            continue  # the sweep, a replay or another message was at it
    raise Unavailable("busy", "The delivery keeps changing.", retry_after=5)


def send_due() -> int:
    """Queue the deliveries whose time has come, and those whose call or message was lost; returns how many."""
    before = clock.now() - GRACE
    return sum(_queue(*names) for names in list(store.due(before, _SWEEP_AT_MOST)))


def _queue(organization: str, endpoint: str, id: str) -> bool:
    was = store.find_delivery(organization, endpoint, id)
    now = clock.now()
    if was is None or was.due_at is None or was.due_at > now:
        return False
    with log.correlated(was.correlation), suppress(Conflict):
        transact(store.save_delivery(was.put_off(now + ASKED_FOR), was=was), outbox.publish(due(was)))
        return True
    return False


def _deliver(was: Delivery) -> Outcome:
    """Raises Conflict where the delivery changed meanwhile."""
    endpoint, at = store.find_endpoint(was.organization, was.endpoint), clock.now()
    if endpoint is None or not (endpoint.enabled or was.is_test):
        why = Why.DELETED if endpoint is None else Why.DISABLED
        transact(store.save_delivery(was.ended(State.FAILED, at, why), was=was))
        return Outcome.SKIPPED
    health = store.health_of(was.organization, was.endpoint)
    if health.paused_until is not None and health.is_paused(at) and not was.is_test:
        return _wait(was, health.paused_until + timedelta(seconds=random.randint(0, 30)))  # noqa: S311 (no secret)
    claimed = was.claimed(at)
    place = _claim(claimed, was, at)
    if place is None:
        return _wait(was, at + timedelta(seconds=random.randint(*WAITS)))  # noqa: S311 (no secret)
    answer = _call(endpoint, claimed, at)
    _finish(endpoint, claimed, answer)
    with suppress(Conflict):
        transact(store.leave(place, was))
    return Outcome.SUCCESS


def _claim(claimed: Delivery, was: Delivery, at: datetime) -> Write | None:
    """The place that the call is made from; None where none is free."""
    for place in store.places(was, at):
        with suppress(store.PlaceTaken):
            transact(store.save_delivery(claimed, was=was), place)
            return place
    return None


def _wait(was: Delivery, until: datetime) -> Outcome:
    transact(store.save_delivery(was.put_off(until), was=was))
    _remind(was.put_off(until))
    return Outcome.SKIPPED


def _remind(delivery: Delivery) -> None:
    """A message for when it is due, as far as a queue can wait. Without it the sweep comes, a minute late."""
    assert delivery.due_at is not None
    wait = delivery.due_at - clock.now()
    if wait <= _LONGEST_DELAY:
        queues.tell(due(delivery), delay=max(1, round(wait.total_seconds())))


def _call(endpoint: Endpoint, delivery: Delivery, at: datetime) -> Answer:
    body = delivery.body.encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": _USER_AGENT,
        **signing.headers(delivery.id, at, body, secrets_of(endpoint)),
    }
    answer = calling.call(endpoint.url, headers, body, local=settings().local_receivers)
    told = {"organization": endpoint.organization, "status": answer.status, "error": answer.error, "ms": answer.ms}
    log.info("webhook called", **told, attempt=delivery.calls)
    return answer


def _finish(endpoint: Endpoint, called: Delivery, answer: Answer) -> None:
    """Keep what came of a call, unless the delivery was begun anew meanwhile."""
    chance = random.random()  # noqa: S311 (no secret)
    for _ in range(_TRIES):
        held = store.find_delivery(called.organization, called.endpoint, called.id)
        if held is None or held.state is not State.WAITING or held.calls != called.calls:
            return
        at = clock.now()
        now = held.answered(answer, at, chance)
        with suppress(Conflict):
            transact(store.save_delivery(now, was=held), *_fared(endpoint, now, answer, at))
            if now.state is State.WAITING:
                _remind(now)
            return
    raise Unavailable("busy", "The delivery keeps changing.", retry_after=5)


def _fared(endpoint: Endpoint, delivery: Delivery, answer: Answer, at: datetime) -> list[Write]:
    """How the endpoint fares after a call. Tests tell nothing of it."""
    if delivery.is_test:
        return []
    names = endpoint.organization, endpoint.id
    health = store.health_of(*names)
    if answer.taken:
        return [store.forget_failures(*names)] if health.failures else []
    noted = store.note_failure(*names, at, health.pause_after(at))
    if answer.gone or health.is_hopeless(at):
        return [noted, *_disable(endpoint, Why.GONE if answer.gone else Why.FAILING, at)]
    return [noted]


def _disable(endpoint: Endpoint, why: Why, at: datetime) -> list[Write]:
    """Switch it off, and have who looks after the organization told; nothing where it is off, or gone."""
    held = store.find_endpoint(endpoint.organization, endpoint.id)
    if held is None or not held.enabled:
        return []
    host = addresses.place_of(held.url, local=True).host
    told = EndpointDisabled(organization=held.organization, endpoint=held.id, host=host, because=why, at=at)
    noted = audit.entry(
        Principal(held.organization),
        action="webhook.disabled",
        entity="webhook",
        entity_id=held.id,
        before={"enabled": True},
        after={"enabled": False, "because": why},
    )
    log.warning("webhook disabled", organization=held.organization, reason=why)
    return [store.save_endpoint(held.switched(False, at, why), was=held), noted, outbox.publish(told)]
