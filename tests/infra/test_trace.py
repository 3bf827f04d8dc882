"""`python3 -m infra trace` over a log that the application's own logging wrote."""

import io
import json
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from chalicelib.core import clock, log, metrics
from chalicelib.core.metrics import Metric
from infra import trace
from tests import logged

ORDER, PAYMENT, CODE = "ord_01J00000000000000000000001", "pay_01J00000000000000000000002", "K7M2Q9XR"
PHOTO = "pho_01J00000000000000000000003"


@pytest.fixture(autouse=True)
def cold(monkeypatch):
    monkeypatch.setattr(log, "_warm", set())


@pytest.fixture
def story(tmp_path) -> Path:
    """A sale and an upload, with lines of other people and of libraries between them."""
    with logged.lines() as lines:
        with log.called("api", "call-1"), log.correlated("req-order"):
            placed = metrics.of({Metric.ORDERS_PLACED: 1})
            log.info("order placed", placed, order=ORDER, order_code=CODE)
            log.info("answered", route="POST /orders", status=201, ms=40)
        with log.called("api", "call-2"), log.correlated("req-other"):
            log.info("answered", route="GET /events", status=200, ms=3)
        with clock.travel(timedelta(seconds=2)), log.called("api", "call-3"), log.correlated("req-hook"):
            log.info("answered", route="POST /payments/webhook", status=200, ms=9)
        with clock.travel(timedelta(seconds=3.5)):
            with log.called("on_payment", "call-4"), log.correlated("req-hook"):
                log.info("payment captured", payment=PAYMENT, order=ORDER)
                log.info("handled", handler="payments.settle", fact="GatewayNotified", outcome="success", ms=70)
            with log.called("on_job", "call-5"), log.correlated("req-hook"):
                log.bug("message failed", KeyError("x"), handler="orders.clear_cart", order=ORDER)
    others = ['{"level": "WARNING", "logger": "pumps", "message": "req-order"}', "no JSON with req-order", "[1]"]
    return written(tmp_path / "log.jsonl", *others, *lines())


