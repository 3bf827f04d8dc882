"""What the stand-ins for carriers of notices share: their life on 127.0.0.1, faults on demand, and what they took."""

import threading
from typing import Any, ClassVar, Self

from infra.local.sandbox import Doors, Faults, FaultsOfCalls, NoAnswer, Server

NO_ANSWER = {"timeout": "no answer, and nothing is taken", "lost": "taken, and no answer"}


class Carrier:
    """`messages` are those that were taken, oldest first. `who` it stands in for, `known` is what can go wrong."""

    who: ClassVar[str]
    known: ClassVar[FaultsOfCalls]
    doors: ClassVar[type[Doors]]

    def __init__(self, *, stage: str = "local", port: int = 0, hang: float = 12) -> None:
        if stage not in ("local", "test"):
            raise RuntimeError(f"the {self.who} sandbox takes no part in the stage {stage!r}")
        self._port = port
        self._stopping = threading.Event()
        self._server: Server | None = None
        self._lock = threading.Lock()
        self.faults = Faults(self.known)
        self.faults.hang = hang
        self.messages: list[dict[str, Any]] = []

    def start(self) -> Self:
        self._stopping.clear()
        self._server = Server(self, self._port, self.doors)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self._stopping.set()
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

    def fault(self, call: str = "send") -> str:
        """What goes wrong with this call. Raises NoAnswer for one that hangs first."""
        fault = self.faults.take(call)
        if fault == "timeout":
            self._stopping.wait(self.faults.hang)
            raise NoAnswer
        return fault

    def keep(self, fault: str, **message: Any) -> None:
        """Take a message. Raises NoAnswer where its answer is to be lost."""
        with self._lock:
            self.messages.append(message)
        if fault == "lost":
            raise NoAnswer
