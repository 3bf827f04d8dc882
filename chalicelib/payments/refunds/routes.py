"""Refunds over HTTP."""

from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging, Request, idempotency_key
from chalicelib.payments.refunds import model, schemas, service

routes = Routes("refunds")


@routes.post(
    "/payments/{id}/refund", permission=PUBLIC, guarded=True, returns=schemas.Refund, status=202, limit=(20, 60)
)
def ask_refund(principal: Principal, id: str, body: schemas.AskRefund) -> model.Refund:
    """Ask for money back, for the order's buyer and the holder of its token. Staff decide.

    While a request is open it is answered again.
    """
    return service.request(principal, id, lines=body.wanted(), reason=body.reason, pay_to=body.pay_to)


@routes.post(
    "/payments/refund",
    permission=PUBLIC,
    guarded=True,
    returns=schemas.Refund,
    status=202,
    limit=(20, 60),
    aliases=("/payment/refund",),
)
def ask_refund_of(principal: Principal, body: schemas.AskRefundOf) -> model.Refund:
    """Ask for money back of the payment that the body names."""
    return service.request(principal, body.payment_id, lines=body.wanted(), reason=body.reason, pay_to=body.pay_to)


@routes.get("/payments/{id}/refund", permission=PUBLIC, guarded=True, returns=schemas.Refunds)
def list_refunds(principal: Principal, id: str) -> schemas.Refunds:
    """The refunds of a payment, the first one first."""
    return schemas.Refunds.model_validate({"items": service.of_payment(principal, id)})


@routes.post(
    "/admin/orders/{id}/refund",
    permission="payment.manage",
    returns=schemas.StaffRefund,
    status=202,
    headers=("Idempotency-Key",),
)
def refund_order(principal: Principal, request: Request, id: str, body: schemas.GiveBack) -> schemas.StaffRefund:
    """Give back money of an order: lines, parts of them, or all that is left. Needs an `Idempotency-Key`.

    Where the gateway can not do it, somebody transfers the money and somebody else confirms that.
    """
    refund = service.begin(
        principal,
        id,
        idempotency_key(request),
        lines=body.wanted(),
        reason=body.reason,
        way=body.chosen(),
        pay_to=body.pay_to,
    )
    return schemas.StaffRefund.of(refund)


@routes.get("/admin/refunds", permission="payment.read_all", returns=schemas.Refund, many=True)
def list_waiting_refunds(principal: Principal, query: Paging) -> Page[model.Refund]:
    """Refunds that wait for a decision, a transfer, a second person or the gateway; the oldest first."""
    return service.list_waiting(principal, query.request())


@routes.get("/admin/orders/{id}/refunds/{refund}", permission="payment.manage", returns=schemas.StaffRefund)
def read_refund(principal: Principal, id: str, refund: str) -> schemas.StaffRefund:
    """A refund with where to transfer it."""
    return schemas.StaffRefund.of(service.get(principal.organization, id, refund))


@routes.put("/admin/orders/{id}/refunds/{refund}", permission="payment.manage", returns=schemas.StaffRefund)
def decide_refund(principal: Principal, id: str, refund: str, body: schemas.Decision) -> schemas.StaffRefund:
    """Approve or decline a request; say that it was transferred, confirm another's transfer, or give it up."""
    way = model.Way(body.way) if body.way else None
    decided = service.decide(principal, id, refund, body.action, way=way, reason=body.reason, reference=body.reference)
    return schemas.StaffRefund.of(decided)
