"""Callers and events for tests of this floor and above."""

import datetime
from dataclasses import replace

from chalicelib.core import ids
from chalicelib.core.auth import Principal
from chalicelib.events import service
from chalicelib.events.model import Details, Event, EventStatus
from chalicelib.organizations.roles import ROLES
from chalicelib.organizations.service import DEFAULT

OTHER = ids.derived("org", "another tenant")


def caller(role: str | None = None, user: str | None = None, organization: str = DEFAULT) -> Principal:
    """A visitor, or somebody with a role."""
    if role is None:
        return Principal(organization, user=user)
    return Principal(organization, user=user or ids.new("usr"), roles=frozenset({role}), permissions=ROLES[role])


ADMIN = caller("admin", "usr_00000000000000000000000001")
VISITOR = caller()


def details(**changes: object) -> Details:
    plain = Details(name="Bangkok Night Run", date=datetime.date(2026, 11, 20))
    return replace(plain, **changes)  # type: ignore[arg-type]


def planned(admin: Principal = ADMIN, slug: str | None = None, **changes: object) -> Event:
    return service.plan_event(admin, details(**changes), slug)


def opened(admin: Principal = ADMIN, status: EventStatus = EventStatus.LIVE, **changes: object) -> Event:
    """An event that went as far as `status`."""
    event = planned(admin, None, **changes)
    if status is EventStatus.CLOSED:
        event = service.move_event(admin, event.id, EventStatus.LIVE, event.version)
    return service.move_event(admin, event.id, status, event.version)
