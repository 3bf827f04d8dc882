"""`python3 -m infra bench`: what each bench tells, when it fails, and the one table."""

import json
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from rich.progress import Progress

from infra import figures
from infra.bench import __main__ as bench
from infra.bench import calls, cold, load, report, usage
from infra.bench.calls import Pair, Row
from infra.bench.load import clients, results
from infra.bench.load.clients import Answered, Ask
from infra.bench.load.control import constant
from infra.bench.load.results import Burst, Load, Measured, Served, failures, quantile
from infra.bench.report import AREAS, tell

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all addresses of 127.0.0.0/8")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where figures are kept."""
    monkeypatch.setattr(report, "FIGURES", tmp_path / "figures.json")
    monkeypatch.setattr(bench, "FIGURES", tmp_path / "figures.json")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


# --- the table ----------------------------------------------------------------------------------------------


def test_every_bench_has_an_area_and_a_module_that_takes_words():
    assert bench.BENCHES.keys() == AREAS.keys()


def test_a_bench_keeps_what_others_told_and_replaces_its_own(folder):
    tell("load", [("it holds", "1 {x}")], passed=True, seconds=60)
    tell("cold", [("quick", "1 ms")], passed=False, seconds=1)
    told = tell("load", [("it holds", "2 {x}")], passed=True, seconds=60)

    assert told == json.loads((folder / "figures.json").read_text())
    assert [(area, held["passed"], held["figures"]) for area, held in told["areas"].items()] == [
        ("Cold start", False, [{"promise": "quick", "figure": "1 ms", "counts": {}}]),
        ("Throughput", True, [{"promise": "it holds", "figure": "2 {x}", "counts": {}}]),
    ]


def test_all_benches_run_and_one_that_fails_is_named(folder, monkeypatch, capsys):
    document = folder / "reliability.md"
    document.write_text("before\n<!-- performance -->\nold\n<!-- end of performance -->\nafter\n")
    ran = []

    def run(command, check):
        ran.append(command[3])
        tell(command[3], [(f"promise of {command[3]}", "7 of 7")], passed=command[3] != "load", seconds=30)
        return SimpleNamespace(returncode=int(command[3] == "load"))

    monkeypatch.setattr(bench.subprocess, "run", run)
    monkeypatch.setattr(bench, "document", lambda told, mark: figures.document(told, mark, document))

    result = bench.run_all(list(bench.BENCHES), with_document=True)

    said = capsys.readouterr().out
    assert (result, ran) == (1, list(AREAS))
    assert "Failed: load." in said
    assert "promise of cold" in said
    lines = document.read_text().splitlines()
    assert (lines[0], lines[-1], "old" in lines) == ("before", "after", False)
    assert "| Throughput | promise of load | 7 of 7 |" in lines


def test_without_a_name_all_run(monkeypatch):
    asked = []
    monkeypatch.setattr(bench, "run_all", lambda names, with_document: asked.append((names, with_document)))

    for words in ([], ["all"], ["--document"]):
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        bench.main()

    assert asked == [(list(AREAS), False), (list(AREAS), False), (list(AREAS), True)]


def test_no_table_where_no_bench_came_to_an_end(monkeypatch):
    monkeypatch.setattr(bench.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1))

    assert bench.run_all(["cold"], with_document=False) == 1


# --- cold and calls -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("worked", "code"), [(340.0, 0), (361.0, 1)])
def test_the_budget_of_a_cold_start_is_of_the_processor_over_a_bare_one(worked, code, monkeypatch, capsys):
    seen = {"bare": [(12.0, 10.0)] * 3, "app": [(999.0, worked + 9), (500.0, worked + 10), (600.0, worked + 11)]}
    monkeypatch.setattr(cold, "measure", lambda rounds, console: seen)

    assert cold.main(["--rounds", "3"]) == code

    said = capsys.readouterr().out
    assert ("EXCEEDED" in said) is bool(code)
    assert cold.costs(seen) == {"app": cold.Cost(588.0, worked)}


def test_a_route_that_grows_fails_the_bench_of_calls(folder, monkeypatch, capsys):
    flat = Row("GET /a", "visitor", calls=2, reads=2.0, writes=0, items=5, others="")
    measured = [Pair(flat, flat), Pair(replace(flat, route="GET /b"), replace(flat, route="GET /b", calls=9))]
    monkeypatch.setattr(calls, "measure", lambda grown, progress: (measured, 70))
    monkeypatch.setattr(calls, "RESULTS", folder / "calls.json")

    assert calls.main(["--grown", "100"]) == 1

    assert "1 of 2 routes grow" in capsys.readouterr().out
    assert [pair["grows"] for pair in json.loads((folder / "calls.json").read_text())] == [None, "calls"]
    assert "1 of 2 routes flat from 10 to 100" in (folder / "figures.json").read_text()


def test_usage_tells_what_one_of_each_takes():
    functions = {"api": {"runs": 2, "ms": 30}, "relay": {"runs": 0.5, "ms": 10}}
    unit = {"functions": functions, "read_units": 1.5, "write_units": 7}

    told = usage.figures(dict.fromkeys(("photo", "approval", "visit", "order"), unit))

    assert told[0] == (
        "What one photo asks of AWS is counted",
        "2.5 runs of functions, 65 ms in them, 1.5 read and 7 write units",
    )


