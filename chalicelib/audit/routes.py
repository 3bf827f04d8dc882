"""The audit log over HTTP."""

from urllib.parse import urlencode

from chalicelib.audit import schemas, service, sheet
from chalicelib.audit.model import Entry
from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Reply, encoded

routes = Routes("audit")


@routes.get("/admin/audit-logs", permission="audit.read", returns=schemas.Entry, many=True, aliases=("/admin/logs",))
def list_entries(principal: Principal, query: schemas.EntryList) -> Page[Entry]:
    """What was changed, by whom and from where, newest first: of everything, of one entity or by one actor."""
    return service.find(principal.organization, query.search(), query.request())


@routes.get("/admin/audit-logs/export", permission="audit.read", raw="text/csv, application/json")
def export_entries(principal: Principal, query: schemas.EntryExport) -> Reply:
    """The same as a file of up to 500 entries, a table or JSON. `Link: <...>; rel="next"` leads to those after them."""
    search = query.search()
    found = service.export(principal.organization, search, query.cursor)
    headers = {"Content-Disposition": f'attachment; filename="audit.{query.format}"'}
    if found.cursor:
        kind = {} if query.format == "csv" else {"format": query.format}
        following = urlencode({**search.query(), **kind, "cursor": found.cursor})
        headers["Link"] = f'<?{following}>; rel="next"'
    if query.format == "json":
        return Reply([encoded(schemas.Entry, entry) for entry in found.items], headers=headers)
    return Reply(sheet.written(found.items), content_type="text/csv; charset=utf-8", headers=headers)
