"""API keys of an organization."""

from chalicelib.api_keys import schemas, service
from chalicelib.api_keys.model import ApiKey
from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging

routes = Routes("api keys")


@routes.get("/api-keys", permission="api_key.manage", returns=schemas.ApiKey, many=True)
def api_keys(principal: Principal, query: Paging) -> Page[ApiKey]:
    """The organization's keys, without their secrets."""
    return service.keys(principal, query.request())


@routes.post("/api-keys", permission="api_key.manage", returns=schemas.NewApiKey, status=201, limit=(30, 60))
def create(principal: Principal, body: schemas.Create) -> schemas.NewApiKey:
    """A key for another system, which may no more than its maker. Asks for a log-in of the last 15 minutes."""
    made = service.create(principal, name=body.name, permissions=frozenset(body.permissions), days=body.days)
    shown = schemas.ApiKey.model_validate(made.key)
    return schemas.NewApiKey(**shown.model_dump(by_alias=False), token=made.token)


@routes.get("/api-keys/{id}", permission="api_key.manage", returns=schemas.ApiKey)
def api_key(principal: Principal, id: str) -> ApiKey:
    """One key, without its secret."""
    return service.find(principal, id)


@routes.delete("/api-keys/{id}", permission="api_key.manage")
def revoke(principal: Principal, id: str) -> None:
    """From the next request on the key opens nothing."""
    service.revoke(principal, id)
