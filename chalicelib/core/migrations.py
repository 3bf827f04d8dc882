"""Migrations: jobs of an operator that bring stored items up to date, in pieces, beside live traffic.

A migration is a pure function from an item to the item as it should be, or one that tells what is missing beside an
item, like its row in a list that came later. `run` gives it every item of every table,
by a Scan in parallel segments: the only place that scans, for no request and no job waits for it, and a `Pace`
holds it to a number of capacity units per second. An item is changed by an update that names only what differs
and holds only while the item is as it was read; whatever live traffic changed meanwhile is read again. After each
page a segment writes down how far it is, so a run that was killed goes on there. Running one again is harmless.

| access                     | key                                             |
|----------------------------|-------------------------------------------------|
| a migration's last run     | pk G#MIGRATION#{name} / sk -                    |
| its segments               | pk G#MIGRATION#{name} / sk {domain}#{segment}   |
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import aws, clock
from chalicelib.core.errors import Conflict
from chalicelib.core.settings import settings
from chalicelib.core.table import Item, Moment, Record, Write, record_of, records, table, transact

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Change = Callable[[type[Record], Item], Item]
"""The item as it should be, of one as it is stored. Pure; the same item where nothing is to be done."""

Beside = Callable[[type[Record], Item], Sequence[Write]]
"""The writes of what is missing beside an item, of one as it is stored; none where it is there. May read.

Their conditions must hold only while the item is as it was read, and what is missing is.
"""

_PAGE = 100
_TRIES = 10
_OWN = ("pk", "sk")


class Outcome(StrEnum):
    CHANGED = "changed"
    RIGHT = "right"  # as it should be
    FOREIGN = "foreign"  # no record has such keys
    GONE = "gone"  # deleted while it was looked at
    BUSY = "busy"  # changed by others at every try; the next run meets it again


@dataclass(frozen=True)
class Migration:
    """Has a `change` of items, or adds something `beside` them."""

    name: str
    about: str
    change: Change = lambda record, item: item
    beside: Beside | None = None


known: dict[str, Migration] = {}


def migration(name: str) -> Callable[[Change], Change]:
    """Declare the decorated function as the migration `name`; the first line of its docstring says what for."""

    def declare(change: Change) -> Change:
        _declare(Migration(name, _about(change), change=change))
        return change

    return declare


def filling(name: str) -> Callable[[Beside], Beside]:
    """Declare the decorated function as the migration `name` that adds what is missing beside items."""

    def declare(beside: Beside) -> Beside:
        _declare(Migration(name, _about(beside), beside=beside))
        return beside

    return declare


def _declare(declared: Migration) -> None:
    if declared.name in known:
        raise TypeError(f"two migrations are called {declared.name}")
    known[declared.name] = declared


def _about(function: Callable[..., Any]) -> str:
    return (function.__doc__ or "").strip().partition("\n")[0]


@migration("stamp")
def stamp(_record: type[Record], item: Item) -> Item:
    """Number the items that release 0.1 wrote without a schema: they are of schema 1."""
    return {"schema": {"N": "1"}} | item


@migration("upgrade")
def upgrade(record: type[Record], item: Item) -> Item:
    """Bring every item to the newest schema of its record, which reading does for each one again and again."""
    return record.upgraded(item)


# --- how far a run is ---------------------------------------------------------------------------------------


class RunRecord(Record):
    """`number` counts runs: a segment of another run has not begun in this one."""

    Meta = table("claims")
    keys = ("G#MIGRATION#{}", "-")

    number = NumberAttribute()
    segments = NumberAttribute()
    started_at = Moment()
    ended_at = Moment(null=True)


class SegmentRecord(Record):
    """`after` is the last key of the last finished page, as JSON; `ended_at` is set when there is no further one."""

    Meta = table("claims")
    keys = ("G#MIGRATION#{}", "{}#{}")

    number = NumberAttribute()
    after = UnicodeAttribute(null=True)
    outcomes = UnicodeAttribute()
    ended_at = Moment(null=True)


@dataclass(frozen=True)
class State:
    """A migration's last run; `outcomes` over all segments."""

    started_at: datetime
    ended_at: datetime | None
    outcomes: Counter[str]


