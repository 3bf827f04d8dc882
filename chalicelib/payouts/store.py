"""Payouts, beside the ledger that they follow from.

| access                              | key                                                        |
|-------------------------------------|------------------------------------------------------------|
| one batch; its items, by party      | pk T#{org}#PAYOUT#{id} / sk -; {party}                     |
| the batches, newest first           | by_account T#{org}#PAYOUTS / made_at#id                    |
| what a party was paid, newest first | by_account T#{org}#PAID#{party} / at#payout                |
| how far a party's bookings are      | pk T#{org}#PAIDUP / sk {party}                             |
"""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import clock
from chalicelib.core.errors import NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Write,
    create,
    index,
    page,
    replace,
    table,
)
from chalicelib.payouts.model import Item, ItemState, Payout, Position, State


class PayoutRecord(Record):
    Meta = table("ledger")
    keys = ("T#{}#PAYOUT#{}", "-")
    model = Payout

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    until = Moment()
    currency = UnicodeAttribute()
    state = Choice(State)
    made_by = UnicodeAttribute()
    made_at = Moment()
    amount = NumberAttribute()
    parties = NumberAttribute()
    held = NumberAttribute(null=True)
    lost = NumberAttribute(null=True)
    approved_by = UnicodeAttribute(null=True)
    approved_at = Moment(null=True)
    sent_at = Moment(null=True)
    ended_at = Moment(null=True)
    reason = UnicodeAttribute(null=True)
    account_pk = UnicodeAttribute()
    account_sk = UnicodeAttribute()
    by_account = index("by_account")


class PayoutItemRecord(Record):
    Meta = table("ledger")
    keys = ("T#{}#PAYOUT#{}", "{}:{}")
    model = Item

    payout = UnicodeAttribute()
    organization = UnicodeAttribute()
    party = UnicodeAttribute()
    reference = UnicodeAttribute()
    amount = NumberAttribute()
    currency = UnicodeAttribute()
    since = UnicodeAttribute()
    through = UnicodeAttribute()
    state = Choice(ItemState)
    at = Moment()
    reason = UnicodeAttribute(null=True)
    account = UnicodeAttribute(null=True)
    account_pk = UnicodeAttribute()
    account_sk = UnicodeAttribute()
    by_account = index("by_account")


class PositionRecord(Record):
    Meta = table("ledger")
    keys = ("T#{}#PAIDUP", "{}:{}")
    model = Position

    organization = UnicodeAttribute()
    party = UnicodeAttribute()
    through = UnicodeAttribute()


# --- batches ------------------------------------------------------------------------------------------------


def get(organization: str, payout_id: str) -> Payout:
    """Raises NotFound, for a foreign payout too."""
    record = PayoutRecord.fetch(_pk(organization, payout_id), "-")
    if record is None:
        raise NotFound("payout_not_found", "There is no such payout.")
    payout: Payout = record.value()
    return payout


def add(payout: Payout) -> Write:
    return create(_record(payout))


def save(payout: Payout, *, was: Payout) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_record(payout), was.version)


def listed(organization: str, request: PageRequest) -> Page[Payout]:
    found = page(PayoutRecord, PayoutRecord.by_account, f"T#{organization}#PAYOUTS", request, newest_first=True)
    return found.map(lambda record: record.value())


# --- items --------------------------------------------------------------------------------------------------


def find_item(organization: str, payout_id: str, party: str) -> Item | None:
    record = PayoutItemRecord.fetch(_pk(organization, payout_id), party)
    return record.value() if record else None


def items(organization: str, payout_id: str) -> Iterator[Item]:
    """All of a batch, by party."""
    after = PayoutItemRecord.sk > "-~"
    for record in PayoutItemRecord.query(_pk(organization, payout_id), after, consistent_read=True):
        yield record.value()


def page_of_items(organization: str, payout_id: str, request: PageRequest) -> Page[Item]:
    after = PayoutItemRecord.sk > "-~"
    pk = _pk(organization, payout_id)
    found = page(PayoutItemRecord, PayoutItemRecord, pk, request, range_condition=after)
    return found.map(lambda record: record.value())


def of_party(organization: str, party: str, request: PageRequest) -> Page[Item]:
    pk = f"T#{organization}#PAID#{party}"
    found = page(PayoutItemRecord, PayoutItemRecord.by_account, pk, request, newest_first=True)
    return found.map(lambda record: record.value())


def hold_item(item: Item) -> Write:
    """The item alone: nothing is taken, and its party's bookings are in no batch yet."""
    return create(_item_record(item))


def made_before(organization: str, party: str, at: datetime) -> Iterator[Item]:
    """A party's items of batches that were made before a moment, the newest first."""
    before = PayoutItemRecord.account_sk < clock.stamp(at)
    pk = f"T#{organization}#PAID#{party}"
    for record in PayoutItemRecord.by_account.query(pk, before, scan_index_forward=False):
        yield record.value()


def add_item(item: Item, position: Position) -> tuple[Write, Write]:
    """The item, and that its party's bookings are in a batch as far as it goes: Conflict when they went on."""
    moved = Position(position.organization, position.party, item.through)
    record = PositionRecord.of(moved, pk=f"T#{position.organization}#PAIDUP", sk=position.party)
    advanced = replace(record, position.version) if position.version else create(record)
    return create(_item_record(item)), advanced


def save_item(item: Item, *, was: Item) -> Write:
    return replace(_item_record(item), was.version)


def position(organization: str, party: str) -> Position:
    record = PositionRecord.fetch(f"T#{organization}#PAIDUP", party)
    return record.value() if record else Position(organization, party)


def _record(payout: Payout) -> PayoutRecord:
    return PayoutRecord.of(
        payout,
        pk=_pk(payout.organization, payout.id),
        sk="-",
        account_pk=f"T#{payout.organization}#PAYOUTS",
        account_sk=f"{clock.stamp(payout.made_at)}#{payout.id}",
    )


def _item_record(item: Item) -> PayoutItemRecord:
    return PayoutItemRecord.of(
        item,
        pk=_pk(item.organization, item.payout),
        sk=item.party,
        account_pk=f"T#{item.organization}#PAID#{item.party}",
        account_sk=f"{clock.stamp(item.at)}#{item.payout}",
    )


def _pk(organization: str, payout_id: str) -> str:
    return f"T#{organization}#PAYOUT#{payout_id}"
