"""Mails to whom members invite."""

from chalicelib.core.queues import Outcome, on
from chalicelib.members import service
from chalicelib.members.messages import MemberInvited
from chalicelib.members.model import INVITED_FOR
from chalicelib.notifications import service as notifications
from chalicelib.organizations import service as organizations


@on(MemberInvited, queue="emails")
def mail_invitation(fact: MemberInvited) -> Outcome:
    """Skipped for a link that nobody waits for any more."""
    invitation = service.to_mail(fact.organization, fact.invitation, fact.nonce)
    if invitation is None:
        return Outcome.SKIPPED
    address = f"{organizations.url_of(fact.organization)}/invitations/{invitation.id}"
    return notifications.send_email(
        fact.organization,
        once=f"invitation#{fact.nonce}",
        to=invitation.email,
        template="invitation",
        language=invitation.language,
        values={"link": f"{address}/{service.token_of(invitation)}", "days": INVITED_FOR.days},
    )
