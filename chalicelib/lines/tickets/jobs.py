"""What runs after tickets were issued."""

from chalicelib.core.queues import Outcome, on
from chalicelib.lines.tickets import service
from chalicelib.lines.tickets.messages import TicketsIssued


@on(TicketsIssued, queue="emails")
def mail_tickets(fact: TicketsIssued) -> Outcome:
    return service.mail_tickets(fact)
