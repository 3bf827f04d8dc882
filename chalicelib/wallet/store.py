"""Wallets. What moved in them is the ledger's account `credits:{user}`.

| access                              | key                                                    |
|-------------------------------------|--------------------------------------------------------|
| somebody's wallet                   | pk T#{org}#WAL#{user} / sk -                           |
| wallets in which credit expires     | due G#DUE#wallet#{0-3} / first expiry#org#user         |
"""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.table import Record, Typed, Write, create, delete, index, replace, table
from chalicelib.wallet.model import Grant, Hold, Wallet

_SHARDS = 4


class CreditRecord(Record):
    Meta = table("payments")
    keys = ("T#{}#WAL#{}", "-")
    model = Wallet

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    grants = Typed[tuple[Grant, ...]](tuple[Grant, ...])
    holds = Typed[tuple[Hold, ...]](tuple[Hold, ...])
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    due = index("due")


def find(organization: str, user: str) -> Wallet:
    """As it is stored, or an empty one of version 0."""
    record = CreditRecord.fetch(_pk(organization, user), "-")
    return record.value() if record else Wallet(organization, user)


def save(wallet: Wallet, *, was: Wallet) -> Write:
    """A write that holds only while the stored version is `was.version`; 0 stands for nothing stored."""
    record = _record(wallet)
    return replace(record, was.version) if was.version else create(record)


def remove(wallet: Wallet) -> Write:
    """The wallet goes, unless it changed meanwhile."""
    return delete(_record(wallet), CreditRecord.version == wallet.version)


def overdue(at: datetime, at_most: int) -> Iterator[tuple[str, str]]:
    """(organization, user) in whose wallets credit has expired by `at`."""
    for shard in range(_SHARDS):
        before = CreditRecord.due_sk < clock.stamp(at)
        for record in list(CreditRecord.due.query(f"G#DUE#wallet#{shard}", before, limit=at_most)):
            yield record.organization, record.user


def _record(wallet: Wallet) -> CreditRecord:
    keys: dict[str, str] = {}
    if wallet.due_at is not None:
        keys["due_pk"] = f"G#DUE#wallet#{ids.shard_of(wallet.user, _SHARDS)}"
        keys["due_sk"] = f"{clock.stamp(wallet.due_at)}#{wallet.organization}#{wallet.user}"
    return CreditRecord.of(wallet, pk=_pk(wallet.organization, wallet.user), sk="-", **keys)


def _pk(organization: str, user: str) -> str:
    return f"T#{organization}#WAL#{user}"
