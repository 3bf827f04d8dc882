"""The table of taxes over HTTP."""

from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.taxes import schemas, service

routes = Routes("taxes")


@routes.get("/taxes", permission="settings.manage", returns=schemas.TaxTable)
def read_taxes(principal: Principal) -> schemas.TaxTable:
    """The rates of tax by class of product and day, and how tax is rounded."""
    return schemas.TaxTable.of(service.table_of(principal.organization))


@routes.put("/taxes", permission="settings.manage", returns=schemas.TaxTable)
def set_taxes(principal: Principal, body: schemas.NewTaxTable) -> schemas.TaxTable:
    """Set the rates, from the next quote on: orders keep the tax that they were placed with.

    A rate that is in force stays as it is until a newer one of its class begins. An old `version` answers 409.
    """
    rates = [rate.told() for rate in body.rates]
    return schemas.TaxTable.of(service.set_table(principal, rates, body.rounding, body.version))
