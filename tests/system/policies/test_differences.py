"""Whatever makes a policy differ from the trace is found."""

import copy
from typing import Any

import pytest

from app import app
from chalicelib.core import once, outbox, storage
from chalicelib.orders import service as orders
from infra.local.gateway import Gateway, LambdaContext
from tests.system.policies import rights
from tests.system.policies.rights import FUNCTIONS, differences, named
from tests.system.policies.trace import Site, Trace, traced


@pytest.fixture(scope="module", autouse=True)
def permitted() -> None:
    """Here functions are made to do what they may not."""


# --- policies -----------------------------------------------------------------------------------------------


def resources(statement: dict[str, Any]) -> list[str]:
    """Those of a statement, in the order in which differences are told."""
    named = statement["Resource"]
    return [named] if isinstance(named, str) else sorted(named)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_right_taken_away_is_missing(function: str):
    policy = rights.document(function)
    needed = set(rights.given(policy))
    for at, statement in enumerate(policy["Statement"]):
        for action in statement["Action"]:
            less = copy.deepcopy(policy)
            less["Statement"][at]["Action"].remove(action)

            assert differences(less, needed) == [f"missing: {action} on {each}" for each in resources(statement)]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_right_added_is_unused(function: str):
    policy = rights.document(function)
    needed = set(rights.given(policy))
    for at, statement in enumerate(policy["Statement"]):
        more = copy.deepcopy(policy)
        more["Statement"][at]["Action"].append("dynamodb:Scan")

        unused = [f"unused: dynamodb:Scan on {each}" for each in resources(statement)]
        assert differences(more, needed) == unused


def test_a_key_prefix_that_is_too_wide_is_found():
    policy = rights.document("on_upload")
    needed = set(rights.given(policy))
    stored = next(each for each in policy["Statement"] if each["Sid"] == "StorePreviews")
    narrow, wide = stored["Resource"], stored["Resource"].replace("/previews/*", "/*")
    stored["Resource"] = wide

    assert differences(policy, needed) == [f"missing: s3:PutObject on {narrow}", f"unused: s3:PutObject on {wide}"]


def test_a_right_given_twice_is_found():
    policy = rights.document("sweep_orders")
    needed = set(rights.given(policy))
    policy["Statement"] += [each for each in policy["Statement"] if each["Sid"] == "Outbox"]

    assert differences(policy, needed) == [f"twice: dynamodb:PutItem on {rights.table(named('outbox'))}"]


# --- calls --------------------------------------------------------------------------------------------------


def run(function: str) -> Trace:
    """One run of a scheduled function."""
    trace = Trace()
    names = ("version", "account", "region", "detail", "detail-type", "source", "time", "id", "resources")
    with traced(trace):
        app.handler_map[function](dict.fromkeys(names, ""), LambdaContext(function))
    return trace


@pytest.mark.usefixtures("aws")
def test_a_new_call_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(orders, "expire_due", lambda: once.recall("org", "scope", "key"))

    assert run("sweep_orders").missing() == [f"sweep_orders: dynamodb:GetItem on {rights.table(named('claims'))}"]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("sign", "missing"),
    [
        (lambda: storage.read_url("originals", "uploads/1"), "s3:GetObject"),
        (lambda: storage.upload_form("uploads/1", content_type="image/png", size=1, sha256="00" * 32), "s3:PutObject"),
    ],
)
def test_a_signature_is_missing_like_a_call(monkeypatch: pytest.MonkeyPatch, sign: object, missing: str):
    monkeypatch.setattr(orders, "expire_due", sign)

    uploads = rights.bucket(f"{named('originals')}-{rights.ACCOUNT}/uploads/*")

    assert run("sweep_orders").missing() == [f"sweep_orders: {missing} on {uploads}"]


@pytest.mark.usefixtures("aws")
def test_a_call_that_nobody_knows_the_right_of_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outbox, "sweep", lambda: list(outbox.OutboxRecord.scan()))

    assert run("sweep_outbox").missing() == ["sweep_outbox: dynamodb:Scan on nobody said which"]


@pytest.mark.usefixtures("aws")
def test_a_call_belongs_to_the_function_that_runs():
    trace = Trace()
    with traced(trace):
        once.recall("org", "scope", "key")
        Gateway(app).handle("GET", "/organization")

    assert trace.rights.keys() == {"api"}
    assert {right.action for right in trace.rights["api"]} == {"dynamodb:GetItem"}


def test_a_branch_that_one_function_was_not_led_through_is_found():
    trace = Trace()
    trace.sites["api"] = {Site("orders", "pay", 1), Site("orders", "pay", 2), Site("carts", "clear", 7)}
    trace.sites["on_job"] = {Site("orders", "pay", 1), Site("events", "get", 3)}
    trace.sites["relay"] = {Site("events", "get", 3)}

    assert trace.driven_unlike() == {("orders", "pay")}
