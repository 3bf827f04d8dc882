"""Payments over HTTP."""

from chalicelib.core.auth import ANONYMOUS, PUBLIC, SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging, Reply, Request
from chalicelib.payments import gateways, model, schemas, service
from chalicelib.payments.gateways.contract import WEBHOOK_KEY

routes = Routes("payments")


@routes.post(
    "/payments/create",
    permission=PUBLIC,
    guarded=True,
    returns=schemas.Payment,
    aliases=("/payment/create", "/payments/initiate", "/payments/process", "/payments/create-intent"),
    limit=(60, 60),
)
def create_payment(principal: Principal, body: schemas.CreatePayment) -> model.Payment:
    """Open a payment for an order: how to pay it, the exact amount and when it expires.

    While an attempt is open it is answered again; once it has expired a new one is made. Another `method` withdraws
    it and opens its own. With the method `credit` the order is paid at once from what the buyer has, if that is enough
    for all that is due. With an `amount` it pays a part: several may be open at once, and the order is paid when the
    last one was. Credit is held until then, and free again if the order is not paid. With a `savedMethod` it is paid
    at once, or the buyer's bank asks them to agree at `redirectUrl`.
    """
    return service.create_payment(
        principal,
        body.order_id,
        body.method,
        amount=body.amount,
        saved=body.saved_method,
        keep=body.save_method,
    )


@routes.get(
    "/payments/{id}/status",
    permission=PUBLIC,
    returns=schemas.Payment,
    aliases=("/payment/{id}/status", "/payments/{id}"),
)
def read_payment(principal: Principal, id: str) -> model.Payment:
    """How a payment stands. Poll it every few seconds while the QR code is shown."""
    return service.read_payment(principal, id)


@routes.get(
    "/payments/history",
    permission=SIGNED_IN,
    guarded=True,
    returns=schemas.Transaction,
    many=True,
    aliases=("/payments/transactions", "/payment/history"),
)
def list_transactions(principal: Principal, query: Paging) -> Page[model.Payment]:
    """The caller's payments that were captured, the newest order's first. A page may hold fewer than it could."""
    return service.list_own(principal, query.request())


@routes.get("/payments/review", permission="payment.read_all", returns=schemas.ReviewedPayment, many=True)
def list_payments_under_review(principal: Principal, query: Paging) -> Page[model.Payment]:
    """Money that arrived but fits no order as agreed: another amount, a second payment, an unknown transaction."""
    return service.list_under_review(principal, query.request())


@routes.post(
    "/payments/webhook/{gateway}",
    permission=ANONYMOUS,
    raw="application/json",
    aliases=tuple(f"/payments/webhook/{name}" for name in sorted(gateways.NAMES)),
)
def accept_webhook(request: Request, gateway: str) -> Reply:
    """A gateway's signed notice. Answers what the gateway expects, 401 for anything that is not provably its own.

    Of a gateway that signs nothing the address ends in `?key=`.
    """
    key = request.query.get("key")
    headers = {**request.headers, WEBHOOK_KEY: key[0]} if key else request.headers
    return Reply(service.accept_webhook(gateway, request.body, headers))


@routes.post(
    "/payments/webhook",
    permission=ANONYMOUS,
    raw="application/json",
    aliases=("/payment/webhook", "/payments/callback"),
)
def accept_first_webhook(request: Request) -> Reply:
    """As `/payments/webhook/paynoi`, from before there were several gateways."""
    return Reply(service.accept_webhook(gateways.FIRST, request.body, request.headers))
