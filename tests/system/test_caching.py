"""What visitors' browsers and caches save: every cached route of the real API, and the bytes of each in a table."""

import gzip
import random
import re
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from app import app
from chalicelib.core import clock, ids
from chalicelib.core.auth import ANONYMOUS, PUBLIC
from chalicelib.core.routing import Route
from chalicelib.core.table import transact
from chalicelib.lines.photos import store
from chalicelib.lines.photos.service import gallery
from infra.local.gateway import COMPRESSED_FROM, Response
from tests.figures import Show
from tests.system.authorization import matrix
from tests.system.world import World, bearer

CACHED = {route.name: route for route in app.mounted if route.cache is not None}
every_cached_route = pytest.mark.parametrize("route", CACHED.values(), ids=CACHED)
FULL_PAGE = 100
ALIKE = {"GET /settings/public", "GET /packages"}
"""What shops tell alike: settings and prices that nobody has changed."""


def target_of(world: World, route: Route) -> str:
    return matrix.filled(route.path, matrix.example(world, route))


def seconds_kept(answer: Response) -> int:
    """How old a kept answer can be when it is shown."""
    said = re.fullmatch(r"public, max-age=(\d+), stale-while-revalidate=(\d+)", answer.header("Cache-Control") or "")
    assert said is not None
    return int(said[1]) + int(said[2])


def test_these_routes_are_cached():
    assert CACHED.keys() == {
        "GET /events",
        "GET /events/{id}",
        "GET /events/{id}/albums",
        "GET /events/{id}/announcements",
        "GET /events/{id}/photos",
        "GET /events/{id}/packages",
        "GET /packages",
        "GET /photos/{id}",
        "GET /photos/{id}/related",
        "GET /photographers/{id}",
        "GET /privacy/keys",
        "GET /settings/public",
        "GET /openapi.json",
        "GET /docs",
        "GET /docs/{asset}",
    }


@pytest.fixture
def at_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images get new addresses every two minutes: not between two requests of a test."""
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)


@every_cached_route
@pytest.mark.usefixtures("at_one_moment")
def test_a_visitor_gets_an_answer_once(world: World, route: Route):
    target = target_of(world, route)

    first = world.call("GET", target)
    again = world.call("GET", target, headers={"If-None-Match": first.header("ETag") or ""})

    assert (first.status, again.status, again.body) == (200, 304, b"")
    assert seconds_kept(first) == seconds_kept(again) > 0
    assert "Accept-Encoding" in (first.header("Vary") or "").split(", ")


@every_cached_route
def test_what_is_said_to_somebody_is_kept_by_nobody(world: World, route: Route):
    target = target_of(world, route)
    answers = [world.call("GET", target, headers=bearer(person.token)) for person in world.a.people.values()]
    tokens = "X-Cart-Token", "X-Event-Token", "X-Order-Token"
    answers += [world.call("GET", target, headers={name: "x"}) for name in tokens]

    kept = {answer.header("Cache-Control") != "no-store" for answer in answers}

    assert kept == {route.permission == ANONYMOUS}
    assert {"Authorization" in (answer.header("Vary") or "") for answer in answers} == {False}


@pytest.mark.parametrize("name", [name for name, route in CACHED.items() if route.permission == PUBLIC])
def test_a_cache_tells_shops_and_people_apart(world: World, name: str):
    """By the address, of which the host is a part, and by what a cached answer varies with."""
    target = target_of(world, CACHED[name])

    ours, theirs = world.call("GET", target), world.call("GET", target, shop=world.b)

    told = (ours.header("Vary") or "").split(", ")
    assert told == ["Origin", "Accept-Encoding", "Authorization", "X-Cart-Token", "X-Event-Token", "X-Order-Token"]
    assert name in ALIKE or theirs.status == 404 or theirs.header("ETag") != ours.header("ETag")


def test_a_change_is_seen_by_who_asks_again(world: World):
    event = world.a.events["empty"]
    target = f"/events/{event.id}"
    before = world.call("GET", target)
    changed = {"name": "Run again", "date": "2026-04-14", "version": event.version}
    assert world.call("PUT", target, changed, world.a.headers("admin")).status == 200

    after = world.call("GET", target, headers={"If-None-Match": before.header("ETag") or ""})

    assert (after.status, after.json()["data"]["name"]) == (200, "Run again")


@pytest.mark.parametrize("into", [0, 1, 60, 119, 119.999], ids=lambda seconds: f"{seconds} s into its window")
@pytest.mark.parametrize("name", ["GET /events/{id}/photos", "GET /photos/{id}"])
def test_a_kept_answer_has_no_dead_images(world: World, monkeypatch: pytest.MonkeyPatch, name: str, into: float):
    """However late in its window an address is asked for: it outlives the oldest answer that a cache may show."""
    target = target_of(world, CACHED[name])
    now = clock.now()
    window = datetime.fromtimestamp(clock.epoch(now) // 120 * 120, UTC)
    monkeypatch.setattr(clock, "now", lambda: window + timedelta(seconds=into))
    gallery._signed.cache_clear()  # nothing was signed earlier in this window

    answer = world.call("GET", target)

    ends = [_ends(url) for url in re.findall(r'"url":"([^"]+)"', answer.body.decode())]
    last_shown = now + timedelta(seconds=seconds_kept(answer))
    assert len(ends) >= 4
    assert min(ends) - last_shown >= timedelta(seconds=60)


def _ends(url: str) -> datetime:
    said = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    signed_at = datetime.strptime(said["X-Amz-Date"], "%Y%m%dT%H%M%S%z")
    return signed_at + timedelta(seconds=int(said["X-Amz-Expires"]))


# --- how much ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full_page(world: World) -> str:
    """An event's gallery with a hundred photos."""
    sample = store.get(world.a.organization, world.a.photos["mixed"])
    dice = random.Random(7)
    for _ in range(FULL_PAGE):
        blurhash = "".join(dice.choices(string.ascii_letters + string.digits, k=28))
        photo = replace(sample, id=ids.new("pho"), placeholder=blurhash, dominant=f"#{dice.randrange(1 << 24):06x}")
        transact(*store.offer(photo, None))
    return f"/events/{sample.event}/photos?pageSize={FULL_PAGE}"


