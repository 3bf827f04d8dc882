"""Webhooks.

| access                                  | key                                                      |
|-----------------------------------------|----------------------------------------------------------|
| endpoints of an organization            | pk T#{org}#WEBHOOKS / sk ENDPOINT#{endpoint}             |
| how many there are                      | pk T#{org}#WEBHOOKS / sk COUNT                           |
| deliveries to an endpoint, newest last  | pk T#{org}#WHK#{endpoint} / sk DELIVERY#{delivery}       |
| whether it answers at all               | pk T#{org}#WHK#{endpoint} / sk HEALTH                    |
| the places for calls at once            | pk T#{org}#WHK#{endpoint} / sk CALL#{number}            |
| deliveries to look after, by time       | due G#DUE#delivery#{0-3} / due_at#org#endpoint#delivery  |

Secrets are sealed. Deliveries go by TTL; those of an endpoint that was deleted, too.
"""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Several,
    Typed,
    Write,
    create,
    delete,
    index,
    page,
    replace,
    table,
    update,
)
from chalicelib.webhooks.model import (
    AT_ONCE,
    KEPT_FOR,
    LEASE,
    MOST_ENDPOINTS,
    Attempt,
    Delivery,
    Endpoint,
    Former,
    Health,
    State,
    Why,
)

_SHARDS = 4
_ENDPOINT = "ENDPOINT#"
_DELIVERY = "DELIVERY#"


class EndpointRecord(Record):
    Meta = table("webhooks")
    keys = ("T#{}#WEBHOOKS", "ENDPOINT#{}")
    model = Endpoint

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    url = UnicodeAttribute()
    events = Typed[tuple[str, ...]](tuple[str, ...])
    description = UnicodeAttribute()
    secret = UnicodeAttribute()
    created_at = Moment()
    former = Several(Former)
    rotated_at = Moment(null=True)
    off_at = Moment(null=True)
    off_because = Choice(Why, null=True)


class EndpointCountRecord(Record):
    Meta = table("webhooks")
    keys = ("T#{}#WEBHOOKS", "COUNT")

    endpoints = NumberAttribute(null=True)


class DeliveryRecord(Record):
    Meta = table("webhooks")
    keys = ("T#{}#WHK#{}", "DELIVERY#{}")
    model = Delivery

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    endpoint = UnicodeAttribute()
    type = UnicodeAttribute()
    body = UnicodeAttribute()
    created_at = Moment()
    state = Choice(State)
    calls = NumberAttribute()
    due_at = Moment(null=True)
    attempts = Several(Attempt)
    ended_at = Moment(null=True)
    because = Choice(Why, null=True)
    correlation = UnicodeAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    due = index("due")


class HealthRecord(Record):
    Meta = table("webhooks")
    keys = ("T#{}#WHK#{}", "HEALTH")

    failures = NumberAttribute(null=True)
    since = Moment(null=True)
    paused_until = Moment(null=True)


class PlaceRecord(Record):
    """One of the calls at once to an endpoint; free again after the lease, whatever became of who took it."""

    Meta = table("webhooks")
    keys = ("T#{}#WHK#{}", "CALL#{}")

    delivery = UnicodeAttribute(null=True)
    until = Moment(null=True)


class MadeAlready(Conflict):
    def __init__(self) -> None:
        super().__init__("made_already", "This delivery was made before.")


class PlaceTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("place_taken", "Another call is made from this place.")


# --- endpoints ----------------------------------------------------------------------------------------------


def endpoints(organization: str) -> list[Endpoint]:
    """All of them, of which there are few; the oldest first."""
    starts = EndpointRecord.sk.startswith(_ENDPOINT)
    found = EndpointRecord.query(_endpoints_pk(organization), starts, consistent_read=True)
    return [record.value() for record in found]


def listed(organization: str, request: PageRequest) -> Page[Endpoint]:
    starts = EndpointRecord.sk.startswith(_ENDPOINT)
    found = page(EndpointRecord, EndpointRecord, _endpoints_pk(organization), request, range_condition=starts)
    return found.map(lambda record: record.value())


def find_endpoint(organization: str, endpoint: str) -> Endpoint | None:
    record = EndpointRecord.fetch(_endpoints_pk(organization), _ENDPOINT + endpoint)
    return record.value() if record else None


def get_endpoint(organization: str, endpoint: str) -> Endpoint:
    """Raises NotFound, for a foreign one too."""
    found = find_endpoint(organization, endpoint)
    if found is None:
        raise NotFound("webhook_not_found", "There is no such webhook.")
    return found


def add_endpoint(endpoint: Endpoint) -> list[Write]:
    """Writes that hold while there is room for one more."""
    full = Conflict("too_many_webhooks", f"An organization has up to {MOST_ENDPOINTS} webhooks.")
    room = EndpointCountRecord.endpoints.does_not_exist() | (EndpointCountRecord.endpoints < MOST_ENDPOINTS)
    count = EndpointCountRecord(_endpoints_pk(endpoint.organization), "COUNT")
    counted = update(count, EndpointCountRecord.endpoints.add(1), condition=room, refused=full)
    return [counted, create(_endpoint_record(endpoint))]


def save_endpoint(endpoint: Endpoint, *, was: Endpoint) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_endpoint_record(endpoint), was.version)


