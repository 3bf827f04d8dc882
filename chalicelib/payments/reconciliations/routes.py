"""Reconciliations over HTTP."""

from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging, Reply
from chalicelib.payments.reconciliations import model, schemas, service

routes = Routes("reconciliations")


@routes.post("/admin/reconciliations", permission="payment.manage", returns=schemas.Offered, status=202)
def offer_statement(principal: Principal, body: schemas.StatementOffer) -> service.Offered:
    """Announce a gateway's settlement statement; the answer says how to send the file.

    Said again once the file is there, it hands it in; the same file is compared once.
    """
    return service.offer(principal, body.statement())


@routes.get("/admin/reconciliations", permission="payment.read_all", returns=schemas.Reconciliation, many=True)
def list_reconciliations(principal: Principal, query: Paging) -> Page[model.Reconciliation]:
    """Statements that were compared with the books, the newest first."""
    return service.listed(principal, query.request())


@routes.get("/admin/reconciliations/{id}", permission="payment.read_all", returns=schemas.Reconciliation)
def read_reconciliation(principal: Principal, id: str) -> model.Reconciliation:
    """How far a statement has been compared, and what came of it."""
    return service.get(principal, id)


@routes.get(
    "/admin/reconciliations/{id}/differences", permission="payment.read_all", returns=schemas.Difference, many=True
)
def list_differences(principal: Principal, id: str, query: Paging) -> Page[model.Difference]:
    """What a statement and the books do not agree on, row by row."""
    return service.differences(principal, id, query.request())


@routes.get("/admin/reconciliations/{id}/export", permission="payment.read_all", raw="text/csv")
def export_differences(principal: Principal, id: str) -> Reply:
    """The same as a table for a spreadsheet; amounts are minor units."""
    headers = {"Content-Disposition": 'attachment; filename="differences.csv"'}
    return Reply(service.export(principal, id), content_type="text/csv; charset=utf-8", headers=headers)
