"""What follows a request for a copy of one's data, and one to be forgotten."""

from chalicelib.accounts import service as accounts
from chalicelib.core.queues import Outcome, on
from chalicelib.faces.messages import FaceSearchConsented
from chalicelib.notifications import service as notifications
from chalicelib.organizations import service as organizations
from chalicelib.privacy.messages import (
    ErasureDone,
    ErasureDue,
    ErasurePlanned,
    ExportAsked,
    ExportDropped,
    ExportReady,
)
from chalicelib.privacy.model import ConsentKind
from chalicelib.privacy.service import consents, erasures, exports


@on(ExportAsked)
def make_export(fact: ExportAsked) -> Outcome:
    return _outcome(exports.make(fact.organization, fact.user, fact.export))


@on(ExportDropped)
def remove_export(fact: ExportDropped) -> Outcome:
    return _outcome(exports.remove_file(fact.organization, fact.user, fact.export))


@on(ExportReady, queue="emails")
def mail_export(fact: ExportReady) -> Outcome:
    user = accounts.find_user(fact.organization, fact.user)
    export = exports.find(fact.organization, fact.user, fact.export)
    if user is None or user.email is None or export is None:
        return Outcome.SKIPPED
    return notifications.send_email(
        fact.organization,
        once=f"export-ready#{export.id}",
        to=user.email,
        template="export_ready",
        language=user.language,
        values={"name": user.name, "link": exports.link(export), "expires_at": export.expires_at},
    )


@on(ErasurePlanned, queue="emails")
def mail_plan(fact: ErasurePlanned) -> Outcome:
    user = accounts.find_user(fact.organization, fact.user)
    erasure = erasures.find(fact.organization, fact.user)
    if user is None or user.email is None or erasure is None or erasure.id != fact.erasure:
        return Outcome.SKIPPED
    return notifications.send_email(
        fact.organization,
        once=f"erasure-planned#{erasure.id}",
        to=user.email,
        template="erasure_planned",
        language=user.language,
        values={"name": user.name, "scope": erasure.scope.value, "due_at": erasure.due_at},
    )


@on(ErasureDue)
def erase(fact: ErasureDue) -> Outcome:
    return _outcome(erasures.run(fact.organization, fact.user, fact.erasure))


@on(ErasureDone, queue="emails")
def mail_receipt(fact: ErasureDone) -> Outcome:
    """Once it is sent, nothing tells any more whose it was."""
    waiting = erasures.receipt_to_mail(fact.organization, fact.receipt)
    if waiting is None:
        return Outcome.SKIPPED
    receipt, address = waiting
    outcome = notifications.send_email(
        fact.organization,
        once=f"erasure-done#{receipt.id}",
        to=address,
        template="erasure_done",
        language=receipt.language or "en",
        values={
            "scope": receipt.scope.value,
            "receipt": receipt.signed,
            "link": f"{organizations.url_of(fact.organization)}/privacy/keys",
        },
    )
    erasures.forget_contact(receipt)
    return outcome


@on(FaceSearchConsented)
def note_face_consent(fact: FaceSearchConsented) -> Outcome:
    """A search has its consent with it; here it joins the person's others."""
    kind = ConsentKind.FACE_RECOGNITION
    return _outcome(consents.note_granted(fact.organization, fact.user, kind, fact.wording, fact.at))


def _outcome(did: bool) -> Outcome:
    return Outcome.SUCCESS if did else Outcome.SKIPPED
