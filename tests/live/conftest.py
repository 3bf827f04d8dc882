import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from moto.apigatewaymanagementapi.models import Connection, apigatewaymanagementapi_backends
from moto.core.exceptions import JsonRESTError

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Tokens, User
from chalicelib.core import auth, clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound
from chalicelib.live import jobs, service, sockets
from chalicelib.organizations.roles import permissions_of
from chalicelib.organizations.service import DEFAULT
from infra.local.heard import Heard
from tests.stack import ACCOUNT, REGION

PASSWORD = "correct horse battery"
HIDDEN = ids.derived("ord", "hidden")
"""An order that nobody may see."""


def see_order(principal: Principal, id: str) -> str:
    if not ids.is_id("ord", id) or id == HIDDEN:
        raise NotFound("order_not_found", "There is no such order.")
    return id


SEE = {"order": see_order}


class Gone(JsonRESTError):
    """moto knows of no connection that is closed."""

    code = 410

    def __init__(self) -> None:
        super().__init__("GoneException", "gone")


class Sockets:
    """The websockets of API Gateway, as moto keeps them: connections, and what was posted to each."""

    def __init__(self) -> None:
        self.backend = apigatewaymanagementapi_backends[ACCOUNT][REGION]
        self.backend.connections.clear()
        self.gone: set[str] = set()
        self.closed: list[str] = []
        self.backend.get_connection = self._connection  # type: ignore[method-assign]
        self.backend.delete_connection = lambda connection_id: self.closed.append(connection_id)  # type: ignore[method-assign]

    def _connection(self, connection_id: str) -> Connection:
        if connection_id in self.gone:
            raise Gone
        return self.backend.connections[connection_id]

    def told(self, connection: str) -> list[dict[str, Any]]:
        text, found = self.backend.connections[connection].data.decode(), []
        while text:
            frame, end = json.JSONDecoder().raw_decode(text)
            found.append(frame)
            text = text[end:]
        return found


@dataclass
class Client:
    """Somebody with a websocket open."""

    id: str
    user: User
    heard: Heard
    sockets: Sockets

    def say(self, body: Mapping[str, Any] | str) -> dict[str, Any]:
        """The answer."""
        text = body if isinstance(body, str) else json.dumps(body)
        assert sockets.message(event(self.id, body=text), SEE) == {"statusCode": 200}
        return self.sockets.told(self.id)[-1]

    def facts(self) -> list[dict[str, Any]]:
        return [frame for frame in self.sockets.told(self.id) if "cursor" in frame and "after" in frame]


def event(connection: str, **more: Any) -> dict[str, Any]:
    context = {"connectionId": connection, "requestId": ids.new("cor"), "apiId": "live", "stage": "api"}
    return {"requestContext": context, "isBase64Encoded": False, **more}


def open_event(connection: str, ticket: str, origin: str | None = None) -> dict[str, Any]:
    headers = {"Origin": origin} if origin else {}
    return event(connection, headers=headers, queryStringParameters={"ticket": ticket})


@pytest.fixture
def api(aws: None) -> Sockets:
    return Sockets()


@pytest.fixture
def principal_of(aws: None) -> Callable[..., Principal]:
    def principal_of(name: str, *roles: str) -> Principal:
        email, given = f"{name}@shop.example", roles or ("customer",)
        accounts.create_user(DEFAULT, email=email, password=PASSWORD, name=name, roles=given)
        tokens = accounts.log_in(DEFAULT, email=email, password=PASSWORD)
        assert isinstance(tokens, Tokens)
        principal = auth.verify(tokens.access_token, DEFAULT)
        return replace(principal, permissions=permissions_of(principal.roles))

    return principal_of


@pytest.fixture
def connect(api: Sockets, principal_of: Callable[..., Principal]) -> Callable[..., Client]:
    """Opens websockets: by name, each somebody else."""

    def connect(name: str = "anna", *roles: str) -> Client:
        principal = principal_of(name, *roles)
        opened = service.open_ticket(principal)
        assert sockets.connect(open_event(f"socket-{name}", opened.ticket)) == {"statusCode": 200}
        user = accounts.find_user(DEFAULT, principal.known_user)
        assert user is not None
        positions = {group: clock.stamp(cursor) for group, cursor in opened.groups.items()}
        return Client(f"socket-{name}", user, Heard(positions), api)

    return connect


assert jobs, "importing the jobs registers their handlers"
