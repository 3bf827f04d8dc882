"""API Gateway's semantics, request by request, in process: what the route tests of every domain rely on."""

import gzip
import json
import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from chalice.app import BadRequestError, Chalice, Response

from infra.local.gateway import COMPRESSED_FROM, LARGEST_REQUEST, LARGEST_RESPONSE, Gateway, thread_safe


def shop() -> Chalice:
    """Answers tell which resource was chosen and with what."""
    app = Chalice("shop", configure_logs=False)
    app.api.binary_types = ["image/png"]

    def seen(resource: str, **values: str) -> dict[str, Any]:
        request = app.current_request
        assert request is not None
        return {"resource": resource, "method": request.method, "values": values}

    @app.route("/")
    def root() -> dict[str, Any]:
        return seen("/")

    @app.route("/events", methods=["GET", "POST"])
    def events() -> dict[str, Any]:
        return seen("/events")

    @app.route("/events/current")
    def current() -> dict[str, Any]:
        return seen("/events/current")

    @app.route("/events/{event}")
    def event(event: str) -> dict[str, Any]:
        return seen("/events/{event}", event=event)

    @app.route("/events/{event}/photos/{photo}", methods=["GET", "DELETE"])
    def photo(event: str, photo: str) -> dict[str, Any]:
        return seen("/events/{event}/photos/{photo}", event=event, photo=photo)

    @app.route("/events/current/photos")
    def current_photos() -> dict[str, Any]:
        return seen("/events/current/photos")

    @app.route("/{proxy+}", methods=["GET", "POST"])
    def elsewhere() -> dict[str, Any]:  # Chalice passes no argument for a greedy variable
        assert app.current_request is not None
        assert app.current_request.uri_params is not None
        return seen("/{proxy+}", **app.current_request.uri_params)

    @app.route("/echo", methods=["POST"], content_types=["text/plain", "image/png", "application/json"])
    def echo() -> dict[str, Any]:
        assert app.current_request is not None
        raw = app.current_request.raw_body
        assert isinstance(raw, bytes)
        return {**app.current_request.to_original_event(), "raw": raw.hex()}

    @app.route("/plain")
    def plain() -> dict[str, Any]:
        assert app.current_request is not None
        return app.current_request.to_original_event()

    @app.route("/picture")
    def picture() -> Response:
        return Response(b"\x89PNG", headers={"Content-Type": "image/png"})

    @app.route("/nothing", methods=["DELETE"])
    def nothing() -> Response:
        return Response("", status_code=204)

    @app.route("/unchanged")
    def unchanged() -> Response:
        return Response("", status_code=304, headers={"Content-Type": "text/css"})

    @app.route("/sized")
    def sized() -> Response:
        assert app.current_request is not None
        assert app.current_request.query_params is not None
        return Response("x" * int(app.current_request.query_params["size"]), headers={"Content-Type": "text/plain"})

    @app.route("/coded")
    def coded() -> Response:
        return Response("x" * COMPRESSED_FROM, headers={"Content-Type": "text/plain", "Content-Encoding": "br"})

    @app.route("/cookies")
    def cookies() -> Response:
        return Response({}, headers={"Set-Cookie": ["a=1", "b=2"], "X-One": "1"})

    @app.route("/refused")
    def refused() -> None:
        raise BadRequestError("no")

    @app.route("/broken")
    def broken() -> dict[str, object]:
        return {"not json": object()}  # fails after Chalice's own error handling

    @app.route("/huge")
    def huge() -> str:
        return "x" * (LARGEST_RESPONSE + 1)

    @app.route("/clock")
    def clock() -> int:
        return int(app.lambda_context.get_remaining_time_in_millis())

    return app


@pytest.fixture(scope="module")
def gateway() -> Gateway:
    return Gateway(shop())


