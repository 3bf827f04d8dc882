"""What a cold start costs: a fresh process that imports the application and handles its first event.

Each round starts one process of every function beside one of the bare interpreter, in turn, on the emulator with empty
tables, with its bytecode written, as the package has it. Lambda adds its own time before that, and has another
processor: trust the ratios. The budget is of the processor's time, which others on this machine do not take away.
"""

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from infra.bench.report import tell
from infra.local import stack
from infra.local.emulator import start_emulator
from infra.package import ROOT, addresses

BUDGET = 350
"""Milliseconds of processor, over a bare interpreter's, in which the API has started and answered."""


@dataclass(frozen=True)
class Start:
    """A function of app.py, its first event, and what its real work loads beyond that.

    Events name what is not there, so that a function reads, finds nothing and ends.
    """

    function: str
    event: Mapping[str, Any]
    loads: tuple[str, ...] = ()


def _message(queue: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": "1",
                "receiptHandle": "1",
                "body": json.dumps(body),
                "attributes": {},
                "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{queue}",
            }
        ]
    }


def _fact(queue: str, handler: str, fact: str, **body: str) -> dict[str, Any]:
    content = {"organization": "org_1", **body}
    return _message(queue, {"handler": handler, "fact": fact, "correlation": "cor_1", "body": content})


_LIST = {
    "resource": "/events",
    "path": "/events",
    "httpMethod": "GET",
    "headers": {"Host": "localhost"},
    "multiValueHeaders": {"Host": ["localhost"]},
    "multiValueQueryStringParameters": None,
    "pathParameters": None,
    "stageVariables": None,
    "body": None,
    "isBase64Encoded": False,
    "requestContext": {
        "resourcePath": "/events",
        "path": "/events",
        "httpMethod": "GET",
        "requestId": "1",
        "domainName": "localhost",
        "identity": {"sourceIp": "127.0.0.1"},
    },
}
_SCHEDULED = {
    "version": "0",
    "id": "1",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-01-01T00:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}
STARTS = (
    Start("app", _LIST),
    Start(
        "on_upload",
        _message(
            "uploads", {"Records": [{"eventName": "ObjectCreated:Post", "s3": {"object": {"key": "uploads/none"}}}]}
        ),
        ("chalicelib.media.inspect", "chalicelib.media.render"),
    ),
    Start(
        "on_payment",
        _fact("payments", "payments.settle", "GatewayNotified", payment="pay_1", transaction="1"),
        ("requests",),
    ),
    Start(
        "on_email",
        _fact("emails", "accounts.mail_sign_up_code", "SignUpCodeIssued", user="usr_1", nonce="n"),
        ("jinja2",),
    ),
    Start("on_job", _fact("jobs", "orders.clear_cart", "OrderPaid", order="ord_1")),
    Start(
        "on_webhook",
        _fact("webhooks", "webhooks.deliver", "DeliveryDue", endpoint="whe_1", delivery="dlv_1"),
        ("chalicelib.webhooks.calling",),
    ),
    Start("relay", {"Records": []}),
    Start("sweep_outbox", _SCHEDULED),
)


CHILD = """
import importlib, json, os, sys
import app

class Context:
    function_name, aws_request_id, memory_limit_in_mb = sys.argv[1], "1", "1024"
    invoked_function_arn = function_version = log_group_name = log_stream_name = "-"

    def get_remaining_time_in_millis(self):
        return 10_000

for name in sys.argv[3:]:
    importlib.import_module(name)
answer = getattr(app, sys.argv[1])(json.loads(sys.argv[2]), Context())
if sys.argv[1] == "app" and answer["statusCode"] != 200:
    sys.exit(str(answer))
sys.stdout.flush()
os._exit(0)  # Lambda does not wait for a process to tidy up
"""
"""The fresh process: nothing is imported but the application."""


def packaged(folder: Path) -> Path:
    """The application as the package has it: without a checkout's other files, with the addresses of its routes."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "chalicelib", folder / "chalicelib", ignore=ignored)
    shutil.copy(ROOT / "app.py", folder)
    (folder / "chalicelib" / "addresses.json").write_bytes(addresses())
    return folder


def timed(command: list[str], environment: Mapping[str, str], folder: Path) -> tuple[float, float]:
    """Milliseconds that a process took in a folder, and those of the processor."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=dict(environment), capture_output=True, text=True, check=False)
    took, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} ...: {done.stderr[-2000:]}")
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 1000 * took, 1000 * worked


