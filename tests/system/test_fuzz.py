"""Every operation of the API document, called by everybody with what schemathesis makes of its schemas, sound or not.

Nothing may answer 5xx, and every answer must be as the document says: status, content type, headers, shape. Half of
the calls name things that there are. An operation joins by being in the document.
"""

import copy
import gzip
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.specs.openapi import checks as openapi

from app import app
from chalicelib.core.http import SECURITY_HEADERS
from chalicelib.core.routing import Route
from chalicelib.operations.routes import openapi_document
from chalicelib.organizations import service as organizations
from tests.figures import Show
from tests.system.authorization import matrix
from tests.system.world import ORIGIN, Stored, World

CHECKS = [
    not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(openapi_document(app))
OPERATIONS = {
    f"{found.ok().method.upper()} {found.ok().path}": found.ok()
    for found in SCHEMA.get_all_operations()
    if isinstance(found, Ok)
}
ROUTES = {route.name: route for route in app.mounted}
JSON, CORS = "application/json", "access-control-allow-origin"
HEADERS = {CORS, "vary", "x-request-id", *(name.lower() for name in SECURITY_HEADERS)}
ROLES = ("visitor", "guest", "customer", "photographer", "admin")


NEW = {"email": "new@buyer.example"}
SOUND = {
    "POST /auth/register": [matrix.Asked(body=NEW | {"password": "a long phrase", "name": "New"})],
    "POST /auth/resend": [matrix.Asked(body=NEW)],
    "POST /auth/forgot-password": [matrix.Asked(body=NEW)],
    "POST /users/email": [matrix.Asked(body=NEW)],
    "POST /users/phones": [matrix.Asked(body={"phone": "+66812345678"})],
}
"""What works where the matrix only asks for what must not."""


@pytest.fixture(scope="module")
def stored(world: World) -> Stored:
    return Stored()


@pytest.fixture(scope="module")
def headers(world: World) -> dict[str, dict[str, str]]:
    """What each role sends along."""
    return matrix.callers(world)


def call(world: World, case: Case, headers: dict[str, str], source: str) -> Response:
    """Send a case through the gateway; the answer as schemathesis sees it."""
    asked = requests.Request(**case.as_transport_kwargs(base_url="http://a.photos.example")).prepare()
    sent = {name: value for name, value in asked.headers.items() if name.lower() not in ("content-length", "host")}
    body = asked.body.encode() if isinstance(asked.body, str) else asked.body or b""
    answer = world.call(case.method, asked.path_url, body or None, sent | headers, source=source)
    told: dict[str, list[str]] = {}
    for header, value in answer.headers:
        told.setdefault(header, []).append(value)
    content = gzip.decompress(answer.body) if answer.header("Content-Encoding") == "gzip" else answer.body
    return Response(answer.status, told, content, asked, elapsed=0, verify=False)


@dataclass
class Fuzzer:
    """Calls operations of the API document and judges the answers; raises FailureGroup for a wrong one."""

    world: World
    stored: Stored
    headers: dict[str, dict[str, str]]
    examples: int
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)
    bare: int = 0

    def fuzz(self, operation: APIOperation) -> None:
        name = f"{operation.method.upper()} {operation.path}"
        things = [*matrix.OBJECTS[name](self.world).values(), *SOUND.get(name, [])]

        @settings(
            max_examples=self.examples,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(data=st.data())
        def fuzzed(data: st.DataObject) -> None:
            case = data.draw(operation.as_strategy(generation_mode=data.draw(st.sampled_from(list(GenerationMode)))))
            thing = data.draw(st.none() | st.sampled_from(things))
            if thing is not None:
                _name(case, ROUTES[name], thing, data)
            self._judge(case, data.draw(st.sampled_from(ROLES) | st.just("admin")))

        fuzzed()

    def _judge(self, case: Case, role: str) -> None:
        source = f"10.4.{self.seen.total() // 250 % 250}.{self.seen.total() % 250}"
        with self.stored.kept() as writes:
            answer = call(self.world, case, self.headers[role], source)
        if writes:
            organizations.forget()
        self.seen[role, answer.status_code] += 1
        self.bare += not answer.headers.keys() >= HEADERS or answer.headers[CORS] != [ORIGIN]
        case.validate_response(answer, checks=CHECKS)


def _name(case: Case, route: Route, thing: matrix.Asked, data: st.DataObject) -> None:
    """Let a case name something that there is, and keep no more than two fields of what was made up."""
    case.path_parameters = dict(zip(route.variables, thing.path, strict=True))
    for header in route.headers:
        case.headers[header] = "a-key-of-its-own"
    if isinstance(thing.body, dict) and isinstance(case.body, dict):
        made_up = data.draw(st.sets(st.sampled_from(sorted(case.body)), max_size=2)) if case.body else set()
        case.body = thing.body | {name: case.body[name] for name in made_up}


@pytest.fixture
def fuzzer(world: World, stored: Stored, headers: dict[str, dict[str, str]], full: bool) -> Fuzzer:
    return Fuzzer(world, stored, headers, examples=100 if full else 5)


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_call_breaks_the_api_or_its_document(fuzzer: Fuzzer, figure: Show, name: str):
    violations = 0
    try:
        fuzzer.fuzz(OPERATIONS[name])
    except FailureGroup as found:
        violations = len(found.exceptions)
        raise
    finally:
        counts = {
            "calls": fuzzer.seen.total(),
            "accepted": sum(count for (_, status), count in fuzzer.seen.items() if status < 400),
            "broken": sum(count for (_, status), count in fuzzer.seen.items() if status >= 500),
            "violations": violations,
            "bare": fuzzer.bare,
        }
        text = "{calls:,} calls, {accepted:,} accepted: {broken} x 5xx, {violations} schema violations, "
        text += "{bare} answers without a security header"
        figure("fuzz", f"nothing that {len(ROLES)} roles send breaks the API or its document", text, **counts)
    assert fuzzer.bare == 0


def test_every_operation_is_called():
    assert OPERATIONS.keys() == {route.name for route in app.mounted if not route.hidden}


# --- controls -----------------------------------------------------------------------------------------------


def failures(fuzzer: Fuzzer, operation: APIOperation) -> set[str]:
    with pytest.raises(FailureGroup) as found:
        fuzzer.fuzz(operation)
    return {type(failure).__name__ for failure in found.value.exceptions}


def test_control_a_bug_is_found(fuzzer: Fuzzer, figure: Show, monkeypatch: pytest.MonkeyPatch):
    def broken(host: str) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(app, "access", replace(app.access, tenant_of=broken))

    assert failures(fuzzer, OPERATIONS["GET /events"]) >= {"ServerError"}
    figure("fuzz", "control: bugs and wrong answers are found", "{found} of {planted} found", found=1, planted=1)


def as_text(answers: Any) -> None:
    answers["200"]["content"] = {"text/csv": answers["200"]["content"][JSON]}


def with_taste(answers: Any) -> None:
    answers["200"]["content"][JSON]["schema"]["required"].append("taste")


def with_header(answers: Any) -> None:
    answers["200"]["headers"] = {"X-Taste": {"required": True, "schema": {"type": "string"}}}


def never(answers: Any) -> None:
    del answers["200"]


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (as_text, "UndefinedContentType"),
        (with_taste, "JsonSchemaError"),
        (with_header, "MissingHeaders"),
        (never, "UndefinedStatusCode"),
    ],
)
def test_control_an_answer_unlike_the_document_is_found(fuzzer: Fuzzer, figure: Show, spoil: Any, finding: str):
    document = copy.deepcopy(openapi_document(app))
    spoil(document["paths"]["/organization"]["get"]["responses"])
    operation = schemathesis.openapi.from_dict(document)["/organization"]["GET"]

    assert finding in failures(fuzzer, operation)
    figure("fuzz", "control: bugs and wrong answers are found", "{found} of {planted} found", found=1, planted=1)
