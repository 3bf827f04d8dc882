"""The same function called many times at once, from several processes with up to 32 threads each.

Every process stands for other clients, or for another container of the application: nothing but the network joins
them. All of them get ready first, then start together.
"""

import faulthandler
import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from chalicelib.core.errors import AppError

ROOT = Path(__file__).parents[3]
THREADS = 32
"""In a process. More only fill the emulator's backlog, where the application's time to connect runs out."""
LONGEST_SECONDS = 90


def race(
    function: Callable[..., Any],
    calls: Sequence[Sequence[object]],
    environment: Mapping[str, str],
    *,
    processes: int = 2,
    rehearsal: Sequence[object] | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> list[Any]:
    """What each call returned, as JSON has it; a refusal of ours is its code. `meanwhile` runs here, in the midst.

    `function` stands in a module of its own; `environment` is what the processes see of AWS and of the application.
    `rehearsal` is a call that each process makes alone before: else all threads of the first race would build
    clients, which takes far longer than using them.
    """
    shares = [calls[number::processes] for number in range(processes)]
    with ExitStack() as ending:
        running = [_start(function, environment, ending) for _ in shares]
        for process, share in zip(running, shares, strict=True):
            _write(process, [rehearsal, share])
        for process in running:
            assert _read(process) == "ready"
        for process in running:
            _write(process, "go")
        meanwhile()
        answers = [_read(process) for process in running]
    return [answer for share in answers for answer in share]


def _start(function: Callable[..., Any], environment: Mapping[str, str], ending: ExitStack) -> "subprocess.Popen[str]":
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "PIX_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, function.__module__, function.__qualname__],
        cwd=ROOT,
        env={**inherited, **environment, "NO_PROXY": "127.0.0.1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    ending.enter_context(process)
    ending.callback(process.kill)  # nothing to kill where all went well
    return process


def _write(process: "subprocess.Popen[str]", value: object) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(value) + "\n")
    process.stdin.flush()


def _read(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "a contender ended early; what it said stands above"
    return json.loads(line)


# --- inside a process that takes part -----------------------------------------------------------------------


def main(module: str, name: str) -> None:
    faulthandler.dump_traceback_later(LONGEST_SECONDS, exit=True)
    answers = sys.stdout
    sys.stdout = sys.stderr  # where the application may log to it
    function = getattr(importlib.import_module(module), name)
    rehearsal, calls = json.loads(sys.stdin.readline())
    if rehearsal is not None:
        _outcome(function, rehearsal)
    threads = min(THREADS, len(calls))
    start = threading.Barrier(threads + 1)
    with ThreadPoolExecutor(threads, initializer=start.wait) as pool:
        outcomes = [pool.submit(_outcome, function, call) for call in calls]
        print(json.dumps("ready"), file=answers, flush=True)
        sys.stdin.readline()
        start.wait()
        print(json.dumps([outcome.result() for outcome in outcomes]), file=answers, flush=True)


def _outcome(function: Callable[..., Any], call: Sequence[object]) -> Any:
    try:
        return function(*call)
    except AppError as refusal:
        return refusal.code


if __name__ == "__main__":
    main(*sys.argv[1:])
