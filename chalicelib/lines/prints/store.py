"""Prints.

| access                                 | key                                                            |
|----------------------------------------|----------------------------------------------------------------|
| what an organization has printed       | pk T#{org}#PRINTS / sk -                                       |
| one parcel, some parcels               | pk T#{org}#PARCEL#{id} / sk -                                  |
| a user's parcels, newest first         | by_buyer T#{org}#PARCELS#{user} / created_at#id                |
| paid parcels in a state, newest first  | by_list T#{org}#PARCELS#{state} / created_at#id                |
| parcels that somebody should look at   | due G#DUE#parcel#{0-3} / due_at#org#id                         |
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute

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
)
from chalicelib.lines.prints.labs.contract import Shipment
from chalicelib.lines.prints.model import Catalogue, Parcel, Print, Product, State

_SHARDS = 4


class CatalogueRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#PRINTS", "-")
    model = Catalogue

    organization = UnicodeAttribute()
    products = Several(Product)


class ParcelRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#PARCEL#{}", "-")
    model = Parcel

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    prints = Typed[tuple[Print, ...]](tuple[Print, ...])
    country = UnicodeAttribute()
    created_at = Moment()
    looked_at = Moment()
    recipient = UnicodeAttribute(null=True)
    owner = UnicodeAttribute(null=True)
    state = Choice(State)
    order = UnicodeAttribute(null=True)
    code = UnicodeAttribute(null=True)
    lab_order = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    shipments = Several(Shipment)
    withdrawn = BooleanAttribute(null=True)
    correlation = UnicodeAttribute(null=True)
    buyer_pk = UnicodeAttribute(null=True)
    buyer_sk = UnicodeAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    list_pk = UnicodeAttribute(null=True)
    list_sk = UnicodeAttribute(null=True)
    by_buyer = index("by_buyer")
    by_list = index("by_list")
    due = index("due")


def catalogue(organization: str) -> Catalogue:
    """As it is stored, or an empty one of version 0."""
    record = CatalogueRecord.fetch(f"T#{organization}#PRINTS", "-")
    return record.value() if record else Catalogue(organization)


def save_catalogue(now: Catalogue, *, was: Catalogue) -> Write:
    """A write that holds only while the stored version is `was.version`; 0 stands for nothing stored."""
    record = CatalogueRecord.of(now, pk=f"T#{now.organization}#PRINTS", sk="-")
    return replace(record, was.version) if was.version else create(record)


def find(organization: str, parcel_id: str) -> Parcel | None:
    """None for a foreign parcel, and for one that is over, too, even while DynamoDB still keeps it."""
    parcel = stored(organization, parcel_id)
    return parcel if parcel is not None and _is_there(parcel) else None


def stored(organization: str, parcel_id: str) -> Parcel | None:
    """As it is kept, be it over or not."""
    record = ParcelRecord.fetch(_pk(organization, parcel_id), "-")
    parcel: Parcel | None = record.value() if record else None
    return parcel


def find_some(organization: str, parcel_ids: Iterable[str]) -> dict[str, Parcel]:
    """Those of the parcels that there are, as for `find`, by id."""
    keys = [(_pk(organization, id), "-") for id in parcel_ids if ids.is_id("prc", id)]
    parcels = [record.value() for record in ParcelRecord.batch_get(keys, consistent_read=True)]
    return {parcel.id: parcel for parcel in parcels if _is_there(parcel)}


def get(organization: str, parcel_id: str) -> Parcel:
    """Raises NotFound where `find` finds none."""
    found = find(organization, parcel_id)
    if found is None:
        raise NotFound("parcel_not_found", "There is no such parcel.")
    return found


def of_user(organization: str, user: str) -> Iterator[Parcel]:
    """The newest first."""
    found = ParcelRecord.by_buyer.query(f"T#{organization}#PARCELS#{user}", scan_index_forward=False)
    return (record.value() for record in found)


def in_state(organization: str, state: State, request: PageRequest) -> Page[Parcel]:
    """A page of the parcels that were paid for and are in that state, newest first."""
    found = page(ParcelRecord, ParcelRecord.by_list, f"T#{organization}#PARCELS#{state}", request, newest_first=True)
    return found.map(lambda record: record.value())


def due(at: datetime, at_most: int) -> Iterator[Parcel]:
    """Parcels that somebody should look at by `at`, as the index knows them."""
    for shard in range(_SHARDS):
        before = ParcelRecord.due_sk < clock.stamp(at)
        for record in list(ParcelRecord.due.query(f"G#DUE#parcel#{shard}", before, limit=at_most)):
            yield record.value()


def add(parcel: Parcel) -> Write:
    return create(_record(parcel))


def save(parcel: Parcel, *, was: Parcel, refused: Conflict | None = None) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_record(parcel), was.version, refused)


def drop(parcel: Parcel) -> Write:
    """A write that holds only while the parcel is as it was read."""
    return delete(ParcelRecord(_pk(parcel.organization, parcel.id), "-"), ParcelRecord.version == parcel.version)


def _is_there(parcel: Parcel) -> bool:
    return parcel.ends_at is None or parcel.ends_at > clock.now()


def _record(parcel: Parcel) -> ParcelRecord:
    made = f"{clock.stamp(parcel.created_at)}#{parcel.id}"
    keys: dict[str, str | int] = {}
    if parcel.owner is not None:
        keys |= {"buyer_pk": f"T#{parcel.organization}#PARCELS#{parcel.owner}", "buyer_sk": made}
    if parcel.state is not State.DRAFT:
        keys |= {"list_pk": f"T#{parcel.organization}#PARCELS#{parcel.state}", "list_sk": made}
    if parcel.due_at is not None:
        keys["due_pk"] = f"G#DUE#parcel#{ids.shard_of(parcel.id, _SHARDS)}"
        keys["due_sk"] = f"{clock.stamp(parcel.due_at)}#{parcel.organization}#{parcel.id}"
    if parcel.ends_at is not None:
        keys["ttl"] = clock.epoch(parcel.ends_at)
    return ParcelRecord.of(parcel, pk=_pk(parcel.organization, parcel.id), sk="-", **keys)


def _pk(organization: str, parcel_id: str) -> str:
    return f"T#{organization}#PARCEL#{parcel_id}"
