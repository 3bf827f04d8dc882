"""Granting anew what ran out."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.audit import service as audit
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Forbidden, NotFound, Unavailable
from chalicelib.core.table import Write, transact
from chalicelib.entitlements import store
from chalicelib.entitlements.chain import Step
from chalicelib.entitlements.model import Downloads, Grant, Renewals
from chalicelib.entitlements.service.fetching import downloads
from chalicelib.entitlements.service.history import append

_AT_ONCE = 90
_TRIES = 8


def renew(principal: Principal, order: str) -> Downloads:
    """Grant anew what is used up or over, for as long as it was granted first. What can still be had stays as it is.

    Each renewal of the order is for every file once, so a request that was cut off goes on without taking another.
    Raises NotFound for a stranger, Forbidden `download_revoked`, `redownload_limit_reached`.
    """
    for _ in range(_TRIES):
        held, now = downloads(principal, order), clock.now()
        if all(grant.revoked for grant in held.files):
            raise held.files[0].refusal(now)
        due = [grant for grant in held.files if not grant.revoked and not grant.is_available(now)]
        if not due:
            return held
        try:
            _renew(held.renewals, due, now)
        except store.NotRenewed:
            continue
    raise Unavailable("busy", "Too much happens to this order at once. Try again.", retry_after=1)


def allow(actor: Principal, order: str, cap: int) -> Renewals:
    """How often an order may be renewed, all renewals so far included. Raises NotFound."""
    organization = actor.organization
    if not store.of_order(organization, order):
        raise NotFound("download_not_found", "There is no such download.")
    for _ in range(_TRIES):
        was = store.renewals_of(organization, order)
        if was.cap == cap:
            return was
        told = audit.entry(
            actor, action="order.renewals_allowed", entity="order", entity_id=order,
            before={"cap": was.cap}, after={"cap": cap},
        )  # fmt: skip
        try:
            transact(store.save_renewals(replace(was, cap=cap)), told)
        except store.NotRenewed:
            continue
        return replace(was, cap=cap)
    raise Unavailable("busy", "Too much happens to this order at once. Try again.", retry_after=1)


def _renew(renewals: Renewals, due: list[Grant], now: datetime) -> None:
    counted: list[Write] = []
    behind = [grant for grant in due if (grant.renewals or 0) < renewals.used]
    if not behind:
        if renewals.used >= renewals.cap:
            raise Forbidden("redownload_limit_reached", "These photos were renewed as often as they may be.")
        behind, renewals = due, replace(renewals, used=renewals.used + 1)
        counted.append(store.save_renewals(renewals))
    some = behind[:_AT_ONCE]
    renewed = [store.renew(grant, renewals.used, now + timedelta(hours=grant.hours), now) for grant in some]
    facts = {"renewal": renewals.used, "photos": len(some)}
    append(renewals.organization, renewals.order, Step.RENEWED, facts, *counted, *renewed)
