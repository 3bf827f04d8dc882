"""Show something's way through the system: every line logged under one correlation, hop by hop.

The id may be that of a request (`X-Request-Id`), an order or its code, a payment, a photo, an event, a user, a call of
Lambda or an X-Ray trace. Of what is no correlation itself, each correlation that mentions it is shown.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chalicelib.core import clock

LOGS = (Path(".local/run/log.jsonl"), Path(".local/demo/system/log.jsonl"))
ID = re.compile(r"[A-Za-z0-9_-]{6,80}")
ORDER_CODE = re.compile(r"[2-9A-HJ-NP-Z]{8}")
MOST_LINES = 10_000  # what one query of Logs Insights answers
STYLES = {"WARNING": "yellow", "ERROR": "red"}
_PLACED = ("at", "level", "message", "correlation", "function", "lambda", "trace", "cold", "_aws", "Stage")
_SUBJECTS = ("event", "photo", "order", "payment")
_SOURCES, _OUTCOMES = ("route", "handler", "fact"), ("outcome", "status", "code", "error")

Line = dict[str, Any]
Search = Callable[[Collection[str]], Iterable[Line]]
"""Finds the lines in whose text one of the words stands."""


class NothingToSearch(RuntimeError):
    """There is no log, or it can not be searched; the text tells a person what to do."""


# --- finding ------------------------------------------------------------------------------------------------


def ways(id: str, search: Search) -> dict[str, list[Line]]:
    """The lines of each correlation that mentions `id`, in order of time; the earliest correlation first."""
    wanted = {id, id.upper()} if ORDER_CODE.fullmatch(id.upper()) else {id}
    found = _naming(search(wanted), wanted)
    if orders := {line["order"] for line in found if line.get("order_code") in wanted}:
        wanted |= orders
        found += _naming(search(orders), orders)
    correlations = {line["correlation"] for line in found}
    grouped: dict[str, list[Line]] = {}
    for line in sorted(search(correlations) if correlations else (), key=lambda line: line["at"]):
        if line["correlation"] in correlations:
            grouped.setdefault(line["correlation"], []).append(line)
    return {correlation: _concerning(wanted, lines) for correlation, lines in grouped.items()}


def parsed(texts: Iterable[str]) -> Iterator[Line]:
    """Our own lines among others': warnings of libraries, and what Lambda itself writes."""
    for text in texts:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and {"at", "message", "correlation"} <= line.keys():
            yield line


def in_file(path: Path) -> Search:
    def search(words: Collection[str]) -> list[Line]:
        with path.open(encoding="utf-8", errors="replace") as file:
            return list(parsed(text for text in file if any(word in text for word in words)))

    return search


def _naming(lines: Iterable[Line], values: Collection[str]) -> list[Line]:
    return [line for line in lines if any(value in values for value in line.values() if isinstance(value, str))]


def _concerning(wanted: Collection[str], lines: list[Line]) -> list[Line]:
    """Without what is only about others of its kind: of one request's hundred photos the one that was asked for."""
    for kind in _SUBJECTS:
        ours = {line.get("lambda") for line in lines if line.get(kind) in wanted}
        others = {line.get("lambda") for line in lines if kind in line and line[kind] not in wanted} - ours
        if ours:
            silent = [line for line in lines if kind not in line and line.get("lambda") not in others]
            lines = [line for line in lines if line.get(kind) in wanted or line in silent]
    return lines


# --- a stage in AWS -----------------------------------------------------------------------------------------


def insights_query(words: Iterable[str]) -> str:
    """A query of CloudWatch Logs Insights for the lines with one of the words, the first of them first."""
    return (
        f"fields @message | filter @message like /{'|'.join(sorted(words))}/ | sort @timestamp asc | limit {MOST_LINES}"
    )


class Insights:
    """Searches the log groups of a stage's functions, which cost by the bytes of the hours searched."""

    def __init__(self, client: Any, groups: str, last: timedelta, told: Callable[[str], None]) -> None:
        """`groups` is how the log groups' names begin; `told` hears how far a query is."""
        self._client = client
        self._groups = groups
        self._last = last
        self._told = told

    def __call__(self, words: Collection[str]) -> list[Line]:
        """Raises NothingToSearch."""
        pages = self._client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=self._groups)
        names = [group["logGroupName"] for page in pages for group in page["logGroups"]]
        if not names:
            raise NothingToSearch(f"No log group begins with {self._groups}: is the stage deployed in this region?")
        until = clock.epoch(clock.now()) + 1
        query = self._client.start_query(
            logGroupNames=names,
            startTime=until - int(self._last.total_seconds()),
            endTime=until,
            queryString=insights_query(words),
        )["queryId"]
        while (answer := self._client.get_query_results(queryId=query))["status"] in ("Scheduled", "Running"):
            self._told(f"searching {len(names)} logs: {answer['statistics']['recordsScanned']:,.0f} lines so far")
            time.sleep(1)
        if answer["status"] != "Complete":
            raise NothingToSearch(f"The query ended as {answer['status']}. Search fewer hours with --hours.")
        fields = (field for row in answer["results"] for field in row)
        return list(parsed(field["value"] for field in fields if field["field"] == "@message"))


# --- showing ------------------------------------------------------------------------------------------------


