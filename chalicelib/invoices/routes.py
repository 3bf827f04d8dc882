"""Receipts, tax invoices and credit notes over HTTP."""

from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Reply, Request
from chalicelib.invoices import page, schemas, service

routes = Routes("invoices")

_DRAWN = (60, 60)


@routes.put("/orders/{id}/billing", permission=PUBLIC, guarded=True, returns=schemas.Billing)
def set_billing(principal: Principal, id: str, body: schemas.BillingDetails) -> schemas.Billing:
    """Say in whose name the receipt is to be, until it is issued: right after the payment.

    For the order's buyer, the holder of its token and staff. Without it the receipt has the address of the order.
    """
    told = service.set_billing(principal, id, name=body.name, address=body.address, tax_number=body.tax_number)
    return schemas.Billing.of(told.organization, told.order, told)


@routes.get("/orders/{id}/invoice", permission=PUBLIC, guarded=True, returns=schemas.Drawn, limit=_DRAWN)
def read_invoice(principal: Principal, id: str) -> schemas.Drawn:
    """The receipt of an order as PDF, a tax invoice where its seller has a tax number.

    For the order's buyer, the holder of its token and staff. There is none before the order is paid, nor of one that
    cost nothing.
    """
    return schemas.Drawn.of(service.draw_receipt(principal, id))


@routes.get("/d/{id}/{token}/invoice", permission=PUBLIC, raw="text/html", status=303, hidden=True, limit=_DRAWN)
def open_invoice(principal: Principal, request: Request, id: str, token: str) -> Reply:
    """The link of a mail to the receipt: it leads on to the PDF."""
    return page.receipt(Principal(principal.organization, tokens={"order": token}), request, id)


@routes.get("/orders/{id}/documents", permission=PUBLIC, guarded=True, returns=schemas.Documents)
def list_documents(principal: Principal, id: str) -> schemas.Documents:
    """The receipt of an order and its credit notes."""
    return schemas.Documents(documents=[schemas.Document.of(each) for each in service.of_order(principal, id)])


@routes.get("/orders/{id}/documents/{number}", permission=PUBLIC, guarded=True, returns=schemas.Drawn, limit=_DRAWN)
def read_document(principal: Principal, id: str, number: str) -> schemas.Drawn:
    """Any of these as PDF."""
    return schemas.Drawn.of(service.draw(principal, id, number))


@routes.get("/admin/invoices", permission="order.read_all", returns=schemas.Document, many=True)
def list_invoices(principal: Principal, query: schemas.Search) -> Page[schemas.Document]:
    """Receipts, or with `kind` credit notes, the newest first; or the one with a `number`."""
    found = service.find(principal.organization, query.kind, query.number, query.since, query.until, query.request())
    return found.map(schemas.Document.of)