@pytest.mark.usefixtures("at_one_moment")
def test_bytes_of_public_reads(world: World, full_page: str, figure: Show):
    """Prints the table of docs/api.md: pytest -s -k test_bytes_of_public_reads."""
    targets = [
        "/events",
        f"/events/{world.a.events['mixed'].slug}",
        f"/events/{world.a.events['mixed'].slug}/packages",
        f"/photos/{world.a.photos['mixed']}",
        full_page,
        "/openapi.json",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
    ]
    print(f"\n{'read':34} {'plain':>9} {'gzip':>9} {'saved':>6} {'304':>4}")

    sent = coded_sent = 0
    for target in targets:
        plain = world.call("GET", target)
        coded = world.call("GET", target, headers={"Accept-Encoding": "gzip, deflate, br"})
        tag = plain.header("ETag") or ""
        unchanged = world.call("GET", target, headers={"If-None-Match": tag})
        shown = re.sub(r"(evt|pho)_\w+|run-\w+-a", "{id}", target)
        saved = f"{1 - len(coded.body) / len(plain.body):.0%}"
        print(f"{shown:34} {len(plain.body):9,} {len(coded.body):9,} {saved:>6} {len(unchanged.body):4}")

        sent, coded_sent = sent + len(plain.body), coded_sent + len(coded.body)
        is_small = len(plain.body) < COMPRESSED_FROM
        content = coded.body if is_small else gzip.decompress(coded.body)
        assert _steady(content) == _steady(plain.body)
        assert coded.header("ETag") == tag  # a weak one: the same answer in other bytes
        assert is_small or len(coded.body) < len(plain.body) / 2
        assert (unchanged.status, unchanged.body) == (304, b"")
    figure(
        "caching",
        "public reads are compressed, and not sent again unchanged",
        "{plain:,} bytes of 8 reads are {coded:,} compressed and 0 when unchanged",
        plain=sent,
        coded=coded_sent,
    )


def _steady(body: bytes) -> bytes:
    return re.sub(rb'"(requestId|nextCursor)":"[^"]+"', b"", body)
