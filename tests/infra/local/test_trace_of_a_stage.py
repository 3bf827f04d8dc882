"""`python3 -m infra trace --stage`, against the emulator's CloudWatch Logs Insights."""

import io
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from chalicelib.core import clock, log
from infra import trace
from infra.local.emulator import Emulator
from infra.local.stack import CREDENTIALS, REGION, emulator_client
from tests import logged

pytestmark = pytest.mark.system

ORDER = "ord_01J00000000000000000000001"


@pytest.fixture(scope="module")
def stage(emulator: Emulator) -> Any:
    """The log groups of two functions, with a sale in them and what Lambda writes itself."""
    logs = emulator_client("logs", emulator.endpoint)
    with logged.lines() as told:
        with log.called("shop-prod-api", "call-1"), log.correlated("req-order"):
            log.info("order placed", order=ORDER, order_code="K7M2Q9XR")
            log.info("answered", route="POST /orders", status=201)
        with log.called("shop-prod-api", "call-2"), log.correlated("req-other"):
            log.info("answered", route="GET /events", status=200)
        with log.called("shop-prod-on_payment", "call-3"), log.correlated("req-hook"):
            log.info("payment captured", order=ORDER)
    for number, line in enumerate(told()):
        write(logs, f"/aws/lambda/{line['function']}", number, f"START RequestId: {line['lambda']}", line)
    return logs


def write(logs: Any, group: str, number: int, *texts: object) -> None:
    """Lines of one call, in a stream of its own."""
    known = [each["logGroupName"] for each in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]]
    if group not in known:
        logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=f"stream-{number}")
    at = int(clock.now().timestamp() * 1000) - 60_000 + number
    events = [{"timestamp": at, "message": text if isinstance(text, str) else json.dumps(text)} for text in texts]
    logs.put_log_events(logGroupName=group, logStreamName=f"stream-{number}", logEvents=events)


@pytest.fixture
def told(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    for name, value in {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)

    def told(*words: str) -> tuple[int, str]:
        out = io.StringIO()
        code = trace.main([*words, "--endpoint", emulator.endpoint], Console(file=out, width=200))
        return code, out.getvalue()

    return told


@pytest.mark.parametrize("id", [ORDER, "K7M2Q9XR"])
def test_an_order_is_followed_over_all_functions_of_the_stage(stage, told, id):
    code, text = told(id, "--stage", "prod", "--app", "shop")

    assert code == 0
    assert (
        text.index("req-order") < text.index("POST /orders") < text.index("req-hook") < text.index("payment captured")
    )
    assert "req-other" not in text


def test_nothing_found_and_no_such_stage_are_told_apart(stage, told):
    code, text = told("ord_01J00000000000000000000009", "--stage", "prod", "--app", "shop")
    assert (code, "Nothing in /aws/lambda/shop-prod-* of the last 24 hours mentions" in text) == (1, True)

    code, text = told(ORDER, "--stage", "staging", "--app", "shop")
    assert (code, "No log group begins with /aws/lambda/shop-staging-" in text) == (1, True)


def test_what_is_older_than_the_hours_asked_for_is_not_found(stage, told):
    assert told(ORDER, "--stage", "prod", "--app", "shop", "--hours", "0.001")[0] == 1


class Slow:
    """Logs Insights that takes its time."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self._answers = list(answers)

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: str) -> list[Any]:
        return [{"logGroups": [{"logGroupName": "/aws/lambda/shop-prod-api"}]}]

    def start_query(self, **_: Any) -> dict[str, str]:
        return {"queryId": "q"}

    def get_query_results(self, **_: str) -> dict[str, Any]:
        return self._answers.pop(0)


def answer(status: str, *rows: str) -> dict[str, Any]:
    results = [[{"field": "@message", "value": row}, {"field": "@ptr", "value": "x"}] for row in rows]
    return {"status": status, "statistics": {"recordsScanned": 1234.0}, "results": results}


def test_progress_is_told_while_a_query_runs(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    line = '{"at": "2026-11-20T08:00:00.000Z", "message": "answered", "correlation": "req-1"}'
    heard: list[str] = []
    client = Slow(answer("Scheduled"), answer("Running"), answer("Complete", line, "REPORT RequestId: x"))

    found = trace.Insights(client, "/aws/lambda/shop-prod-", trace.timedelta(hours=1), heard.append)(["req-1"])

    assert [each["correlation"] for each in found] == ["req-1"]
    assert heard == ["searching 1 logs: 1,234 lines so far"] * 2


def test_a_query_that_fails_says_how_it_ended():
    client = Slow(answer("Timeout"))

    with pytest.raises(trace.NothingToSearch, match="ended as Timeout"):
        trace.Insights(client, "/aws/lambda/shop-prod-", trace.timedelta(hours=1), print)(["req-1"])
