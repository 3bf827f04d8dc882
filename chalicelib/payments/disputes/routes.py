"""Disputes over HTTP."""

from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging
from chalicelib.payments.disputes import model, schemas, service

routes = Routes("disputes")


@routes.get(
    "/admin/payments/disputes",
    permission="payment.read_all",
    returns=schemas.Dispute,
    many=True,
    aliases=("/admin/disputes",),
)
def list_disputes(principal: Principal, query: Paging) -> Page[model.Dispute]:
    """Payments that buyers' banks want back, the newest first, and until when one may speak against it."""
    return service.list_disputes(principal, query.request())
