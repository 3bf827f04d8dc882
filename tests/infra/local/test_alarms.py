"""infra/alarms.yaml as it stands in the emulator beside the data stack, and that cfn-lint finds nothing in it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra import dashboard
from infra.local import stack
from infra.local.emulator import Emulator
from tests.infra.templates import of_type, template

pytestmark = pytest.mark.system

NAME = "thepixstock-local-alarms"


@pytest.fixture(scope="module")
def client(emulator: Emulator) -> Callable[[str], Any]:
    return lambda service: stack.emulator_client(service, emulator.endpoint)


@pytest.fixture(scope="module")
def outputs(emulator: Emulator, client: Callable[[str], Any]) -> dict[str, str]:
    data = stack.deploy(emulator.endpoint, ["http://localhost:3000"])
    values = {
        "App": stack.APP,
        "Stage": stack.STAGE,
        "AlarmEmail": "operator@shop.example",
        "MessagesKeyArn": data["MessagesKeyArn"],
    }
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName=NAME,
        TemplateBody=dashboard.TEMPLATE.read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        Capabilities=["CAPABILITY_AUTO_EXPAND"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    made = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]["Outputs"]
    return data | {output["OutputKey"]: output["OutputValue"] for output in made}


def test_cfn_lint_finds_nothing() -> None:
    command = Path(sys.executable).with_name("cfn-lint")
    found = subprocess.run([command, dashboard.TEMPLATE], capture_output=True, text=True, check=False)

    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_every_alarm_stands(outputs: dict[str, str], client: Callable[[str], Any]) -> None:
    pages = client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix="thepixstock-local-")
    standing = {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}

    wanted = {
        alarm["Properties"]["AlarmName"]: alarm["Properties"]
        for alarm in of_type(template("alarms.yaml", Stage="local"), "AWS::CloudWatch::Alarm").values()
    }
    assert standing.keys() == wanted.keys()
    for name, alarm in standing.items():
        assert alarm["AlarmActions"] == [outputs["AlarmTopicArn"]], name
        assert alarm["MetricName"] == wanted[name]["MetricName"]
        assert alarm["Threshold"] == float(wanted[name]["Threshold"])
        assert alarm["TreatMissingData"] == wanted[name]["TreatMissingData"]
        assert alarm["Dimensions"] == wanted[name].get("Dimensions", [])


def test_the_dashboard_stands_and_looks_at_the_queues_that_are_there(
    outputs: dict[str, str], client: Callable[[str], Any]
) -> None:
    body = json.loads(client("cloudwatch").get_dashboard(DashboardName="thepixstock-local")["DashboardBody"])

    looked_at = {
        name
        for widget in body["widgets"]
        if widget["type"] == "metric"
        for line in dashboard.lines(widget)
        for kind, name in zip(line.dimensions[::2], line.dimensions[1::2], strict=True)
        if kind == "QueueName"
    }
    assert looked_at == {url.rpartition("/")[2] for url in client("sqs").list_queues()["QueueUrls"]}


def test_the_topic_has_its_reader(outputs: dict[str, str], client: Callable[[str], Any]) -> None:
    topic = outputs["AlarmTopicArn"]

    (reader,) = client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]

    assert (reader["Protocol"], reader["Endpoint"]) == ("email", "operator@shop.example")
