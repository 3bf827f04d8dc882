"""A person's side of the API: what a frontend or an upload tool does, over HTTP."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

import requests

TIMEOUT = 120
"""Seconds. A function that starts on a busy machine takes its time."""

T = TypeVar("T")


class Deviation(RuntimeError):
    """The system did something else than the main job says."""


@dataclass
class Person:
    """One caller. `headers` holds the tokens it carries; each thread needs a session of its own."""

    url: str
    name: str
    headers: dict[str, str] = field(default_factory=dict)
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: Any = None, expect: int = 200, **headers: str) -> Any:
        return self.call("POST", path, body, expect, headers)

    def put(self, path: str, body: Any = None) -> Any:
        return self.call("PUT", path, body)

    def call(
        self, method: str, path: str, body: Any = None, expect: int = 200, headers: dict[str, str] | None = None
    ) -> Any:
        """The `data` of the answer. Raises Deviation unless it comes with the status `expect`."""
        answer = self.session.request(
            method, self.url + path, json=body, headers=self.headers | (headers or {}), timeout=TIMEOUT
        )
        if answer.status_code != expect:
            raise Deviation(f"{self.name}: {method} {path} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()["data"] if answer.content else None

    def log_in(self, email: str, password: str) -> "Person":
        return self.holding(self.post("/auth/login", {"email": email, "password": password}))

    def holding(self, tokens: dict[str, Any]) -> "Person":
        self.headers["Authorization"] = f"Bearer {tokens['accessToken']}"
        return self

    def pages(self, path: str, **query: Any) -> list[Any]:
        """All items of a list, page by page."""
        items, cursor = [], None
        while True:
            page = self.get(path, **query, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["nextCursor"]
            if not page["hasMore"]:
                return items


def expect(holds: bool, otherwise: str) -> None:
    """Raises Deviation with the text unless it holds."""
    if not holds:
        raise Deviation(otherwise)


def until(look: Callable[[], T | None], what: str, seconds: float, pause: Callable[[float], None]) -> T:
    """What `look` finds, looking ten times a second. Raises Deviation after so many seconds."""
    for _ in range(int(seconds * 10)):
        found = look()
        if found is not None:
            return found
        pause(0.1)
    raise Deviation(f"waited {seconds:.0f} s in vain for {what}")
