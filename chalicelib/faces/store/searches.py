"""Searches and what they found."""

from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.table import (
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Write,
    create,
    delete,
    page,
    replace,
    table,
    transact,
)
from chalicelib.core.table import index as index_named
from chalicelib.faces.engines.contract import Match
from chalicelib.faces.model import Purpose, Search, SearchState
from chalicelib.faces.store.keys import SHARDS, delete_all, in_steps, search_pk, user_pk
from chalicelib.faces.store.recognized import Due


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


def find_search(organization: str, search: str) -> Search | None:
    record = SearchRecord.fetch(search_pk(organization, search), "-")
    return record.value() if record else None


def add_search(search: Search, watch: str | None = None) -> list[Write]:
    """Of a user, or for a watch."""
    writes = [create(_search_record(search))]
    owner = search.user or watch
    if owner is not None:
        ttl = clock.epoch(search.expires_at)
        pk = user_pk(search.organization, owner)
        writes.append(create(OwnSearchRecord(pk, f"SEARCH#{search.id}", search=search.id, ttl=ttl)))
    return writes


def save_search(search: Search) -> Write:
    """A write that holds only while the stored version is `search.version`."""
    return replace(_search_record(search), search.version)


def selfies_due(at: datetime, at_most: int) -> list[Due]:
    before = SearchRecord.due_sk < clock.stamp(at)
    return [
        Due(record.organization, record.id)
        for shard in range(SHARDS)
        for record in SearchRecord.due.query(f"G#DUE#selfie#{shard}", before, limit=at_most)
    ]


def searches_of(organization: str, user: str) -> list[str]:
    pk = user_pk(organization, user)
    own = OwnSearchRecord.query(pk, OwnSearchRecord.sk.startswith("SEARCH#"), consistent_read=True)
    return [record.search for record in own]


def put_matches(search: Search, found: list[Match]) -> None:
    """Store what was found, the best first. Twice is once."""
    pk, ttl = search_pk(search.organization, search.id), clock.epoch(search.expires_at)
    puts = [
        Write("put", MatchRecord.of(match, pk=pk, sk=f"MATCH#{place:04d}", ttl=ttl))
        for place, match in enumerate(found)
    ]
    in_steps(puts)


def matches(search: Search, request: PageRequest) -> Page[Match]:
    pk, condition = search_pk(search.organization, search.id), MatchRecord.sk.startswith("MATCH#")
    return page(MatchRecord, MatchRecord, pk, request, range_condition=condition).map(lambda record: record.value())


def forget_search(organization: str, user: str, search: str) -> None:
    """Delete a search and what it found, and last that it was somebody's."""
    pk = search_pk(organization, search)
    delete_all(MatchRecord.query(pk, MatchRecord.sk.startswith("MATCH#"), consistent_read=True))
    own = OwnSearchRecord(user_pk(organization, user), f"SEARCH#{search}")
    transact(delete(SearchRecord(pk, "-")), delete(own))


def _search_record(search: Search) -> SearchRecord:
    keys: dict[str, str] = {}
    if search.due_at is not None:
        keys["due_pk"] = f"G#DUE#selfie#{ids.shard_of(search.id, SHARDS)}"
        keys["due_sk"] = f"{clock.stamp(search.due_at)}#{search.organization}#{search.id}"
    pk = search_pk(search.organization, search.id)
    return SearchRecord.of(search, pk=pk, sk="-", **keys, ttl=clock.epoch(search.expires_at))
