"""What an organization gets for its plan. A row is a plan; None is no limit."""

from dataclasses import dataclass
from enum import StrEnum

GIB = 1 << 30


class Resource(StrEnum):
    """What a plan limits by number."""

    STAFF = "staff"
    EVENTS = "events"
    STORAGE = "storage"
    DOMAINS = "domains"


@dataclass(frozen=True, slots=True)
class Plan:
    """`staff` are people with a role at a desk, `storage` is bytes of originals, `requests` counts a minute."""

    staff: int | None = None
    events: int | None = None
    storage: int | None = None
    domains: int | None = None
    requests: int | None = None

    def limit(self, resource: Resource) -> int | None:
        found: int | None = getattr(self, resource.value)
        return found


PLANS: dict[str, Plan] = {
    "free": Plan(staff=3, events=3, storage=5 * GIB, domains=0, requests=600),
    "basic": Plan(staff=10, events=30, storage=100 * GIB, domains=1, requests=3_000),
    "pro": Plan(staff=50, events=500, storage=2_000 * GIB, domains=5, requests=30_000),
    "enterprise": Plan(),
}

FIRST = "free"
"""What somebody gets who founds an organization without asking anybody."""

UNLIMITED = "enterprise"
"""What an operator's own organizations have, and those that were there before there were plans."""
