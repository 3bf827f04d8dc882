"""Transfers over HTTP."""

from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging
from chalicelib.payments.transfers import model, schemas, service

routes = Routes("transfers")


@routes.post(
    "/payments/{id}/slip",
    permission=PUBLIC,
    guarded=True,
    returns=schemas.Offered,
    status=202,
    limit=(20, 3600),
)
def offer_slip(principal: Principal, id: str, body: schemas.SlipOffer) -> service.Offered:
    """Announce the slip of a bank transfer; the answer says how to send the file.

    Said again once the file is there, it hands the slip in.
    """
    return service.offer_slip(principal, id, model.Slip(body.content_type, body.size, body.sha256))


@routes.get("/admin/payments/transfers", permission="payment.read_all", returns=schemas.Transfer, many=True)
def list_transfers(principal: Principal, query: Paging) -> Page[model.Transfer]:
    """Transfers that wait for the staff's word, the oldest first."""
    return service.waiting(principal, query.request())


@routes.get("/admin/payments/{id}/slip", permission="payment.manage", returns=schemas.Opened)
def open_slip(principal: Principal, id: str) -> service.Opened:
    """A transfer, with an address that shows its slip for five minutes."""
    return service.open_slip(principal, id)


@routes.post("/admin/payments/{id}/confirm", permission="payment.manage", returns=schemas.Transfer, status=200)
def confirm_transfer(principal: Principal, id: str, body: schemas.Confirmation) -> model.Transfer:
    """Say what came into the bank account. Once a second person says the same, the money is booked."""
    return service.confirm(principal, id, body.received, body.reference)


@routes.post("/admin/payments/{id}/reject", permission="payment.manage", returns=schemas.Transfer, status=200)
def reject_transfer(principal: Principal, id: str, body: schemas.Rejection) -> model.Transfer:
    """Say that no money came; the buyer is mailed the reason, and may send another slip."""
    return service.reject(principal, id, body.reason)
