"""API Gateway's websocket API on one machine: connections outside, the real handlers inside, and the way back.

Kept from API Gateway: a connection is open once $connect was answered with 200, else its handshake ends with 403; what
a handler can not do is told to the connection; what is posted to a connection that is closed is answered with 410. Left
out is that API Gateway closes what was silent for ten minutes, or open for two hours.

Format: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
"""

import asyncio
import base64
import http
import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

from chalice.app import Chalice
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from infra.local.emulator import HOST
from infra.local.gateway import STAGE, LambdaContext

log = logging.getLogger("infra.local.websockets")

PATH = "/_live"
"""Of the management API, beside the API itself: there is nothing secret on this machine."""

HANDLERS_AT_ONCE = 8
LARGEST_MESSAGE = 128 * 1024  # bytes; API Gateway's limit
SEND_SECONDS = 10.0
START_SECONDS = 10.0


class Websockets:
    """Serves a bound socket. Itself a WSGI application: the management API, for what is posted to connections."""

    def __init__(self, app: Chalice, listener: socket.socket) -> None:
        self._app = app
        self._listener = listener
        self._open: dict[str, ServerConnection] = {}
        self._names: dict[uuid.UUID, str] = {}
        self._loop = asyncio.new_event_loop()
        self._handlers = ThreadPoolExecutor(HANDLERS_AT_ONCE, "websocket")
        self._thread = threading.Thread(target=self._run, name="websockets", daemon=True)
        self._started, self._stopping = threading.Event(), asyncio.Event()

    def start(self) -> None:
        self._thread.start()
        if not self._started.wait(START_SECONDS):
            raise OSError("the websockets did not start")

    def stop(self) -> None:
        """Closes every connection; their $disconnect still runs."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(15)
        self._handlers.shutdown()

    # --- the management API -----------------------------------------------------------------------------------

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        connection = self._open.get(environ["PATH_INFO"].rpartition("/@connections/")[2])
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        answers = {"POST": lambda: self._post(connection, body), "DELETE": lambda: self._close(connection)}
        answer = answers.get(environ["REQUEST_METHOD"], lambda: http.HTTPStatus.METHOD_NOT_ALLOWED)()
        told = [("Content-Type", "application/json")]
        if answer == http.HTTPStatus.GONE:
            told.append(("x-amzn-ErrorType", "GoneException"))
        start_response(f"{answer.value} {answer.phrase}", told)
        return [b"{}"]

    def _post(self, connection: ServerConnection | None, body: bytes) -> http.HTTPStatus:
        if len(body) > LARGEST_MESSAGE:
            return http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return self._reached(connection, lambda connection: connection.send(body.decode()))

    def _close(self, connection: ServerConnection | None) -> http.HTTPStatus:
        return self._reached(connection, lambda connection: connection.close())

    def _reached(
        self, connection: ServerConnection | None, act: Callable[[ServerConnection], Awaitable[None]]
    ) -> http.HTTPStatus:
        async def acted() -> http.HTTPStatus:
            if connection is None:
                return http.HTTPStatus.GONE
            try:
                await act(connection)
            except ConnectionClosed:
                return http.HTTPStatus.GONE
            return http.HTTPStatus.OK

        return asyncio.run_coroutine_threadsafe(acted(), self._loop).result(SEND_SECONDS)

    # --- the connections --------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        limits: dict[str, Any] = {"max_size": LARGEST_MESSAGE, "compression": None, "ping_interval": None}
        async with serve(self._talk, sock=self._listener, process_request=self._admit, **limits):
            self._started.set()
            await self._stopping.wait()

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """$connect, whose answer decides about the handshake."""
        name = base64.urlsafe_b64encode(os.urandom(11)).decode()  # as long as API Gateway's, with its = at the end
        query = dict(parse_qsl(urlsplit(request.path).query, keep_blank_values=True))
        headers = dict(request.headers.raw_items())
        told = {"headers": headers, "queryStringParameters": query or None}
        answer = await self._handle("websocket_connect", "$connect", name, told)
        status = answer.get("statusCode", 500) if isinstance(answer, dict) else 500
        if status != http.HTTPStatus.OK:
            return connection.respond(http.HTTPStatus(status), "")
        self._names[connection.id] = name
        return None

    async def _talk(self, connection: ServerConnection) -> None:
        name = self._names.pop(connection.id)
        self._open[name] = connection
        try:
            async for message in connection:
                text = message if isinstance(message, str) else message.decode("utf-8", "replace")
                answer = await self._handle("websocket_message", "$default", name, {"body": text})
                if answer is None:
                    await connection.send(json.dumps({"message": "Internal server error", "connectionId": name}))
        except ConnectionClosed:
            log.debug("%s is closed", name)
        finally:
            del self._open[name]
            await self._handle("websocket_disconnect", "$disconnect", name, {})

    async def _handle(self, function: str, route: str, name: str, told: dict[str, Any]) -> Any:
        """What the handler answers; None where it fails."""
        id = str(uuid.uuid4())
        context = {
            "apiId": "local",
            "connectionId": name,
            "domainName": HOST,
            "eventType": {"$connect": "CONNECT", "$disconnect": "DISCONNECT"}.get(route, "MESSAGE"),
            "identity": {"sourceIp": HOST},
            "requestId": id,
            "requestTimeEpoch": int(time.time() * 1000),
            "routeKey": route,
            "stage": STAGE,
        }
        event = {"requestContext": context, "isBase64Encoded": False, **told}
        handler = self._app.handler_map[function]
        try:
            context_of_call = LambdaContext(function, request_id=id)
            return await asyncio.get_running_loop().run_in_executor(self._handlers, handler, event, context_of_call)
        except Exception:
            log.exception("%s failed", function)
            return None
