"""What follows a request for a copy of one's data, and one to be forgotten."""

from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import User
from chalicelib.core.queues import Outcome, on
from chalicelib.faces.messages import FaceSearchConsented
from chalicelib.notifications import service as notifications
from chalicelib.notifications.service import Reader
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
    if user is None or export is None:
        return Outcome.SKIPPED
    values = {"name": user.name, "link": exports.link(export), "expires_at": export.expires_at}
    return _send(user, f"export-ready#{export.id}", "export_ready", values)


@on(ErasurePlanned, queue="emails")
def mail_plan(fact: ErasurePlanned) -> Outcome:
    user = accounts.find_user(fact.organization, fact.user)
    erasure = erasures.find(fact.organization, fact.user)
    if user is None or erasure is None or erasure.id != fact.erasure:
        return Outcome.SKIPPED
    values = {"name": user.name, "scope": erasure.scope.value, "due_at": erasure.due_at}
    return _send(user, f"erasure-planned#{erasure.id}", "erasure_planned", values)


@on(ErasureDue)
def erase(fact: ErasureDue) -> Outcome:
    return _outcome(erasures.run(fact.organization, fact.user, fact.erasure))


@on(ErasureDone, queue="emails")
def mail_receipt(fact: ErasureDone) -> Outcome:
    """A text leads to it, for a receipt is too long for one. Once it is sent, nothing tells any more whose it was."""
    waiting = erasures.receipt_to_send(fact.organization, fact.receipt)
    if waiting is None:
        return Outcome.SKIPPED
    receipt, address = waiting
    once, language = f"erasure-done#{receipt.id}", receipt.language or "en"
    if accounts.is_phone(address):
        outcome = notifications.send_text(
            fact.organization,
            once=once,
            to=address,
            template="erasure_done",
            language=language,
            values={"link": erasures.link_to(receipt)},
        )
    else:
        outcome = notifications.send_email(
            fact.organization,
            once=once,
            to=address,
            template="erasure_done",
            language=language,
            values={
                "scope": receipt.scope.value,
                "receipt": receipt.signed,
                "link": f"{organizations.url_of(fact.organization)}/privacy/keys",
            },
        )
    erasures.forget_contact(receipt)
    return outcome


def _send(user: User, once: str, template: str, values: dict[str, Any]) -> Outcome:
    """To a phone as a text, to any other address as a mail."""
    send = notifications.send_text if accounts.is_phone(user.address) else notifications.send_email
    return send(
        user.organization,
        once=once,
        to=user.address,
        template=template,
        language=user.language,
        values=values,
        reader=Reader(user.id, page="/users/me/privacy"),
    )


@on(FaceSearchConsented)
def note_face_consent(fact: FaceSearchConsented) -> Outcome:
    """A search has its consent with it; here it joins the person's others."""
    kind = ConsentKind.FACE_RECOGNITION
    return _outcome(consents.note_granted(fact.organization, fact.user, kind, fact.wording, fact.at))


def _outcome(did: bool) -> Outcome:
    return Outcome.SUCCESS if did else Outcome.SKIPPED
