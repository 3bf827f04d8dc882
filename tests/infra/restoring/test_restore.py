"""The parts of a restore, on what the flows of the crash tests leave, and what must make a drill fail."""

import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from infra import audit, drill, restore, stages
from infra.local.client import Deviation
from tests.infra.restoring.tampering import PREFIX, first, more, put
from tests.stack import client

NEW = f"{PREFIX}-restored"

pytestmark = pytest.mark.usefixtures("world")


@pytest.fixture
def dynamodb():
    client = client_of_moto()
    yield client
    restore.remove(client, NEW)


def client_of_moto():
    return client("dynamodb")


@pytest.fixture
def steps():
    return drill.Steps(Console(file=io.StringIO()))


def test_what_was_exported_and_wiped_is_loaded_into_new_tables(dynamodb, tmp_path):
    before = restore.checksums(dynamodb, PREFIX)

    exported = restore.export(dynamodb, PREFIX, tmp_path / "backup")
    wiped = restore.wipe(dynamodb, PREFIX)
    assert restore.checksums(dynamodb, PREFIX) == {}
    loaded = restore.load(dynamodb, tmp_path / "backup", NEW)

    assert exported.items == wiped.items == loaded.items == len(before) > 30
    assert exported.bytes > 10_000
    assert restore.differing(before, restore.checksums(dynamodb, NEW)) == 0
    assert audit.audit(NEW, dynamodb).differences == []
    for domain in ("orders", "ledger"):
        old, new = (dynamodb.describe_table(TableName=f"{name}-{domain}")["Table"] for name in (PREFIX, NEW))
        assert [index["IndexName"] for index in new["GlobalSecondaryIndexes"]] == [
            index["IndexName"] for index in old["GlobalSecondaryIndexes"]
        ]


def test_an_export_goes_over_no_other(dynamodb, tmp_path):
    restore.export(dynamodb, PREFIX, tmp_path / "backup")

    with pytest.raises(FileExistsError):
        restore.export(dynamodb, PREFIX, tmp_path / "backup")


def test_put_back_undoes_what_was_changed_lost_and_added(dynamodb, tmp_path):
    before = restore.checksums(dynamodb, PREFIX)
    restore.load(dynamodb, _exported(dynamodb, tmp_path), NEW)
    put("ledger", first("ledger", "JRN"), **more(first("ledger", "JRN"), "amount"))
    put("orders", {"pk": {"S": "stray"}, "sk": {"S": "-"}})
    dynamodb.delete_item(TableName=f"{PREFIX}-photos", Key=restore._key(first("photos", "#PHO#")))
    assert restore.differing(before, restore.checksums(dynamodb, PREFIX)) == 3

    restore.put_back(dynamodb, NEW, PREFIX)

    assert restore.differing(before, restore.checksums(dynamodb, PREFIX)) == 0


def _exported(dynamodb, tmp_path):
    restore.export(dynamodb, PREFIX, tmp_path / "backup")
    return tmp_path / "backup"


def test_what_a_table_did_not_take_is_sent_again(dynamodb, monkeypatch):
    monkeypatch.setattr(restore.time, "sleep", lambda seconds: None)
    sent = []

    class Slow:
        """Takes two requests of each call."""

        def batch_write_item(self, RequestItems):  # noqa: N803
            ((table, batch),) = RequestItems.items()
            sent.append(len(batch))
            return {"UnprocessedItems": {table: batch[2:]} if batch[2:] else {}}

    item = {"pk": {"S": "a"}, "sk": {"S": "-"}}
    assert restore.write(Slow(), "table", [item] * 5, [item]).items == 6
    assert sent == [5, 3, 1, 1]


def test_a_table_that_takes_nothing_is_told(monkeypatch):
    monkeypatch.setattr(restore.time, "sleep", lambda seconds: None)

    class Stuck:
        def batch_write_item(self, RequestItems):  # noqa: N803
            return {"UnprocessedItems": RequestItems}

    with pytest.raises(restore.NotRestored, match="table does not take"):
        restore.write(Stuck(), "table", [{"pk": {"S": "a"}, "sk": {"S": "-"}}])


# --- by DynamoDB itself -------------------------------------------------------------------------------------