def state(name: str) -> State | None:
    """None for a migration that never ran."""
    run = RunRecord.fetch(_pk(name), "-")
    if run is None:
        return None
    rows = SegmentRecord.query(_pk(name), SegmentRecord.sk > "-", consistent_read=True)
    outcomes = [Counter(json.loads(row.outcomes)) for row in rows if row.number == run.number and row.sk != "-"]
    return State(run.started_at, run.ended_at, sum(outcomes, Counter[str]()))


# --- running ------------------------------------------------------------------------------------------------


class Pace:
    """Lets threads together spend so many capacity units per second, on average from the first one on."""

    def __init__(self, units_per_second: float) -> None:
        self._rate = units_per_second
        self._free_at = 0.0
        self._lock = threading.Lock()
        self.spent = 0.0

    def spend(self, units: float) -> None:
        """Wait until these units, which have been used already, are paid for."""
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + units / self._rate
            self.spent += units
            wait = self._free_at - now
        time.sleep(wait)


Seen = Callable[[str, Counter[str]], None]
"""Is told the domain and the outcomes of each page."""


def run(
    name: str, *, pace: Pace, segments: int = 4, dry: bool = False, seen: Seen = lambda domain, page: None
) -> State:
    """Run a migration to its end, or go on with a run that was stopped. Raises KeyError for an unknown name.

    A finished migration starts anew. `segments` is a new run's number of threads for each table; one that goes on
    keeps its own. `dry` counts what would change and writes nothing, not even how far it is.
    """
    wanted, run = known[name], _begin(name, segments, dry)
    total: Counter[str] = Counter()
    stopping = threading.Event()
    with ThreadPoolExecutor(int(run.segments)) as pool:
        try:
            for domain in domains():
                walks = [_Walk(wanted, run, domain, number, pace, dry, seen) for number in range(int(run.segments))]
                for outcomes in pool.map(lambda walk: walk.to_the_end(stopping), walks):
                    total += outcomes
        except BaseException:
            stopping.set()  # the others end with the page they are at
            raise
    run.ended_at = clock.now()
    if not dry:
        run.save()
    return State(run.started_at, run.ended_at, total)


def domains() -> list[str]:
    """The tables that records live in."""
    return sorted({record.domain() for record in records()})


def _begin(name: str, segments: int, dry: bool) -> RunRecord:
    last = None if dry else RunRecord.fetch(_pk(name), "-")
    if last is not None and not _has_ended(last):
        return last
    number = last.number + 1 if last else 1
    run = RunRecord(_pk(name), "-", number=number, segments=segments, started_at=clock.now())
    if not dry:
        run.save()
    return run


