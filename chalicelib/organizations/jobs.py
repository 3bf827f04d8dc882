"""Looking at proven domains again."""

from chalicelib.core.queues import Outcome, on
from chalicelib.organizations import service
from chalicelib.organizations.messages import DomainDue


@on(DomainDue)
def look_again(fact: DomainDue) -> Outcome:
    return Outcome.SUCCESS if service.look_again(fact.organization, fact.host, fact.at) else Outcome.SKIPPED
