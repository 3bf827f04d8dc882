"""From a fact to a delivery for each endpoint that wants to hear of it, once."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from chalicelib.core import clock, ids, log, outbox
from chalicelib.core.errors import NotFound
from chalicelib.core.queues import Fact
from chalicelib.core.table import transact
from chalicelib.webhooks import registry, store
from chalicelib.webhooks.messages import DeliveryDue
from chalicelib.webhooks.model import Delivery, Endpoint


def announce(fact: Fact) -> bool:
    """Make the deliveries of what `fact` tells. False where nobody wants to hear of it, or they were made before.

    Told again, it finds what was made by the id that the outbox gave it: what an endpoint gets is decided once.
    """
    listening = [endpoint for endpoint in store.endpoints(fact.organization) if endpoint.enabled]
    made = False
    for event in registry.following(fact):
        wanting = [endpoint for endpoint in listening if endpoint.hears(event.name)]
        if not wanting:
            continue
        try:
            payload = event.read(fact)
        except NotFound:
            log.info("webhook of something that is gone", organization=fact.organization, fact=type(fact).__name__)
            continue
        if payload is None:
            continue
        at = ids.moment_of(fact.told_as)
        body = encoded(event.name, payload.version, at, payload.model_dump(mode="json"))
        for endpoint in wanting:
            id = ids.derived_at("dlv", at, fact.told_as, event.name, endpoint.id)
            made |= _make(endpoint, id, event.name, body)
    return made


def encoded(type: str, version: int, at: datetime, data: Mapping[str, Any]) -> str:
    """What is sent: it is signed as it stands here, and never written anew."""
    told = {"type": type, "version": version, "timestamp": clock.stamp(at), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def new_delivery(endpoint: Endpoint, id: str, type: str, body: str) -> Delivery:
    now = clock.now()
    return Delivery(
        id=id,
        organization=endpoint.organization,
        endpoint=endpoint.id,
        type=type,
        body=body,
        created_at=now,
        due_at=now,
        correlation=log.correlation(),
    )


def due(delivery: Delivery) -> DeliveryDue:
    """What has it called."""
    return DeliveryDue(
        organization=delivery.organization, endpoint=delivery.endpoint, delivery=delivery.id, calls=delivery.calls
    )


def _make(endpoint: Endpoint, id: str, type: str, body: str) -> bool:
    delivery = new_delivery(endpoint, id, type, body)
    with suppress(store.MadeAlready):
        transact(store.add_delivery(delivery), outbox.publish(due(delivery)))
        return True
    return False
