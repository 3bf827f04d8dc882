"""The least that could be served: waitress alone, answering a constant."""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from waitress import wasyncore
from waitress.server import create_server

from infra.local.emulator import HOST
from infra.local.system import THREADS


@contextmanager
def constant() -> Iterator[str]:
    """The URL of a waitress of as many threads as the system's, that answers 600 bytes to whatever it is asked."""
    body = json.dumps({"success": True, "data": "x" * 570}).encode()

    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    sockets: dict[int, Any] = {}
    stopping = threading.Event()
    server = create_server(application, map=sockets, host=HOST, port=0, threads=THREADS, ident=None)

    def serve() -> None:
        while not stopping.is_set():
            wasyncore.loop(timeout=0.2, use_poll=True, map=sockets, count=1)
        server.task_dispatcher.shutdown()
        wasyncore.close_all(sockets)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.effective_port}/"
    finally:
        stopping.set()
        thread.join(15)
