"""The bank's sandbox at an address of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from infra.local.bank import PATH, BankSandbox


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@contextmanager
def serving(bank: BankSandbox) -> Iterator[BankSandbox]:
    with make_server("127.0.0.1", 0, bank, WSGIServer, Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        bank.url = f"http://127.0.0.1:{server.server_port}{PATH}"
        try:
            yield bank
        finally:
            bank.stop()
            server.shutdown()
            thread.join()
