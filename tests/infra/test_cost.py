"""`python3 -m infra cost --idle`: quantities come from the templates, and every price is one of the book."""

import pytest

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
    assert sum(line.dollars for line in lines) == 10.0


def test_the_command_prints_a_bill_with_its_date(capsys):
    assert cost.main(["--idle"]) == 0

    said = capsys.readouterr().out
    assert f"List prices of us-east-1, {cost.prices()['as_of']}" in said
    total = sum(line.dollars for line in cost.idle_month(cost.prices()["prices"]))
    assert said.splitlines()[-1].split()[-2:] == [f"{total:.2f}", "USD"]


def test_it_asks_which_month(capsys):
    with pytest.raises(SystemExit):
        cost.main([])

    assert "--idle" in capsys.readouterr().err


def test_the_bill_in_the_runbook_is_up_to_date():
    bill = cost.table(list(cost.idle_month(cost.prices()["prices"])))

    assert bill in (INFRA.parent / "docs" / "operations.md").read_text()
