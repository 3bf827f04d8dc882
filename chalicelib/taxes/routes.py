"""The table of taxes over HTTP."""

from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.core.wire import Reply, encoded
from chalicelib.taxes import schemas, service, sheet

routes = Routes("taxes")


@routes.get("/taxes", permission="settings.manage", returns=schemas.TaxTable)
def read_taxes(principal: Principal) -> schemas.TaxTable:
    """The rates of tax by class of product and day, and how tax is rounded."""
    return schemas.TaxTable.of(service.table_of(principal.organization))


@routes.get(
    "/taxes/report", permission="revenue.read", raw="application/json, text/csv", aliases=("/admin/taxes/report",)
)
def report_taxes(principal: Principal, query: schemas.Period) -> Reply:
    """What was taxed in some days: by class, rate and name, without tax and the tax of it, and what refunds took back.

    The days are those of the organization's zone, `to` being one of them; at most 366. As JSON, or with `format=csv`.
    """
    found = service.report(principal.organization, query.first, query.last)
    if query.format == "csv":
        headers = {"Content-Disposition": f'attachment; filename="taxes-{found.first}-{found.last}.csv"'}
        return Reply(sheet.written(found), content_type="text/csv; charset=utf-8", headers=headers)
    return Reply(encoded(schemas.Report, found))


@routes.put("/taxes", permission="settings.manage", returns=schemas.TaxTable)
def set_taxes(principal: Principal, body: schemas.NewTaxTable) -> schemas.TaxTable:
    """Set the rates, from the next quote on: orders keep the tax that they were placed with.

    A rate that is in force stays as it is until a newer one of its class begins. An old `version` answers 409.
    """
    rates = [rate.told() for rate in body.rates]
    return schemas.TaxTable.of(service.set_table(principal, rates, body.rounding, body.version))