@pytest.mark.parametrize(
    ("target", "resource", "values"),
    [
        ("/", "/", {}),
        ("", "/", {}),
        ("/events", "/events", {}),
        ("/events/", "/events", {}),
        ("/events?limit=3", "/events", {}),
        ("/events/current", "/events/current", {}),
        ("/events/evt_1", "/events/{event}", {"event": "evt_1"}),
        ("/events/current/photos", "/events/current/photos", {}),
        # The literal branch has no such child, the variable one has.
        (
            "/events/current/photos/p1",
            "/events/{event}/photos/{photo}",
            {"event": "current", "photo": "p1"},
        ),
        ("/events/evt_1/other", "/{proxy+}", {"proxy": "events/evt_1/other"}),
        ("/somewhere/else", "/{proxy+}", {"proxy": "somewhere/else"}),
        ("/event/{id}", "/{proxy+}", {"proxy": "event/{id}"}),
        # Not decoded, and an encoded slash does not separate.
        ("/events/a%20b%2Fc", "/events/{event}", {"event": "a%20b%2Fc"}),
        ("/events/%E0%B8%81", "/events/{event}", {"event": "%E0%B8%81"}),
        # The three base path mappings.
        ("/api", "/", {}),
        ("/api/", "/", {}),
        ("/api/v1", "/", {}),
        ("/api/events/evt_1", "/events/{event}", {"event": "evt_1"}),
        ("/api/v1/events/evt_1", "/events/{event}", {"event": "evt_1"}),
        ("/api/v1/api/events", "/{proxy+}", {"proxy": "api/events"}),
        ("/api/v2/events", "/{proxy+}", {"proxy": "v2/events"}),
        ("/apis", "/{proxy+}", {"proxy": "apis"}),
    ],
)
def test_resource_chosen_for_a_path(gateway: Gateway, target: str, resource: str, values: dict[str, str]) -> None:
    response = gateway.handle("GET", target)

    assert response.status == 200
    assert response.json() == {"resource": resource, "method": "GET", "values": values}


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("DELETE", "/events", "GET, POST"),
        ("PUT", "/events/evt_1/photos/p1", "DELETE, GET"),
        ("DELETE", "/no/such/thing", "GET, POST"),
        ("HEAD", "/nothing", "DELETE"),
        ("OPTIONS", "/events", "GET, POST"),
        ("BREW", "/api/v1/events", "GET, POST"),
    ],
)
def test_unknown_method_of_a_known_path(gateway: Gateway, method: str, target: str, allow: str) -> None:
    response = gateway.handle(method, target)

    assert (response.status, response.header("allow")) == (405, allow)
    if method != "HEAD":
        assert_envelope(response.json(), "method_not_allowed")


def test_unknown_path_without_a_greedy_resource() -> None:
    app = Chalice("small", configure_logs=False)
    app.route("/one")(dict)

    response = Gateway(app).handle("GET", "/two", {"Origin": "https://anybody.example"})

    assert response.status == 404
    assert_envelope(response.json(), "route_not_found")
    assert response.header("X-Content-Type-Options") == "nosniff"
    assert response.header("Cache-Control") == "no-store"
    assert response.header("Content-Type") == "application/json"
    assert response.header("Access-Control-Allow-Origin") == "*"
    assert response.header("Access-Control-Expose-Headers") == "X-Request-Id, Retry-After"
    assert response.header("Access-Control-Allow-Credentials") is None
    assert response.header("X-Request-Id") == response.header("x-amzn-RequestId")


def test_head_is_get_without_a_body(gateway: Gateway) -> None:
    got, asked = gateway.handle("GET", "/events/evt_1"), gateway.handle("HEAD", "/events/evt_1")

    assert (asked.status, asked.body) == (200, b"")
    assert asked.header("Content-Length") == got.header("Content-Length") == str(len(got.body))


def test_event_carries_what_api_gateway_sends(gateway: Gateway) -> None:
    event = gateway.handle(
        "GET",
        "/api/v1/plain?tag=a&tag=b%20c&empty=&x=%E0%B8%81",
        headers=[("Host", "Shop.example:8000"), ("X-Twice", "1"), ("X-Twice", "2"), ("User-Agent", "probe")],
        source_ip="203.0.113.7",
    ).json()

    assert event["resource"] == "/plain"
    assert event["path"] == "/api/v1/plain"
    assert event["httpMethod"] == "GET"
    assert event["queryStringParameters"] == {"tag": "b c", "empty": "", "x": "ก"}
    assert event["multiValueQueryStringParameters"] == {"tag": ["a", "b c"], "empty": [""], "x": ["ก"]}
    assert event["headers"]["X-Twice"] == "2"
    assert event["multiValueHeaders"]["X-Twice"] == ["1", "2"]
    assert event["pathParameters"] is None
    assert (event["body"], event["isBase64Encoded"]) == (None, False)
    context = event["requestContext"]
    assert context["domainName"] == "Shop.example"
    assert context["identity"] == {"sourceIp": "203.0.113.7", "userAgent": "probe"}
    assert (context["stage"], context["resourcePath"]) == ("api", "/plain")
    assert context["path"] == "/api/v1/plain"


def test_event_without_a_query(gateway: Gateway) -> None:
    event = gateway.handle("GET", "/plain").json()

    assert event["queryStringParameters"] is None
    assert event["multiValueQueryStringParameters"] is None


def test_a_client_cannot_choose_its_address(gateway: Gateway) -> None:
    event = gateway.handle("GET", "/plain", headers={"x-forwarded-for": "10.0.0.1"}, source_ip="203.0.113.7").json()

    assert event["requestContext"]["identity"]["sourceIp"] == "203.0.113.7"
    assert event["multiValueHeaders"]["X-Forwarded-For"] == ["10.0.0.1, 203.0.113.7"]
    assert "x-forwarded-for" not in event["headers"]