def timeline(correlation: str, lines: Sequence[Line]) -> Table:
    """One correlation's way. The function is named where another call of it begins, a field where it is another."""
    first, last = (_moment(line) for line in (lines[0], lines[-1]))
    traces = sorted({line["trace"] for line in lines if "trace" in line})
    table = Table(
        title=f"{correlation}: {first:%Y-%m-%d}, {_ms(last - first):,} ms",
        caption=f"X-Ray {' '.join(traces)}" if traces else None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("time", no_wrap=True)
    table.add_column("+ms", justify="right", no_wrap=True)
    for name in ("function", "route, handler, fact", "message", "outcome", "fields"):
        table.add_column(name, overflow="fold")
    call, told = None, Line()
    for line in lines:
        new, call = line.get("lambda") != call, line.get("lambda")
        function = line.get("function", "?") + (" (cold)" if line.get("cold") else "")
        shown = [
            f"{_moment(line):%H:%M:%S.%f}"[:-3],
            f"{_ms(_moment(line) - first):,}",
            function if new or call is None else "└",
            *(
                " ".join(str(line[name]) for name in names if name in line)
                for names in (_SOURCES, ("message",), _OUTCOMES)
            ),
            " ".join(f"{name}={value}" for name, value in _fields(line) if name == "ms" or told.get(name) != value),
        ]
        told |= dict(_fields(line))
        table.add_row(*map(escape, shown), style=STYLES.get(line.get("level", "")))
    return table


def _fields(line: Line) -> list[tuple[str, Any]]:
    """What has no column of its own."""
    return [(name, value) for name, value in line.items() if name not in (*_PLACED, *_SOURCES, *_OUTCOMES)]


def _moment(line: Line) -> datetime:
    return datetime.fromisoformat(line["at"])


def _ms(time: timedelta) -> int:
    return round(time.total_seconds() * 1000)


# --- the command --------------------------------------------------------------------------------------------


def main(words: Sequence[str] | None = None, console: Console | None = None) -> int:
    arguments = argparse.ArgumentParser(prog="python3 -m infra trace", description=__doc__)
    arguments.add_argument("id", type=_id, help="whatever names it: a request, an order or its code, a payment, ...")
    arguments.add_argument("--log", type=Path, metavar="FILE", help="another log than those of run and demo")
    arguments.add_argument("--stage", help="search a stage in AWS, as prod, and not this machine")
    arguments.add_argument("--hours", type=float, default=24, metavar="N", help="how far back in AWS (default 24)")
    arguments.add_argument("--app", default="thepixstock")
    arguments.add_argument("--region", help="AWS region; that of your profile otherwise")
    arguments.add_argument("--endpoint", metavar="URL", help="another address of CloudWatch Logs, as an emulator's")
    wanted = arguments.parse_args(words)
    console = console or Console()
    try:
        found = _in_stage(wanted, console) if wanted.stage else _on_this_machine(wanted, console)
    except NothingToSearch as failure:
        console.print(f"[bold red]{escape(str(failure))}[/bold red]", highlight=False)
        return 1
    except (BotoCoreError, ClientError) as failure:
        console.print(f"[bold red]AWS does not answer:[/bold red] {escape(str(failure))}", highlight=False)
        return 1
    for correlation, lines in found.items():
        console.print(timeline(correlation, lines), highlight=False)
    return 0


def _id(text: str) -> str:
    if not ID.fullmatch(text):
        raise argparse.ArgumentTypeError("an id has 6 to 80 letters, digits, - and _")
    return text


def _on_this_machine(wanted: argparse.Namespace, console: Console) -> dict[str, list[Line]]:
    logs = [path for path in ([wanted.log] if wanted.log else LOGS) if path.is_file()]
    if not logs:
        where = wanted.log or " nor ".join(map(str, LOGS))
        raise NothingToSearch(f"There is no log {where}. `python3 -m infra run` and `demo` write one.")
    for log in sorted(logs, key=lambda path: path.stat().st_mtime, reverse=True):
        if found := ways(wanted.id, in_file(log)):
            console.print(f"In {log}:", highlight=False)
            return found
    raise NothingToSearch(
        f"Nothing in {' or '.join(map(str, logs))} mentions {wanted.id}. A log begins anew at each start;"
        " name another with --log FILE, or a stage in AWS with --stage."
    )


def _in_stage(wanted: argparse.Namespace, console: Console) -> dict[str, list[Line]]:
    groups = f"/aws/lambda/{wanted.app}-{wanted.stage}-"
    session = boto3.Session(region_name=wanted.region)
    if session.get_credentials() is None or session.region_name is None:
        console.print(
            f"Without AWS credentials and a region this can not run. In CloudWatch Logs Insights choose the log groups"
            f" that begin with {groups} and run this, then the same with the correlations in what it finds:\n",
            highlight=False,
        )
        console.print(insights_query([wanted.id]), markup=False, highlight=False, soft_wrap=True)
        return {}
    with console.status("asking CloudWatch Logs Insights") as status:
        client = session.client("logs", endpoint_url=wanted.endpoint)
        found = ways(wanted.id, Insights(client, groups, timedelta(hours=wanted.hours), status.update))
    if not found:
        raise NothingToSearch(f"Nothing in {groups}* of the last {wanted.hours:g} hours mentions {wanted.id}.")
    return found


if __name__ == "__main__":
    sys.exit(main())
