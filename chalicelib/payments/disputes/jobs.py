"""What follows a gateway's webhook about a dispute, and who is told of it."""

from chalicelib.core.money import Money
from chalicelib.core.queues import Outcome, on
from chalicelib.members import service as members
from chalicelib.notifications import service as notifications
from chalicelib.orders import service as orders
from chalicelib.organizations import service as organizations
from chalicelib.payments.disputes import service
from chalicelib.payments.disputes.messages import DisputeRaised
from chalicelib.payments.disputes.model import State
from chalicelib.payments.messages import GatewayDisputed


@on(GatewayDisputed, queue="payments")
def settle(fact: GatewayDisputed) -> Outcome:
    return service.settle(fact.organization, fact.payment, fact.dispute)


@on(DisputeRaised)
def follow_shares(fact: DisputeRaised) -> Outcome:
    return service.follow_shares(fact.organization, fact.order, fact.dispute, fact.state)


@on(DisputeRaised, queue="emails")
def mail_staff(fact: DisputeRaised) -> Outcome:
    """To each owner and admin who has a mailbox."""
    dispute = service.get(fact.organization, fact.order, fact.dispute)
    at_stake = dispute.withdrawn if fact.state is State.LOST else dispute.amount
    values = {
        "order_code": orders.get(fact.organization, fact.order).code,
        "amount": str(Money(at_stake, dispute.currency)),
        "reason": dispute.reason,
        "outcome": fact.state,
        "due_at": dispute.due_at,
        "organization": organizations.get(fact.organization).name,
    }
    outcomes = [
        notifications.send_email(
            fact.organization,
            once=f"disputed#{fact.dispute}#{fact.state}#{user.id}",
            to=user.email,
            template="payment_disputed",
            language=user.language,
            values=values,
        )
        for user in members.keepers(fact.organization)
        if user.email is not None
    ]
    return Outcome.SUCCESS if Outcome.SUCCESS in outcomes else Outcome.SKIPPED
