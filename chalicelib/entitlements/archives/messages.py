"""Facts about archives."""

from chalicelib.core.queues import Fact


class ArchiveDue(Fact):
    """An archive is to be built, from the start or from where it stands. `failure` says why it never can."""

    order: str
    archive: str
    failure: str | None = None
