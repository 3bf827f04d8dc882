"""Deposits over HTTP."""

from chalicelib.core.auth import SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging, Request, idempotency_key
from chalicelib.payments.deposits import model, schemas, service

routes = Routes("deposits")


@routes.get("/deposits", permission=SIGNED_IN, guarded=True, returns=schemas.Deposit, many=True)
def list_own_deposits(principal: Principal, query: Paging) -> Page[model.Deposit]:
    """What the caller left with the organization, and what became of it; the newest first."""
    return service.list_own(principal, query.request())


@routes.get("/admin/deposits", permission="payment.read_all", returns=schemas.StaffDeposit, many=True)
def list_held_deposits(principal: Principal, query: Paging) -> Page[model.Deposit]:
    """Deposits that are held or on their way back, the oldest first."""
    return service.list_held(principal, query.request())


@routes.post(
    "/admin/deposits/{id}/release",
    permission="payment.manage",
    returns=schemas.StaffDeposit,
    status=202,
    headers=("Idempotency-Key",),
)
def release_deposit(principal: Principal, request: Request, id: str, body: schemas.Release) -> model.Deposit:
    """Give a deposit back, or a part of it, the way it was paid. Needs an `Idempotency-Key`."""
    return service.release(principal, id, body.amount, idempotency_key(request))


@routes.post(
    "/admin/deposits/{id}/forfeit",
    permission="payment.manage",
    returns=schemas.StaffDeposit,
    status=200,
    headers=("Idempotency-Key",),
)
def forfeit_deposit(principal: Principal, request: Request, id: str, body: schemas.Forfeit) -> model.Deposit:
    """Keep a part of a deposit, or all of it, for a reason. Needs an `Idempotency-Key`."""
    return service.forfeit(principal, id, body.amount, body.reason, idempotency_key(request))
