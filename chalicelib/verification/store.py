"""Verification.

| access                             | key                                                      |
|------------------------------------|----------------------------------------------------------|
| a user's documents                 | pk T#{org}#USR#{user} / sk DOC#{id}                      |
| documents to review, longest first | by_review T#{org}#REVIEW / submitted_at#id               |
| documents that the clock changes   | due G#DUE#document#{0-3} / due_at#org#user#id            |

A document's id is derived from its user, kind and SHA-256: the same file offered again meets itself.
"""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.errors import NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Write,
    create,
    index,
    page,
    replace,
    table,
)
from chalicelib.verification.model import Document, Kind, State

_SHARDS = 4


class DocumentRecord(Record):
    Meta = table("verification")
    keys = ("T#{}#USR#{}", "DOC#{}")
    model = Document

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    kind = Choice(Kind)
    content_type = UnicodeAttribute()
    size = NumberAttribute()
    sha256 = UnicodeAttribute()
    created_at = Moment()
    state = Choice(State)
    submitted_at = Moment(null=True)
    reviewed_by = UnicodeAttribute(null=True)
    reviewed_at = Moment(null=True)
    reason = UnicodeAttribute(null=True)
    valid_until = Moment(null=True)
    review_pk = UnicodeAttribute(null=True)
    review_sk = UnicodeAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    by_review = index("by_review")
    due = index("due")


def find(organization: str, user: str, document: str) -> Document | None:
    record = DocumentRecord.fetch(_pk(organization, user), f"DOC#{document}")
    found: Document | None = record.value() if record else None
    return found


def get(organization: str, user: str, document: str) -> Document:
    """Raises NotFound, for a foreign document too."""
    found = find(organization, user, document)
    if found is None:
        raise NotFound("document_not_found", "There is no such document.")
    return found


def of_user(organization: str, user: str) -> tuple[Document, ...]:
    records = DocumentRecord.query(_pk(organization, user), DocumentRecord.sk.startswith("DOC#"), consistent_read=True)
    return tuple(sorted((record.value() for record in records), key=lambda document: document.created_at))


def to_review(organization: str, request: PageRequest) -> Page[Document]:
    """A page of what waits for a review, what waits longest first."""
    found = page(DocumentRecord, DocumentRecord.by_review, f"T#{organization}#REVIEW", request)
    return found.map(lambda record: record.value())


def due(at: datetime, at_most: int) -> Iterator[Document]:
    """Documents that the clock has changed by `at`, as the index knows them."""
    for shard in range(_SHARDS):
        before = DocumentRecord.due_sk < clock.stamp(at)
        for record in list(DocumentRecord.due.query(f"G#DUE#document#{shard}", before, limit=at_most)):
            yield record.value()


def add(document: Document) -> Write:
    return create(_record(document))


def save(document: Document, *, was: Document) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_record(document), was.version)


def remove(document: Document) -> Write:
    """A write that holds only while the document is as it was read."""
    record = DocumentRecord(_pk(document.organization, document.user), f"DOC#{document.id}")
    return Write("delete", record, DocumentRecord.version == document.version)


def _record(document: Document) -> DocumentRecord:
    keys: dict[str, str] = {}
    if document.state is State.SUBMITTED and document.submitted_at is not None:
        keys["review_pk"] = f"T#{document.organization}#REVIEW"
        keys["review_sk"] = f"{clock.stamp(document.submitted_at)}#{document.id}"
    if document.due_at is not None:
        keys["due_pk"] = f"G#DUE#document#{ids.shard_of(document.id, _SHARDS)}"
        keys["due_sk"] = f"{clock.stamp(document.due_at)}#{document.organization}#{document.user}#{document.id}"
    return DocumentRecord.of(document, pk=_pk(document.organization, document.user), sk=f"DOC#{document.id}", **keys)


def _pk(organization: str, user: str) -> str:
    return f"T#{organization}#USR#{user}"
