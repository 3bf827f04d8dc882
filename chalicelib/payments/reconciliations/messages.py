"""Facts about reconciliations."""

from chalicelib.core.queues import Fact


class StatementDue(Fact):
    """A statement is to be compared, from the start or from where it stands."""

    reconciliation: str
