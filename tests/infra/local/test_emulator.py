"""The life of the emulator: what is kept, what is reset, and whose processes are touched."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.local.emulator import (
    Emulator,
    EmulatorFailed,
    HomeInUse,
    clear_state,
    process_started,
    start_emulator,
)
from infra.local.stack import emulator_client

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys, time
from pathlib import Path
from infra.local.emulator import start_emulator
running = start_emulator(Path(sys.argv[1]))
running.publish({"API": "http://127.0.0.1:1"})
print(running.endpoint, running.pid, flush=True)
time.sleep(600)
"""


class Holder:
    """Another process that runs an emulator in a folder, to be killed."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.endpoint, pid = self.process.stdout.readline().split()
        self.emulator_pid = int(pid)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def store_something(endpoint: str) -> None:
    emulator_client("dynamodb", endpoint).create_table(
        TableName="kept",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    emulator_client("dynamodb", endpoint).put_item(TableName="kept", Item={"pk": {"S": "1"}})
    queue = emulator_client("sqs", endpoint).create_queue(QueueName="kept")["QueueUrl"]
    emulator_client("sqs", endpoint).send_message(QueueUrl=queue, MessageBody="hello")
    emulator_client("s3", endpoint).create_bucket(Bucket="kept")
    emulator_client("s3", endpoint).put_object(Bucket="kept", Key="photo", Body=b"bytes")


def stored(endpoint: str) -> dict[str, Any]:
    tables = emulator_client("dynamodb", endpoint).list_tables()["TableNames"]
    queues = emulator_client("sqs", endpoint).list_queues().get("QueueUrls", [])
    buckets = [bucket["Name"] for bucket in emulator_client("s3", endpoint).list_buckets()["Buckets"]]
    return {"tables": tables, "queues": [url.rpartition("/")[2] for url in queues], "buckets": buckets}


NOTHING: dict[str, Any] = {"tables": [], "queues": [], "buckets": []}
EVERYTHING: dict[str, Any] = {"tables": ["kept"], "queues": ["kept"], "buckets": ["kept"]}


def stop(emulator: Emulator) -> None:
    emulator.stop()
    assert process_started(emulator.pid) is None


def test_a_clean_stop_keeps_everything(tmp_path: Path) -> None:
    first = start_emulator(tmp_path)
    assert first.message == "Started with empty state."
    store_something(first.endpoint)
    (first.sandboxes / "gateway.json").write_text("{}")
    stop(first)
    first.stop()  # does nothing

    second = start_emulator(tmp_path)

    assert second.message == "The state of the last run was kept."
    assert second.endpoint == first.endpoint
    assert second.pid != first.pid
    assert stored(second.endpoint) == EVERYTHING
    body = emulator_client("s3", second.endpoint).get_object(Bucket="kept", Key="photo")["Body"]
    with body:
        assert body.read() == b"bytes"
    item = emulator_client("dynamodb", second.endpoint).get_item(TableName="kept", Key={"pk": {"S": "1"}})
    assert item["Item"] == {"pk": {"S": "1"}}
    queue = emulator_client("sqs", second.endpoint).get_queue_url(QueueName="kept")["QueueUrl"]
    received = emulator_client("sqs", second.endpoint).receive_message(QueueUrl=queue)
    assert [message["Body"] for message in received["Messages"]] == ["hello"]
    assert (second.sandboxes / "gateway.json").exists()
    stop(second)

    clear_state(tmp_path)
    third = start_emulator(tmp_path)
    assert third.message == "Started with empty state."
    assert stored(third.endpoint) == NOTHING
    assert not list(third.sandboxes.iterdir())
    stop(third)


def test_a_killed_parent_leaves_a_survivor_that_is_reset_and_taken_over(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    store_something(holder.endpoint)
    (tmp_path / "sandboxes" / "gateway.json").write_text("{}")

    with pytest.raises(HomeInUse) as refusal:
        start_emulator(tmp_path)
    assert f"process {holder.process.pid}" in str(refusal.value)
    assert "API http://127.0.0.1:1" in str(refusal.value)
    with pytest.raises(HomeInUse):
        clear_state(tmp_path)
    assert stored(holder.endpoint) == EVERYTHING

    holder.kill()
    assert process_started(holder.emulator_pid) is not None
    taken_over = start_emulator(tmp_path)

    assert taken_over.pid == holder.emulator_pid
    assert "reset together" in taken_over.message
    assert stored(taken_over.endpoint) == NOTHING
    assert not list(taken_over.sandboxes.iterdir())
    stop(taken_over)
    assert not (tmp_path / "running").exists()


def test_nothing_is_trusted_after_the_emulator_itself_was_killed(tmp_path: Path) -> None:
    first = start_emulator(tmp_path)
    store_something(first.endpoint)
    os.kill(first.pid, signal.SIGKILL)
    first.stop()
    assert (tmp_path / "running").exists()

    second = start_emulator(tmp_path)

    assert "reset together" in second.message
    assert stored(second.endpoint) == NOTHING
    stop(second)


def test_a_recycled_pid_is_left_alone(tmp_path: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    record = {"pid": bystander.pid, "started": "long ago", "port": 9, "instance": "ours"}
    (tmp_path / "emulator.json").write_text(json.dumps(record))
    (tmp_path / "running").touch()

    clear_state(tmp_path)

    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_a_failed_start_quotes_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho the disk is full\nexit 3\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))

    with pytest.raises(EmulatorFailed, match=r"(?s)ended with code 3.*the disk is full"):
        start_emulator(tmp_path / "home")
    with pytest.raises(EmulatorFailed):  # the folder is free again, not «in use»
        start_emulator(tmp_path / "home")


def test_the_lifetime_of_a_process() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)

    assert process_started(ended.pid) is None  # a zombie is gone
    ended.wait()
    assert process_started(ended.pid) is None
    assert process_started(os.getpid()) == process_started(os.getpid()) is not None
    assert process_started(os.getpid()) != process_started(os.getppid())
