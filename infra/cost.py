"""`python3 -m infra cost`: what a thousand photos and a thousand orders cost, and a month in which nobody comes.

At the list prices of infra/prices.yaml. What a photo and an order take was measured: infra/usage.yaml. For an idle
month, keys, secrets, alarms and dashboards are counted in the templates; the rest is the clockwork that never stands
still: four sweeps a minute, and Lambda asking four queues for messages. No free allowance is taken off.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).parent
PRICES = INFRA / "prices.yaml"
TEMPLATES = (INFRA / "data.yaml", INFRA / "alarms.yaml")

USAGE = INFRA / "usage.yaml"
CONFIG = INFRA.parent / ".chalice" / "config.json"

MINUTES = 730 * 60  # of an average month
SWEEPS = ("sweep_outbox", "sweep_payments", "sweep_orders", "sweep_people")
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


def memory() -> dict[str, float]:
    """GB of each function."""
    functions = json.loads(CONFIG.read_text())["stages"]["release"]["lambda_functions"]
    return {name.removesuffix("_handler"): each["lambda_memory_size"] / 1024 for name, each in functions.items()}


def work(share: Mapping[str, Any], times: float) -> Iterator[tuple[str, float, str]]:
    """What, how much of it and at which price: the work of `times` photos, visits or orders."""
    functions, calls, sizes = share["functions"], share["calls"], memory()
    runs = sum(each["runs"] for each in functions.values())
    queued = calls.get("sqs.SendMessageBatch", 0) + functions.get("on_upload", {"runs": 0})["runs"]
    yield "API requests", times * functions["api"]["runs"], "api_request"
    yield "Function runs", times * runs, "lambda_request"
    gb_seconds = sum(each["runs"] * each["ms"] / 1000 * sizes[name] for name, each in functions.items())
    yield "Function GB-seconds", times * gb_seconds, "lambda_gb_second"
    yield "Read units", times * share["read_units"], "dynamodb_read_unit"
    yield "Write units", times * share["write_units"], "dynamodb_write_unit"
    yield "Queue requests", times * queued * 3, "sqs_request"  # sent, received, deleted
    yield "S3 writes", times * calls.get("s3.PutObject", 0), "s3_put"
    yield "S3 reads", times * calls.get("s3.GetObject", 0), "s3_get"
    yield "Mails", times * calls.get("ses.SendEmail", 0), "mail"
    yield "GB of log", times * runs * LOG_BYTES / 1e9, "log_gb"
    yield "Traces", times * runs, "trace"


def photos(usage: Mapping[str, Any], unit: Mapping[str, float], count: int = 1000) -> Iterator[Cost]:
    """From the offer of the upload to the approved photo, and its first month in storage."""
    lines = [*work(usage["photo"], count), *work(usage["approval"], count)]
    lines.append(("Originals posted", count, "s3_put"))
    gigabytes = count * (usage["measured"]["bytes_of_a_photo"] + usage["photo"]["stored_bytes"]) / 1e9
    lines.append(("GB kept, a month", gigabytes, "s3_standard_gb_month"))
    yield from _added(lines, unit)


def orders(usage: Mapping[str, Any], unit: Mapping[str, float], count: int = 1000) -> Iterator[Cost]:
    """A visit to the gallery, a registration, an order paid and mailed, every photo of it downloaded."""
    bought = usage["measured"]["photos_of_an_order"]
    lines = [*work(usage["visit"], count), *work(usage["order"], count)]
    lines.append(("Photos downloaded", count * bought, "s3_get"))
    lines.append(("GB downloaded", count * bought * usage["measured"]["bytes_of_a_photo"] / 1e9, "transfer_out_gb"))
    yield from _added(lines, unit)


def _added(lines: Iterable[tuple[str, float, str]], unit: Mapping[str, float]) -> Iterator[Cost]:
    """One line for each name, those of nothing left out."""
    sums: dict[tuple[str, str], float] = {}
    for what, quantity, price in lines:
        sums[what, price] = sums.get((what, price), 0) + quantity
    return (Cost(what, quantity, price, unit[price]) for (what, price), quantity in sums.items() if quantity)


def table(costs: list[Cost], total: str) -> str:
    """Lines of text, the total last."""
    rows = [
        f"{cost.what:22}{cost.quantity:14,.{0 if cost.quantity >= 1 else 2}f}"
        f"  x {cost.unit:<13.10g}{cost.dollars:8.2f} USD"
        for cost in costs
    ]
    return "\n".join([*rows, f"{total:53}{sum(cost.dollars for cost in costs):8.2f} USD"])


def main(words: list[str] | None = None) -> int:
    command = argparse.ArgumentParser(
        prog="python3 -m infra cost",
        description=__doc__.partition("\n\n")[2],
    )
    command.add_argument("--idle", action="store_true", help="only the month in which nobody comes")
    wanted = command.parse_args(words)
    book, usage = prices(), yaml.safe_load(USAGE.read_text())
    unit, measured = book["prices"], usage["measured"]
    print(f"List prices of {book['region']}, {book['as_of']}, before free allowances\n")
    if not wanted.idle:
        megabytes = measured["bytes_of_a_photo"] / 1e6
        print(table(list(photos(usage, unit)), f"1,000 photos of {megabytes:.1f} MB, ready and approved"), end="\n\n")
        title = f"1,000 orders of {measured['photos_of_an_order']} photos"
        print(table(list(orders(usage, unit)), title), end="\n\n")
    print(table(list(idle_month(unit)), "An idle month"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
