"""HTTP: routes as data, one dispatch for all of them, the envelope.

A room declares its routes (`routing`); `app.py` mounts them on the `Api`. A route names its permission,
its input and its output; parsing, authentication, refusals, headers, CORS and the OpenAPI document follow.
"""

import json
import posixpath
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from chalice.app import Chalice, Response

from chalicelib.core import auth, limits, log, table
from chalicelib.core.auth import ANONYMOUS, PUBLIC, SIGNED_IN, Principal
from chalicelib.core.errors import (
    AppError,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    Unauthorized,
    Unavailable,
)
from chalicelib.core.routing import Address, Route, Routes, pattern, placed, routes_of, variables
from chalicelib.core.settings import settings
from chalicelib.core.wire import (
    Reply,
    Request,
    cacheable,
    encoded,
    page_of,
    read_body,
    read_query,
    refusal_reply,
)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
STAFF = "/admin/"
"""What is below is answered like an alias: it takes none of the resources that an API may have."""
PATH_VALUE = r"^[A-Za-z0-9._~-]{1,200}$"

SECURITY_HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_CORS_HEADERS = {
    "Access-Control-Allow-Methods": ", ".join((*METHODS, "OPTIONS")),
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, Idempotency-Key, X-Cart-Token, X-Event-Token, X-Order-Token, X-Search-Token"
    ),
    "Access-Control-Expose-Headers": "X-Request-Id, Retry-After, Location, Link",
    "Access-Control-Max-Age": "600",
}
_TOKENS = ("Authorization", "X-Cart-Token", "X-Event-Token", "X-Order-Token")


# --- the API ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Access:
    """What the API must be told about people and tenants, which live on a higher floor.

    `permissions` maps a role to what it may do. Who sends a token must still be good for it, says `stands`, at every
    request; who has a permission that is `guarded` must have a session that goes on, says `session_lives`.
    `tenant_of` turns the host a request came to into an organization id; `origins_of` lists the web origins an
    organization's frontends may call from. `admit` raises what keeps all of an organization's requests out.
    `key_holder` is who calls an organization with the token of an API key, raising Unauthorized for one that is not
    good now.
    """

    permissions: Mapping[str, frozenset[str]]
    guarded: frozenset[str]
    tenant_of: Callable[[str], str]
    session_lives: Callable[[Principal], bool]
    stands: Callable[[Principal], bool] = lambda principal: True
    origins_of: Callable[[str], frozenset[str]] = lambda organization: frozenset()
    admit: Callable[[str], None] = lambda organization: None
    key_holder: Callable[[str, str], Principal] | None = None


