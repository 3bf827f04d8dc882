"""Faces.

| access                                | key                                                              |
|---------------------------------------|------------------------------------------------------------------|
| what is recognized at an event        | pk T#{org}#EVT#{event} / sk -                                    |
| what was seen in a photo              | pk T#{org}#FIX#{index} / sk PHOTO#{photo}                        |
| who is blocked from an index          | pk T#{org}#FIX#{index} / sk BLOCK#{id}                           |
| groups of an index                    | pk T#{org}#FIX#{index} / sk GROUP#{id}                           |
| who is told of photos that show them  | pk T#{org}#FIX#{index} / sk WATCH#{id}                           |
| when they are looked for              | pk T#{org}#FIX#{index} / sk ROUND#{time}                         |
| what people said of what was found    | pk T#{org}#FIX#{index} / sk FEEDBACK#{search}#{photo}            |
| one search                            | pk T#{org}#FSR#{id} / sk -                                       |
| its photos, the best first            | pk T#{org}#FSR#{id} / sk MATCH#{place}                           |
| searches of a user, or for a watch    | pk T#{org}#USR#{user or watch} / sk SEARCH#{id}                  |
| a user's blocks                       | pk T#{org}#USR#{user} / sk BLOCK#{index}#{id}                    |
| indexes and selfies whose time is up  | due G#DUE#{faces,selfie}#{0-3} / time#org#event or search        |
| rounds whose time has come            | due G#DUE#watch#{0-3} / time#org#index                           |

There are no vectors here: those lie sealed in storage, or with Rekognition. Nothing of an index stays behind its end;
searches go after a day.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import (
    MOST_WRITES,
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Several,
    Typed,
    Write,
    check,
    create,
    delete,
    page,
    replace,
    table,
    transact,
)
from chalicelib.core.table import index as index_named
from chalicelib.faces.engines.contract import Match
from chalicelib.faces.model import (
    Attestation,
    Block,
    Group,
    Member,
    Purpose,
    Recognition,
    Search,
    SearchState,
    Seen,
    SeenFace,
    Watch,
)

_SHARDS = 4


class RecognitionRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#EVT#{}", "-")
    model = Recognition

    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    attestation = Typed[Attestation](Attestation, null=True)
    bibs = BooleanAttribute()
    index = UnicodeAttribute(null=True)
    key = UnicodeAttribute(null=True)
    keep_until = Moment(null=True)
    blocks = NumberAttribute()
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    due = index_named("due")


class SeenRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#FIX#{}", "PHOTO#{}")
    model = Seen

    organization = UnicodeAttribute()
    index = UnicodeAttribute()
    photo = UnicodeAttribute()
    begun = BooleanAttribute()
    faces = Typed[tuple[SeenFace, ...]](tuple[SeenFace, ...], null=True)
    bibs = Typed[tuple[str, ...]](tuple[str, ...], null=True)


class BlockRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#FIX#{}", "BLOCK#{}")
    model = Block

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    index = UnicodeAttribute()
    user = UnicodeAttribute()
    at = Moment()
    face = UnicodeAttribute(null=True)
    photos = NumberAttribute(null=True)


class GroupRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#FIX#{}", "GROUP#{}")
    model = Group

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    index = UnicodeAttribute()
    photo = UnicodeAttribute()
    face = UnicodeAttribute()
    asked_at = Moment()
    members = Typed[tuple[Member, ...]](tuple[Member, ...], null=True)
    verified = BooleanAttribute(null=True)
    verified_by = UnicodeAttribute(null=True)
    verified_at = Moment(null=True)


class WatchRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#FIX#{}", "WATCH#{}")
    model = Watch

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    index = UnicodeAttribute()
    wording = UnicodeAttribute()
    consented_at = Moment()
    begun = BooleanAttribute()
    face = UnicodeAttribute(null=True)
    told = Several(str)
    told_at = Moment(null=True)


class RoundRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#FIX#{}", "ROUND#{}")

    organization = UnicodeAttribute(null=True)
    event = UnicodeAttribute(null=True)
    index = UnicodeAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    due = index_named("due")


class FeedbackRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#FIX#{}", "FEEDBACK#{}#{}")

    photo = UnicodeAttribute(null=True)
    correct = BooleanAttribute(null=True)
    at = Moment(null=True)


class SearchRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#FSR#{}", "-")
    model = Search

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    index = UnicodeAttribute()
    purpose = Choice(Purpose)
    user = UnicodeAttribute(null=True)
    token_digest = UnicodeAttribute(null=True)
    wording = UnicodeAttribute()
    consented_at = Moment()
    expires_at = Moment()
    due_at = Moment(null=True)
    state = Choice(SearchState)
    failure = UnicodeAttribute(null=True)
    found = NumberAttribute()
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    due = index_named("due")


class MatchRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#FSR#{}", "MATCH#{}")
    model = Match

    face = UnicodeAttribute()
    photo = UnicodeAttribute()
    similarity = NumberAttribute()


class OwnSearchRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#USR#{}", "SEARCH#{}")

    search = UnicodeAttribute(null=True)


class OwnBlockRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#USR#{}", "BLOCK#{}#{}")

    index = UnicodeAttribute(null=True)
    block = UnicodeAttribute(null=True)


# --- an event -----------------------------------------------------------------------------------------------


def recognition(organization: str, event: str) -> Recognition:
    """What is recognized at an event: nothing, where nobody said so."""
    record = RecognitionRecord.fetch(_event_pk(organization, event), "-")
    found: Recognition = record.value() if record else Recognition(organization, event)
    return found


def save_recognition(changed: Recognition) -> Write:
    """A write that holds while the stored one is at `changed.version`, 0 meaning none."""
    keys: dict[str, str] = {}
    if changed.keep_until is not None:
        keys["due_pk"] = f"G#DUE#faces#{ids.shard_of(changed.event, _SHARDS)}"
        keys["due_sk"] = f"{clock.stamp(changed.keep_until)}#{changed.organization}#{changed.event}"
    record = RecognitionRecord.of(changed, pk=_event_pk(changed.organization, changed.event), sk="-", **keys)
    if changed.version:
        return replace(record, changed.version)
    record.version = 1
    return create(record, Conflict("version_conflict", "Somebody said so first. Load it again.", field="version"))


def still(seen: Recognition) -> Write:
    """A write that holds while the event's faces are in that index."""
    gone = Conflict("faces_off", "Faces are not looked for at this event.")
    record = RecognitionRecord(_event_pk(seen.organization, seen.event), "-")
    return check(record, RecognitionRecord.index == seen.index, gone)