def test_request_id_is_the_same_everywhere(gateway: Gateway) -> None:
    response = gateway.handle("GET", "/plain")

    assert response.json()["requestContext"]["requestId"] == response.header("x-amzn-requestid")


@pytest.mark.parametrize(
    ("content_type", "body", "sent", "is_binary"),
    [
        ("text/plain", "ก".encode(), "ก", False),
        ("application/json; charset=utf-8", b"[]", "[]", False),
        ("image/png", b"\x89PNG\x00", "iVBORwA=", True),
        ("IMAGE/PNG; q=1", b"\x89PNG\x00", "iVBORwA=", True),
        ("image/png", b"", None, False),
    ],
)
def test_body_reaches_the_application_as_it_was_sent(
    gateway: Gateway, content_type: str, body: bytes, sent: str | None, is_binary: bool
) -> None:
    answer = gateway.handle("POST", "/echo", {"Content-Type": content_type}, body).json()

    assert (answer["body"], answer["isBase64Encoded"]) == (sent, is_binary)
    assert bytes.fromhex(answer["raw"]) == body


def test_binary_answer_is_decoded(gateway: Gateway) -> None:
    response = gateway.handle("GET", "/picture", {"Accept": "image/png"})

    assert (response.status, response.body) == (200, b"\x89PNG")
    assert response.header("Content-Type") == "image/png"


def test_no_content_has_neither_body_nor_type(gateway: Gateway) -> None:
    response = gateway.handle("DELETE", "/nothing")

    assert (response.status, response.body) == (204, b"")
    assert response.header("Content-Type") is None
    assert response.header("Content-Length") is None


def test_a_304_keeps_its_type_and_has_no_body(gateway: Gateway) -> None:
    response = gateway.handle("GET", "/unchanged")

    assert (response.status, response.body) == (304, b"")
    assert response.header("Content-Type") == "text/css"
    assert response.header("Content-Length") is None


