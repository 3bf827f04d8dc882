"""Promotions. An id follows from the code, so that a code needs no look-up and is given once.

| access                            | key                                                       |
|-----------------------------------|-----------------------------------------------------------|
| a promotion, by its code          | pk T#{org}#PRM#{id} / sk -                                |
| all promotions, the newest first  | by_list T#{org}#PROMOTIONS / created_at#id                |
| how often it was taken            | pk T#{org}#PRM#{id} / sk TAKEN#{0-8}                      |
| how often by a customer           | pk T#{org}#PRM#{id} / sk BY#{digest of who}               |
| the order that took it            | pk T#{org}#PRM#{id} / sk ORDER#{order}                    |

With a limit everybody moves part 0 of the count, under the limit as its condition; without one its other parts are
moved in turns.
"""

from collections.abc import Iterable, Sequence

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Several,
    Write,
    create,
    delete,
    index,
    page,
    replace,
    table,
    update,
)
from chalicelib.promotions.model import LIMITED, Kind, Promotion, Redeemed, Taken

_PARTS = 8


class PromotionRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#PRM#{}", "-")
    model = Promotion

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    code = UnicodeAttribute()
    name = UnicodeAttribute()
    kind = Choice(Kind)
    created_at = Moment()
    percent = NumberAttribute()
    amount = NumberAttribute()
    buy = NumberAttribute()
    free = NumberAttribute()
    minimum = NumberAttribute()
    kinds = Several(str)
    subjects = Several(str)
    starts_at = Moment(null=True)
    ends_at = Moment(null=True)
    limit = NumberAttribute(null=True)
    per_customer = NumberAttribute(null=True)
    stacks = BooleanAttribute()
    active = BooleanAttribute()
    list_pk = UnicodeAttribute()
    list_sk = UnicodeAttribute()
    by_list = index("by_list")


class TakenRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#PRM#{}", "TAKEN#{}")

    n = NumberAttribute(null=True)


class CustomerRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#PRM#{}", "BY#{}")

    n = NumberAttribute(null=True)


class RedemptionRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#PRM#{}", "ORDER#{}")

    order = UnicodeAttribute()
    amount = NumberAttribute()


def id_of(organization: str, code: str) -> str:
    return ids.derived("prm", organization, code)


def get(organization: str, promotion_id: str) -> Promotion:
    """Raises NotFound, for a foreign one too."""
    found = find(organization, [promotion_id])
    if promotion_id not in found:
        raise NotFound("promotion_not_found", "There is no such promotion.")
    return found[promotion_id]


def find(organization: str, promotion_ids: Iterable[str]) -> dict[str, Promotion]:
    keys = [(_pk(organization, each), "-") for each in promotion_ids]
    return {record.id: record.value() for record in PromotionRecord.batch_get(keys, consistent_read=True)}


def listed(organization: str, request: PageRequest) -> Page[Promotion]:
    pk = f"T#{organization}#PROMOTIONS"
    found = page(PromotionRecord, PromotionRecord.by_list, pk, request, newest_first=True)
    return found.map(lambda record: record.value())


def add(promotion: Promotion) -> Write:
    return create(_record(promotion), Conflict("promo_exists", "There is such a code already.", field="code"))


def save(promotion: Promotion) -> Write:
    """A write that holds only while the stored version is `promotion.version`."""
    return replace(_record(promotion), promotion.version)


def taken(promotion: Promotion) -> Taken:
    found = TakenRecord.query(
        _pk(promotion.organization, promotion.id), TakenRecord.sk.startswith("TAKEN#"), consistent_read=True
    )
    return Taken({int(record.sk.partition("#")[2]): int(record.n or 0) for record in found})


def taken_by(promotion: Promotion, customers: Iterable[str]) -> int:
    """How often by whoever is known under these names: the most of them."""
    keys = [(_pk(promotion.organization, promotion.id), f"BY#{customer}") for customer in customers]
    return max((int(record.n or 0) for record in CustomerRecord.batch_get(keys, consistent_read=True)), default=0)


def part_for(promotion: Promotion, order: str) -> int:
    return LIMITED if promotion.limit is not None else 1 + ids.shard_of(order, _PARTS)


def redeem(promotion: Promotion, taken: Taken, order: str, redeemed: Redeemed) -> list[Write]:
    """The writes that count a code at an order. Conflict at commit where a limit is reached."""
    pk = _pk(promotion.organization, promotion.id)
    counted = TakenRecord(pk, f"TAKEN#{redeemed.part}")
    below = None
    if promotion.limit is not None:
        left = promotion.limit - taken.without_limit
        below = (TakenRecord.n < left) if left < 1 else (TakenRecord.n < left) | TakenRecord.n.does_not_exist()
    writes = [update(counted, TakenRecord.n.add(1), condition=below, refused=used_up(promotion))]
    for customer in redeemed.customers:
        assert promotion.per_customer is not None
        own = CustomerRecord(pk, f"BY#{customer}")
        rarely = (CustomerRecord.n < promotion.per_customer) | CustomerRecord.n.does_not_exist()
        writes.append(update(own, CustomerRecord.n.add(1), condition=rarely, refused=used_by_you(promotion)))
    return [*writes, create(RedemptionRecord(pk, f"ORDER#{order}", order=order, amount=redeemed.amount))]


def count_again(organization: str, order: str, redeemed: Redeemed) -> list[Write]:
    """What was given back is taken after all, whatever the limits: its order was paid at this price."""
    row = RedemptionRecord(_pk(organization, redeemed.promotion), f"ORDER#{order}", order=order, amount=redeemed.amount)
    return [*_moved(organization, redeemed, 1), create(row)]


def give_back(organization: str, order: str, redeemed: Redeemed) -> list[Write]:
    row = RedemptionRecord(_pk(organization, redeemed.promotion), f"ORDER#{order}")
    return [*_moved(organization, redeemed, -1), delete(row, RedemptionRecord.order.exists())]


def used_up(promotion: Promotion) -> Conflict:
    return Conflict("promo_used_up", "This code was used as often as it may be.", field=promotion.code)


def used_by_you(promotion: Promotion) -> Conflict:
    return Conflict("promo_used_by_you", "You have used this code as often as one may.", field=promotion.code)


def _moved(organization: str, redeemed: Redeemed, by: int) -> Sequence[Write]:
    pk = _pk(organization, redeemed.promotion)
    moved = [update(TakenRecord(pk, f"TAKEN#{redeemed.part}"), TakenRecord.n.add(by))]
    own = (CustomerRecord(pk, f"BY#{customer}") for customer in redeemed.customers)
    return [*moved, *(update(record, CustomerRecord.n.add(by)) for record in own)]


def _record(promotion: Promotion) -> PromotionRecord:
    return PromotionRecord.of(
        promotion,
        pk=_pk(promotion.organization, promotion.id),
        sk="-",
        list_pk=f"T#{promotion.organization}#PROMOTIONS",
        list_sk=f"{clock.stamp(promotion.created_at)}#{promotion.id}",
    )


def _pk(organization: str, promotion_id: str) -> str:
    return f"T#{organization}#PRM#{promotion_id}"
