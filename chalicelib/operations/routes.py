"""What operators and developers read: health, the API document and its page."""

import mimetypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from chalicelib.core import openapi
from chalicelib.core.auth import ANONYMOUS, PUBLIC, Principal
from chalicelib.core.errors import NotFound
from chalicelib.core.http import Api
from chalicelib.core.routing import Routes
from chalicelib.core.wire import Reply, Request
from chalicelib.operations import dashboard, health, schemas

_ASSETS = frozenset({"swagger-ui.css", "swagger-ui-bundle.js"})
_START = """window.addEventListener("load", function () {
  SwaggerUIBundle({ url: "openapi.json", dom_id: "#api", deepLinking: true, tryItOutEnabled: true });
});
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ThePixStock API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<main id="api"><noscript>This page needs JavaScript; the document itself is at <a href="openapi.json">openapi.json</a>.
</noscript></main>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


routes = Routes("operations")


@routes.get("/", permission=ANONYMOUS, raw="application/json")
def index() -> Reply:
    """Where to go from here."""
    return Reply({"name": "ThePixStock", "documentation": "/docs", "openapi": "/openapi.json", "health": "/health"})


@routes.get("/health", permission=PUBLIC, raw="application/json")
def read_health(principal: Principal, request: Request) -> Reply:
    """Whether database, storage and queue answer; 503 when one does not.

    Operators, who carry a token that may read operations, also see how long each took.
    """
    found = health.examine()
    services: dict[str, str | schemas.Part] = {probe.name: "up" if probe.is_up else "down" for probe in found.probes}
    if principal.may("operations.read"):
        services = {probe.name: schemas.Part(up=probe.is_up, ms=probe.milliseconds) for probe in found.probes}
    report = schemas.Health(status="healthy" if found.is_up else "unhealthy", timestamp=found.at, services=services)
    envelope = {
        "success": found.is_up,
        "data": report.model_dump(mode="json"),
        "message": "OK" if found.is_up else "A part of the system is down.",
        "errors": [],
        "error": None if found.is_up else {"code": "unhealthy", "message": "A part of the system is down."},
        "requestId": request.id,
    }
    return Reply(envelope, status=200 if found.is_up else 503)


@routes.get("/openapi.json", permission=ANONYMOUS, raw="application/json", cache=300)
def read_openapi(api: Api) -> Reply:
    """The OpenAPI 3.1 document of this API."""
    return Reply(openapi_document(api))


@routes.get("/docs", permission=ANONYMOUS, raw="text/html", cache=300)
def read_docs(request: Request) -> Reply:
    """The documentation page."""
    if request.path.endswith("/"):  # from there the page's own links would lead nowhere
        return Reply("", 308, "text/html; charset=utf-8", {"Location": f"/{request.path.strip('/')}"})
    return Reply(_PAGE, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": _PAGE_POLICY})


@routes.get("/docs/{asset}", permission=ANONYMOUS, raw="text/plain", hidden=True, cache=86400)
def read_docs_asset(asset: str) -> Reply:
    """A file of the documentation page."""
    if asset == "start.js":
        return Reply(_START, content_type="text/javascript; charset=utf-8")
    if asset not in _ASSETS:
        raise NotFound("not_found", "There is no such thing here.")
    content_type = mimetypes.guess_type(asset)[0] or "application/octet-stream"
    text = _swagger_ui().joinpath(asset).read_text(encoding="utf-8")
    return Reply(text, content_type=f"{content_type}; charset=utf-8")


@cache
def openapi_document(api: Api) -> dict[str, Any]:
    """All routes of all rooms."""
    return openapi.document(
        api,
        title="ThePixStock API",
        version="1.0.0",
        description="Event photos, from upload to download: organizers, photographers, visitors, payments.",
    )


def _swagger_ui() -> Path:
    """The static files inside the package, found without importing it."""
    spec = find_spec("flask_swagger_ui")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "dist"


@routes.get(
    "/admin/dashboard",
    permission="revenue.read",
    returns=schemas.Dashboard,
    aliases=("/admin/statistics", "/admin/analytics", "/admin/analytics/dashboard"),
)
def read_dashboard(principal: Principal) -> dashboard.Figures:
    """The organization in figures: photos by state, orders by status, users, events, storage, revenue."""
    return dashboard.figures(principal.organization)
