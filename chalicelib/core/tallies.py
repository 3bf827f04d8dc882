"""How many things of an organization are in which state, counted as they move: reading it always costs the same.

| access                              | key                                                  |
|-------------------------------------|------------------------------------------------------|
| how many of a kind are in a state   | pk T#{org}#TALLY#{kind} / sk {state}#{shard}         |
"""

from collections import Counter

from pynamodb.attributes import NumberAttribute

from chalicelib.core import ids
from chalicelib.core.table import Record, Write, table, update

SHARDS = 8


class TallyRecord(Record):
    Meta = table("claims")
    keys = ("T#{}#TALLY#{}", "{}#{}")

    n = NumberAttribute(null=True)


def moved(organization: str, kind: str, thing: str, *, was: str | None, now: str | None, by: int = 1) -> list[Write]:
    """The writes that count `by` things out of one state and into another; None is not being there.

    `thing` is an id that spreads them: two moves in one transaction need different ones, or go by number.
    """
    if was == now:
        return []
    shard = f"{ids.shard_of(thing, SHARDS):02d}"
    steps = ((state, step) for state, step in ((was, -by), (now, by)) if state is not None)
    pk = f"T#{organization}#TALLY#{kind}"
    return [update(TallyRecord(pk, f"{state}#{shard}"), TallyRecord.n.add(step)) for state, step in steps]


def counted(organization: str, kind: str) -> Counter[str]:
    """How many are in which state."""
    found: Counter[str] = Counter()
    for row in TallyRecord.query(f"T#{organization}#TALLY#{kind}", consistent_read=True):
        found[row.sk.partition("#")[0]] += int(row.n or 0)
    return found