@dataclass(frozen=True, slots=True)
class Due:
    """Whose time is up: `id` is an event's or a search's."""

    organization: str
    id: str


def indexes_due(at: datetime, at_most: int) -> list[Due]:
    before = RecognitionRecord.due_sk < clock.stamp(at)
    return [
        Due(record.organization, record.event)
        for shard in range(_SHARDS)
        for record in RecognitionRecord.due.query(f"G#DUE#faces#{shard}", before, limit=at_most)
    ]


# --- photos of an index -------------------------------------------------------------------------------------


def find_seen(organization: str, index_id: str, photo: str) -> Seen | None:
    record = SeenRecord.fetch(_index_pk(organization, index_id), f"PHOTO#{photo}")
    return record.value() if record else None


def save_seen(seen: Seen, *, was: Seen | None) -> Write:
    record = SeenRecord.of(seen, pk=_index_pk(seen.organization, seen.index), sk=f"PHOTO#{seen.photo}")
    return replace(record, was.version) if was else create(record)


def remove_seen(seen: Seen) -> Write:
    return delete(SeenRecord(_index_pk(seen.organization, seen.index), f"PHOTO#{seen.photo}"))


def forget_index(organization: str, index_id: str) -> None:
    """Delete everything that was found, page by page. May run again where it was cut off."""
    pk = _index_pk(organization, index_id)
    for record in BlockRecord.query(pk, BlockRecord.sk.startswith("BLOCK#"), consistent_read=True):
        transact(*remove_block(record.value()))
    for watch in WatchRecord.query(pk, WatchRecord.sk.startswith("WATCH#"), consistent_read=True):
        forget_watch(watch.value())
    kinds = ((SeenRecord, "PHOTO#"), (GroupRecord, "GROUP#"), (FeedbackRecord, "FEEDBACK#"), (RoundRecord, "ROUND#"))
    for kind, shape in kinds:
        _delete_all(kind.query(pk, kind.sk.startswith(shape), consistent_read=True))


# --- blocks -------------------------------------------------------------------------------------------------


def find_block(organization: str, index_id: str, block: str) -> Block | None:
    record = BlockRecord.fetch(_index_pk(organization, index_id), f"BLOCK#{block}")
    return record.value() if record else None


def get_block(organization: str, index_id: str, block: str) -> Block:
    """Raises NotFound."""
    found = find_block(organization, index_id, block)
    if found is None:
        raise NotFound("block_not_found", "There is no such block.")
    return found


