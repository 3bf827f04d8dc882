"""Privacy.

| access                            | key                                                         |
|-----------------------------------|-------------------------------------------------------------|
| a user's consents, as they stand  | pk T#{org}#USR#{user} / sk CONSENT#{kind}                   |
| every answer, oldest first        | pk T#{org}#USR#{user} / sk ANSWER#{at}#{kind}               |
| a user's exports                  | pk T#{org}#USR#{user} / sk EXPORT#{id}                      |
| a user's request to erase         | pk T#{org}#USR#{user} / sk ERASURE                          |
| one receipt                       | pk T#{org}#RECEIPT#{id} / sk -                              |
| its text, for who has no mailbox  | pk T#{org}#RECEIPT#{id} / sk COPY                           |
| exports whose time is up          | due G#DUE#export#{0-3} / expires_at#org#user#id             |
| erasures to begin or go on with   | due G#DUE#erasure#{0-3} / wakes_at#org#user#id              |

Of the partition of a user nothing stays behind an erasure of the account.
"""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.errors import NotFound
from chalicelib.core.table import (
    Choice,
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
    update,
)
from chalicelib.privacy.model import (
    Consent,
    ConsentKind,
    Erasure,
    ErasureState,
    Export,
    ExportState,
    Receipt,
    Scope,
)

_SHARDS = 4


class ConsentRecord(Record):
    Meta = table("privacy")
    keys = ("T#{}#USR#{}", "CONSENT#{}")
    model = Consent

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    kind = Choice(ConsentKind)
    granted = BooleanAttribute()
    wording = UnicodeAttribute()
    at = Moment()


class AnswerRecord(Record):
    Meta = table("privacy")
    keys = ("T#{}#USR#{}", "ANSWER#{}#{}")
    model = Consent

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    kind = Choice(ConsentKind)
    granted = BooleanAttribute()
    wording = UnicodeAttribute()
    at = Moment()


class ExportRecord(Record):
    Meta = table("privacy")
    keys = ("T#{}#USR#{}", "EXPORT#{}")
    model = Export

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    state = Choice(ExportState)
    created_at = Moment()
    expires_at = Moment()
    size = NumberAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    due = index("due")


class ErasureRecord(Record):
    Meta = table("privacy")
    keys = ("T#{}#USR#{}", "ERASURE")
    model = Erasure

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    scope = Choice(Scope)
    state = Choice(ErasureState)
    asked_at = Moment()
    due_at = Moment()
    wakes_at = Moment(null=True)
    done = Typed[tuple[str, ...]](tuple[str, ...])
    contact = UnicodeAttribute(null=True)
    language = UnicodeAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    due = index("due")


class ReceiptRecord(Record):
    Meta = table("privacy")
    keys = ("T#{}#RECEIPT#{}", "-")
    model = Receipt

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    scope = Choice(Scope)
    at = Moment()
    digest = UnicodeAttribute()
    signed = UnicodeAttribute(null=True)
    contact = UnicodeAttribute(null=True)
    language = UnicodeAttribute(null=True)


class ReceiptCopyRecord(Record):
    Meta = table("privacy")
    keys = ("T#{}#RECEIPT#{}", "COPY")

    signed = UnicodeAttribute()
    expires_at = Moment()


# --- consents -----------------------------------------------------------------------------------------------


def consents(organization: str, user: str) -> list[Consent]:
    found = ConsentRecord.query(_pk(organization, user), ConsentRecord.sk.startswith("CONSENT#"), consistent_read=True)
    return [record.value() for record in found]


def find_consent(organization: str, user: str, kind: ConsentKind) -> Consent | None:
    record = ConsentRecord.fetch(_pk(organization, user), f"CONSENT#{kind}")
    found: Consent | None = record.value() if record else None
    return found


def answer(consent: Consent, was: Consent | None) -> tuple[Write, Write]:
    """How it stands now, and a line of the history."""
    pk = _pk(consent.organization, consent.user)
    stands = ConsentRecord.of(consent, pk=pk, sk=f"CONSENT#{consent.kind}")
    given = AnswerRecord.of(consent, pk=pk, sk=f"ANSWER#{clock.stamp(consent.at)}#{consent.kind}")
    return (create(stands) if was is None else replace(stands, was.version)), create(given)


def answers(organization: str, user: str, request: PageRequest) -> Page[Consent]:
    """Every answer ever given, the newest first."""
    found = page(
        AnswerRecord,
        AnswerRecord,
        _pk(organization, user),
        request,
        newest_first=True,
        range_condition=AnswerRecord.sk.startswith("ANSWER#"),
    )
    return found.map(lambda record: record.value())


# --- exports ------------------------------------------------------------------------------------------------


def find_export(organization: str, user: str, export: str) -> Export | None:
    record = ExportRecord.fetch(_pk(organization, user), f"EXPORT#{export}")
    found: Export | None = record.value() if record else None
    return found


def get_export(organization: str, user: str, export: str) -> Export:
    """Raises NotFound, for a foreign one too."""
    found = find_export(organization, user, export)
    if found is None:
        raise NotFound("export_not_found", "There is no such export.")
    return found


