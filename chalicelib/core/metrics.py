"""What CloudWatch counts and measures, as members of a log line (embedded metric format): no call, no agent.

`log.info("order placed", metrics.of({Metric.ORDERS_PLACED: 1}), order=order.id)`. Such a line is written after the
commit, by the run whose commit won: a redelivery counts nothing twice. A process that dies right after its commit does
not count, so the figures are for dashboards and alarms; the ledger and the tables are the books.

Format: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from math import isfinite

from chalicelib.core import clock
from chalicelib.core.settings import settings

NAMESPACE = "ThePixStock"

_DIMENSION = re.compile(r"[A-Za-z0-9-]{1,20}")
"""Few values and short: each is a metric of its own to pay for, and none may name a person."""


class Metric(Enum):
    """Name, unit, and what it is split by beside the stage. Alarms and dashboard know them by these names."""

    PHOTOS_INGESTED = "PhotosIngested", "Count"
    PHOTOS_FAILED = "PhotosFailed", "Count"
    TIME_TO_READY = "TimeToReady", "Milliseconds"
    ORDERS_PLACED = "OrdersPlaced", "Count"
    ORDERS_PAID = "OrdersPaid", "Count"
    REVENUE = "Revenue", "None", "Currency"
    WEBHOOKS_REFUSED = "WebhooksRefused", "Count"
    MAILS_SENT = "MailsSent", "Count"
    MAILS_FAILED = "MailsFailed", "Count"
    TEXTS_SENT = "TextsSent", "Count"
    TEXTS_FAILED = "TextsFailed", "Count"
    PAYMENTS_UNDER_REVIEW = "PaymentsUnderReview", "Count"
    OUTBOX_BACKLOG = "OutboxBacklog", "Count"
    OUTBOX_OLDEST = "OutboxOldest", "Seconds"

    def __init__(self, title: str, unit: str, *split_by: str) -> None:
        self.title = title
        self.unit = unit
        self.dimensions = ("Stage", *split_by)


@dataclass(frozen=True, slots=True)
class Measured:
    """The members that make a log line a measurement."""

    members: Mapping[str, object]


def of(values: Mapping[Metric, float], **split_by: str) -> Measured:
    """Values to measure together, in the units of `Metric`; `split_by` names the dimensions they have beside `Stage`.

    Raises ValueError for a dimension too many or too few, for one that is no short code, for a value that is no number.
    CloudWatch would drop such a line without a word.
    """
    given = {"Stage": settings().stage, **split_by}
    if given.keys() != {name for metric in values for name in metric.dimensions}:
        raise ValueError(f"{', '.join(metric.title for metric in values)} can not be split by {sorted(given)}")
    if not all(_DIMENSION.fullmatch(value) for value in given.values()):
        raise ValueError("a dimension is a short code")
    if not all(isfinite(value) for value in values.values()):
        raise ValueError("a metric is a finite number")
    directives = [
        {
            "Namespace": NAMESPACE,
            "Dimensions": [list(dimensions)],
            "Metrics": [{"Name": m.title, "Unit": m.unit} for m in values if m.dimensions == dimensions],
        }
        for dimensions in dict.fromkeys(metric.dimensions for metric in values)
    ]
    block = {"Timestamp": int(clock.now().timestamp() * 1000), "CloudWatchMetrics": directives}
    return Measured({"_aws": block, **given, **{metric.title: value for metric, value in values.items()}})
