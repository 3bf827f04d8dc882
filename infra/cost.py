"""`python3 -m infra cost --idle`: what a month costs in which nobody comes, at the list prices of infra/prices.yaml.

Keys, secrets, alarms and dashboards are counted in the templates. The rest is the clockwork that never stands still:
three sweeps a minute, and Lambda asking four queues for messages. No free allowance is taken off.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).parent
PRICES = INFRA / "prices.yaml"
TEMPLATES = (INFRA / "data.yaml", INFRA / "alarms.yaml")

MINUTES = 730 * 60  # of an average month
SWEEPS = ("sweep_outbox", "sweep_payments", "sweep_orders")
QUERIES = 4  # of a sweep: one for each shard of its index
SECONDS = 0.2  # of an idle sweep, assumed
MEMORY = 0.5  # GB, of each sweep
LOG_BYTES = 1_000  # of an idle sweep: Lambda's own three lines and one of ours
QUEUES = 4
POLLS = 5 * 3  # a minute and queue: Lambda keeps five connections, which wait for 20 seconds
GAUGES = 2  # custom metrics that an idle system sends: backlog and age of the outbox


@dataclass(frozen=True)
class Cost:
    """One line of the bill: how many of what, at how much."""

    what: str
    quantity: float
    price: str
    unit: float

    @property
    def dollars(self) -> float:
        return self.quantity * self.unit


def prices() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(PRICES.read_text())
    return loaded


def count(resources: Mapping[str, Any], type: str) -> int:
    """Resources of a type, those that Fn::ForEach makes included."""
    total = 0
    for name, resource in resources.items():
        if name.startswith("Fn::ForEach::"):
            _, collection, fragment = resource
            total += len(collection) * count(fragment, type)
        else:
            total += resource["Type"] == type
    return total


def idle_month(unit: Mapping[str, float]) -> Iterator[Cost]:
    """Every line of the bill of a stage that exists and is not used."""
    # BaseLoader looks at no tag, so that CloudFormation's own pass.
    read = [yaml.load(file.read_text(), yaml.BaseLoader)["Resources"] for file in TEMPLATES]  # noqa: S506
    counted = {
        type: sum(count(resources, type) for resources in read)
        for type in (
            "AWS::KMS::Key",
            "AWS::SecretsManager::Secret",
            "AWS::CloudWatch::Alarm",
            "AWS::CloudWatch::Dashboard",
        )
    }
    runs = MINUTES * len(SWEEPS)
    tables = len(SWEEPS)
    # Each process reads the secret, and each table asks for its key, every five minutes.
    fresh = MINUTES / 5
    lines = [
        ("KMS keys", counted["AWS::KMS::Key"], "kms_key_month"),
        ("KMS requests", fresh * (tables + 1), "kms_request"),
        ("Secrets", counted["AWS::SecretsManager::Secret"], "secret_month"),
        ("Reads of the secret", fresh, "secret_request"),
        ("Alarms", counted["AWS::CloudWatch::Alarm"], "alarm_month"),
        ("Dashboard", counted["AWS::CloudWatch::Dashboard"], "dashboard_month"),
        ("Metrics of our own", GAUGES, "custom_metric_month"),
        ("Sweeps, runs", runs, "lambda_request"),
        ("Sweeps, GB-seconds", runs * SECONDS * MEMORY, "lambda_gb_second"),
        ("Sweeps, traces", runs, "trace"),
        ("Sweeps, read units", runs * QUERIES * 0.5, "dynamodb_read_unit"),
        ("Sweeps, GB of log", runs * LOG_BYTES / 1e9, "log_gb"),
        ("Asking the queues", MINUTES * POLLS * QUEUES, "sqs_request"),
    ]
    for what, quantity, price in lines:
        yield Cost(what, quantity, price, unit[price])


def table(costs: list[Cost]) -> str:
    """Lines of text, the total last."""
    rows = [
        f"{cost.what:22}{cost.quantity:14,.{0 if cost.quantity >= 1 else 2}f}"
        f"  x {cost.unit:<13.10g}{cost.dollars:8.2f} USD"
        for cost in costs
    ]
    return "\n".join([*rows, f"{'An idle month':53}{sum(cost.dollars for cost in costs):8.2f} USD"])


def main(words: list[str] | None = None) -> int:
    command = argparse.ArgumentParser(prog="python3 -m infra cost", description=__doc__.partition("\n\n")[2])
    command.add_argument("--idle", action="store_true", required=True, help="a month in which nobody comes")
    command.parse_args(words)
    book = prices()
    print(f"List prices of {book['region']}, {book['as_of']}\n")
    print(table(list(idle_month(book["prices"]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
