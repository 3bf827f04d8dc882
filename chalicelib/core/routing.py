"""Routes as data: what a room declares, and where that answers."""

import inspect
import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Required, TypedDict, TypeVar, Unpack

from chalicelib.core.auth import ANONYMOUS, PUBLIC
from chalicelib.core.wire import Input, Output, Query

_VARIABLE = re.compile(r"\{([a-z_]+)\}")

V = TypeVar("V", bound=Callable[..., Any])


@dataclass(frozen=True)
class Route:
    """One operation.

    `aliases` are other addresses of it, as `METHOD /path`; `limit` is (calls, seconds) per address of origin.
    `returns` is the schema of `data`; `many` wraps it in a page. `raw`, a media type or some with `, ` between,
    marks a route that answers with a `Reply`. `hidden` ones are left out of the OpenAPI document, which lists
    `headers` as required.
    A `guarded` route is closed to a token whose session has ended, though it has not expired. `location` is
    where created things are found, relative to the path, when that is not below it. `cache` is how many seconds
    an answer may be shown again without asking; for half of them more while it is asked for anew. It is for
    what everybody gets alike: whoever sends a token to a public route gets an answer that nobody keeps.
    """

    method: str
    path: str
    view: Callable[..., Any]
    permission: str
    returns: type[Output] | None
    status: int
    many: bool
    raw: str | None
    aliases: tuple[str, ...]
    tag: str
    limit: tuple[int, int] | None
    hidden: bool
    guarded: bool
    location: str | None
    headers: tuple[str, ...]
    cache: int | None
    body: type[Input] | None = None
    query: type[Query] | None = None
    arguments: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def variables(self) -> list[str]:
        return variables(self.path)

    def check(self, granted: frozenset[str]) -> None:
        """Raises TypeError for a permission that nobody is granted, or a view that asks for what no request gives."""
        if self.permission not in granted:
            raise TypeError(f"{self.name} needs {self.permission!r}, which no role has")
        given = {"api", "principal", "request", *self.variables}
        given |= {name for name, schema in (("body", self.body), ("query", self.query)) if schema is not None}
        if unknown := set(self.arguments) - given:
            raise TypeError(f"{self.name} asks for {', '.join(sorted(unknown))}, which no request gives")
        if self.cache is not None and (self.method != "GET" or self.permission not in (ANONYMOUS, PUBLIC)):
            raise TypeError(f"{self.name} is not the same for everybody: it can not be cached")
        for alias in self.aliases:
            if len(variables(alias)) != len(self.variables) and not is_case(self.path, alias.split(" ")[1]):
                raise TypeError(f"{self.name} and its alias {alias} differ in their variables")


class Options(TypedDict, total=False):
    """How a route is declared; the fields are those of `Route`."""

    permission: Required[str]
    returns: type[Output]
    many: bool
    status: int
    raw: str
    aliases: tuple[str, ...]
    limit: tuple[int, int]
    hidden: bool
    guarded: bool
    location: str
    headers: tuple[str, ...]
    cache: int


class Routes:
    """The routes of one domain. The permission has no default: a route that does not say does not exist."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.routes: list[Route] = []

    def get(self, path: str, **options: Unpack[Options]) -> Callable[[V], V]:
        return self._register("GET", path, options)

    def post(self, path: str, **options: Unpack[Options]) -> Callable[[V], V]:
        return self._register("POST", path, options)

    def put(self, path: str, **options: Unpack[Options]) -> Callable[[V], V]:
        return self._register("PUT", path, options)

    def delete(self, path: str, **options: Unpack[Options]) -> Callable[[V], V]:
        return self._register("DELETE", path, options)

    def _register(self, method: str, path: str, options: Options) -> Callable[[V], V]:
        aliases = options.get("aliases", ())

        def register(view: V) -> V:
            inputs = typing.get_type_hints(view)
            self.routes.append(
                Route(
                    method=method,
                    path=path,
                    view=view,
                    permission=options["permission"],
                    returns=options.get("returns"),
                    many=options.get("many", False),
                    status=options.get("status", 200 if "returns" in options or "raw" in options else 204),
                    raw=options.get("raw"),
                    aliases=tuple(alias if " " in alias else f"{method} {alias}" for alias in aliases),
                    tag=self.tag,
                    limit=options.get("limit"),
                    hidden=options.get("hidden", False),
                    guarded=options.get("guarded", False),
                    location=options.get("location"),
                    headers=options.get("headers", ()),
                    cache=options.get("cache"),
                    body=inputs.get("body"),
                    query=inputs.get("query"),
                    arguments=tuple(inspect.signature(view).parameters),
                )
            )
            return view

        return register


@dataclass(frozen=True)
class Address:
    """Where a route answers, which is known before it is opened: its module may not have been imported yet."""

    method: str
    path: str
    aliases: tuple[str, ...]
    open: Callable[[], Route]


def addresses(rooms: Sequence[str]) -> dict[str, list[tuple[str, str, tuple[str, ...]]]]:
    """By room the method, path and aliases of each route: what `Api.mount_rooms` reads as JSON."""
    return {room: [(each.method, each.path, each.aliases) for each in routes_of(room).routes] for room in rooms}


def routes_of(room: str) -> Routes:
    """Those that a package declares; this imports it."""
    routes: Routes = import_module(f"{room}.routes").routes
    return routes


# --- addresses ----------------------------------------------------------------------------------------------


def placed(addresses: Sequence[Address]) -> dict[str, dict[str, Address]]:
    """By path and method, aliases too. Raises TypeError for an address that is declared twice."""
    paths: dict[str, str] = {}
    found: dict[str, dict[str, Address]] = {}
    for address in addresses:
        shape = _shape(address.path)
        if paths.setdefault(shape, address.path) != address.path:
            raise TypeError(f"{address.path} and {paths[shape]} name their variables differently")
        _claim(found, address.method, address.path, address)
    for address in addresses:
        for alias in address.aliases:
            method, path = alias.split(" ")
            if is_case(address.path, path):
                continue
            _claim(found, method, paths.setdefault(_shape(path), path), address)
    return found


def is_case(path: str, alias: str) -> bool:
    """Whether an alias only puts values into a path: it is answered there, and listed so that the document names it."""
    return not variables(alias) and bool(variables(path)) and pattern(path).fullmatch(alias) is not None


def variables(path: str) -> list[str]:
    return _VARIABLE.findall(path)


def pattern(path: str) -> re.Pattern[str]:
    """Matches what a path stands for; a group for each variable."""
    return re.compile("([^/]+)".join(re.escape(part) for part in _VARIABLE.split(path)[::2]))


def _claim(paths: dict[str, dict[str, Address]], method: str, path: str, address: Address) -> None:
    operations = paths.setdefault(path, {})
    if method in operations:
        raise TypeError(f"{method} {path} is declared twice")
    operations[method] = address


def _shape(path: str) -> str:
    return _VARIABLE.sub("{}", path)