def remove_endpoint(endpoint: Endpoint) -> list[Write]:
    """Writes that hold while it is there. What else is kept of it goes by TTL, or here."""
    record = _endpoint_record(endpoint)
    count = EndpointCountRecord(_endpoints_pk(endpoint.organization), "COUNT")
    return [
        Write("delete", record, EndpointRecord.pk.exists()),
        update(count, EndpointCountRecord.endpoints.add(-1)),
        delete(_health_record(endpoint.organization, endpoint.id)),
    ]


# --- deliveries ---------------------------------------------------------------------------------------------


def find_delivery(organization: str, endpoint: str, delivery: str) -> Delivery | None:
    record = DeliveryRecord.fetch(_endpoint_pk(organization, endpoint), _DELIVERY + delivery)
    return record.value() if record else None


def get_delivery(organization: str, endpoint: str, delivery: str) -> Delivery:
    """Raises NotFound."""
    found = find_delivery(organization, endpoint, delivery)
    if found is None:
        raise NotFound("delivery_not_found", "There is no such delivery.")
    return found


def deliveries(organization: str, endpoint: str, request: PageRequest) -> Page[Delivery]:
    """The newest first."""
    pk, starts = _endpoint_pk(organization, endpoint), DeliveryRecord.sk.startswith(_DELIVERY)
    found = page(DeliveryRecord, DeliveryRecord, pk, request, newest_first=True, range_condition=starts)
    return found.map(lambda record: record.value())


def add_delivery(delivery: Delivery) -> Write:
    """Holds only while it was not made; else MadeAlready."""
    return create(_delivery_record(delivery), MadeAlready())


def save_delivery(delivery: Delivery, *, was: Delivery) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_delivery_record(delivery), was.version)


def due(before: datetime, at_most: int) -> Iterator[tuple[str, str, str]]:
    """(organization, endpoint, delivery) of those to look after, up to so many of each shard."""
    for shard in range(_SHARDS):
        passed = DeliveryRecord.due_sk < clock.stamp(before)
        for record in list(DeliveryRecord.due.query(f"G#DUE#delivery#{shard}", passed, limit=at_most)):
            yield record.organization, record.endpoint, record.id


# --- how an endpoint fares ----------------------------------------------------------------------------------


def health_of(organization: str, endpoint: str) -> Health:
    record = HealthRecord.fetch(_endpoint_pk(organization, endpoint), "HEALTH")
    if record is None:
        return Health()
    return Health(int(record.failures or 0), record.since, record.paused_until)


def note_failure(organization: str, endpoint: str, at: datetime, paused_until: datetime | None) -> Write:
    since = HealthRecord.since.set(HealthRecord.since | at)
    pause = [HealthRecord.paused_until.set(paused_until)] if paused_until else []
    ttl = HealthRecord.ttl.set(clock.epoch(at + KEPT_FOR))
    return update(_health_record(organization, endpoint), HealthRecord.failures.add(1), since, ttl, *pause)


def forget_failures(organization: str, endpoint: str) -> Write:
    return delete(_health_record(organization, endpoint))


def places(delivery: Delivery, at: datetime) -> Iterator[Write]:
    """Each takes one of the places for calls to the endpoint, if it is free; else PlaceTaken."""
    first = ids.shard_of(delivery.id, AT_ONCE)
    free = PlaceRecord.until.does_not_exist() | (PlaceRecord.until < at)
    for number in range(AT_ONCE):
        record = _place_record(delivery, (first + number) % AT_ONCE)
        record.delivery, record.until = delivery.id, at + LEASE
        record.ttl = clock.epoch(at + KEPT_FOR)
        yield Write("put", record, free, refused=PlaceTaken())


def leave(place: Write, delivery: Delivery) -> Write:
    """Free the place again; refused where it is another's by now."""
    return delete(place.record, PlaceRecord.delivery == delivery.id)


def _endpoint_record(endpoint: Endpoint) -> EndpointRecord:
    return EndpointRecord.of(endpoint, pk=_endpoints_pk(endpoint.organization), sk=_ENDPOINT + endpoint.id)


def _delivery_record(delivery: Delivery) -> DeliveryRecord:
    pk, ttl = _endpoint_pk(delivery.organization, delivery.endpoint), clock.epoch(delivery.created_at + KEPT_FOR)
    keys: dict[str, str] = {}
    if delivery.due_at is not None:
        keys["due_pk"] = f"G#DUE#delivery#{ids.shard_of(delivery.id, _SHARDS)}"
        named = (clock.stamp(delivery.due_at), delivery.organization, delivery.endpoint, delivery.id)
        keys["due_sk"] = "#".join(named)
    return DeliveryRecord.of(delivery, pk=pk, sk=_DELIVERY + delivery.id, ttl=ttl, **keys)


def _health_record(organization: str, endpoint: str) -> HealthRecord:
    return HealthRecord(_endpoint_pk(organization, endpoint), "HEALTH")


def _place_record(delivery: Delivery, number: int) -> PlaceRecord:
    return PlaceRecord(_endpoint_pk(delivery.organization, delivery.endpoint), f"CALL#{number}")


def _endpoints_pk(organization: str) -> str:
    return f"T#{organization}#WEBHOOKS"


def _endpoint_pk(organization: str, endpoint: str) -> str:
    return f"T#{organization}#WHK#{endpoint}"
