"""The restore drill and a migration that is killed, against the emulator, each in a folder of its own."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from infra.local import stack
from infra.local.emulator import start_emulator
from tests.system.local.running import ROOT, emulators_below

pytestmark = [pytest.mark.system, pytest.mark.proof]

ITEMS = 1_200
CLAIMS = "thepixstock-local-claims"
SECONDS = 300


def command(folder, *words):
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(folder, *words):
    """The exit code of a command, and what it said."""
    with command(folder, *words) as process:
        said, _ = process.communicate(timeout=SECONDS)
    return process.returncode, said


def test_everything_comes_back_from_a_backup(tmp_path, figure):
    code, said = run(tmp_path, "infra.drill")

    assert code == 0, said[-3000:]
    assert emulators_below(tmp_path) == []
    rows = [[cell.strip() for cell in line.strip("│ \n").split("│")] for line in said.splitlines() if "│" in line]
    steps = {row[0]: row for row in rows if row[0]}
    items = steps["export to files"][2]
    assert int(items) > 60
    for step in ("wipe", "restore into new tables", "put back"):
        assert steps[step][2] == items, "every item was deleted, restored and put back"
    for step in ("audit before", "compare with before", "audit the new tables", "compare again", "audit after"):
        assert steps[step][4] == "0 differences"
    figure(
        "restore",
        "what a backup holds comes back, and the books agree",
        "{items} items wiped, restored into new tables, put back; 0 differences",
        items=int(items),
    )


@pytest.fixture
def home(tmp_path):
    """The tables of `run`, with claims as release 0.1 wrote them, and nothing that uses them."""
    emulator = start_emulator(tmp_path / ".local" / "run")
    try:
        stack.deploy(emulator.endpoint, [])
        yield tmp_path, stack.emulator_client("dynamodb", emulator.endpoint)
    finally:
        emulator.stop()


def claims(count):
    for number in range(count):
        yield {
            "pk": {"S": f"T#org_1#CLM#email#{number:05d}"},
            "sk": {"S": "-"},
            "fingerprint": {"S": ""},
            "result": {"S": f"message {number}"},
            "version": {"N": "1"},
            "ttl": {"N": "4000000000"},
        }


def put(client, items):
    while batch := [{"PutRequest": {"Item": item}} for _, item in zip(range(25), items, strict=False)]:
        client.batch_write_item(RequestItems={CLAIMS: batch})


def stored(client):
    pages = client.get_paginator("scan").paginate(TableName=CLAIMS)
    return {item["pk"]["S"]: item for page in pages for item in page["Items"] if "#CLM#" in item["pk"]["S"]}


def stamped(client):
    return sum("schema" in item for item in stored(client).values())


def test_a_killed_migration_goes_on_where_it_was(home, figure):
    folder, client = home
    put(client, claims(ITEMS))
    code, said = run(folder, "infra.migrate", "stamp", "--dry-run")
    assert (code, stamped(client)) == (0, 0)
    assert f"would be {ITEMS} changed" in said

    kills = []
    for share in (0.2, 0.6):
        with command(folder, "infra.migrate", "stamp", "--capacity", "600") as process:
            deadline = time.monotonic() + SECONDS
            while stamped(client) < share * ITEMS:
                assert process.poll() is None, "it ended before it could be killed"
                assert time.monotonic() < deadline
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        kills.append(stamped(client))
    assert kills[0] < kills[1] < ITEMS
    assert re.search(r"stamp .*not finished", run(folder, "infra.migrate", "--list")[1])

    code, said = run(folder, "infra.migrate", "stamp")

    assert code == 0, said[-2000:]
    counts = {name: int(count) for count, name in re.findall(r"(\d+) (changed|right already)", said)}
    # A page that it died in is looked at twice: at most one of a hundred items in each of four segments, each time.
    assert sum(counts.values()) >= ITEMS
    assert counts.get("right already", 0) <= 2 * 4 * 100 + 10
    assert stored(client) == {item["pk"]["S"]: item | {"schema": {"N": "1"}} for item in claims(ITEMS)}
    figure("restore", "a killed migration goes on", "{items} items, killed twice, 0 lost", items=ITEMS)


def test_the_audit_of_what_runs_here(home):
    folder, client = home
    assert run(folder, "infra.audit")[0] == 0

    client.put_item(
        TableName="thepixstock-local-ledger",
        Item={
            "pk": {"S": "T#org_1#JRN#capture#pay_1"},
            "sk": {"S": "000"},
            **{name: {"S": "x"} for name in ("entry", "organization", "order", "account", "currency")},
            "entry": {"S": "capture#pay_1"},
            "at": {"S": "2026-11-20T08:00:00.000Z"},
            "amount": {"N": "100"},
            "account_pk": {"S": "T#x#ACC#x"},
            "account_sk": {"S": "x"},
            "version": {"N": "1"},
        },
    )

    code, said = run(folder, "infra.audit")
    assert code == 1
    assert "sums to 100 x" in said
    assert "is booked for a payment that does not exist" in said


def test_a_stage_that_does_not_run_is_told(tmp_path):
    for name in ("infra.audit", "infra.migrate"):
        code, said = run(tmp_path, name)

        assert code == 1
        assert "start it with python3 -m infra run" in said
