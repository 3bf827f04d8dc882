"""What the stand-ins for gateways that keep charges share: their life, their file, the webhooks about each charge."""

import json
import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypedDict, TypeVar

from chalicelib.core import clock
from infra.local.sandbox import BACKOFF, Doors, Faults, FaultsOfCalls, NoAnswer, Refused, Server, keep, refuse_strangers
from infra.local.webhooks import Courier, Webhook, post


class Told(Protocol):
    webhook: Webhook


Held = TypeVar("Held", bound=Told)


class Options(TypedDict, total=False):
    """How any of them may be told to run."""

    port: int
    state: Path | None
    stage: str
    now: Callable[[], datetime]
    backoff: Sequence[float]


class ChargeSandbox(Generic[Held]):
    """`now` is injected so that a test need not wait for a charge to expire; `backoff` holds the pauses, in seconds,
    before a webhook is sent again. With `state`, charges and unsent webhooks outlive the process."""

    who: ClassVar[str]
    doors: ClassVar[type[Doors]]
    known_faults: ClassVar[FaultsOfCalls]
    wanted: ClassVar[object] = None
    """The body that a receiver has to answer with, where one is asked for."""

    def __init__(
        self,
        webhook_url: str,
        *,
        port: int = 0,
        state: Path | None = None,
        stage: str = "local",
        now: Callable[[], datetime] = clock.now,
        backoff: Sequence[float] = BACKOFF,
    ) -> None:
        refuse_strangers(self.who, stage, webhook_url)
        self.now = now
        self.faults = Faults(self.known_faults)
        self._webhook_url = webhook_url
        self._port = port
        self._state = state
        self._lock = threading.RLock()
        self._held: dict[str, Held] = {}
        self._stopping = threading.Event()
        self._courier = Courier(self._send, self._abandon, backoff)
        self._server: Server | None = None

    def start(self) -> Self:
        if self._state and self._state.exists():
            self._restore(json.loads(self._state.read_text("utf-8")))
        self._stopping.clear()
        self._server = Server(self, self._port, self.doors)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self._courier.start()
        for id, held in self._held.items():
            if held.webhook.state == "due":
                self._courier.enqueue(id)
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._courier.stop()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        if not self._port:
            raise RuntimeError(f"the {self.who} sandbox has no address before it starts")
        return f"http://127.0.0.1:{self._port}"

    @abstractmethod
    def _stored(self) -> object:
        """All that outlives the process, as JSON knows it."""

    @abstractmethod
    def _restore(self, stored: Any) -> None: ...

    @abstractmethod
    def _event(self, held: Held) -> tuple[bytes, dict[str, str]]:
        """Body and headers of the webhook about a charge as it is now."""

    def _trouble(self, call: str) -> str:
        """What goes wrong with this call once it was carried out, or nothing. Raises NoAnswer and Refused."""
        fault = self.faults.take(call)
        if fault == "timeout":
            self._stopping.wait(self.faults.hang)
            raise NoAnswer
        if fault == "redirect":
            raise Refused(HTTPStatus.TEMPORARY_REDIRECT, "")
        return fault

    def _notify(
        self,
        id: str,
        delay: float = 0,
        duplicates: int = 0,
        drop: bool = False,
        bad_signature: bool = False,
        by_hand: bool = False,
    ) -> None:
        """The webhook follows after `delay` seconds, 1 + `duplicates` times; `by_hand` somebody else sends it."""
        held = self._held[id]
        held.webhook.state = "dropped" if drop else "due"
        held.webhook.bad_signature = bad_signature
        self._save()
        for _ in range(0 if drop or by_hand else 1 + duplicates):
            self._courier.enqueue(id, delay)

    def _send(self, id: str) -> bool:
        with self._lock:
            held = self._held[id]
            held.webhook.attempts += 1
            body, headers = self._event(held)
        accepted, answer = post(self._webhook_url, body, headers, self.wanted)
        with self._lock:
            held.webhook.answer = answer
            if accepted:
                held.webhook.accepted += 1
                held.webhook.state = "delivered"
            self._save()
        return accepted

    def _send_now(self, id: str) -> None:
        """The first attempt is over when this returns."""
        if not self._send(id):
            self._courier.enqueue(id, attempt=1)

    def _abandon(self, id: str) -> None:
        with self._lock:
            webhook = self._held[id].webhook
            if webhook.state == "due":
                webhook.state = "abandoned"
                self._save()

    def _save(self) -> None:
        if self._state:
            keep(self._state, self._stored())

    def _webhook_stats(self) -> dict[str, int]:
        every = [held.webhook for held in self._held.values()]
        return {
            "attempts": sum(webhook.attempts for webhook in every),
            "accepted": sum(webhook.accepted for webhook in every),
            "queued": self._courier.queued,
        }
