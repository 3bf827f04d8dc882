"""Webhooks of a sandbox on their way."""

import heapq
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

import requests


@dataclass
class Webhook:
    """`answer` is what the receiver last said, for a person to read."""

    state: Literal["none", "due", "delivered", "dropped", "abandoned"] = "none"
    bad_signature: bool = False
    attempts: int = 0
    accepted: int = 0
    answer: str = ""


class Courier:
    """Sends each webhook at its time, several at once, and again with growing pauses until it is accepted."""

    def __init__(self, send: Callable[[str], bool], abandon: Callable[[str], None], backoff: Sequence[float]) -> None:
        self._send = send
        self._abandon = abandon
        self._backoff = backoff
        self._due: list[tuple[float, int, str, int]] = []
        self._serial = 0
        self._sending = 0
        self._changed = threading.Condition()
        self._stopped = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._stopped = False
        self._due.clear()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(8)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    @property
    def queued(self) -> int:
        with self._changed:
            return len(self._due) + self._sending

    def enqueue(self, trans_id: str, delay: float = 0, attempt: int = 0) -> None:
        if attempt:
            if attempt > len(self._backoff):
                self._abandon(trans_id)
                return
            delay = self._backoff[attempt - 1]
        with self._changed:
            self._serial += 1
            heapq.heappush(self._due, (time.monotonic() + delay, self._serial, trans_id, attempt))
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and not (self._due and self._due[0][0] <= time.monotonic()):
                    self._changed.wait(max(0, self._due[0][0] - time.monotonic()) if self._due else None)
                if self._stopped:
                    return
                _, _, trans_id, attempt = heapq.heappop(self._due)
                self._sending += 1
            try:
                if not self._send(trans_id):
                    self.enqueue(trans_id, attempt=attempt + 1)
            finally:
                with self._changed:
                    self._sending -= 1


def post(url: str, body: bytes, headers: Mapping[str, str], wanted: object = None) -> tuple[bool, str]:
    """Whether the receiver took the webhook, and what a person may read about its answer. `wanted` is its body."""
    with requests.Session() as session:
        session.trust_env = False
        sent = {"Content-Type": "application/json", **headers}
        try:
            response = session.post(url, data=body, headers=sent, timeout=5, allow_redirects=False)
            accepted = response.status_code == HTTPStatus.OK and (wanted is None or response.json() == wanted)
            return accepted, str(response.status_code)
        except requests.JSONDecodeError:
            return False, "200, but not JSON"
        except requests.RequestException as error:
            return False, type(error).__name__
