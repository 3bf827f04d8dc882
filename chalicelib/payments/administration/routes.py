"""Payments for staff, over HTTP."""

from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.payments import model
from chalicelib.payments.administration import schemas, service

routes = Routes("payments for staff")


@routes.get("/admin/orders/{id}", permission="order.read_all", returns=schemas.File)
def read_file(principal: Principal, id: str) -> service.File:
    """An order with its history, payments, refunds, ledger entries and notes."""
    return service.open_file(principal, id)


@routes.get("/admin/payments", permission="payment.read_all", returns=schemas.Payment, many=True)
def list_payments(principal: Principal, query: schemas.ListedPayments) -> Page[model.Payment]:
    """Payments in a state, captured ones if none is named; the newest first."""
    return service.list_payments(principal, query.status, query.request())


@routes.put("/payments/review/{id}", permission="payment.manage", returns=schemas.Payment)
def close_case(principal: Principal, id: str, body: schemas.Closing) -> model.Payment:
    """Decide about money that came otherwise than agreed: take it as payment of its order, or give it back."""
    return service.close_case(principal, id, body.decision, body.reason, body.pay_to)
