"""Figures of notices over HTTP."""

from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.notifications.analytics import schemas, service
from chalicelib.notifications.analytics.model import Report

routes = Routes("notifications")


@routes.get("/admin/notifications/analytics", permission="user.manage", returns=schemas.Report)
def report_notices(principal: Principal, query: schemas.Period) -> Report:
    """What became of the notices that were sent in some days (UTC, at most 92), by kind and channel. Counts alone."""
    return service.report(principal.organization, query.first, query.last)
