"""Deposits.

| access                              | key                                                    |
|-------------------------------------|--------------------------------------------------------|
| one deposit                         | pk T#{org}#DEPOSIT#{id} / sk -                         |
| a buyer's, newest first             | by_list T#{org}#DEPOSITS#{user} / created_at#deposit   |
| those that are held, the oldest first | by_review T#{org}#DEPOSITS / created_at#deposit      |
| those that go back by themselves    | due G#DUE#deposit#{0-3} / due_at#deposit               |
"""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.errors import NotFound
from chalicelib.core.table import Moment, Page, PageRequest, Record, Several, Write, create, index, page, replace, table
from chalicelib.payments.deposits.model import Deposit, Status, Step

_SHARDS = 4


class DepositRecord(Record):
    Meta = table("payments")
    keys = ("T#{}#DEPOSIT#{}", "-")
    model = Deposit

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    line = UnicodeAttribute()
    subject = UnicodeAttribute()
    payment = UnicodeAttribute()
    owner = UnicodeAttribute(null=True)
    amount = NumberAttribute()
    currency = UnicodeAttribute()
    created_at = Moment()
    due_at = Moment(null=True)
    releasing = NumberAttribute()
    released = NumberAttribute()
    forfeited = NumberAttribute()
    history = Several(Step)
    list_pk = UnicodeAttribute(null=True)
    list_sk = UnicodeAttribute(null=True)
    review_pk = UnicodeAttribute(null=True)
    review_sk = UnicodeAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    by_list = index("by_list")
    by_review = index("by_review")
    due = index("due")


def get(organization: str, id: str) -> Deposit:
    """Raises NotFound, for a foreign one too."""
    record = DepositRecord.fetch(_pk(organization, id), "-") if ids.is_id("dep", id) else None
    if record is None:
        raise NotFound("deposit_not_found", "There is no such deposit.")
    deposit: Deposit = record.value()
    return deposit


def add(deposit: Deposit) -> Write:
    return create(_record(deposit))


def save(deposit: Deposit, *, was: Deposit) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_record(deposit), was.version)


def of_owner(organization: str, user: str, request: PageRequest) -> Page[Deposit]:
    pk = f"T#{organization}#DEPOSITS#{user}"
    return page(DepositRecord, DepositRecord.by_list, pk, request, newest_first=True).map(lambda each: each.value())


def held(organization: str, request: PageRequest) -> Page[Deposit]:
    pk = f"T#{organization}#DEPOSITS"
    return page(DepositRecord, DepositRecord.by_review, pk, request).map(lambda each: each.value())


def due(at: datetime, at_most: int) -> Iterator[Deposit]:
    for shard in range(_SHARDS):
        before = DepositRecord.due_sk < clock.stamp(at)
        for record in list(DepositRecord.due.query(f"G#DUE#deposit#{shard}", before, limit=at_most)):
            yield record.value()


def _record(deposit: Deposit) -> DepositRecord:
    keys: dict[str, str] = {}
    at = f"{clock.stamp(deposit.created_at)}#{deposit.id}"
    if deposit.owner is not None:
        keys |= {"list_pk": f"T#{deposit.organization}#DEPOSITS#{deposit.owner}", "list_sk": at}
    if deposit.status in (Status.HELD, Status.RELEASING):
        keys |= {"review_pk": f"T#{deposit.organization}#DEPOSITS", "review_sk": at}
    if deposit.goes_back_at is not None:
        keys["due_pk"] = f"G#DUE#deposit#{ids.shard_of(deposit.id, _SHARDS)}"
        keys["due_sk"] = f"{clock.stamp(deposit.goes_back_at)}#{deposit.id}"
    return DepositRecord.of(deposit, pk=_pk(deposit.organization, deposit.id), sk="-", **keys)


def _pk(organization: str, id: str) -> str:
    return f"T#{organization}#DEPOSIT#{id}"