class _Walk:
    """One segment of one table."""

    def __init__(
        self, wanted: Migration, run: RunRecord, domain: str, segment: int, pace: Pace, dry: bool, seen: Seen
    ) -> None:
        self._change = wanted.change
        self._beside = wanted.beside
        self._domain = domain
        self._part: dict[str, Any] = {"Segment": segment, "TotalSegments": int(run.segments)}
        self._table = settings().table(domain)
        self._pace = pace
        self._dry = dry
        self._seen = seen
        sk = f"{domain}#{segment:03d}"
        last = None if dry else SegmentRecord.fetch(run.pk, sk)
        is_of_this_run = last is not None and last.number == run.number
        self._row = last if last and is_of_this_run else SegmentRecord(run.pk, sk, number=run.number, outcomes="{}")

    def to_the_end(self, stopping: threading.Event) -> Counter[str]:
        total: Counter[str] = Counter(json.loads(self._row.outcomes))
        if total:
            self._seen(self._domain, total)
        for items, after in self._pages(stopping):
            page = Counter(self._bring_up_to_date(item).value for item in items)
            total += page
            self._row.outcomes = json.dumps(total)
            self._row.after = json.dumps(after) if after else None
            self._row.ended_at = None if after else clock.now()
            if not self._dry:
                self._row.save()
            self._seen(self._domain, page)
        return total

    def _pages(self, stopping: threading.Event) -> Iterator[tuple[list[Item], Item | None]]:
        """The rest of the segment, and after each page where the next one begins."""
        after = json.loads(self._row.after) if self._row.after else None
        while not _has_ended(self._row) and not stopping.is_set():
            found: Any = _dynamodb().scan(
                TableName=self._table,
                Limit=_PAGE,
                ConsistentRead=True,
                ReturnConsumedCapacity="TOTAL",
                **self._part,
                **({"ExclusiveStartKey": after} if after else {}),
            )
            self._pace.spend(_units(found))
            after = found.get("LastEvaluatedKey")
            yield found["Items"], after

    def _bring_up_to_date(self, item: Item) -> Outcome:
        record = record_of(self._domain, item)
        if record is None:
            return Outcome.FOREIGN
        for _ in range(_TRIES):
            wanted = self._change(record, item)
            missing = self._beside(record, item) if self._beside else ()
            if wanted == item and not missing:
                return Outcome.RIGHT
            if self._dry or self._write(record, item, wanted, missing):
                return Outcome.CHANGED
            found: Any = _dynamodb().get_item(
                TableName=self._table, Key=_key(item), ConsistentRead=True, ReturnConsumedCapacity="TOTAL"
            )
            self._pace.spend(_units(found))
            if "Item" not in found:
                return Outcome.GONE
            item = found["Item"]
        return Outcome.BUSY

    def _write(self, record: type[Record], item: Item, wanted: Item, missing: Sequence[Write]) -> bool:
        """False when somebody else changed the item, or added what was missing."""
        if not missing:
            return self._update(record, item, wanted)
        self._pace.spend(2 * len(missing))
        try:
            transact(*missing)
        except Conflict:
            return False
        return True

    def _update(self, record: type[Record], item: Item, wanted: Item) -> bool:
        """Write what differs while the item is as it was read; False when it is not."""
        differing = {name for name in item.keys() | wanted.keys() if item.get(name) != wanted.get(name)}
        if differing & set(_OWN):
            raise ValueError(f"a migration can not move an item: {item['pk']} {item['sk']}")
        if differing != {"schema"} and "version" in item:
            # Whoever read the item before must not put it back as it was.
            wanted = wanted | {"version": {"N": str(int(item["version"]["N"]) + 1)}}
            differing.add("version")
        names = sorted(item.keys() | wanted.keys() | {each.attr_name for each in record.get_attributes().values()})
        place = {name: f"#{number}" for number, name in enumerate(names)}
        values = {f":o{place[name][1:]}": item[name] for name in names if name in item and name not in _OWN}
        values |= {f":n{place[name][1:]}": wanted[name] for name in differing if name in wanted}
        same = [
            f"{place[name]} = :o{place[name][1:]}" if name in item else f"attribute_not_exists({place[name]})"
            for name in names
            if name not in _OWN
        ]
        put = ", ".join(f"{place[name]} = :n{place[name][1:]}" for name in sorted(differing) if name in wanted)
        cut = ", ".join(place[name] for name in sorted(differing) if name not in wanted)
        client = _dynamodb()
        try:
            answer: Any = client.update_item(
                TableName=self._table,
                Key=_key(item),
                UpdateExpression=" ".join([f"SET {put}" if put else "", f"REMOVE {cut}" if cut else ""]).strip(),
                ConditionExpression=" AND ".join([f"attribute_exists({place['pk']})", *same]),
                ExpressionAttributeNames={code: name for name, code in place.items() if name != "sk"},
                ExpressionAttributeValues=values,
                ReturnConsumedCapacity="TOTAL",
            )
        except client.exceptions.ConditionalCheckFailedException:
            return False
        self._pace.spend(_units(answer))
        return True


def _has_ended(row: RunRecord | SegmentRecord) -> bool:
    return row.ended_at is not None


def _dynamodb() -> "DynamoDBClient":
    return aws.client("dynamodb")


def _units(answer: Any) -> float:
    """What a call cost; a unit where the service does not say."""
    return float(answer.get("ConsumedCapacity", {}).get("CapacityUnits") or 1)


def _key(item: Item) -> Item:
    return {name: item[name] for name in _OWN}


def _pk(name: str) -> str:
    return f"G#MIGRATION#{name}"
