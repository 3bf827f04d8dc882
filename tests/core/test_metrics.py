"""The format as CloudWatch reads it: what does not fit is dropped there without a word, so it must fit here."""

import json
from datetime import timedelta

import pytest

from chalicelib.core import clock, log, metrics
from chalicelib.core.metrics import Metric
from tests import logged

UNITS = {
    "Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits",
    "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second",
    "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second",
    "Gigabits/Second", "Terabits/Second", "Count/Second", "None",
}  # fmt: skip
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html"""


def test_a_metric_is_a_member_of_its_line():
    with logged.lines() as told, log.correlated("req-1"):
        log.info("order placed", metrics.of({Metric.ORDERS_PLACED: 1}), order="ord_1")

    [line] = told()
    at = line["_aws"].pop("Timestamp")
    assert 0 <= clock.now().timestamp() * 1000 - at < timedelta(minutes=5).total_seconds() * 1000
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "INFO",
        "message": "order placed",
        "correlation": "req-1",
        "order": "ord_1",
        "_aws": {
            "CloudWatchMetrics": [
                {
                    "Namespace": "ThePixStock",
                    "Dimensions": [["Stage"]],
                    "Metrics": [{"Name": "OrdersPlaced", "Unit": "Count"}],
                }
            ]
        },
        "Stage": "test",
        "OrdersPlaced": 1,
    }


def test_metrics_of_other_dimensions_share_a_line_and_not_a_directive():
    members = metrics.of({Metric.ORDERS_PAID: 1, Metric.REVENUE: 100_00}, Currency="THB").members

    told = json.loads(json.dumps(members))
    assert [(each["Dimensions"], each["Metrics"]) for each in told["_aws"]["CloudWatchMetrics"]] == [
        ([["Stage"]], [{"Name": "OrdersPaid", "Unit": "Count"}]),
        ([["Stage", "Currency"]], [{"Name": "Revenue", "Unit": "None"}]),
    ]
    assert (told["Stage"], told["Currency"], told["OrdersPaid"], told["Revenue"]) == ("test", "THB", 1, 100_00)


@pytest.mark.parametrize(
    ("values", "split_by"),
    [
        ({Metric.ORDERS_PAID: 1}, {"Currency": "THB"}),
        ({Metric.REVENUE: 1}, {}),
        ({Metric.REVENUE: 1}, {"Currency": "THB", "Buyer": "x"}),
        ({Metric.REVENUE: 1}, {"Currency": "somebody@example.com"}),
        ({Metric.REVENUE: 1}, {"Currency": ""}),
        ({Metric.TIME_TO_READY: float("nan")}, {}),
        ({Metric.TIME_TO_READY: float("inf")}, {}),
        ({}, {}),
    ],
)
def test_what_cloudwatch_would_drop_or_must_not_see_raises(values, split_by):
    with pytest.raises(ValueError):
        metrics.of(values, **split_by)


def test_metrics_are_no_way_around_the_list_of_fields():
    with logged.lines() as told, pytest.raises(ValueError, match="email"):
        log.info("order placed", metrics.of({Metric.ORDERS_PLACED: 1}), email="x")

    assert told() == []


def test_every_metric_has_a_unit_that_cloudwatch_knows_and_a_name_of_its_own():
    assert {metric.unit for metric in Metric} <= UNITS
    assert len({metric.title for metric in Metric}) == len(Metric)


def test_names_that_alarms_and_dashboard_know_stay():
    assert {metric.title: (metric.unit, *metric.dimensions) for metric in Metric} == {
        "PhotosIngested": ("Count", "Stage"),
        "PhotosFailed": ("Count", "Stage"),
        "TimeToReady": ("Milliseconds", "Stage"),
        "OrdersPlaced": ("Count", "Stage"),
        "OrdersPaid": ("Count", "Stage"),
        "Revenue": ("None", "Stage", "Currency"),
        "WebhooksRefused": ("Count", "Stage"),
        "MailsSent": ("Count", "Stage"),
        "MailsFailed": ("Count", "Stage"),
        "TextsSent": ("Count", "Stage"),
        "TextsFailed": ("Count", "Stage"),
        "PaymentsUnderReview": ("Count", "Stage"),
        "OutboxBacklog": ("Count", "Stage"),
        "OutboxOldest": ("Seconds", "Stage"),
    }