@contextmanager
def empty_stage(home: Path) -> Iterator[dict[str, str]]:
    """The environment of the functions on an emulator with empty tables."""
    emulator = start_emulator(home)
    try:
        outputs = stack.deploy(emulator.endpoint, [])
        stack.put_secrets(emulator.endpoint, outputs, home)
        url = "http://127.0.0.1:9"
        settings = stack.environment(
            outputs,
            endpoint=emulator.endpoint,
            api_url=url,
            paynoi_url=url,
            live_url="ws://127.0.0.1:9",
            live_endpoint=url,
            allowed_origins=[],
        )
        yield {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
            **settings,
            "PYTHONPYCACHEPREFIX": str(home / "bytecode"),  # as in the package, whatever this machine has of it
        }
    finally:
        emulator.stop()


def measure(rounds: int, console: Console) -> dict[str, list[tuple[float, float]]]:
    """By function, and `bare` for the interpreter alone: milliseconds of the clock and of the processor."""
    this = [sys.executable, "-c", CHILD]
    commands = {start.function: [*this, start.function, json.dumps(start.event), *start.loads] for start in STARTS}
    commands["bare"] = [sys.executable, "-c", "import os; os._exit(0)"]
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as home, empty_stage(Path(home)) as environment:
        os.environ.update(environment)  # for the application, whose routes are asked for their addresses
        folder = packaged(Path(home) / "package")
        for command in commands.values():
            timed(command, environment, folder)  # fills the disk cache and writes bytecode
        for _ in track(range(rounds), description="starting", console=console):
            for name in random.sample(list(commands), len(commands)):
                seen[name].append(timed(commands[name], environment, folder))
    return seen


@dataclass(frozen=True)
class Cost:
    """Medians over those of a bare interpreter, in milliseconds: of the clock and of the processor."""

    wall: float
    worked: float


def costs(seen: Mapping[str, list[tuple[float, float]]]) -> dict[str, Cost]:
    medians = {name: [statistics.median(column) for column in zip(*each, strict=True)] for name, each in seen.items()}
    bare_wall, bare_worked = medians["bare"]
    return {
        name: Cost(wall - bare_wall, worked - bare_worked) for name, (wall, worked) in medians.items() if name != "bare"
    }


def shown(measured: Mapping[str, Cost]) -> Table:
    table = Table("function", "ms of processor over bare", "of the clock", "budget")
    for name, cost in measured.items():
        verdict = f"{BUDGET} {'held' if cost.worked <= BUDGET else '[red]EXCEEDED'}" if name == "app" else ""
        table.add_row("api" if name == "app" else name, f"{cost.worked:.0f}", f"{cost.wall:.0f}", verdict)
    return table


def figures(measured: Mapping[str, Cost], rounds: int) -> list[tuple[str, str]]:
    others = ", ".join(f"{name} {cost.worked:.0f}" for name, cost in measured.items() if name != "app")
    return [
        (
            f"The API starts and answers within {BUDGET} ms of processor over a bare interpreter's",
            f"{measured['app'].worked:.0f} ms ({measured['app'].wall:.0f} by the clock), median of {rounds} processes",
        ),
        ("Other functions load what they use", f"{others} ms"),
    ]


def main(words: list[str]) -> int:
    command = argparse.ArgumentParser(prog="python3 -m infra bench cold", description=__doc__)
    command.add_argument("--rounds", type=int, default=15, help="processes of each function (%(default)s)")
    rounds = command.parse_args(words).rounds
    console, began = Console(), time.monotonic()
    measured = costs(measure(rounds, console))
    held = measured["app"].worked <= BUDGET
    tell("cold", figures(measured, rounds), passed=held, seconds=time.monotonic() - began)
    console.print(f"Medians of {rounds} processes of each, Python {sys.version.split()[0]}.")
    console.print(shown(measured))
    return 0 if held else 1
