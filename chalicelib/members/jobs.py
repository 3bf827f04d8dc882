"""Mails to whom members invite."""

from chalicelib.core import clock
from chalicelib.core.queues import Outcome, on
from chalicelib.members import service
from chalicelib.members.messages import MemberInvited
from chalicelib.members.model import INVITED_FOR
from chalicelib.notifications import service as notifications
from chalicelib.notifications.service import Reader
from chalicelib.organizations import service as organizations
from chalicelib.organizations.messages import DomainLost


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


@on(DomainLost, queue="emails")
def mail_lost_domain(fact: DomainLost) -> Outcome:
    """To each owner and admin who has a mailbox."""
    outcomes = [
        notifications.send_email(
            fact.organization,
            once=f"domain-lost#{fact.host}#{clock.stamp(fact.at)}#{user.id}",
            to=user.email,
            template="domain_lost",
            language=user.language,
            values={"host": fact.host, "days": organizations.MISSED_DAYS},
            reader=Reader(user.id, page="/organization"),
        )
        for user in service.keepers(fact.organization)
        if user.email is not None
    ]
    return Outcome.SUCCESS if Outcome.SUCCESS in outcomes else Outcome.SKIPPED