# --- load ---------------------------------------------------------------------------------------------------


class Moody(BaseHTTPRequestHandler):
    """Answers as its path says, and counts from where it was asked."""

    protocol_version = "HTTP/1.1"
    sources: ClassVar[set[str]]
    asked: ClassVar[Counter[str]]

    def do_GET(self):
        self.sources.add(self.client_address[0])
        self.asked[self.path] += 1
        if self.path == "/silent":
            self.close_connection = True
            return
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@contextmanager
def moody():
    Moody.sources, Moody.asked = set(), Counter()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Moody)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@linux
def test_clients_ask_in_turn_from_addresses_of_their_own_and_see_what_is_lost():
    heard = []
    with moody() as url, clients.clients(3) as people, constant() as control:
        asks = [Ask(name, "GET", f"{url}/{name}") for name in ("200", "503", "silent")]
        answers, seconds = people.ask(asks, 13, heard.append)
        plain, _ = people.ask([Ask("constant", "GET", control)], 5, heard.append)

    assert Counter((answer.name, answer.status, answer.is_lost) for answer in answers) == {
        ("200", 200, False): Moody.asked["/200"],
        ("503", 503, True): Moody.asked["/503"],
        ("silent", 0, True): Moody.asked["/silent"],
    }
    assert (len(answers), len(Moody.sources), sum(heard)) == (13, 3, 18)
    assert {(answer.status, answer.ms > 0) for answer in plain} == {(200, True)}
    assert seconds > 0


@linux
def test_what_is_not_asked_in_time_is_lost(monkeypatch):
    monkeypatch.setattr(clients, "LONGEST", -1.0)
    monkeypatch.setattr(clients, "_done", SimpleNamespace(get_lock=threading.Lock, value=0))

    answers, _ = clients._in_time(clients._ask_all, [Ask("late", "GET", "http://127.0.0.1:9/")], 4, 2)

    assert answers == [Answered("late", 0, 0.0)] * 4


@pytest.mark.parametrize(("part", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (0.991, 100), (0.001, 1)])
def test_quantiles_are_values_that_were_seen(part, expected):
    assert quantile(range(100, 0, -1), part) == expected


def measured(**changes) -> Measured:
    def good() -> Served:
        return Served([Answered("events", 200, float(ms)) for ms in (1, 2, 3)], seconds=0.5, worked=0.03)

    kinds = {kind: good() for kind in ("control", "emulator", "reads", "writes")}
    whole = Measured(Load(photos=2, webhooks=2), kinds, Burst([1.0, 2.0], 0), Burst([0.5, 1.0], 0), Counter(), [])
    return replace(whole, **changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"photos": Burst([1.0], 1)}, ["1 photos lost"]),
        ({"webhooks": Burst([], 2)}, ["2 webhooks lost"]),
        ({"served": {"reads": Served([Answered("events", 503, 1.0)], 1.0, 0.1)}}, ["1 reads lost"]),
        ({"wrong": ["captures: pay_1: received 5, booked 0"]}, ["captures: pay_1: received 5, booked 0"]),
    ],
)
def test_whatever_is_lost_fails_the_load(changes, expected):
    assert failures(measured(**changes)) == expected


def test_a_load_that_lost_something_exits_with_one_and_keeps_everything(folder, monkeypatch, capsys):
    monkeypatch.setattr(load, "RESULTS", folder / "load.json")
    monkeypatch.setattr(load, "measure", lambda *_: measured(photos=Burst([1.0], 1)))

    assert load.main([]) == 1

    assert "1 photos lost" in capsys.readouterr().out
    kept = json.loads((folder / "load.json").read_text())
    assert (kept["failures"], kept["served"]["reads"]["ms"]) == (["1 photos lost"], {"events": [1.0, 2.0, 3.0]})
    told = json.loads((folder / "figures.json").read_text())["areas"]["Throughput"]
    assert told["passed"] is False
    assert told["figures"][0]["figure"].startswith("3 reads: 6 a second (control 6), p50 2 ms, p99 3 ms; p50 is 1.0 of")


@pytest.mark.parametrize("words", [["--photos", "0"], ["--webhooks", "10001"], ["--requests", "x"]])
def test_a_load_is_bounded(words, capsys):
    with pytest.raises(SystemExit):
        load.main(words)

    assert "a number from 1 to" in capsys.readouterr().err


@linux
@pytest.mark.system
def test_a_small_load_is_served_whole(tmp_path):
    wanted = Load(photos=2, requests=12, webhooks=3, clients=2)

    found = load.measure(wanted, Path(tmp_path), Progress(disable=True))

    assert failures(found) == []
    assert (len(found.photos.took), len(found.webhooks.took)) == (2, 3)
    assert {kind: len(served.answers) for kind, served in found.served.items()} == {
        "control": 12,
        "emulator": 12,
        "reads": 12,
        "writes": 9,
    }
    assert found.audited["captures"] == found.audited["orders"] == 3
    assert results.figures(found)[4][1].startswith("3 payments and 6 entries looked at; 0 differences")
