"""Whether counts are those of what is counted, and pointers lead somewhere."""

from collections import Counter, defaultdict

from chalicelib.core import ids
from infra.audit.books import Books, Findings


def counters(books: Books) -> Findings:
    """The counts of each event are those of its photos, shard by shard."""
    recounted: dict[str, Counter[str]] = defaultdict(Counter)
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for photo in books.of("PhotoRecord"):
        if photo.processing == "ready":
            shard = ids.shard_of(photo.id, 16)
            key = f"T#{photo.organization}#EVT#{photo.event}#COUNTS {shard:02d}"
            recounted[key][photo.approval.value] += 1
    for row in books.of("CountRecord"):
        for state in ("pending", "approved", "rejected"):
            if amount := int(getattr(row, state) or 0):
                counted[f"{row.pk} {row.sk}"][state] = amount
    for key in sorted({*recounted, *counted}):
        same = recounted[key] == counted[key]
        yield key, None if same else f"counted {dict(counted[key])}, there are {dict(recounted[key])}"


def pointers(books: Books) -> Findings:
    """What is found by a code, an address, a slug or a gateway's reference is there, and is found by it."""
    named = {
        "OrderRecord": {row.order for row in books.of("CodeRecord")},
        "PaymentRecord": {row.pk.rpartition("#")[2] for row in books.of("PointerRecord")},
        "UserRecord": {row.user for row in books.of("EmailRecord")},
        "EventRecord": {row.event for row in books.of("SlugRecord")},
        "PhotoRecord": {row.photo for row in books.of("OwnerRecord")},
    }
    for record, ids_named in named.items():
        there = {row.id for row in books.of(record) if not getattr(row, "deleted_at", None)}
        for id in sorted(ids_named | there):
            wrong = None if id in there else "is pointed at and does not exist"
            yield id, wrong if id in ids_named else "exists and nothing points at it"
