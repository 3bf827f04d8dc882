import threading
from collections.abc import Iterator
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

from chalicelib.accounts.federation import service
from chalicelib.accounts.providers import facebook, keys, oidc
from chalicelib.accounts.providers.contract import Grant, IdentityProvider
from chalicelib.core.secrets import ProviderClient
from infra.local.identity import IdentitySandbox, Someone

PAGE = "http://localhost:3000/back"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Tests ask the sandbox what it was asked."""


@pytest.fixture(scope="module")
def served() -> Iterator[IdentitySandbox]:
    sandbox = IdentitySandbox()
    with make_server("127.0.0.1", 0, sandbox, _Server, _Silent) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        sandbox.url = f"http://127.0.0.1:{server.server_port}"
        yield sandbox
        server.shutdown()
        thread.join()


@pytest.fixture
def sandbox(served: IdentitySandbox) -> Iterator[IdentitySandbox]:
    keys.of.cache_clear()
    served.fault = None
    served.requests.clear()
    yield served
    served.fault = None


def adapter_of(sandbox: IdentitySandbox, name: str) -> IdentityProvider:
    client = ProviderClient.model_validate(sandbox.clients()[name])
    if name == "facebook":
        return facebook.Facebook(client, f"{sandbox.url}/facebook")
    return {"google": oidc.google, "apple": oidc.apple}[name](client, f"{sandbox.url}/{name}")


@dataclass
class Browser:
    """Signs in at the sandbox and brings back what it gave."""

    sandbox: IdentitySandbox
    adapter: IdentityProvider

    def grant(self, someone: Someone, fault: str | None = None, **changes: str) -> Grant:
        asked = {"redirect_uri": PAGE, "state": "s" * 43, "nonce": "n" * 43, "verifier": "v" * 43}
        back = self.sandbox.consent(self.adapter.name, self.adapter.authorize_url(**asked), someone, fault)
        assert back["state"] == asked["state"]
        held = {"nonce": asked["nonce"], "verifier": asked["verifier"], "code": back["code"], "redirect_uri": PAGE}
        return Grant(**(held | changes))


@pytest.fixture
def in_use(sandbox, monkeypatch) -> IdentitySandbox:
    """The stage has a client at each provider."""
    monkeypatch.setattr(service.providers, "of_name", lambda name: adapter_of(sandbox, name))
    return sandbox
