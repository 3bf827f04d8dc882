"""The clients of a load, in a process of their own: what they cost is not taken from the system's share.

Every buyer has an address of their own out of 127.0.0.0/8, as in life, so that what is limited by address of origin
is not what is measured. Only Linux has all of these addresses.
"""

import itertools
import json
import multiprocessing
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import requests

T = TypeVar("T")

TIMEOUT = 30.0
LONGEST = 600.0  # seconds: what is not done by then counts as lost
_addresses = itertools.count(1)


@dataclass(frozen=True)
class Ask:
    """A request that any client may send: where to, and what for."""

    name: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Answered:
    """How long an answer took in milliseconds, from the first byte sent to the last one read.

    `status` is that of HTTP, 0 where no answer came.
    """

    name: str
    status: int
    ms: float

    @property
    def is_lost(self) -> bool:
        return not 200 <= self.status < 400


@dataclass(frozen=True)
class Bought:
    """A guest's way to the gateway: the answers on it, and the payment it ended with, if it did."""

    answers: Sequence[Answered]
    payment: str | None


@dataclass(frozen=True)
class Sent:
    """When storage had a photo, in seconds since 1970; None where it did not take it."""

    photo: str
    at: float | None


class _Browser:
    """One connection, kept open, from an address of its own."""

    def __init__(self, url: str) -> None:
        number = next(_addresses)
        self._address = f"127.{1 + number // 62500 % 250}.{1 + number // 250 % 250}.{1 + number % 250}"
        host = urlsplit(url)
        self._connection = HTTPConnection(
            str(host.hostname), host.port, timeout=TIMEOUT, source_address=(self._address, 0)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(
        self, name: str, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[Answered, bytes]:
        started = time.perf_counter()
        if time.monotonic() > _deadline:
            return Answered(name, 0, 0.0), b""
        try:
            self._connection.request(method, path, body, dict(headers))
            answer = self._connection.getresponse()
            status, content = answer.status, answer.read()
        except (OSError, HTTPException):
            self._connection.close()
            status, content = 0, b""
        return Answered(name, status, 1000 * (time.perf_counter() - started)), content

    def post(self, path: str, body: Any, **headers: str) -> tuple[Answered, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answered, content = self.ask(
            path, "POST", path, {"Content-Type": "application/json", **named}, json.dumps(body).encode()
        )
        return answered, None if answered.is_lost else json.loads(content)["data"]


# --- in the clients' process --------------------------------------------------------------------------------

_done: Any = None
_deadline = 0.0


def _begin(counter: Any) -> None:
    global _done
    _done = counter


def _in_time(act: Callable[..., list[T]], *arguments: Any) -> tuple[list[T], float]:
    global _deadline
    began = time.monotonic()
    _deadline = began + LONGEST
    return act(*arguments), time.monotonic() - began


def _ticked(count: int = 1) -> None:
    with _done.get_lock():
        _done.value += count


def _ask_all(asks: Sequence[Ask], count: int, clients: int) -> list[Answered]:
    """`count` requests in all, each client going round the same ones from a place of its own."""

    def act(client: int) -> list[Answered]:
        mine = count // clients + (client < count % clients)
        answers = []
        with _Browser(asks[0].url) as browser:
            for number in range(mine):
                ask = asks[(client + number) % len(asks)]
                path = urlsplit(ask.url)
                target = f"{path.path}?{path.query}" if path.query else path.path
                answers.append(browser.ask(ask.name, ask.method, target, ask.headers, ask.body)[0])
                _ticked()
        return answers

    with ThreadPoolExecutor(clients) as pool:
        return [answer for answers in pool.map(act, range(clients)) for answer in answers]


def _buy_all(url: str, photos: Sequence[str], count: int, clients: int) -> list[Bought]:
    """`count` guests put a photo into a cart, order it and ask for a payment; `clients` of them at a time."""

    def act(number: int) -> Bought:
        answers: list[Answered] = []
        payment = None
        with _Browser(url) as browser:
            photo = photos[number % len(photos)]
            answered, cart = browser.post("/cart/items", {"items": [{"ref": photo}]})
            answers.append(answered)
            if cart:
                answered, order = browser.post(
                    "/orders",
                    {"email": f"guest-{number}@example.com", "language": "en"},
                    X_Cart_Token=cart["token"],
                    Idempotency_Key=secrets.token_hex(12),
                )
                answers.append(answered)
                if order:
                    answered, opened = browser.post(
                        "/payments/create", {"orderId": order["id"]}, X_Order_Token=order["token"]
                    )
                    answers.append(answered)
                    payment = opened and str(opened["id"])
        _ticked()
        return Bought(answers, payment)

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(act, range(count)))


def _send_all(forms: Sequence[tuple[str, Mapping[str, Any], bytes]], clients: int) -> list[Sent]:
    """Post each file to storage with its form, as a photographer's browser does."""

    def act(form: tuple[str, Mapping[str, Any], bytes]) -> Sent:
        photo, where, content = form
        try:
            answer = requests.post(where["url"], data=where["fields"], files={"file": content}, timeout=TIMEOUT)
        except requests.RequestException:
            return Sent(photo, None)
        finally:
            _ticked()
        return Sent(photo, time.time() if answer.ok else None)

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(act, forms))


# --- in ours ------------------------------------------------------------------------------------------------

Tick = Callable[[int], None]


class Clients:
    """A hold on the clients' process. Everything gives its results and the seconds it took; `tick` hears meanwhile."""

    def __init__(self, pool: ProcessPoolExecutor, counter: Any, clients: int) -> None:
        self._pool = pool
        self._counter = counter
        self._clients = clients

    def ask(self, asks: Sequence[Ask], count: int, tick: Tick) -> tuple[list[Answered], float]:
        return self._watched(tick, _ask_all, asks, count, self._clients)

    def buy(self, url: str, photos: Sequence[str], count: int, tick: Tick) -> tuple[list[Bought], float]:
        return self._watched(tick, _buy_all, url, photos, count, self._clients)

    def send(self, forms: Sequence[tuple[str, Mapping[str, Any], bytes]], tick: Tick) -> tuple[list[Sent], float]:
        return self._watched(tick, _send_all, forms, self._clients)

    def _watched(self, tick: Tick, act: Callable[..., list[T]], *arguments: Any) -> tuple[list[T], float]:
        told = self._counter.value
        future = self._pool.submit(_in_time, act, *arguments)
        while True:
            over = future.done()
            done = self._counter.value
            tick(done - told)
            told = done
            if over:
                return future.result()
            time.sleep(0.1)


@contextmanager
def clients(count: int) -> Iterator[Clients]:
    """`count` of them, who work at the same time."""
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    with ProcessPoolExecutor(1, context, _begin, (counter,)) as pool:
        yield Clients(pool, counter, count)
