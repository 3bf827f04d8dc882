"""A small API that has a route of every kind."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from botocore.exceptions import ReadTimeoutError
from pydantic import Field

from chalicelib.core import ids, log
from chalicelib.core.auth import ANONYMOUS, PUBLIC, SIGNED_IN, Principal
from chalicelib.core.errors import Conflict, NotFound, Unavailable, Unprocessable
from chalicelib.core.http import Access, Api
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Input, Output, Paging, Query, Reply, Request, idempotency_key

ORG = "org_lamps"
OTHER_ORG = "org_other"
HOSTS = {"lamps.example": ORG, "other.example": OTHER_ORG}


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class LampModel:
    id: str
    light_output: int
    bought_at: datetime
    colour: Colour = Colour.RED
    note: str | None = None
    secret_price: int = 99


class Lamp(Output):
    id: str
    light_output: int
    bought_at: datetime
    colour: Colour
    note: str | None


class Shade(Input):
    width: int


class NewLamp(Input):
    name: str = Field(max_length=20)
    light_output: int = Field(ge=0, le=100)
    weight: float = 0.0
    colour: Colour = Colour.RED
    shades: list[Shade] = Field([], max_length=3)


class Change(Input):
    note: str | None = None


class LampList(Paging):
    colour: Colour | None = None


class Asked(Output):
    size: int
    cursor: str | None
    number: int | None


class Path(Output):
    id: str
    shade: str


class Caller(Output):
    organization: str
    user: str | None
    roles: list[str]
    permissions: list[str]
    tokens: dict[str, str]
    source: str


class Breakage(Query):
    how: str


class Echo(Output):
    method: str
    path: str
    host: str
    source: str
    correlation: str
    query: dict[str, list[str]]
    body: str


LAMP = LampModel("lmp_1", 40, datetime(2026, 11, 20, 8, 0, tzinfo=UTC), note="โคมไฟ")

routes = Routes("lamps")
made: list[NewLamp] = []


@routes.get("/lamps", permission=PUBLIC, returns=Lamp, many=True, aliases=("/lamp",))
def list_lamps(query: LampList) -> Page[LampModel]:
    """Lamps, brightest first.

    Two of them
    at most.
    """
    counted = query.page is not None and query.colour is None
    return Page([LAMP, LAMP], query.page_size, query.cursor, 5 if counted else None, query.page)


@routes.post("/lamps", permission="lamp.make", returns=Lamp, status=201, aliases=("/lamp",))
def make_lamp(body: NewLamp) -> LampModel:
    """Make a lamp."""
    made.append(body)
    return LAMP


@routes.get("/lamps/{id}", permission=PUBLIC, returns=Lamp, aliases=("/lamp/{id}",))
def read_lamp(id: str) -> LampModel:
    """One lamp."""
    if id == "none":
        raise NotFound("lamp_not_found", "There is no such lamp.")
    return LampModel(id, 40, LAMP.bought_at)


@routes.put(
    "/lamps/{id}",
    permission=SIGNED_IN,
    returns=Lamp,
    aliases=("POST /lamps/{lamp}", "POST /lamp/{x}/edit", "/lamp/{x}"),
)
def edit_lamp(id: str, body: Change) -> LampModel:
    """Change a lamp."""
    return LampModel(id, 40, LAMP.bought_at, note=body.note)


@routes.delete("/lamps/{id}", permission="lamp.break")
def break_lamp(principal: Principal, id: str) -> None:
    """Break a lamp."""


@routes.get("/lamps/{id}/shades/{shade}", permission=PUBLIC, returns=Path, aliases=("/shade/{a}/of/{b}",))
def read_shade(shade: str, id: str) -> dict[str, str]:
    """One shade."""
    return {"id": id, "shade": shade}


@routes.post("/lamps/{id}/shades", permission=PUBLIC, returns=Path, status=201)
def add_shade(id: str) -> dict[str, str]:
    """Add a shade."""
    return {"id": "shd_1", "shade": id}


@routes.get("/asked", permission=PUBLIC, returns=Asked)
def show_page(query: Paging) -> Any:
    """What was asked."""
    return query.request()


@routes.get("/caller", permission=PUBLIC, returns=Caller)
def show_caller(principal: Principal) -> dict[str, Any]:
    """Who asks."""
    return {
        "organization": principal.organization,
        "user": principal.user,
        "roles": sorted(principal.roles),
        "permissions": sorted(principal.permissions),
        "tokens": dict(principal.tokens),
        "source": principal.source,
    }


@routes.get("/anybody", permission=ANONYMOUS, returns=Caller)
def show_anybody(principal: Principal) -> dict[str, Any]:
    """Who asks does not matter."""
    return show_caller(principal)


@routes.get("/mine", permission=SIGNED_IN, guarded=True)
def mine() -> None:
    """Only while the session lives."""


@routes.post("/echo", permission=PUBLIC, returns=Echo)
def echo(request: Request) -> dict[str, Any]:
    """What arrived."""
    return {
        "method": request.method,
        "path": request.path,
        "host": request.host,
        "source": request.source,
        "correlation": log.correlation(),
        "query": dict(request.query),
        "body": request.body.hex(),
    }


@routes.post("/orders", permission=PUBLIC, headers=("Idempotency-Key",))
def order(request: Request) -> None:
    """Order once."""
    idempotency_key(request)


@routes.get("/rare", permission=PUBLIC, limit=(2, 3600), aliases=("/seldom",))
def rare() -> None:
    """Twice an hour."""


@routes.get("/leaflet", permission=PUBLIC, raw="text/html")
def leaflet() -> Reply:
    """A page."""
    return Reply("<p>ก</p>", content_type="text/html; charset=utf-8", headers={"Cache-Control": "max-age=60"})


@routes.get("/posters/{id}", permission=PUBLIC, returns=Lamp, cache=40, aliases=("/poster/{id}",))
def read_poster(id: str) -> LampModel:
    """The same for everybody."""
    return read_lamp(id)


@routes.get("/posters", permission=PUBLIC, returns=Lamp, many=True, cache=40)
def list_posters(query: LampList) -> Page[LampModel]:
    """A page whose cursor is sealed anew each time. With `page=2` there is no more."""
    cursor = None if query.page == 2 else ids.token()
    return Page([LAMP], query.page_size, cursor)


@routes.get("/notice", permission=ANONYMOUS, raw="text/plain", cache=600)
def notice() -> Reply:
    """Text for everybody, whatever they send along."""
    return Reply("Lamps ก", content_type="text/plain; charset=utf-8")


@routes.post("/hook", permission=PUBLIC, raw="application/json", hidden=True)
def hook() -> Reply:
    """An acknowledgement in the caller's own shape."""
    return Reply({"status": 1})


