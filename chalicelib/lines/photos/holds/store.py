"""What orders hold of an event's photos, what was sold, and where orders and removals meet.

| access                                  | key                                                          |
|-----------------------------------------|--------------------------------------------------------------|
| what orders of an event hold            | pk T#{org}#EVT#{event}#HOLDS / sk hold#{order}#{first photo} |
| what orders and removals meet at        | pk T#{org}#EVT#{event}#HOLDS / sk fence#{licence}#{shard}    |
| whether a photo was sold                | pk T#{org}#PHO#{id} / sk sold                                |
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pynamodb.attributes import NumberAttribute

from chalicelib.core import ids
from chalicelib.core.errors import Conflict
from chalicelib.core.table import Record, Typed, Write, delete, table, update
from chalicelib.lines.photos.pricing import Licence

FENCE_SHARDS = 8


class HoldRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#EVT#{}#HOLDS", "hold#{}#{}")

    refs = Typed[tuple[str, ...]](tuple[str, ...])


class FenceRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#EVT#{}#HOLDS", "fence#{}#{}")

    orders = NumberAttribute(null=True)
    removals = NumberAttribute(null=True)


class SoldRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#PHO#{}", "sold")


class Removed(Conflict):
    """A photo of the event was removed, or one was ordered, at the same moment: look again."""

    def __init__(self) -> None:
        super().__init__("photo_removed", "A photo is not there any more. Look at the cart again.")


@dataclass(frozen=True, slots=True)
class Fence:
    """What orders and removals of an event meet at, as it was read: how many of each have passed."""

    organization: str
    event: str
    name: str
    orders: int = 0
    removals: int = 0


def fence_of(organization: str, event: str, licence: str, refs: Sequence[str]) -> Fence:
    """The one that an order passes with its photos of a licence: never the same for two lines of an order."""
    name = f"fence#{licence}#{ids.shard_of(refs[0], FENCE_SHARDS):02d}"
    return _fence(organization, event, name, FenceRecord.fetch(_holds_pk(organization, event), name))


def fences(organization: str, event: str) -> list[Fence]:
    """All of an event."""
    starts = FenceRecord.sk.startswith("fence#")
    found = {row.sk: row for row in FenceRecord.query(_holds_pk(organization, event), starts, consistent_read=True)}
    names = [f"fence#{licence}#{shard:02d}" for licence in Licence for shard in range(FENCE_SHARDS)]
    return [_fence(organization, event, name, found.get(name)) for name in names]


def pass_fence(fence: Fence) -> Write:
    """For an order: refused with Removed where a photo of the event was removed since."""
    before = FenceRecord.removals
    same = (before == fence.removals) if fence.removals else before.does_not_exist()
    return update(_fence_row(fence), FenceRecord.orders.add(1), condition=same, refused=Removed())


def move_fence(fence: Fence) -> Write:
    """For a removal: refused with Removed where an order was placed since."""
    before = FenceRecord.orders
    same = (before == fence.orders) if fence.orders else before.does_not_exist()
    return update(_fence_row(fence), FenceRecord.removals.add(1), condition=same, refused=Removed())


def hold(organization: str, event: str, order: str, refs: Sequence[str]) -> Write:
    return Write("put", HoldRecord(_holds_pk(organization, event), _hold_sk(order, refs), refs=tuple(refs)))


def release(organization: str, event: str, order: str, refs: Sequence[str]) -> Write:
    return delete(HoldRecord(_holds_pk(organization, event), _hold_sk(order, refs)))


def is_held(organization: str, event: str, photo_id: str) -> bool:
    """Whether an order that may be paid, or is being handed over, has it."""
    starts = HoldRecord.sk.startswith("hold#")
    held = HoldRecord.query(_holds_pk(organization, event), starts, consistent_read=True)
    return any(photo_id in record.refs for record in held)


def mark_sold(organization: str, photo_id: str) -> Write:
    return Write("put", SoldRecord(_photo_pk(organization, photo_id), "sold"))


def is_sold(organization: str, photo_id: str) -> bool:
    return SoldRecord.fetch(_photo_pk(organization, photo_id), "sold") is not None


def _fence(organization: str, event: str, name: str, row: FenceRecord | None) -> Fence:
    if row is None:
        return Fence(organization, event, name)
    return Fence(organization, event, name, int(row.orders or 0), int(row.removals or 0))


def _fence_row(fence: Fence) -> FenceRecord:
    return FenceRecord(_holds_pk(fence.organization, fence.event), fence.name)


def _holds_pk(organization: str, event: str) -> str:
    return f"T#{organization}#EVT#{event}#HOLDS"


def _hold_sk(order: str, refs: Sequence[str]) -> str:
    """No photo is in two lines of an order, so the first one tells them apart."""
    return f"hold#{order}#{refs[0]}"


def _photo_pk(organization: str, photo_id: str) -> str:
    return f"T#{organization}#PHO#{photo_id}"