@pytest.mark.parametrize(
    ("accepted", "coded"),
    [
        ("gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, GZIP;q=0.5", True),
        ("deflate,gzip ; q=0.001", True),
        ("", False),
        ("*", False),
        ("identity", False),
        ("br", False),
        ("xgzip", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
    ],
)
def test_who_takes_gzip_gets_it(gateway: Gateway, accepted: str, coded: bool) -> None:
    plain = gateway.handle("GET", f"/sized?size={COMPRESSED_FROM}")

    response = gateway.handle("GET", f"/sized?size={COMPRESSED_FROM}", {"accept-encoding": accepted})

    assert response.header("Content-Encoding") == ("gzip" if coded else None)
    assert response.header("Content-Length") == str(len(response.body))
    assert (len(response.body) < COMPRESSED_FROM) is coded
    assert (gzip.decompress(response.body) if coded else response.body) == plain.body


def test_a_small_answer_is_not_compressed(gateway: Gateway) -> None:
    response = gateway.handle("GET", f"/sized?size={COMPRESSED_FROM - 1}", {"Accept-Encoding": "gzip"})

    assert (response.header("Content-Encoding"), len(response.body)) == (None, COMPRESSED_FROM - 1)


def test_an_answer_that_is_coded_stays_as_it_is(gateway: Gateway) -> None:
    response = gateway.handle("GET", "/coded", {"Accept-Encoding": "gzip"})

    assert [value for name, value in response.headers if name == "Content-Encoding"] == ["br"]
    assert response.body == b"x" * COMPRESSED_FROM


def test_repeated_answer_headers(gateway: Gateway) -> None:
    response = gateway.handle("GET", "/cookies")

    assert [pair for pair in response.headers if pair[0] == "Set-Cookie"] == [
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
    ]
    assert response.header("x-one") == "1"


def test_answers_of_the_application_pass_unchanged(gateway: Gateway) -> None:
    response = gateway.handle("GET", "/refused")

    assert (response.status, response.json()["Code"]) == (400, "BadRequestError")


def test_an_escaped_exception_is_an_envelope_and_never_a_traceback(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    response = gateway.handle("GET", "/broken")

    assert response.status == 500
    assert_envelope(response.json(), "internal_error")
    assert b"Traceback" not in response.body
    assert "TypeError" in caplog.text


@pytest.mark.parametrize(("size", "status"), [(LARGEST_REQUEST, 200), (LARGEST_REQUEST + 1, 413)])
def test_request_size_limit(gateway: Gateway, size: int, status: int) -> None:
    app = Chalice("sized", configure_logs=False)
    app.route("/", methods=["POST"], content_types=[])(lambda: len(app.current_request.raw_body))  # type: ignore[union-attr]

    response = Gateway(app).handle("POST", "/", body=b"x" * size)

    assert response.status == status
    if status == 413:
        assert_envelope(response.json(), "request_too_large")


def test_an_answer_that_lambda_could_not_return(gateway: Gateway) -> None:
    response = gateway.handle("GET", "/huge")

    assert response.status == 502
    assert_envelope(response.json(), "response_too_large")


def test_the_function_is_told_its_time(gateway: Gateway) -> None:
    assert 0 < gateway.handle("GET", "/clock").json() <= 29_000


def test_wsgi_is_the_same_front(gateway: Gateway) -> None:
    status, headers, body = through_wsgi(
        gateway,
        "POST",
        "/api/echo?x=1",
        b"caf\xc3\xa9",
        {"CONTENT_TYPE": "text/plain", "HTTP_X_TRIED": "yes"},
    )

    event = json.loads(body)
    assert status == "200 OK"
    assert event["body"] == "café"
    assert event["path"] == "/api/echo"
    assert event["queryStringParameters"] == {"x": "1"}
    assert event["headers"]["Content-Type"] == "text/plain"
    assert event["headers"]["X-Tried"] == "yes"
    assert event["requestContext"]["identity"]["sourceIp"] == "198.51.100.9"
    assert ("Content-Length", str(len(body))) in headers


def test_wsgi_does_not_read_what_it_refuses(gateway: Gateway) -> None:
    class Endless:
        taken = 0

        def read(self, size: int) -> bytes:
            self.taken += size
            return bytes(size)

    endless = Endless()
    status, _, body = through_wsgi(
        gateway, "POST", "/echo", b"", {"CONTENT_LENGTH": str(10**12), "wsgi.input": endless}
    )

    assert status.startswith("413 ")
    assert_envelope(json.loads(body), "request_too_large")
    assert endless.taken == LARGEST_REQUEST + 1


def test_threads_do_not_see_each_others_requests() -> None:
    app = Chalice("busy", configure_logs=False)
    meeting = threading.Barrier(8)

    @app.route("/{name}")
    def slow(name: str) -> dict[str, str]:
        meeting.wait(10)  # all requests are inside the application at once
        assert app.current_request is not None
        uri_params = app.current_request.uri_params
        assert uri_params is not None
        return {"argument": name, "request": uri_params["name"], "context": app.lambda_context.aws_request_id}

    gateway = Gateway(thread_safe(app))
    responses: dict[str, Any] = {}

    def ask(name: str) -> None:
        responses[name] = gateway.handle("GET", f"/{name}")

    threads = [threading.Thread(target=ask, args=(f"n{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert {name: response.json()["request"] for name, response in responses.items()} == {
        f"n{number}": f"n{number}" for number in range(8)
    }
    for response in responses.values():
        assert response.json()["context"] == response.header("x-amzn-requestid")


def test_event_middleware_survives_two_first_calls() -> None:
    app = Chalice("events", configure_logs=False)
    passed = []

    @app.middleware("all")
    def notice(event: Any, get_response: Any) -> Any:
        passed.append(type(event).__name__)
        return get_response(event)

    @app.on_sqs_message(queue_arn="arn:aws:sqs:us-east-1:000000000000:jobs", name="on_job")
    def on_job(event: Any) -> int:
        return len(list(event))

    handler = thread_safe(app).handler_map["on_job"]

    assert [handler({"Records": []}, None) for _ in range(2)] == [0, 0]
    assert passed == ["SQSEvent", "SQSEvent"]


def test_thread_safe_twice_is_once() -> None:
    app = thread_safe(Chalice("twice", configure_logs=False))

    assert type(thread_safe(app)).__mro__[1] is Chalice


def assert_envelope(answer: dict[str, Any], code: str) -> None:
    message = answer["message"]
    assert isinstance(message, str)
    assert message
    assert isinstance(answer.pop("requestId"), str)
    assert answer == {
        "success": False,
        "data": None,
        "message": message,
        "errors": [{"field": None, "code": code, "message": message}],
        "error": {"code": code, "message": message},
    }


def through_wsgi(
    gateway: Gateway, method: str, target: str, body: bytes, more: dict[str, Any]
) -> tuple[str, list[tuple[str, str]], bytes]:
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "REQUEST_URI": target,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": "198.51.100.9",
        "wsgi.input": _Body(body),
        **more,
    }
    setup_testing_defaults(environ)
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started.append((status, headers))

    received: Iterator[bytes] = iter(gateway(environ, start_response))
    answer = b"".join(received)
    return (*started[0], answer)


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, size: int) -> bytes:
        return self._content[:size]
