"""Verification: people send documents, staff decides, the clock ends what was decided."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, log, outbox, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.verification import store
from chalicelib.verification.messages import DocumentDropped, DocumentReviewed
from chalicelib.verification.model import (
    Document,
    Kind,
    Level,
    Standing,
    State,
    key_of,
    standing,
)

_SWEEP_AT_MOST = 100
_START = 16
_WITH_FILE = (State.SUBMITTED, State.APPROVED, State.REJECTED)


@dataclass(frozen=True, slots=True)
class Offered:
    """`form` is how to send the file, while it is still to be sent."""

    document: Document
    form: storage.UploadForm | None


@dataclass(frozen=True, slots=True)
class Opened:
    """`url` shows the file, for five minutes; None where there is no file any more."""

    document: Document
    url: str | None


# --- people -------------------------------------------------------------------------------------------------


def standing_of(organization: str, user: str) -> Standing:
    """How far somebody is proven. Raises NotFound, for a foreign user too."""
    known = accounts.get_user(organization, user)
    proven = {Level.EMAIL: known.email_verified, Level.PHONE: known.phone is not None}
    return standing(
        frozenset(level for level, is_proven in proven.items() if is_proven),
        store.of_user(organization, user),
        clock.now(),
    )


def offer(actor: Principal, *, kind: Kind, content_type: str, size: int, sha256: str) -> Offered:
    """Announce a file; the answer says how to send it. The same file again is the same document.

    Raises Conflict `document_settled` for a file that was rejected or has run out.
    """
    organization, user = actor.organization, actor.known_user
    document = Document(
        id=ids.derived("doc", organization, user, kind, sha256),
        organization=organization,
        user=user,
        kind=kind,
        content_type=content_type,
        size=size,
        sha256=sha256,
        created_at=clock.now(),
    )
    with suppress(Conflict):  # it is known already: what is stored decides
        transact(store.add(document))
    held = store.get(organization, user, document.id)
    if held.state in (State.REJECTED, State.EXPIRED):
        raise Conflict("document_settled", "This file was reviewed before. Send another one.")
    form = None
    if held.state is State.AWAITING:
        form = storage.upload_form(
            held.key, content_type=held.content_type, size=held.size, sha256=held.sha256, bucket="documents"
        )
    return Offered(held, form)


def submit(actor: Principal, document_id: str) -> Document:
    """Ask for a review once the file has been sent.

    Raises NotFound, Conflict `document_not_sent` (nothing has arrived), `document_not_awaited` (asked before) or
    `document_type` (the file is something else than it was called).
    """
    document = store.get(actor.organization, actor.known_user, document_id)
    submitted = document.submitted(clock.now())
    start = storage.peek("documents", document.key, _START)
    if start is None:
        raise Conflict("document_not_sent", "The file has not arrived. Send it first.")
    if not storage.begins_as(document.content_type, start):
        raise Conflict("document_type", f"This file is no {document.content_type}.")
    transact(store.save(submitted, was=document))
    return submitted


def withdraw(actor: Principal, document_id: str) -> None:
    """Take a document back, whatever its state; its file goes. Raises NotFound."""
    document = store.get(actor.organization, actor.known_user, document_id)
    transact(store.remove(document), _drop(document))


# --- staff --------------------------------------------------------------------------------------------------


def to_review(actor: Principal, request: PageRequest) -> Page[Document]:
    return store.to_review(actor.organization, request)


def open_document(actor: Principal, user: str, document_id: str) -> Opened:
    """A document with an address that shows it; that somebody looked is kept. Raises NotFound."""
    document = store.get(actor.organization, user, document_id)
    if document.state not in _WITH_FILE:
        return Opened(document, None)
    transact(audit.entry(actor, action="document.opened", entity="document", entity_id=document.id))
    return Opened(document, storage.read_url("documents", document.key))


def approve(actor: Principal, user: str, document_id: str, valid_until: date | None) -> Document:
    """Raises NotFound, Conflict `document_not_submitted` or `own_document`, Invalid for one that has run out.

    `valid_until` is the last day that the document names, if it names one.
    """
    document = _to_decide(actor, user, document_id)
    return _decided(actor, document, document.approved(actor.known_user, valid_until, clock.now()))


def reject(actor: Principal, user: str, document_id: str, reason: str) -> Document:
    """Raises NotFound, Conflict `document_not_submitted` or `own_document`. The owner is told the reason."""
    document = _to_decide(actor, user, document_id)
    return _decided(actor, document, document.rejected(actor.known_user, reason, clock.now()))


def _to_decide(actor: Principal, user: str, document_id: str) -> Document:
    document = store.get(actor.organization, user, document_id)
    if document.user == actor.user:
        raise Conflict("own_document", "Let somebody else look at your documents.")
    return document


def _decided(actor: Principal, document: Document, decided: Document) -> Document:
    noted = audit.entry(
        actor,
        action=f"document.{decided.state}",
        entity="document",
        entity_id=document.id,
        before={"state": document.state, "valid_until": document.valid_until},
        after={"state": decided.state, "valid_until": decided.valid_until},
    )
    transact(store.save(decided, was=document), outbox.publish(_reviewed(decided)), noted)
    return decided


# --- behind the API -----------------------------------------------------------------------------------------


def find(organization: str, user: str, document: str) -> Document | None:
    return store.find(organization, user, document)


def remove_file(organization: str, user: str, document: str) -> bool:
    """Remove the file of a document that is no more, or is kept without it; False where it is wanted again."""
    held = store.find(organization, user, document)
    if held is not None and held.state is not State.EXPIRED:
        return False
    storage.remove("documents", key_of(organization, user, document))
    return True


def expire_due() -> int:
    """End approvals whose time is up, and forget what was never sent or was rejected long ago; returns how many."""
    changed = 0
    for document in store.due(clock.now(), _SWEEP_AT_MOST):
        about = {"organization": document.organization}
        try:
            changed += _expire(document.organization, document.user, document.id)
        except AppError as refusal:
            log.warning("document not expired", code=refusal.code, **about)
        except Exception as failure:  # noqa: BLE001 (tried again in a minute; the others have their turn now)
            log.bug("document not expired", failure, **about)
    return changed


def _expire(organization: str, user: str, document_id: str) -> bool:
    document = store.find(organization, user, document_id)
    if document is None or document.due_at is None or document.due_at > clock.now():
        return False
    if document.state is State.APPROVED:
        expired = document.expired()
        transact(store.save(expired, was=document), _drop(document), outbox.publish(_reviewed(expired)))
    else:
        transact(store.remove(document), _drop(document))
    return True


# --- privacy ------------------------------------------------------------------------------------------------


def personal_data(organization: str, user: str) -> Mapping[str, Any]:
    """What is kept of somebody, without the marks of how it is stored."""
    return {"documents": [replace(document, reviewed_by=None) for document in store.of_user(organization, user)]}


def own_files(organization: str, user: str) -> list[storage.StoredFile]:
    return [
        storage.StoredFile("documents", document.key, f"documents/{document.kind}-{document.id}")
        for document in store.of_user(organization, user)
        if document.state in _WITH_FILE
    ]


def erase_person(organization: str, user: str) -> None:
    """Forget all documents and their files. May run again where it was cut off."""
    storage.remove("documents", key_of(organization, user, ""))
    for document in store.of_user(organization, user):
        transact(store.remove(document))


def _drop(document: Document) -> Write:
    fact = DocumentDropped(organization=document.organization, user=document.user, document=document.id)
    return outbox.publish(fact)


def _reviewed(document: Document) -> DocumentReviewed:
    return DocumentReviewed(
        organization=document.organization, user=document.user, document=document.id, version=document.version
    )
