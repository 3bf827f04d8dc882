"""What infra/alarms.yaml must hold: nothing unwatched, nothing misnamed, no alarm without advice. As in test_data.py,
each check is shown to fail on a template that has the mistake."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.metrics import Metric
from infra import dashboard
from tests.infra.templates import INFRA, of_type, statements, template

ROOT = INFRA.parent
PREFIX = "thepixstock-prod-"
ALARM = "AWS::CloudWatch::Alarm"

# What AWS measures: namespace -> metric -> names of its dimensions.
_QUEUE = ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")
_FUNCTION = ("Errors", "Throttles", "Invocations", "Duration", "ConcurrentExecutions")
_API = ("Count", "4XXError", "5XXError", "Latency")
_TABLE = ("ReadThrottleEvents", "WriteThrottleEvents", "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")
MEASURED_BY_AWS: dict[str, dict[str, set[str]]] = {
    "AWS/SQS": {metric: {"QueueName"} for metric in _QUEUE},
    "AWS/Lambda": {metric: {"FunctionName"} for metric in _FUNCTION},
    "AWS/ApiGateway": {metric: {"ApiName", "Stage"} for metric in _API},
    "AWS/DynamoDB": {metric: {"TableName"} for metric in _TABLE} | {"SystemErrors": {"TableName", "Operation"}},
    "AWS/SES": {metric: set() for metric in ("Reputation.BounceRate", "Reputation.ComplaintRate")},
}
OURS = {metric.title: set(metric.dimensions) for metric in Metric}
MEASURED = MEASURED_BY_AWS | {"ThePixStock": OURS}

Template = dict[str, Any]


def names(kind: str, label: str) -> set[str]:
    """The names that data.yaml gives to its resources of a type."""
    return {resource["Properties"][label] for resource in of_type(template("data.yaml"), kind).values()}


def functions() -> set[str]:
    """The functions of app.py, by the names they have in AWS."""
    return {PREFIX + name for name in ["api", *re.findall(r'\bname="(\w+)"', (ROOT / "app.py").read_text())]}


def sweeps() -> set[str]:
    return {PREFIX + name for name in re.findall(r'@app\.schedule\(.*\bname="(\w+)"', (ROOT / "app.py").read_text())}


QUEUES = names("AWS::SQS::Queue", "QueueName")
TABLES = names("AWS::DynamoDB::Table", "TableName")
LAST_QUEUES = {name for name in QUEUES if name.endswith("-dlq")} | {PREFIX + "relay-failures"}
KNOWN = {
    "QueueName": QUEUES,
    "TableName": TABLES,
    "FunctionName": functions(),
    "ApiName": {"thepixstock-prod"},
    "Operation": {"TransactWriteItems"},
    "Currency": {"THB"},
}


def misnamed(namespace: str, metric: str, dimensions: dict[str, str]) -> bool:
    """Whether no such metric comes from anything we have: CloudWatch would show nothing, and never ring."""
    if MEASURED.get(namespace, {}).get(metric) != dimensions.keys():
        return True
    known = KNOWN | {"Stage": {"api"} if namespace == "AWS/ApiGateway" else {"prod"}}
    return any(value not in known[name] for name, value in dimensions.items())


def dimensions(alarm: dict[str, Any]) -> dict[str, str]:
    return {pair["Name"]: pair["Value"] for pair in alarm["Properties"].get("Dimensions", [])}


def watched(body: Template, metric: str, dimension: str) -> set[str]:
    """The names whose metric rings an alarm."""
    return {
        dimensions(alarm)[dimension]
        for alarm in of_type(body, ALARM).values()
        if alarm["Properties"]["MetricName"] == metric and dimension in dimensions(alarm)
    }


def anchors(markdown: str) -> set[str]:
    """The anchors that GitHub makes of headings."""
    headings = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def unwatched(body: Template) -> list[str]:
    wanted = [
        ("ApproximateNumberOfMessagesVisible", "QueueName", LAST_QUEUES),
        ("ApproximateAgeOfOldestMessage", "QueueName", QUEUES - LAST_QUEUES),
        ("Errors", "FunctionName", functions()),
        ("Throttles", "FunctionName", functions()),
        ("Invocations", "FunctionName", sweeps()),
        ("ReadThrottleEvents", "TableName", TABLES),
        ("WriteThrottleEvents", "TableName", TABLES),
        ("5XXError", "ApiName", KNOWN["ApiName"]),
        ("Latency", "ApiName", KNOWN["ApiName"]),
        *(
            (metric, "Stage", {"prod"})
            for metric in (
                "PaymentsUnderReview",
                "OutboxBacklog",
                "OutboxOldest",
                "WebhooksRefused",
                "PhotosFailed",
                "MailsFailed",
            )
        ),
    ]
    missing = [
        f"{metric} of {name}"
        for metric, dimension, all_names in wanted
        for name in sorted(all_names - watched(body, metric, dimension))
    ]
    measured = {alarm["Properties"]["MetricName"] for alarm in of_type(body, ALARM).values()}
    return missing + sorted(MEASURED["AWS/SES"].keys() - measured)


def without_advice(body: Template) -> list[str]:
    """Alarms whose description names no heading of the runbook."""
    headings = anchors((ROOT / "docs" / "operations.md").read_text())
    wrong = []
    for name, alarm in of_type(body, ALARM).items():
        found = re.fullmatch(r".+\. docs/operations\.md#([a-z0-9-]+)", alarm["Properties"].get("AlarmDescription", ""))
        if not found or found[1] not in headings:
            wrong.append(name)
    return wrong


def unheard(body: Template) -> list[str]:
    """Alarms that tell nobody, or share a name: the second would overwrite the first."""
    alarms = of_type(body, ALARM)
    seen = [alarm["Properties"]["AlarmName"] for alarm in alarms.values()]
    return [
        name
        for name, alarm in alarms.items()
        if alarm["Properties"].get("AlarmActions") != ["AlarmTopic"]
        or seen.count(alarm["Properties"]["AlarmName"]) > 1
        or not alarm["Properties"]["AlarmName"].startswith(PREFIX)
    ]


def deaf_alarms(body: Template) -> list[str]:
    """Alarms on a metric that does not exist."""
    return [
        name
        for name, alarm in of_type(body, ALARM).items()
        if misnamed(alarm["Properties"]["Namespace"], alarm["Properties"]["MetricName"], dimensions(alarm))
    ]


def ring_at_the_wrong_age(body: Template) -> list[str]:
    """One failed try must not ring; the last one must not come before the alarm."""
    patience = {
        queue["Properties"]["QueueName"]: queue["Properties"]["VisibilityTimeout"]
        for queue in of_type(template("data.yaml"), "AWS::SQS::Queue").values()
        if "VisibilityTimeout" in queue["Properties"]
    }
    return [
        name
        for name, alarm in of_type(body, ALARM).items()
        if alarm["Properties"]["MetricName"] == "ApproximateAgeOfOldestMessage"
        and not 1 < int(alarm["Properties"]["Threshold"]) / int(patience.get(dimensions(alarm)["QueueName"], 1)) < 5
    ]


def talkative_topic(body: Template) -> list[str]:
    """A topic that is not encrypted, that others may publish to, or that takes plain HTTP."""
    topic, policy = body["Resources"]["AlarmTopic"], body["Resources"]["AlarmTopicPolicy"]
    allow = [statement for statement in statements(policy) if statement["Effect"] == "Allow"]
    deny = [statement for statement in statements(policy) if statement["Effect"] == "Deny"]
    return [
        text
        for text, wrong in {
            "not encrypted": topic["Properties"].get("KmsMasterKeyId") != "MessagesKey.Arn",
            "open": [(s["Principal"], s.get("Condition")) for s in allow]
            != [
                (
                    {"Service": "cloudwatch.amazonaws.com"},
                    {"StringEquals": {"aws:SourceAccount": "123456789012"}},
                )
            ],
            "in the clear": [s.get("Condition") for s in deny] != [{"Bool": {"aws:SecureTransport": "false"}}],
        }.items()
        if wrong
    ]


def blind_widgets(body: Template) -> list[str]:
    """Widgets of the dashboard that show a metric or an alarm which does not exist."""
    prefix = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"
    ringing = {prefix + alarm["Properties"]["AlarmName"] for alarm in of_type(body, ALARM).values()}
    wrong = []
    for widget in widgets(body):
        properties = widget["properties"]
        if widget["type"] == "alarm":
            wrong += sorted(set(properties["alarms"]) - ringing)
        if widget["type"] == "metric":
            for line in dashboard.lines(widget):
                pairs = dict(zip(line.dimensions[::2], line.dimensions[1::2], strict=True))
                if not line.expression and misnamed(line.namespace, line.metric, pairs):
                    wrong.append(f"{properties['title']}: {line}")
    return wrong


def not_shown(body: Template) -> list[str]:
    """Metrics of ours, and queues, tables and functions of ours, that the dashboard leaves out."""
    shown = [line for widget in widgets(body) if widget["type"] == "metric" for line in dashboard.lines(widget)]
    values = {value for line in shown for value in line.dimensions}
    return sorted(OURS.keys() - {line.metric for line in shown}) + sorted((QUEUES | TABLES | functions()) - values)


def overlapping_widgets(body: Template) -> list[str]:
    """Widgets that stand on one another or outside of CloudWatch's 24 columns."""
    taken: dict[tuple[int, int], str] = {}
    wrong = []
    for widget in widgets(body):
        title = widget["properties"].get("title", widget["properties"].get("markdown"))
        cells = [
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        ]
        wrong += [title for cell in cells[:1] if any(c in taken or c[0] >= dashboard.COLUMNS for c in cells)]
        taken |= dict.fromkeys(cells, title)
    return wrong


