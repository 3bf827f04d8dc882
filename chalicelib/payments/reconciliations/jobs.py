"""What follows when a statement was handed in."""

from chalicelib.core.queues import Outcome, on
from chalicelib.payments.reconciliations import comparing
from chalicelib.payments.reconciliations.messages import StatementDue


@on(StatementDue)
def compare(fact: StatementDue) -> Outcome:
    return comparing.go_on(fact.organization, fact.reconciliation)