@pytest.fixture
def recoverable(dynamodb):
    """Point-in-time recovery, as the data stack switches it on. Moto restores the present whatever the time."""
    for domain in restore.domains():
        dynamodb.update_continuous_backups(
            TableName=f"{PREFIX}-{domain}", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    return dynamodb


def test_every_table_is_restored_to_one_moment_beside_the_stage(recoverable, monkeypatch):
    asked = []
    monkeypatch.setattr(
        recoverable, "restore_table_to_point_in_time", _noting(asked, recoverable.restore_table_to_point_in_time)
    )
    before = restore.checksums(recoverable, PREFIX)

    moment = restore.restore(recoverable, PREFIX, NEW)

    assert {call["RestoreDateTime"] for call in asked} == {moment}
    assert [call["SourceTableName"] for call in asked] == [f"{PREFIX}-{domain}" for domain in restore.domains()]
    assert restore.differing(before, restore.checksums(recoverable, NEW)) == 0
    assert restore.differing(before, restore.checksums(recoverable, PREFIX)) == 0


def _noting(asked, call):
    def noted(**arguments):
        asked.append(arguments)
        return call(**arguments)

    return noted


def test_tables_that_are_there_are_not_restored_over(recoverable):
    restore.restore(recoverable, PREFIX, NEW, datetime(2026, 11, 20, tzinfo=UTC))

    with pytest.raises(restore.NotRestored, match=f"{NEW}-accounts"):
        restore.restore(recoverable, PREFIX, NEW)


def test_the_command_restores_and_audits_then_puts_back(recoverable, monkeypatch, capsys):
    monkeypatch.setattr(stages, "enter", lambda stage: None)
    monkeypatch.setattr(restore.boto3, "client", client)
    before = restore.checksums(recoverable, PREFIX)

    assert restore.main(["--stage", "prod"]) == 0
    restore.wipe(recoverable, PREFIX)
    assert restore.main(["--stage", "prod", "--put-back"]) == 0

    assert restore.differing(before, restore.checksums(recoverable, PREFIX)) == 0
    assert f"{len(before)} items put back from {NEW}" in capsys.readouterr().out


def test_the_command_tells_a_restore_that_does_not_agree(recoverable, monkeypatch):
    monkeypatch.setattr(stages, "enter", lambda stage: None)
    monkeypatch.setattr(restore.boto3, "client", client)
    put("ledger", first("ledger", "JRN"), **more(first("ledger", "JRN"), "amount"))

    assert restore.main(["--stage", "prod"]) == 1
    assert restore.main(["--stage", "prod"]) == 1, "the tables are there already"


# --- a drill fails where it must ----------------------------------------------------------------------------


def test_a_drill_in_aws_leaves_no_table_behind(recoverable, steps):
    drill.drill_there(steps._console, recoverable, PREFIX)

    assert not [name for name in recoverable.list_tables()["TableNames"] if "-drill-" in name]


def test_a_drill_fails_over_books_that_do_not_balance_and_cleans_up(recoverable, steps):
    put("ledger", first("ledger", "JRN"), **more(first("ledger", "JRN"), "amount"))

    with pytest.raises(Deviation, match="sums to 1 THB"):
        drill.drill_there(steps._console, recoverable, PREFIX)
    assert not [name for name in recoverable.list_tables()["TableNames"] if "-drill-" in name]


def damage(text):
    return text.replace('"version":{"N":"1"}', '"version":{"N":"7"}', 1)


@pytest.mark.parametrize("harm", [lambda lines: lines[1:], lambda lines: [damage(lines[0]), *lines[1:]]])
def test_a_drill_fails_over_a_backup_that_lost_or_changed_an_item(dynamodb, steps, tmp_path, harm):
    before = restore.checksums(dynamodb, PREFIX)
    folder = _exported(dynamodb, tmp_path)
    file = folder / "accounts.jsonl.gz"
    with restore.gzip.open(file, "rt") as held:
        lines = held.read().splitlines()
    with restore.gzip.open(file, "wt") as held:
        held.write("".join(line + "\n" for line in harm(lines)))
    assert json.loads(lines[0])["version"] == {"N": "1"}

    restore.load(dynamodb, folder, NEW)

    with pytest.raises(Deviation, match="1 items are not as they were"):
        drill._compared(steps, dynamodb, "compare", before, NEW)
