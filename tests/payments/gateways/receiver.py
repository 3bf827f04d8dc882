"""A small HTTP server that says what a test wants it to say and remembers what it was told."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    status: int = 200
    body: bytes = b'{"status": 1}'
    headers: dict[str, str] = field(default_factory=dict)


class Receiver:
    """Answers from `script`, one a request, and with `otherwise` when that is empty."""

    def __init__(self) -> None:
        self.script: deque[Answer] = deque()
        self.otherwise = Answer()
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.arrived = threading.Condition()
        self.url = ""

    def wait(self, until: Callable[[], object], seconds: float = 30) -> None:
        """What is waited for may come true a moment after the last request: it is looked for in between, too."""
        over = time.monotonic() + seconds
        with self.arrived:
            while not until():
                assert time.monotonic() < over, f"only {len(self.bodies)} requests came"
                self.arrived.wait(0.02)

    def wait_for(self, count: int) -> None:
        self.wait(lambda: len(self.bodies) >= count)


@contextmanager
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with told.arrived:
                answer = told.script.popleft() if told.script else told.otherwise
                told.bodies.append(body)
                told.paths.append(self.path)
                told.headers.append({name.lower(): value for name, value in self.headers.items()})
                told.arrived.notify_all()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
