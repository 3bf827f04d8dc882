"""`python3 -m infra cost`: quantities come from the templates and from measurements, every price from the book."""

import pytest
import yaml

from infra import cost
from tests.infra.templates import INFRA, of_type, template


def test_what_costs_by_the_month_is_counted_in_the_templates():
    lines = {line.what: line for line in cost.idle_month(cost.prices()["prices"])}

    data, alarms = template("data.yaml"), template("alarms.yaml")
    assert lines["KMS keys"].quantity == len(of_type(data, "AWS::KMS::Key"))
    assert lines["Alarms"].quantity == len(of_type(alarms, "AWS::CloudWatch::Alarm"))
    assert lines["Dashboard"].quantity == 1
    assert lines["Secrets"].quantity == 1


def test_loops_in_loops_are_multiplied():
    resources = {
        "One": {"Type": "A"},
        "Other": {"Type": "B"},
        "Fn::ForEach::X": ["X", ["1", "2"], {"Fn::ForEach::Y": ["Y", ["a", "b", "c"], {"${X}${Y}": {"Type": "A"}}]}],
    }

    assert cost.count(resources, "A") == 7
    assert cost.count(resources, "B") == 1


def test_a_line_is_quantity_times_price():
    unit = dict.fromkeys(cost.prices()["prices"], 0.0) | {"kms_key_month": 2.0}

    lines = list(cost.idle_month(unit))

    assert [line.what for line in lines if line.dollars] == ["KMS keys"]
    assert sum(line.dollars for line in lines) == 12.0


def test_the_command_prints_a_bill_with_its_date(capsys):
    assert cost.main(["--idle"]) == 0

    said = capsys.readouterr().out
    assert f"List prices of us-east-1, {cost.prices()['as_of']}" in said
    total = sum(line.dollars for line in cost.idle_month(cost.prices()["prices"]))
    assert said.splitlines()[-1].split()[-2:] == [f"{total:.2f}", "USD"]


SHARE = {
    "functions": {"api": {"runs": 2, "ms": 100}, "on_upload": {"runs": 1, "ms": 1000}},
    "calls": {"s3.PutObject": 5, "s3.GetObject": 1, "sqs.SendMessageBatch": 1},
    "read_units": 3.5,
    "write_units": 4,
    "stored_bytes": 500_000,
}
USAGE = {
    "measured": {"bytes_of_a_photo": 1_500_000, "photos_of_an_order": 6},
    **dict.fromkeys(("photo", "approval", "visit", "order"), SHARE),
}
ONE_EACH = dict.fromkeys(cost.prices()["prices"], 1.0)


def quantities(lines):
    return {(line.what, line.price): line.quantity for line in lines}


def test_work_is_multiplied_and_weighed_by_the_memory_of_each_function(monkeypatch):
    monkeypatch.setattr(cost, "memory", lambda: {"api": 1.0, "on_upload": 3.0})

    found = {what: quantity for what, quantity, _ in cost.work(SHARE, 10)}

    assert found["API requests"] == 20
    assert found["Function runs"] == 30
    assert found["Function GB-seconds"] == pytest.approx(10 * (2 * 0.1 * 1 + 1 * 1.0 * 3))
    assert (found["Read units"], found["Write units"], found["S3 writes"]) == (35, 40, 50)
    assert found["Queue requests"] == 60  # what is sent and what S3 tells, thrice: sent, received, deleted


def test_photos_are_processed_approved_and_kept():
    found = quantities(cost.photos(USAGE, ONE_EACH, 1000))

    assert found["Write units", "dynamodb_write_unit"] == 8000
    assert found["Originals posted", "s3_put"] == 1000
    assert found["GB kept, a month", "s3_standard_gb_month"] == 2.0


def test_orders_are_visited_bought_and_downloaded():
    found = quantities(cost.orders(USAGE, ONE_EACH, 1000))

    assert found["API requests", "api_request"] == 4000
    assert found["GB downloaded", "transfer_out_gb"] == 9.0
    assert ("Mails", "mail") not in found  # nothing costs nothing, and has no line


def test_every_function_that_was_measured_has_a_memory_size():
    usage = yaml.safe_load(cost.USAGE.read_text())
    measured = {name for unit in ("photo", "approval", "visit", "order") for name in usage[unit]["functions"]}

    assert measured <= cost.memory().keys()
    assert {"api", "on_upload", "on_payment", "on_email", "on_job", "relay"} <= measured


def test_the_whole_bill_has_three_parts(capsys):
    assert cost.main([]) == 0

    said = capsys.readouterr().out
    assert [line.split("  ")[0] for line in said.splitlines() if line.endswith("USD") and " x " not in line] == [
        "1,000 photos of 1.3 MB, ready and approved",
        "1,000 orders of 6 photos",
        "An idle month",
    ]


def test_the_bill_in_the_runbook_is_up_to_date():
    bill = cost.table(list(cost.idle_month(cost.prices()["prices"])), "An idle month")

    assert bill in (INFRA.parent / "docs" / "operations.md").read_text()
