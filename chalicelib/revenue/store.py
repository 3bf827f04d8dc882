"""Rules and sums of what was taken, beside the ledger that they follow from.

| access                                        | key                                                          |
|-----------------------------------------------|--------------------------------------------------------------|
| one rule, all rules                           | pk T#{org}#SPLITS / sk {event or *}|{photographer or *}      |
| the sums of everything                        | pk T#{org}#TAKEN#all / sk {shard}                            |
| of an event; of a photographer                | pk T#{org}#TAKEN#{id} / sk {shard}                           |
| of a photographer at an event                 | pk T#{org}#TAKEN#{event}#{user} / sk {shard}                 |
| of a photo                                    | pk T#{org}#TAKEN#{photo} / sk 00                             |
| the photos of an event, by photographer       | by_account T#{org}#TAKEN#{event} / {user}#{photo}            |
| who earned at all; who earned at an event     | pk T#{org}#EARNERS#all, T#{org}#EARNERS#{event} / sk {user}  |
| where a photographer earned                   | by_account T#{org}#EARNED#{user} / {event}                   |

Sums move in the transaction that books what they sum. Those that many sales meet at are kept in shards.
"""

from collections.abc import Iterable, Iterator, Sequence

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from chalicelib.core import ids
from chalicelib.core.errors import Conflict
from chalicelib.core.table import (
    Moment,
    Page,
    PageRequest,
    Record,
    Typed,
    Write,
    create,
    index,
    page,
    replace,
    table,
    transact,
    update,
)
from chalicelib.revenue.model import Portion, Rule, Split, Takings, scopes

SHARDS = 8
ALL = "all"


class SplitRuleRecord(Record):
    Meta = table("ledger")
    keys = ("T#{}#SPLITS", "{}")
    model = Rule

    organization = UnicodeAttribute()
    event = UnicodeAttribute(null=True)
    photographer = UnicodeAttribute(null=True)
    split = Typed[Split](Split)
    changed_at = Moment()
    changed_by = UnicodeAttribute(null=True)


class TakingsRecord(Record):
    Meta = table("ledger")
    keys = ("T#{}#TAKEN#{*}", "{}")

    sold = NumberAttribute(null=True)
    platform = NumberAttribute(null=True)
    photographer = NumberAttribute(null=True)
    organizer = NumberAttribute(null=True)
    account_pk = UnicodeAttribute(null=True)
    account_sk = UnicodeAttribute(null=True)
    by_account = index("by_account")

    def takings(self) -> Takings:
        amounts = (self.sold, self.platform, self.photographer, self.organizer)
        return Takings(*(int(amount or 0) for amount in amounts))


class EarnerRecord(Record):
    Meta = table("ledger")
    keys = ("T#{}#EARNERS#{}", "{}")

    account_pk = UnicodeAttribute(null=True)
    account_sk = UnicodeAttribute(null=True)
    by_account = index("by_account")


# --- rules --------------------------------------------------------------------------------------------------


def find_rule(organization: str, scope: str) -> Rule | None:
    record = SplitRuleRecord.fetch(_rules_pk(organization), scope)
    return record.value() if record else None


def rules_for(organization: str, sales: Iterable[tuple[str, str | None]]) -> dict[str, Rule]:
    """Scope -> rule, of all rules that may hold for somebody's things of an event."""
    wanted = dict.fromkeys(scope for event, photographer in sales for scope in scopes(event, photographer))
    keys = [(_rules_pk(organization), scope) for scope in wanted]
    return {record.sk: record.value() for record in SplitRuleRecord.batch_get(keys, consistent_read=True)}


def list_rules(organization: str, request: PageRequest) -> Page[Rule]:
    return page(SplitRuleRecord, SplitRuleRecord, _rules_pk(organization), request).map(lambda record: record.value())


def save_rule(rule: Rule) -> Write:
    """A write that holds while the stored rule is at `rule.version`, 0 meaning none."""
    record = SplitRuleRecord.of(rule, pk=_rules_pk(rule.organization), sk=rule.scope)
    if rule.version:
        return replace(record, rule.version)
    return create(record, Conflict("version_conflict", "Somebody set a rule first. Load it again.", field="version"))


