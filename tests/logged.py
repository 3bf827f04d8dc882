"""What was logged, line by line, and what CloudWatch would count of it."""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.core import log

Line = dict[str, Any]


@contextmanager
def lines() -> Iterator[Callable[[], list[Line]]]:
    """Gives a function that tells the lines logged inside so far."""
    stream = io.StringIO()
    log.configure(stream)
    try:
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    finally:
        log.configure()


def measured(logged: list[Line]) -> Counter[str]:
    """The sum of each metric, read as the embedded metric format says."""
    sums: Counter[str] = Counter()
    for line in logged:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            assert all(isinstance(line[name], str) for names in directive["Dimensions"] for name in names)
            sums.update({metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]})
    return sums
