"""What follows when somebody wants everything in one file."""

from chalicelib.core.queues import Outcome, on
from chalicelib.entitlements.archives import building
from chalicelib.entitlements.archives.messages import ArchiveDue


@on(ArchiveDue)
def build_archive(fact: ArchiveDue) -> Outcome:
    did = building.build(fact.organization, fact.order, fact.archive, fact.failure)
    return Outcome.SUCCESS if did else Outcome.SKIPPED