# --- sums ---------------------------------------------------------------------------------------------------


def count(organization: str, order: str, event: str, portion: Portion) -> Iterator[Write]:
    """The writes that add a portion to all sums that it belongs to."""
    shard = f"{ids.shard_of(order, SHARDS):02d}"
    of_whom = (portion.photographer, f"{event}#{portion.photographer}") if portion.photographer else ()
    for whose in (ALL, event, *of_whom):
        yield _add(TakingsRecord(_taken_pk(organization, whose), shard), portion.takings)
    for ref, takings in portion.things:
        record = TakingsRecord(_taken_pk(organization, ref), "00")
        yield _add(record, takings, _taken_pk(organization, event), f"{portion.photographer or '-'}#{ref}")


def _add(
    record: TakingsRecord, takings: Takings, account_pk: str | None = None, account_sk: str | None = None
) -> Write:
    actions: list[Action] = [
        TakingsRecord.sold.add(takings.sold),
        TakingsRecord.platform.add(takings.platform),
        TakingsRecord.photographer.add(takings.photographer),
        TakingsRecord.organizer.add(takings.organizer),
    ]
    if account_pk is not None and account_sk is not None:
        actions += [TakingsRecord.account_pk.set(account_pk), TakingsRecord.account_sk.set(account_sk)]
    return update(record, *actions)


def takings(organization: str, *whose: str) -> Takings:
    """The sum of everything (`all`), of an event, a photographer, or of a photographer at an event."""
    shards = TakingsRecord.query(_taken_pk(organization, "#".join(whose)), consistent_read=True)
    return sum((shard.takings() for shard in shards), Takings())


def takings_of(organization: str, several: Sequence[str]) -> list[Takings]:
    """The sums of each, in that order."""
    pks = [_taken_pk(organization, whose) for whose in several]
    sums = dict.fromkeys(pks, Takings())
    keys = [(pk, f"{shard:02d}") for pk in sums for shard in range(SHARDS)]
    for record in TakingsRecord.batch_get(keys, consistent_read=True):
        sums[record.pk] += record.takings()
    return [sums[pk] for pk in pks]


def photos_of(
    organization: str, event: str, photographer: str | None, request: PageRequest
) -> Page[tuple[str, Takings]]:
    """A page of the photos of an event that were sold, or of one photographer's, with what each brought."""
    pk = _taken_pk(organization, event)
    own = TakingsRecord.account_sk.startswith(f"{photographer}#") if photographer else None
    found = page(TakingsRecord, TakingsRecord.by_account, pk, request, range_condition=own)
    return found.map(lambda record: (record.account_sk.partition("#")[2], record.takings()))


# --- who earned ---------------------------------------------------------------------------------------------


def list_earner(organization: str, event: str, photographer: str) -> None:
    """Note where somebody earns. Twice is once."""
    for list_pk, of in ((_earners_pk(organization, event), event), (_earners_pk(organization, ALL), None)):
        if EarnerRecord.fetch(list_pk, photographer) is not None:
            continue
        record = EarnerRecord(list_pk, photographer)
        if of is not None:
            record.account_pk, record.account_sk = _earned_pk(organization, photographer), of
        transact(Write("put", record))


def earners(organization: str, event: str, request: PageRequest) -> Page[str]:
    """The ids of who earned at an event, or of all who earned anywhere (`all`)."""
    return page(EarnerRecord, EarnerRecord, _earners_pk(organization, event), request).map(lambda record: record.sk)


def events_of(organization: str, photographer: str, request: PageRequest) -> Page[str]:
    """The ids of the events that somebody earned at, the newest first."""
    pk = _earned_pk(organization, photographer)
    found = page(EarnerRecord, EarnerRecord.by_account, pk, request, newest_first=True)
    return found.map(lambda record: str(record.account_sk))


def _rules_pk(organization: str) -> str:
    return f"T#{organization}#SPLITS"


def _taken_pk(organization: str, whose: str) -> str:
    return f"T#{organization}#TAKEN#{whose}"


def _earners_pk(organization: str, event: str) -> str:
    return f"T#{organization}#EARNERS#{event}"


def _earned_pk(organization: str, photographer: str) -> str:
    return f"T#{organization}#EARNED#{photographer}"
