"""What organizations tell."""

from pydantic import AwareDatetime

from chalicelib.core.queues import Fact


class DomainDue(Fact):
    """It is time to see whether a proven domain still says so in its DNS; `at` is when that was planned."""

    host: str
    at: AwareDatetime


class DomainLost(Fact):
    """A domain has not said so for days and leads nowhere any more: tell who looks after the organization."""

    host: str
    at: AwareDatetime