def add_block(block: Block) -> list[Write]:
    pk = _user_pk(block.organization, block.user)
    own = OwnBlockRecord(pk, f"BLOCK#{block.index}#{block.id}", index=block.index, block=block.id)
    return [create(_block_record(block)), create(own)]


def save_block(block: Block) -> Write:
    return replace(_block_record(block), block.version)


def remove_block(block: Block) -> list[Write]:
    own = OwnBlockRecord(_user_pk(block.organization, block.user), f"BLOCK#{block.index}#{block.id}")
    return [delete(_block_record(block)), delete(own)]


def blocks_of(organization: str, user: str) -> list[tuple[str, str]]:
    """Index and id of each."""
    pk = _user_pk(organization, user)
    own = OwnBlockRecord.query(pk, OwnBlockRecord.sk.startswith("BLOCK#"), consistent_read=True)
    return [(record.index, record.block) for record in own]


def blocks(organization: str, index_id: str, request: PageRequest) -> Page[Block]:
    condition = BlockRecord.sk.startswith("BLOCK#")
    found = page(BlockRecord, BlockRecord, _index_pk(organization, index_id), request, range_condition=condition)
    return found.map(lambda record: record.value())


def _block_record(block: Block) -> BlockRecord:
    return BlockRecord.of(block, pk=_index_pk(block.organization, block.index), sk=f"BLOCK#{block.id}")


# --- watches ------------------------------------------------------------------------------------------------


def find_watch(organization: str, index_id: str, watch: str) -> Watch | None:
    record = WatchRecord.fetch(_index_pk(organization, index_id), f"WATCH#{watch}")
    return record.value() if record else None


def add_watch(watch: Watch) -> Write:
    return create(_watch_record(watch))


def save_watch(watch: Watch) -> Write:
    """A write that holds only while the stored version is `watch.version`."""
    return replace(_watch_record(watch), watch.version)


def forget_watch(watch: Watch) -> None:
    """Delete it after what it was told of. Raises Conflict where it changed meanwhile; may run again."""
    for search in searches_of(watch.organization, watch.id):
        forget_search(watch.organization, watch.id, search)
    changed = Conflict("changed_meanwhile", "The face was kept at the same moment.")
    record = _watch_record(watch)
    still = (WatchRecord.version == watch.version) | WatchRecord.pk.does_not_exist()
    transact(Write("delete", record, still, refused=changed))


def watches(organization: str, index_id: str, after: str, at_most: int) -> list[Watch]:
    """The next of them after the watch `after`, in a fixed order."""
    found = WatchRecord.query(
        _index_pk(organization, index_id),
        WatchRecord.sk.between(f"WATCH#{after}!", "WATCH#~"),  # ! comes before, and ~ after whatever an id has
        limit=at_most,
        consistent_read=True,
    )
    return [record.value() for record in found]


def has_watches(organization: str, index_id: str) -> bool:
    found = WatchRecord.query(
        _index_pk(organization, index_id), WatchRecord.sk.startswith("WATCH#"), limit=1, consistent_read=True
    )
    return any(True for _ in found)


def put_round(seen: Recognition, at: datetime) -> Write:
    """Whoever is to be told is looked for at that time. Twice is once."""
    time = clock.stamp(at)
    return Write(
        "put",
        RoundRecord(
            _index_pk(seen.organization, str(seen.index)),
            f"ROUND#{time}",
            organization=seen.organization,
            event=seen.event,
            index=seen.index,
            due_pk=f"G#DUE#watch#{ids.shard_of(str(seen.index), _SHARDS)}",
            due_sk=f"{time}#{seen.organization}#{seen.index}",
        ),
    )


@dataclass(frozen=True, slots=True)
class Round:
    organization: str
    event: str
    index: str
    time: str


def rounds_due(at: datetime, at_most: int) -> list[Round]:
    before = RoundRecord.due_sk < clock.stamp(at)
    return [
        Round(record.organization, record.event, record.index, record.sk.removeprefix("ROUND#"))
        for shard in range(_SHARDS)
        for record in RoundRecord.due.query(f"G#DUE#watch#{shard}", before, limit=at_most)
    ]


def remove_round(due: Round) -> Write:
    return delete(RoundRecord(_index_pk(due.organization, due.index), f"ROUND#{due.time}"))


def _watch_record(watch: Watch) -> WatchRecord:
    return WatchRecord.of(watch, pk=_index_pk(watch.organization, watch.index), sk=f"WATCH#{watch.id}")


# --- groups and feedback ------------------------------------------------------------------------------------


def find_group(organization: str, index_id: str, group: str) -> Group | None:
    record = GroupRecord.fetch(_index_pk(organization, index_id), f"GROUP#{group}")
    return record.value() if record else None


