"""What an organization may use by its plan, and whether it may be used at all."""

from dataclasses import dataclass

from chalicelib.core import limits
from chalicelib.core.errors import Forbidden, NotFound
from chalicelib.core.table import Write
from chalicelib.organizations import store
from chalicelib.organizations.plans import PLANS, UNLIMITED, Plan, Resource
from chalicelib.organizations.service.settings import DEFAULT, get, known


@dataclass(frozen=True, slots=True)
class Usage:
    """`limits` is the plan's; what is counted of it is in `used`."""

    plan: str
    limits: Plan
    used: dict[Resource, int]


def admit(organization: str) -> None:
    """Let one request in. Raises Forbidden `organization_suspended`, Limited above what the plan takes a minute.

    What is decided elsewhere is known here within a minute. The deployment's own organization is never shut out.
    """
    if organization == DEFAULT:
        return
    held = known(organization)
    if held.suspended:
        raise Forbidden("organization_suspended", "This organization is suspended.")
    if held.limits.requests is not None:
        limits.take_share(organization, "requests", limit=held.limits.requests, seconds=60)


def use(organization: str, resource: Resource, by: int = 1) -> Write:
    """A write that counts what is taken into use, or given back; refused with Forbidden `plan_limit`."""
    limit = _plan_of(organization).limit(resource)
    return store.count_use(organization, resource, by, limit, _refused(resource))


def must_have_room(organization: str, resource: Resource) -> None:
    """Raises Forbidden `plan_limit` where `use` would not hold now: to say so before work is put into it."""
    limit = _plan_of(organization).limit(resource)
    if limit is not None and store.uses(organization)[resource] >= limit:
        raise _refused(resource)


def usage_of(organization: str) -> Usage:
    found = get(organization)
    return Usage(found.plan or UNLIMITED, found.limits, store.uses(organization))


def _plan_of(organization: str) -> Plan:
    """An organization that nobody stored has no limits, like the default one."""
    try:
        return known(organization).limits
    except NotFound:
        return PLANS[UNLIMITED]


def _refused(resource: Resource) -> Forbidden:
    return Forbidden("plan_limit", f"The plan has no room for more: {resource}.", field=resource.value)