def exports(organization: str, user: str) -> list[Export]:
    found = ExportRecord.query(_pk(organization, user), ExportRecord.sk.startswith("EXPORT#"), consistent_read=True)
    return [record.value() for record in found]


def add_export(export: Export) -> Write:
    return create(_export(export))


def save_export(export: Export, *, was: Export) -> Write:
    return replace(_export(export), was.version)


def remove_export(export: Export) -> Write:
    record = ExportRecord(_pk(export.organization, export.user), f"EXPORT#{export.id}")
    return Write("delete", record, ExportRecord.version == export.version)


def exports_due(at: datetime, at_most: int) -> list[Export]:
    before = ExportRecord.due_sk < clock.stamp(at)
    shards = [ExportRecord.due.query(f"G#DUE#export#{shard}", before, limit=at_most) for shard in range(_SHARDS)]
    return [record.value() for shard in shards for record in shard]


def _export(export: Export) -> ExportRecord:
    return ExportRecord.of(
        export,
        pk=_pk(export.organization, export.user),
        sk=f"EXPORT#{export.id}",
        due_pk=f"G#DUE#export#{ids.shard_of(export.id, _SHARDS)}",
        due_sk=f"{clock.stamp(export.expires_at)}#{export.organization}#{export.user}#{export.id}",
    )


# --- erasures -----------------------------------------------------------------------------------------------


def find_erasure(organization: str, user: str) -> Erasure | None:
    record = ErasureRecord.fetch(_pk(organization, user), "ERASURE")
    found: Erasure | None = record.value() if record else None
    return found


def save_erasure(erasure: Erasure, *, was: Erasure | None) -> Write:
    """A write that holds only while the stored version is that of `was`; None: there is none yet."""
    record = _erasure(erasure)
    return create(record) if was is None else replace(record, was.version)


def remove_erasure(erasure: Erasure) -> Write:
    record = ErasureRecord(_pk(erasure.organization, erasure.user), "ERASURE")
    return Write("delete", record, ErasureRecord.version == erasure.version)


def erasures_due(at: datetime, at_most: int) -> list[Erasure]:
    before = ErasureRecord.due_sk < clock.stamp(at)
    shards = [ErasureRecord.due.query(f"G#DUE#erasure#{shard}", before, limit=at_most) for shard in range(_SHARDS)]
    return [record.value() for shard in shards for record in shard]


def _erasure(erasure: Erasure) -> ErasureRecord:
    keys: dict[str, str] = {}
    if erasure.wakes_at is not None:
        keys["due_pk"] = f"G#DUE#erasure#{ids.shard_of(erasure.id, _SHARDS)}"
        keys["due_sk"] = f"{clock.stamp(erasure.wakes_at)}#{erasure.organization}#{erasure.user}#{erasure.id}"
    return ErasureRecord.of(erasure, pk=_pk(erasure.organization, erasure.user), sk="ERASURE", **keys)


# --- receipts -----------------------------------------------------------------------------------------------


def find_receipt(organization: str, receipt: str) -> Receipt | None:
    record = ReceiptRecord.fetch(_receipt_pk(organization, receipt), "-")
    found: Receipt | None = record.value() if record else None
    return found


def add_receipt(receipt: Receipt) -> Write:
    return create(ReceiptRecord.of(receipt, pk=_receipt_pk(receipt.organization, receipt.id), sk="-"))


def bare(receipt: Receipt) -> Write:
    """Take away what tells whose receipt it was."""
    return update(
        ReceiptRecord(_receipt_pk(receipt.organization, receipt.id), "-"),
        ReceiptRecord.signed.remove(),
        ReceiptRecord.contact.remove(),
        condition=ReceiptRecord.pk.exists(),
    )


def keep_copy(organization: str, receipt: str, signed: str, expires_at: datetime) -> Write:
    """Again is the same."""
    pk, ttl = _receipt_pk(organization, receipt), clock.epoch(expires_at)
    return Write("put", ReceiptCopyRecord(pk, "COPY", signed=signed, expires_at=expires_at, ttl=ttl))


def find_copy(organization: str, receipt: str, at: datetime) -> str | None:
    """The signed receipt, until it expires."""
    record = ReceiptCopyRecord.fetch(_receipt_pk(organization, receipt), "COPY")
    return record.signed if record and record.expires_at > at else None


# --- everything of a user -----------------------------------------------------------------------------------


def forget(organization: str, user: str) -> Iterator[Write]:
    """Writes that remove all of a user but the request to erase."""
    kinds: tuple[tuple[type[Record], str], ...] = (
        (ConsentRecord, "CONSENT#"), (AnswerRecord, "ANSWER#"), (ExportRecord, "EXPORT#"),
    )  # fmt: skip
    for kind, prefix in kinds:
        for record in kind.query(_pk(organization, user), kind.sk.startswith(prefix), consistent_read=True):
            yield Write("delete", record)


def _pk(organization: str, user: str) -> str:
    return f"T#{organization}#USR#{user}"


def _receipt_pk(organization: str, receipt: str) -> str:
    return f"T#{organization}#RECEIPT#{receipt}"