def written(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def told(*words: str) -> tuple[int, str]:
    """Exit code and what was printed, each row on one line."""
    out = io.StringIO()
    code = trace.main(words, Console(file=out, width=240))
    return code, out.getvalue()


def rows(text: str) -> list[list[str]]:
    """The cells of each row but the time, those that are not empty."""
    lines = (line for line in text.splitlines() if re.match(r" *\d\d:\d\d:\d\d\.\d{3} ", line))
    return [re.split(r" {2,}", line.strip())[1:] for line in lines]


def test_a_request_is_shown_hop_by_hop(story):
    code, text = told("req-hook", "--log", str(story))

    assert code == 0
    first, *others = rows(text)
    assert first == ["0", "api", "POST /payments/webhook", "answered", "200", "ms=9"]
    assert [row[1:] for row in others] == [
        ["on_payment (cold)", "payment captured", f"payment={PAYMENT} order={ORDER}"],
        ["└", "payments.settle GatewayNotified", "handled", "success", "ms=70"],
        ["on_job (cold)", "orders.clear_cart", "message failed", "KeyError", "where=?"],
    ]
    assert all(1500 <= int(row[0].replace(",", "")) < 60_000 for row in others)
    assert "req-order" not in text


@pytest.mark.parametrize(
    ("id", "correlations"),
    [
        ("req-hook", ["req-hook"]),
        (ORDER, ["req-order", "req-hook"]),
        (CODE, ["req-order", "req-hook"]),
        (CODE.lower(), ["req-order", "req-hook"]),
        (PAYMENT, ["req-hook"]),
        ("call-4", ["req-hook"]),
        ("call-2", ["req-other"]),
    ],
)
def test_anything_that_names_it_finds_its_whole_way(story, id, correlations):
    found = trace.ways(id, trace.in_file(story))

    assert list(found) == correlations
    everything = [json.loads(line) for line in story.read_text().splitlines() if '"correlation"' in line]
    for correlation, lines in found.items():
        assert lines == [line for line in everything if line["correlation"] == correlation]


@pytest.mark.parametrize("id", ["req-hoo", "ord_01J0000000000000000000000", "WARNING-of-nobody", "payments"])
def test_a_part_of_an_id_finds_nothing(story, id):
    assert trace.ways(id, trace.in_file(story)) == {}


def test_what_nobody_mentions_says_where_it_was_looked_for(story):
    code, text = told(PHOTO, "--log", str(story))

    assert code == 1
    assert f"Nothing in {story} mentions {PHOTO}" in text
    assert "--log FILE" in text
    assert "--stage" in text


def test_without_a_log_it_says_what_writes_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    code, text = told("req-hook")

    assert code == 1
    assert "There is no log .local/run/log.jsonl nor .local/demo/system/log.jsonl" in text
    assert "python3 -m infra run" in text


def test_of_two_logs_the_newer_one_is_searched_first_and_the_other_too(story, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run, demo = trace.LOGS
    for path, age in ((run, 100), (demo, 0)):
        path.parent.mkdir(parents=True)
        path.write_text(story.read_text())
        os.utime(path, (story.stat().st_mtime - age,) * 2)

    assert "In .local/demo/system/log.jsonl:" in told("req-hook")[1]

    demo.write_text("")
    assert "In .local/run/log.jsonl:" in told("req-hook")[1]


@pytest.mark.parametrize("id", ["", "x", "a b c d e f", "x" * 81, "req/.*/hook", "[req-hook]"])
def test_what_can_be_no_id_is_refused(id, capsys):
    with pytest.raises(SystemExit) as ended:
        trace.main([id])

    assert ended.value.code == 2
    assert "an id has 6 to 80 letters" in capsys.readouterr().err


def test_a_value_that_looks_like_markup_is_shown_as_it_is(tmp_path):
    with logged.lines() as lines, log.correlated("req-markup"):
        log.info("answered", route="GET /x", state="[bold]x[/bold]")
    path = written(tmp_path / "log.jsonl", *lines())

    assert "state=[bold]x[/bold]" in told("req-markup", "--log", str(path))[1]


def test_a_trace_of_xray_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-67891233-abcdef012345678912345678;Sampled=1")
    with logged.lines() as lines, log.called("api", "call-1"), log.correlated("req-traced"):
        log.info("answered", route="GET /x", status=200)
    path = written(tmp_path / "log.jsonl", *lines())

    assert "X-Ray 1-67891233-abcdef012345678912345678" in told("req-traced", "--log", str(path))[1]
    assert "req-traced" in told("1-67891233-abcdef012345678912345678", "--log", str(path))[1]


@pytest.mark.parametrize("missing", [["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], ["AWS_DEFAULT_REGION"]])
def test_without_credentials_or_a_region_the_query_is_printed(monkeypatch, missing, tmp_path):
    for name in missing:
        monkeypatch.delenv(name)
    for name, value in (("AWS_CONFIG_FILE", "none"), ("AWS_SHARED_CREDENTIALS_FILE", "none")):
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    code, text = told(ORDER, "--stage", "prod", "--app", "shop")

    assert code == 0
    assert "/aws/lambda/shop-prod-" in text
    assert f"fields @message | filter @message like /{ORDER}/ | sort @timestamp asc | limit 10000" in text


def test_of_a_batch_only_what_concerns_the_photo_asked_for_is_shown(tmp_path):
    other = "pho_01J00000000000000000000004"
    with logged.lines() as lines:
        with log.called("api", "call-1"), log.correlated("req-offer"):
            log.info("answered", route="POST /events/{id}/uploads", status=201)
        for number, photo in enumerate((PHOTO, other)):
            with log.called("on_upload", f"call-up-{number}"), log.correlated("req-offer"):
                log.info("photo ready", photo=photo)
                log.info("handled", outcome="success")
        with log.called("relay", "call-relay"), log.correlated("req-offer"):
            log.info("fact relayed", fact="PhotoReady", photo=other)
            log.info("fact relayed", fact="PhotoReady", photo=PHOTO)
    path = written(tmp_path / "log.jsonl", *lines())

    [way] = trace.ways(PHOTO, trace.in_file(path)).values()
    assert [(line["lambda"], line["message"]) for line in way] == [
        ("call-1", "answered"),
        ("call-up-0", "photo ready"),
        ("call-up-0", "handled"),
        ("call-relay", "fact relayed"),
    ]
    assert len(trace.ways("req-offer", trace.in_file(path))["req-offer"]) == 7
