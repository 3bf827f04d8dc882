"""The outbox: facts written in the transaction of the change they tell, then relayed to queues.

The stream of this table makes relaying fast; `sweep` makes it certain. An item goes only after SQS accepted
one message for each of its handlers, so a fact may be told twice and is never lost.

| access                          | key                                         |
|---------------------------------|---------------------------------------------|
| one fact                        | pk T#{org}#OUT#{id} / sk -                  |
| facts not relayed yet, by age   | due  G#DUE#outbox#{0-3} / created_at#id     |
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core import clock, ids, log, metrics, queues
from chalicelib.core.metrics import Metric
from chalicelib.core.queues import Fact
from chalicelib.core.table import Moment, Record, Write, create, index, table

_SHARDS = 4
_STALE = timedelta(seconds=60)
_SWEEP_AT_MOST = 200


class OutboxRecord(Record):
    Meta = table("outbox")
    keys = ("T#{}#OUT#{}", "-")

    fact = UnicodeAttribute()
    body = UnicodeAttribute()
    correlation = UnicodeAttribute()
    created_at = Moment()
    due_pk = UnicodeAttribute()
    due_sk = UnicodeAttribute()
    due = index("due")


def publish(fact: Fact) -> Write:
    """The write that tells `fact`; commit it with the change itself."""
    id = ids.new("out")
    now = clock.now()
    return create(
        OutboxRecord(
            f"T#{fact.organization}#OUT#{id}",
            "-",
            fact=type(fact).__name__,
            body=fact.model_dump_json(),
            correlation=log.correlation(),
            created_at=now,
            due_pk=f"G#DUE#outbox#{ids.shard_of(id, _SHARDS)}",
            due_sk=f"{clock.stamp(now)}#{id}",
        )
    )


def relay(record: OutboxRecord) -> None:
    """Queue one message per handler, then forget the fact.

    Raises Unavailable when a queue does not accept, LookupError for a fact that only a newer deploy knows.
    """
    handlers, body = queues.handlers_of(record.fact), json.loads(record.body)
    told_as = record.pk.rpartition("#")[2]
    if record.fact not in Fact.known:
        raise LookupError(f"no fact is called {record.fact}")
    for handler in handlers:
        message = queues.encode(handler, record.fact, body, record.correlation, told_as)
        queues.send(handler.queue, [message])
    record.delete()
    log.info("fact relayed", fact=record.fact, count=len(handlers), **queues.named(body))


def relay_stream(event: Mapping[str, Any]) -> None:
    """Relay what a batch of stream records says was published. What fails is left to `sweep`."""
    for change in event["Records"]:
        if change["eventName"] == "INSERT":
            record = OutboxRecord()
            record.deserialize(change["dynamodb"]["NewImage"])
            _try_to_relay(record)


def sweep() -> int:
    """Relay facts that the stream left behind for a minute; returns how many.

    How many there are and how old the oldest is gets measured from what is read for relaying in any case, before any is
    relayed: a backlog above what one sweep takes shows as that many.
    """
    now = clock.now()
    stale = [
        record
        for shard in range(_SHARDS)
        for record in OutboxRecord.due.query(
            f"G#DUE#outbox#{shard}", OutboxRecord.due_sk < clock.stamp(now - _STALE), limit=_SWEEP_AT_MOST
        )
    ]
    oldest = min((record.created_at for record in stale), default=now)
    backlog = {Metric.OUTBOX_BACKLOG: len(stale), Metric.OUTBOX_OLDEST: (now - oldest).total_seconds()}
    log.info("outbox swept", metrics.of(backlog), count=len(stale))
    return sum([_try_to_relay(record) for record in stale])


def _try_to_relay(record: OutboxRecord) -> bool:
    """Relay one fact. A failure keeps it where it is, and keeps no other fact from its queues."""
    with log.correlated(record.correlation):
        try:
            relay(record)
        except Exception as failure:  # noqa: BLE001 (logged, and tried again every minute)
            log.bug("fact not relayed", failure, fact=record.fact)
            return False
        return True