def widgets(body: Template) -> list[dict[str, Any]]:
    return json.loads(body["Resources"]["Dashboard"]["Properties"]["DashboardBody"])["widgets"]


CHECKS = [
    unwatched,
    without_advice,
    unheard,
    deaf_alarms,
    ring_at_the_wrong_age,
    talkative_topic,
    blind_widgets,
    not_shown,
    overlapping_widgets,
]


@pytest.mark.parametrize("check", CHECKS)
def test_the_template_is_as_it_must_be(check):
    assert check(template("alarms.yaml")) == []


def _alarm(name: str, **properties: Any):
    def change(body):
        body["Resources"][name]["Properties"] |= properties

    return change


def _without(name: str):
    def change(body):
        del body["Resources"][name]

    return change


def _dashboard(old: str, new: str):
    def change(body):
        properties = body["Resources"]["Dashboard"]["Properties"]
        assert old in properties["DashboardBody"]
        properties["DashboardBody"] = properties["DashboardBody"].replace(old, new)

    return change


def _statement(place: int, **parts: Any):
    def change(body):
        statements(body["Resources"]["AlarmTopicPolicy"])[place] |= parts

    return change


def _table(value: str) -> list[dict[str, str]]:
    return [{"Name": "TableName", "Value": value}]


MISTAKES = [
    (unwatched, _without("jobsDeadLettersAlarm")),
    (unwatched, _without("RelayFailuresAlarm")),
    (unwatched, _without("emailsOldMessagesAlarm")),
    (unwatched, _without("sweepordersErrorsAlarm")),
    (unwatched, _without("onpaymentThrottlesAlarm")),
    (unwatched, _without("sweepoutboxStoppedAlarm")),
    (unwatched, _without("claimsWriteThrottlesAlarm")),
    (unwatched, _without("ApiLatencyAlarm")),
    (unwatched, _without("PaymentsUnderReviewAlarm")),
    (unwatched, _without("MailComplaintAlarm")),
    (without_advice, _alarm("ApiErrorsAlarm", AlarmDescription="Callers get 5xx.")),
    (without_advice, _alarm("ApiErrorsAlarm", AlarmDescription="Errors. docs/operations.md#no-such-heading")),
    (unheard, _alarm("ApiErrorsAlarm", AlarmActions=[])),
    (unheard, _alarm("ApiErrorsAlarm", AlarmName=PREFIX + "api-latency")),
    (deaf_alarms, _alarm("OutboxOldestAlarm", MetricName="OutboxAge")),
    (deaf_alarms, _alarm("OutboxOldestAlarm", Dimensions=[])),
    (deaf_alarms, _alarm("claimsReadThrottlesAlarm", Dimensions=_table(PREFIX + "claim"))),
    (deaf_alarms, _alarm("ApiErrorsAlarm", Namespace="AWS/APIGateway")),
    (ring_at_the_wrong_age, _alarm("uploadsOldMessagesAlarm", Threshold="700")),
    (ring_at_the_wrong_age, _alarm("paymentsOldMessagesAlarm", Threshold="900")),
    (talkative_topic, _alarm("AlarmTopic", KmsMasterKeyId="alias/aws/sns")),
    (talkative_topic, _statement(0, Principal={"AWS": "*"})),
    (talkative_topic, _statement(0, Condition={})),
    (talkative_topic, _statement(1, Condition={})),
    (blind_widgets, _dashboard('"OrdersPlaced"', '"OrdersMade"')),
    (blind_widgets, _dashboard(PREFIX + "on_upload", PREFIX + "on_uploads")),
    (blind_widgets, _dashboard("alarm:thepixstock-prod-api-5xx", "alarm:thepixstock-prod-api-down")),
    (not_shown, _dashboard('"MailsFailed"', '"MailsSent"')),
    (not_shown, _dashboard(PREFIX + "jobs-dlq", PREFIX + "emails-dlq")),
    (overlapping_widgets, _dashboard('"x": 8, "y": 5', '"x": 4, "y": 5')),
    (overlapping_widgets, _dashboard('"x": 16, "y": 5', '"x": 18, "y": 5')),
]