class Api(Chalice):
    """The Chalice application with this house's dispatch."""

    def __init__(self, app_name: str, access: Access) -> None:
        super().__init__(app_name, debug=False, configure_logs=False)
        self.register_middleware(_named_in_log, "all")
        self.access = access
        self._addresses: list[Address] = []
        self._open: dict[tuple[str, str], Route] = {}
        self._aliases: list[tuple[re.Pattern[str], dict[str, Address]]] = []

    def mount(self, *domains: Routes) -> None:
        """Register the routes of all domains.

        Raises TypeError for an undeclared permission, a doubled address, or a view that asks for what no
        request gives.
        """
        routes = [route for domain in domains for route in domain.routes]
        for route in routes:
            route.check(self._granted)
        self._place([Address(route.method, route.path, route.aliases, partial(_itself, route)) for route in routes])

    def mount_rooms(self, rooms: Sequence[str], written: Path) -> None:
        """Register what these packages declare as `routes.routes`.

        Where their addresses have been written down, as `addresses` tells them, a room is opened by its first request.
        """
        if not written.exists():
            self.mount(*(routes_of(room) for room in rooms))
            return
        told: dict[str, list[tuple[str, str, list[str]]]] = json.loads(written.read_bytes())
        self._place(
            [
                Address(method, path, tuple(aliases), partial(self._opened, room, method, path))
                for room, declared in told.items()
                for method, path, aliases in declared
            ]
        )

    @cached_property
    def mounted(self) -> list[Route]:
        """All routes; this opens every room."""
        return [address.open() for address in self._addresses]

    def _opened(self, room: str, method: str, path: str) -> Route:
        if (method, path) not in self._open:
            for route in routes_of(room).routes:
                route.check(self._granted)
                self._open[route.method, route.path] = route
        return self._open[method, path]

    @property
    def _granted(self) -> frozenset[str]:
        return frozenset().union(*self.access.permissions.values()) | {ANONYMOUS, PUBLIC, SIGNED_IN}

    def _place(self, addresses: list[Address]) -> None:
        self._addresses = addresses
        resources = {address.path for address in addresses if not address.path.startswith(STAFF)}
        for path, methods in placed(addresses).items():
            if path not in resources:
                self._aliases.append((pattern(path), methods))
                continue
            for method, address in methods.items():
                self._register(path, method, partial(self._serve, address, path))
            self._register(path, "OPTIONS", self._preflight)
        for method in METHODS:
            self._register("/{proxy+}", method, self._elsewhere)
        self._register("/{proxy+}", "OPTIONS", self._preflight)
        self._aliases.sort(key=lambda alias: alias[0].groups)  # /users/me before /users/{id}

    def _register(self, path: str, method: str, view: Callable[..., Response]) -> None:
        def handler(**path_values: str) -> Response:
            return view(**path_values)

        self.route(path, methods=[method], content_types=[])(handler)

    def _serve(self, address: Address, mounted_at: str, **path_values: str) -> Response:
        route = address.open()
        names = dict(zip(variables(mounted_at), route.variables, strict=True))
        return self._answer(route, {names[name]: value for name, value in path_values.items()})

    def _elsewhere(self) -> Response:
        """An address that is no resource of its own: one of the staff's, an alias, or nothing."""
        held = self.current_request  # Chalice passes no greedy variable to a view
        assert held is not None
        assert held.uri_params is not None
        path = f"/{held.uri_params['proxy'].strip('/')}"
        allowed: set[str] = set()
        for shape, operations in self._aliases:
            match = shape.fullmatch(path)
            if match and held.method in operations:
                route = operations[held.method].open()
                return self._answer(route, dict(zip(route.variables, match.groups(), strict=True)))
            if match:
                allowed.update(operations)
        if allowed:
            refusal = MethodNotAllowed("method_not_allowed", "This address has no such method.")
            return self._refuse(refusal, {"Allow": ", ".join(sorted(allowed))})
        return self._refuse(NotFound("route_not_found", "There is nothing at this address."))

    def _preflight(self, **_: str) -> Response:
        return self._respond(self._request(), Reply("", status=204))

    def _answer(self, route: Route, path_values: dict[str, str]) -> Response:
        request, started, code = self._request(), time.perf_counter(), None
        with log.correlated(request.id):
            try:
                response = self._respond(request, self._dispatch(route, request, path_values))
            except AppError as refusal:
                code = refusal.code
                response = self._respond(request, refusal_reply(refusal, request.id))
            except Exception as failure:  # noqa: BLE001 (whatever goes wrong, the caller gets the envelope)
                response = self._respond(request, self._unexpected(failure, route, request))
            ms = round((time.perf_counter() - started) * 1000)
            log.info("answered", route=route.name, status=response.status_code, code=code, ms=ms)
            return response

    def _dispatch(self, route: Route, request: Request, path_values: dict[str, str]) -> Reply:
        organization = self.access.tenant_of(request.host)
        self.access.admit(organization)
        if route.limit is not None:
            calls, seconds = route.limit
            limits.take(organization, route.name, request.source, limit=calls, seconds=seconds)
        principal = self._admit(route, request, organization)
        for value in path_values.values():
            if not re.fullmatch(PATH_VALUE, value):
                raise NotFound("not_found", "There is no such thing here.")
        given: dict[str, Any] = {"api": self, "principal": principal, "request": request, **path_values}
        if route.body is not None:
            given["body"] = read_body(route.body, request)
        if route.query is not None:
            given["query"] = read_query(route.query, request)
        result = route.view(**{name: given[name] for name in route.arguments})
        return _cached(route, _success(route, result, request), request)

    def _admit(self, route: Route, request: Request, organization: str) -> Principal:
        """The principal, if it may use the route. Raises Unauthorized or Forbidden."""
        if route.permission == ANONYMOUS:
            return Principal(organization, source=request.source)
        principal = self._identify(request, organization)
        if principal.key is not None:
            return _with_key(route, principal)
        if principal.user is not None and not self._goes_on(route, principal):
            raise Unauthorized("session_ended", "This session has ended. Sign in again.")
        if route.permission != PUBLIC and principal.user is None:
            raise Unauthorized("sign_in_required", "Sign in first.")
        if route.permission not in (PUBLIC, SIGNED_IN) and not principal.may(route.permission):
            raise Forbidden("forbidden", "Your account may not do this.")
        return principal

    def _goes_on(self, route: Route, principal: Principal) -> bool:
        """Whether the token is still good. Staff sees more on every route: for them the session is looked at, too."""
        is_staff = not principal.permissions.isdisjoint(self.access.guarded)
        if route.guarded or is_staff:
            return self.access.session_lives(principal)
        return self.access.stands(principal)

    def _identify(self, request: Request, organization: str) -> Principal:
        tokens = {
            name: request.headers[header]
            for name, header in (
                ("cart", "x-cart-token"),
                ("event", "x-event-token"),
                ("order", "x-order-token"),
                ("search", "x-search-token"),
            )
            if header in request.headers
        }
        authorization = request.headers.get("authorization")
        if authorization is None:
            return Principal(organization, tokens=tokens, source=request.source)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized("invalid_token", "Send the access token as `Authorization: Bearer <token>`.")
        if token.startswith(auth.API_KEY) and self.access.key_holder is not None:
            holder = self.access.key_holder(organization, token.strip())
            permissions = holder.permissions & self._permissions_of(holder.roles)
            return replace(holder, permissions=permissions, roles=frozenset(), tokens=tokens, source=request.source)
        principal = auth.verify(token.strip(), organization)
        permissions = self._permissions_of(principal.roles)
        return replace(principal, permissions=permissions, tokens=tokens, source=request.source)

    def _permissions_of(self, roles: frozenset[str]) -> frozenset[str]:
        return frozenset().union(*(self.access.permissions.get(role, frozenset()) for role in roles))

    def _unexpected(self, failure: Exception, route: Route, request: Request) -> Reply:
        if table.is_busy(failure):
            log.bug("dependency unavailable", failure, route=route.name)
            busy = Unavailable("unavailable", "We can not answer right now. Try again shortly.", retry_after=2)
            return refusal_reply(busy, request.id)
        log.bug("unexpected failure", failure, route=route.name)
        return refusal_reply(AppError("internal_error", "Something went wrong on our side."), request.id)

    def _refuse(self, refusal: AppError, headers: Mapping[str, str] | None = None) -> Response:
        request = self._request()
        reply = refusal_reply(refusal, request.id)
        return self._respond(request, replace(reply, headers={**reply.headers, **(headers or {})}))

    def _request(self) -> Request:
        held = self.current_request
        assert held is not None
        raw = held.raw_body
        return Request(
            id=held.context["requestId"],
            method=held.method,
            path=held.context.get("path", held.path),
            headers={name.lower(): value for name, value in held.headers.items()},
            query={name: held.query_params.getlist(name) for name in held.query_params} if held.query_params else {},
            body=raw if isinstance(raw, bytes) else raw.encode(),
            host=str(held.context.get("domainName", "")).lower(),
            source=str(held.context.get("identity", {}).get("sourceIp", "")),
        )

    def _respond(self, request: Request, reply: Reply) -> Response:
        headers: dict[str, str | list[str]] = {
            **SECURITY_HEADERS,
            **self._cors(request),
            "Vary": "Origin",
            "X-Request-Id": request.id,
            "Content-Type": reply.content_type,
            **reply.headers,
        }
        return Response(reply.content, status_code=reply.status, headers=headers)

    def _cors(self, request: Request) -> dict[str, str]:
        origin = request.headers.get("origin")
        if origin is None or not self._welcomes(origin, request.host):
            return {}
        return _CORS_HEADERS | {"Access-Control-Allow-Origin": origin}

    def _welcomes(self, origin: str, host: str) -> bool:
        if origin in settings().allowed_origins:
            return True
        try:
            return origin in self.access.origins_of(self.access.tenant_of(host))
        except Exception as failure:  # noqa: BLE001 (an answer without CORS headers is still an answer)
            log.bug("origins unknown", failure)
            return False


