"""What follows a review, a withdrawal and the end of an approval."""

from chalicelib.accounts import service as accounts
from chalicelib.core.queues import Outcome, on
from chalicelib.notifications import service as notifications
from chalicelib.notifications.service import Reader
from chalicelib.verification import service
from chalicelib.verification.messages import DocumentDropped, DocumentReviewed


@on(DocumentReviewed, queue="emails")
def mail_review(fact: DocumentReviewed) -> Outcome:
    """Skipped once the document is gone or has changed again: then another mail tells of it. And without an address."""
    document = service.find(fact.organization, fact.user, fact.document)
    user = accounts.find_user(fact.organization, fact.user)
    if user is None or user.email is None or document is None or document.version != fact.version:
        return Outcome.SKIPPED
    return notifications.send_email(
        fact.organization,
        once=f"document-reviewed#{document.id}#{fact.version}",
        to=user.email,
        template="document_reviewed",
        language=user.language,
        values={
            "name": user.name,
            "kind": document.kind.value,
            "outcome": document.state.value,
            "reason": document.reason or "",
        },
        reader=Reader(user.id, page="/users/me/verification"),
    )


@on(DocumentDropped)
def remove_file(fact: DocumentDropped) -> Outcome:
    removed = service.remove_file(fact.organization, fact.user, fact.document)
    return Outcome.SUCCESS if removed else Outcome.SKIPPED
