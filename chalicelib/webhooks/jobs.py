"""What webhooks follow, and who is told that one was switched off."""

from chalicelib.core import clock
from chalicelib.core.queues import Fact, Outcome, on
from chalicelib.members import service as members
from chalicelib.notifications import service as notifications
from chalicelib.notifications.service import Reader
from chalicelib.webhooks import service
from chalicelib.webhooks.messages import DeliveryDue, EndpointDisabled
from chalicelib.webhooks.registry import FACTS


@on(*FACTS)
def announce(fact: Fact) -> Outcome:
    return Outcome.SUCCESS if service.announce(fact) else Outcome.SKIPPED


@on(DeliveryDue, queue="webhooks")
def deliver(fact: DeliveryDue) -> Outcome:
    return service.deliver(fact)


@on(EndpointDisabled, queue="emails")
def mail_disabled(fact: EndpointDisabled) -> Outcome:
    """To each owner and admin who has a mailbox."""
    outcomes = [
        notifications.send_email(
            fact.organization,
            once=f"webhook-disabled#{fact.endpoint}#{clock.stamp(fact.at)}#{user.id}",
            to=user.email,
            template="webhook_disabled",
            language=user.language,
            values={"host": fact.host, "gone": fact.because == "gone"},
            reader=Reader(user.id, page="/organization/webhooks"),
        )
        for user in members.keepers(fact.organization)
        if user.email is not None
    ]
    return Outcome.SUCCESS if Outcome.SUCCESS in outcomes else Outcome.SKIPPED
