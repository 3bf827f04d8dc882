"""The OpenAPI 3.1 document of the mounted routes and their schemas."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from chalicelib.core.auth import ANONYMOUS, PUBLIC
from chalicelib.core.http import PATH_VALUE, Api
from chalicelib.core.routing import Route

_REF = "#/components/schemas/{model}"
Mode = Literal["validation", "serialization"]
Refs = Mapping[tuple[Any, Mode], dict[str, Any]]


def document(api: Api, *, title: str, version: str, description: str) -> dict[str, Any]:
    """The whole contract: paths, schemas, the bearer scheme, each route's aliases as `x-aliases`."""
    routes = [route for route in api.mounted if not route.hidden]
    refs, schemas = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(routes, key=lambda route: (route.path, route.method)):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs, schemas)
    for query in {route.query for route in routes if route.query is not None}:
        schemas.pop(_name(refs, query), None)  # told as parameters
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": description},
        "servers": [{"url": "/"}, {"url": "/api"}, {"url": "/api/v1"}],
        "tags": [{"name": tag} for tag in sorted({route.tag for route in routes})],
        "paths": paths,
        "components": {
            "schemas": schemas | {"Error": _ERROR},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "cart": {"type": "apiKey", "in": "header", "name": "X-Cart-Token"},
                "event": {"type": "apiKey", "in": "header", "name": "X-Event-Token"},
                "order": {"type": "apiKey", "in": "header", "name": "X-Order-Token"},
            },
        },
    }


def _schemas(routes: list[Route]) -> tuple[Refs, dict[str, Any]]:
    inputs: list[tuple[type[BaseModel], Mode]] = []
    for route in routes:
        if route.body is not None:
            inputs.append((route.body, "validation"))
        if route.query is not None:
            inputs.append((route.query, "validation"))
        if route.returns is not None:
            inputs.append((route.returns, "serialization"))
    unique = list(dict.fromkeys(inputs))
    refs, defined = models_json_schema(unique, by_alias=True, ref_template=_REF)
    return refs, defined.get("$defs", {})


def _name(refs: Refs, schema: type[BaseModel]) -> str:
    reference: str = refs[(schema, "validation")]["$ref"]
    return reference.rpartition("/")[2]


def _operation(route: Route, refs: Refs, schemas: Mapping[str, Any]) -> dict[str, Any]:
    summary, _, rest = (route.view.__doc__ or "").strip().partition("\n")
    operation: dict[str, Any] = {
        "tags": [route.tag],
        "operationId": f"{route.tag.replace(' ', '_')}.{route.view.__name__}",
        "summary": summary,
        "x-permission": route.permission,
        "parameters": _parameters(route, refs, schemas),
        "responses": {str(route.status): _success(route, refs), **_refusals(route)},
    }
    if route.cache is not None:
        operation["responses"]["304"] = {"description": "Not changed: what `If-None-Match` names is still the answer"}
    if rest.strip():
        operation["description"] = " ".join(line.strip() for line in rest.strip().splitlines())
    operation["security"] = _SECURITY.get(route.permission, [{"bearer": []}])
    if route.aliases:
        operation["x-aliases"] = list(route.aliases)
    if route.body is not None:
        schema = refs[(route.body, "validation")]
        required = "required" in schemas[_name(refs, route.body)]
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
    return operation


def _parameters(route: Route, refs: Refs, schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": PATH_VALUE}}
        for name in route.variables
    ]
    if route.query is not None:
        described = schemas[_name(refs, route.query)]
        for name, schema in described.get("properties", {}).items():
            required = name in described.get("required", [])
            shown = {key: value for key, value in schema.items() if key != "title"}
            parameters.append({"name": name, "in": "query", "required": required, "schema": shown})
    for header in route.headers:
        parameters.append({"name": header, "in": "header", "required": True, "schema": {"type": "string"}})
    return parameters


def _refusals(route: Route) -> dict[str, Any]:
    """A page says as a page what it refuses; the rest answers the envelope."""
    if route.raw != "text/html":
        return _REFUSALS
    page: dict[str, Any] = {"text/html": {"schema": {}}}
    return {status: {**refusal, "content": {**refusal["content"], **page}} for status, refusal in _REFUSALS.items()}


def _success(route: Route, refs: Refs) -> dict[str, Any]:
    if route.raw is not None:
        return {"description": "OK", "content": {kind: {"schema": {}} for kind in route.raw.split(", ")}}
    if route.returns is None:
        return {"description": "Done"}
    data: dict[str, Any] = refs[(route.returns, "serialization")]
    if route.many:
        data = {**_PAGE, "properties": {**_PAGE["properties"], "items": {"type": "array", "items": data}}}
    schema = {**_ENVELOPE, "properties": {**_ENVELOPE["properties"], "data": data}}
    return {"description": "OK", "content": {"application/json": {"schema": schema}}}


_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    ANONYMOUS: [],
    PUBLIC: [{}, {"bearer": []}, {"cart": []}, {"event": []}, {"order": []}],
}
_ENVELOPE: dict[str, Any] = {
    "type": "object",
    "required": ["success", "data", "message", "errors", "error", "requestId"],
    "properties": {
        "success": {"const": True},
        "message": {"type": "string"},
        "errors": {"type": "array", "maxItems": 0},
        "error": {"type": "null"},
        "requestId": {"type": "string"},
    },
}
_PAGE: dict[str, Any] = {
    "type": "object",
    "required": ["items", "pageSize", "nextCursor", "hasMore", "totalCount"],
    "properties": {
        "pageSize": {"type": "integer"},
        "nextCursor": {"type": ["string", "null"]},
        "hasMore": {"type": "boolean"},
        "totalCount": {"type": ["integer", "null"]},
        "page": {"type": "integer"},
        "totalPages": {"type": "integer"},
    },
}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["success", "data", "message", "errors", "error", "requestId"],
    "properties": {
        "success": {"const": False},
        "data": {"type": "null"},
        "message": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": ["string", "null"]},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
        "error": {
            "type": "object",
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        },
        "requestId": {"type": "string"},
    },
}
_REFUSAL = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
_REFUSALS: dict[str, Any] = {
    "4XX": {"description": "Refused; `error.code` says why", **_REFUSAL},
    "503": {"description": "Try again after `Retry-After` seconds", **_REFUSAL},
}