def _itself(route: Route) -> Route:
    return route


def _named_in_log(event: Any, proceed: Callable[[Any], Any]) -> Any:
    """Around every call of every Lambda function: its lines name it."""
    context = event.lambda_context if hasattr(event, "lambda_context") else event.context
    with log.called(context.function_name, context.aws_request_id):
        return proceed(event)


def _with_key(route: Route, principal: Principal) -> Principal:
    """What a key may: routes that name a permission it has. Where a person is meant it is nobody. Raises Forbidden."""
    if route.permission == SIGNED_IN:
        raise Forbidden("key_not_accepted", "This is for people: an API key does not open it.")
    if route.permission == PUBLIC:
        return replace(principal, user=None)
    if not principal.may(route.permission):
        raise Forbidden("forbidden", "This API key may not do this.")
    return principal


# --- answering ----------------------------------------------------------------------------------------------


def _success(route: Route, result: Any, request: Request) -> Reply:
    if isinstance(result, Reply):
        return result
    if route.returns is None:
        return Reply("", status=route.status)
    data = page_of(route.returns, result) if route.many else encoded(route.returns, result)
    envelope = {
        "success": True,
        "data": data,
        "message": "OK",
        "errors": [],
        "error": None,
        "requestId": request.id,
    }
    created = route.status == 201 and "id" in data
    headers = {"Location": f"{_collection(route, request)}/{data['id']}"} if created else {}
    return Reply(envelope, status=route.status, headers=headers)


def _cached(route: Route, reply: Reply, request: Request) -> Reply:
    """The answer with how long it may be kept, or with nothing but that it has not changed."""
    if route.cache is None or reply.status != 200:
        return reply
    telling = () if route.permission == ANONYMOUS else _TOKENS
    if any(name.lower() in request.headers for name in telling):
        return reply
    return cacheable(reply, request, seconds=route.cache, vary=("Origin", "Accept-Encoding", *telling))


def _collection(route: Route, request: Request) -> str:
    """Where what a route creates is found, under the base path of the request."""
    path = request.path.rstrip("/")
    if route.location is None:
        return path
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(path), route.location))