@routes.get("/broken", permission=PUBLIC, returns=Lamp)
def broken(query: Breakage) -> Any:
    """Fails in the way that is asked for."""
    failures: dict[str, Exception] = {
        "bug": LookupError("canary 4111-1111"),
        "busy": ReadTimeoutError(endpoint_url="https://canary.test"),
        "conflict": Conflict("sold_out", "Sold out.", field="units"),
        "unprocessable": Unprocessable("reused", "Reused."),
        "unavailable": Unavailable("later", "Later.", retry_after=7),
    }
    if query.how in failures:
        raise failures[query.how]
    return {"id": "canary"}  # not a Lamp


@routes.get("/unserializable", permission=PUBLIC, raw="application/json")
def unserializable() -> Reply:
    """A reply that is no JSON."""
    return Reply({"value": object()})


class People:
    """Who is who: what the API asks of the higher floors. Tests bend it."""

    lives = True
    good = True
    failing: set[str] = set()  # noqa: RUF012 (replaced, never changed)

    def tenant_of(self, host: str) -> str:
        if host in self.failing:
            raise Unavailable("tenants_unavailable", "Later.", retry_after=1)
        return HOSTS.get(host, ORG)

    def session_lives(self, principal: Principal) -> bool:
        return self.lives

    def stands(self, principal: Principal) -> bool:
        return self.good

    def origins_of(self, organization: str) -> frozenset[str]:
        return frozenset({"https://shop.other.example"} if organization == OTHER_ORG else ())


ROLES = {
    "maker": frozenset({"lamp.make"}),
    "breaker": frozenset({"lamp.break", "lamp.make"}),
    "guest": frozenset[str](),
}


def api(people: People, *domains: Routes) -> Api:
    made_of = Api(
        "lamps",
        Access(
            permissions=ROLES,
            guarded=frozenset({"lamp.break"}),
            tenant_of=people.tenant_of,
            session_lives=people.session_lives,
            stands=people.stands,
            origins_of=people.origins_of,
        ),
    )
    made_of.mount(*(domains or (routes,)))
    return made_of


def brackets(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


NO_JSON = {
    "cut off": b'{"name": "a"',
    "more after the end": b'{"name": "a"} x',
    "single quotes": b"{'name': 'a'}",
    "a comment": b'{"name": "a" /* x */}',
    "trailing comma": b'{"name": "a",}',
    "bare word": b"name",
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "lone surrogate": b'{"name": "\\ud800", "lightOutput": 1}',
    "lone surrogate in a name": b'{"\\udc00": 1}',
    "nested 300 deep": b'{"name": ' + brackets(300) + b"}",
    "nested 100,000 deep": b'{"name": ' + brackets(100_000) + b"}",
    "a number of 5,000 digits": b'{"lightOutput": ' + b"9" * 5000 + b"}",
    "only spaces": b"   ",
    "a NUL": b"\x00",
}