@pytest.mark.parametrize(("check", "mistake"), MISTAKES)
def test_each_check_sees_its_mistakes(check, mistake):
    body = template("alarms.yaml")

    mistake(body)

    assert check(body) != []


def test_no_check_is_without_a_mistake_it_sees():
    assert {check for check, _ in MISTAKES} == set(CHECKS)


def test_functions_are_read_from_the_app():
    assert len(functions()) == 14
    assert {PREFIX + "api", PREFIX + "on_upload", PREFIX + "relay"} <= functions()
    assert sweeps() == {PREFIX + name for name in ("sweep_outbox", "sweep_payments", "sweep_orders", "sweep_people")}


def test_nobody_is_subscribed_without_an_address():
    assert of_type(template("alarms.yaml"), "AWS::SNS::Subscription").keys() == {"AlarmSubscription"}
    assert not of_type(template("alarms.yaml", AlarmEmail=""), "AWS::SNS::Subscription")


def test_short_forms_of_a_widget_are_written_out():
    widget = {
        "properties": {
            "stat": "Sum",
            "metrics": [
                ["A", "m", "One", "1", "Two", "2", {"label": "first"}],
                ["...", "3"],
                [".", "n", "One", "4", ".", "."],
                [{"expression": "a + b", "label": "both"}],
                ["B", "o", {"stat": "p95", "visible": False}],
            ],
        }
    }

    shown = [(line.namespace, line.metric, *line.dimensions) for line in dashboard.lines(widget)]

    assert shown == [
        ("A", "m", "One", "1", "Two", "2"),
        ("A", "m", "One", "1", "Two", "3"),
        ("A", "n", "One", "4", "Two", "3"),
        ("", ""),
        ("B", "o"),
    ]
    lines = list(dashboard.lines(widget))
    assert [str(line) for line in lines] == ["first", "3", "3", "both (a + b)", "o"]
    assert (lines[0].statistic, lines[4].statistic, lines[4].visible) == ("Sum", "p95", False)


def test_the_picture_of_the_dashboard_is_up_to_date(tmp_path: Path):
    drawn = dashboard.drawing(dashboard.definition())

    assert dashboard.PICTURE.read_text() == drawn
    assert dashboard.drawing({"widgets": dashboard.definition()["widgets"][:-1]}) != drawn