def groups(organization: str, index_id: str, request: PageRequest) -> Page[Group]:
    condition = GroupRecord.sk.startswith("GROUP#")
    found = page(GroupRecord, GroupRecord, _index_pk(organization, index_id), request, range_condition=condition)
    return found.map(lambda record: record.value())


def save_group(group: Group, *, was: Group | None) -> Write:
    record = GroupRecord.of(group, pk=_index_pk(group.organization, group.index), sk=f"GROUP#{group.id}")
    return replace(record, was.version) if was else create(record)


def note_feedback(search: Search, photo: str, correct: bool, at: datetime) -> Write:
    """What is said last counts."""
    key = _index_pk(search.organization, search.index), f"FEEDBACK#{search.id}#{photo}"
    return Write("put", FeedbackRecord(*key, photo=photo, correct=correct, at=at))


# --- searches -----------------------------------------------------------------------------------------------


def find_search(organization: str, search: str) -> Search | None:
    record = SearchRecord.fetch(_search_pk(organization, search), "-")
    return record.value() if record else None


def add_search(search: Search, watch: str | None = None) -> list[Write]:
    """Of a user, or for a watch."""
    writes = [create(_search_record(search))]
    owner = search.user or watch
    if owner is not None:
        ttl = clock.epoch(search.expires_at)
        pk = _user_pk(search.organization, owner)
        writes.append(create(OwnSearchRecord(pk, f"SEARCH#{search.id}", search=search.id, ttl=ttl)))
    return writes


def save_search(search: Search) -> Write:
    """A write that holds only while the stored version is `search.version`."""
    return replace(_search_record(search), search.version)


def selfies_due(at: datetime, at_most: int) -> list[Due]:
    before = SearchRecord.due_sk < clock.stamp(at)
    return [
        Due(record.organization, record.id)
        for shard in range(_SHARDS)
        for record in SearchRecord.due.query(f"G#DUE#selfie#{shard}", before, limit=at_most)
    ]


def searches_of(organization: str, user: str) -> list[str]:
    pk = _user_pk(organization, user)
    own = OwnSearchRecord.query(pk, OwnSearchRecord.sk.startswith("SEARCH#"), consistent_read=True)
    return [record.search for record in own]


def put_matches(search: Search, found: list[Match]) -> None:
    """Store what was found, the best first. Twice is once."""
    pk, ttl = _search_pk(search.organization, search.id), clock.epoch(search.expires_at)
    puts = [
        Write("put", MatchRecord.of(match, pk=pk, sk=f"MATCH#{place:04d}", ttl=ttl))
        for place, match in enumerate(found)
    ]
    _in_steps(puts)


def matches(search: Search, request: PageRequest) -> Page[Match]:
    pk, condition = _search_pk(search.organization, search.id), MatchRecord.sk.startswith("MATCH#")
    return page(MatchRecord, MatchRecord, pk, request, range_condition=condition).map(lambda record: record.value())


def forget_search(organization: str, user: str, search: str) -> None:
    """Delete a search and what it found, and last that it was somebody's."""
    pk = _search_pk(organization, search)
    _delete_all(MatchRecord.query(pk, MatchRecord.sk.startswith("MATCH#"), consistent_read=True))
    own = OwnSearchRecord(_user_pk(organization, user), f"SEARCH#{search}")
    transact(delete(SearchRecord(pk, "-")), delete(own))


def _search_record(search: Search) -> SearchRecord:
    keys: dict[str, str] = {}
    if search.due_at is not None:
        keys["due_pk"] = f"G#DUE#selfie#{ids.shard_of(search.id, _SHARDS)}"
        keys["due_sk"] = f"{clock.stamp(search.due_at)}#{search.organization}#{search.id}"
    pk = _search_pk(search.organization, search.id)
    return SearchRecord.of(search, pk=pk, sk="-", **keys, ttl=clock.epoch(search.expires_at))


def _delete_all(found: Iterable[Record]) -> None:
    _in_steps([delete(type(record)(record.pk, record.sk)) for record in found])


def _in_steps(writes: list[Write]) -> None:
    for start in range(0, len(writes), MOST_WRITES):
        transact(*writes[start : start + MOST_WRITES])


def _event_pk(organization: str, event: str) -> str:
    return f"T#{organization}#EVT#{event}"


def _index_pk(organization: str, index_id: str) -> str:
    return f"T#{organization}#FIX#{index_id}"


def _search_pk(organization: str, search: str) -> str:
    return f"T#{organization}#FSR#{search}"


def _user_pk(organization: str, user: str) -> str:
    return f"T#{organization}#USR#{user}"
