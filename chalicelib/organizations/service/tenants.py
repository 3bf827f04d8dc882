"""Tenants as the platform sees them: founding, listing, plans and suspension."""

from typing import Any

from chalicelib.core import clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.organizations import store
from chalicelib.organizations.model import Organization, label_of, must_sell_in
from chalicelib.organizations.service.hosts import forget_host, shared_host
from chalicelib.organizations.service.settings import DEFAULT, get, save


def create(name: str, **changes: Any) -> Organization:
    """Found an organization; `changes` are fields of `Organization`. Raises Invalid."""
    founded, writes = founding(name, **changes)
    transact(*writes)
    if founded.host:
        forget_host(founded.host)
    return founded


def founding(name: str, *, subdomain: str | None = None, **changes: Any) -> tuple[Organization, list[Write]]:
    """A new organization and the writes that found it, at its subdomain if it has one.

    They are refused with Conflict `host_taken`. Raises Invalid, Unprocessable without a domain to share.
    """
    blank = Organization.founded(ids.new("org"), name, clock.now())
    writes = []
    if subdomain is not None:
        host = shared_host(subdomain)
        changes |= {"subdomain": label_of(subdomain), "host": host}
        writes.append(store.map_host(host, blank.id))
    founded = blank.changed(blank.version, changes)
    must_sell_in(founded.currency)
    return founded, [*writes, store.save(founded, was=blank), store.listed(founded)]


def list_all(principal: Principal, request: PageRequest) -> Page[Organization]:
    """Oldest first. The deployment's own is not among them."""
    must_be_platform(principal)
    return store.all_of_them(request)


def show(principal: Principal, organization: str) -> Organization:
    """Any organization, for the platform. Raises NotFound."""
    must_be_platform(principal)
    return get(organization)


def set_plan(principal: Principal, organization: str, plan: str) -> Organization:
    """What is over the new plan's limits stays, and nothing is added to it. Raises NotFound, Invalid, Conflict."""
    return _change(principal, organization, "organization.plan_changed", plan=plan)


def suspend(principal: Principal, organization: str) -> Organization:
    """Shut its people and its API out, within a minute everywhere."""
    since = show(principal, organization).suspended_at
    return _change(principal, organization, "organization.suspended", suspended_at=since or clock.now())


def resume(principal: Principal, organization: str) -> Organization:
    return _change(principal, organization, "organization.resumed", suspended_at=None)


def must_be_platform(principal: Principal) -> None:
    """Raises Forbidden for anybody of a tenant, whatever the token says."""
    if principal.organization != DEFAULT:
        raise Forbidden("forbidden", "Your account may not do this.")


def _change(principal: Principal, organization: str, action: str, **changes: Any) -> Organization:
    """Twice is once."""
    current = show(principal, organization)
    if current.id == DEFAULT:
        raise Conflict("own_organization", "The platform's own organization has no plan and is never shut out.")
    if all(getattr(current, field) == value for field, value in changes.items()):
        return current
    changed = current.changed(current.version, changes)
    save(current, changed, principal, action)
    return changed
