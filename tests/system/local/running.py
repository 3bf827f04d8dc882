"""A test's hold on the system that runs in its own process: people, mail, stored items, time and schedules."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

from boto3.dynamodb.types import TypeDeserializer

from infra.local.client import Person, until
from infra.local.emulator import Child
from infra.local.mailbox import Mail, sent_mails
from infra.local.stack import QUEUES, emulator_client

ROOT = Path(__file__).parents[3]
ANSWER_SECONDS = 180.0  # the start is bounded by itself
STOP_SECONDS = 60.0
PATIENCE = 60.0  # ends a broken test; nothing is measured with it

T = TypeVar("T")


class Running:
    """Use it in a `with`: it is stopped at the end, emulator included, whatever happened inside."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._log = (home / "runner.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.system.local.runner", str(home)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    def __enter__(self) -> Self:
        try:
            told = self._answer()
        except BaseException:
            self.stop()
            raise
        self.url: str = told["url"]
        self.paynoi: str = told["paynoi"]
        self.environment: dict[str, str] = told["environment"]
        self.people: dict[str, dict[str, str]] = told["people"]
        self.endpoint = self.environment["AWS_ENDPOINT_URL"]
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process, and the emulator with it: asked first, killed if that does not help."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        with self._process, self._log:  # waits, and closes the pipes
            self.left_behind = emulators_below(self.home)
        for emulator in self.left_behind:
            os.kill(emulator.pid, signal.SIGKILL)

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def bugs(self) -> list[str]:
        """The log's lines about failures that nobody expected: each was answered with 500."""
        return [line for line in (self.home / "log.jsonl").read_text().splitlines() if "unexpected failure" in line]

    # --- people ---------------------------------------------------------------------------------------------

    def person(self, role: str) -> Person:
        """A fresh log-in as `admin`, `photographer` or `customer`."""
        known = self.people[role]
        return Person(self.url, role).log_in(known["email"], known["password"])

    def stranger(self, **headers: str) -> Person:
        return Person(self.url, "stranger", headers)

    # --- what there is --------------------------------------------------------------------------------------

    def mails_to(self, address: str, subject: str = "") -> list[Mail]:
        return [mail for mail in sent_mails(self.endpoint) if mail.is_to(address) and subject in mail.subject]

    def items(self, domain: str, **equal: object) -> list[dict[str, Any]]:
        """The stored items of a domain with these values."""
        plain = TypeDeserializer().deserialize
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=f"thepixstock-local-{domain}")
        items = [{name: plain(value) for name, value in item.items()} for page in pages for item in page["Items"]]
        return [item for item in items if all(item.get(name) == value for name, value in equal.items())]

    def soon(self, look: Callable[[], T | None], what: str) -> T:
        """What `look` finds, within the patience of a test."""
        return until(look, what, PATIENCE, time.sleep)

    def quiet(self) -> None:
        """Wait until nothing is on its way: no fact in the outbox, no message in a queue, twice in a row."""
        empty = 0

        def settled() -> bool | None:
            nonlocal empty
            moving = self.items("outbox") or sum(self._queued(queue) for queue in QUEUES) or self.items("outbox")
            empty = 0 if moving else empty + 1
            return True if empty == 2 else None

        self.soon(settled, "silence")

    def _queued(self, queue: str) -> int:
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        url = self.environment[f"PIX_{queue.upper()}_QUEUE"]
        held = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))["Attributes"]
        return sum(int(held[name]) for name in names)

    @cached_property
    def _dynamodb(self) -> Any:
        return emulator_client("dynamodb", self.endpoint)

    @cached_property
    def _sqs(self) -> Any:
        return emulator_client("sqs", self.endpoint)

    # --- time -----------------------------------------------------------------------------------------------

    @contextmanager
    def later(self, by: timedelta) -> Iterator[None]:
        """The system's clock is ahead inside; a token issued there is good only there."""
        self._order({"travel": by.total_seconds()})
        try:
            yield
        finally:
            self._order({"travel": 0})

    def until_a_fresh(self, window: timedelta) -> timedelta:
        """How long until the next window of this length begins: what is counted per window starts there at none."""
        return window - timedelta(seconds=time.time() % window.total_seconds())

    def fire(self, schedule: str) -> None:
        """Run a scheduled function now."""
        self._order({"fire": schedule})

    def _order(self, command: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        assert self._answer() == {"done": command}

    def _answer(self) -> dict[str, Any]:
        """The next line of the runner. Raises RuntimeError when it ended, or stays silent."""
        assert self._process.stdout is not None
        answered, _, _ = select.select([self._process.stdout], [], [], ANSWER_SECONDS)
        line = self._process.stdout.readline() if answered else b""
        if not line:
            raise RuntimeError(f"the system does not answer: {(self.home / 'runner.log').read_text()[-3000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def emulators_below(folder: Path) -> list[Child]:
    """The living emulators whose home is in `folder`."""
    records = [json.loads(path.read_text()) for path in folder.rglob("emulator.json")]
    return [child for child in (Child(**record) for record in records) if child.alive()]
