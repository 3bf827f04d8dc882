"""The whole local system in a process of its own: `python -m tests.system.local.runner HOME`.

The tests' own process belongs to moto and its environment. The first line written says where everything is; each
line read is a command, answered by one line. The end of the input stops the system, so that it outlives neither its
tests nor a test process that was killed.
"""

import json
import os
import sys
from contextlib import ExitStack
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from chalicelib.core import clock
from infra.local.logs import write_logs_to
from infra.local.people import log_ins
from infra.local.system import System


def main(home: Path) -> None:
    write_logs_to(home / "log.jsonl")
    with System(home) as system, ExitStack() as journey:
        environment = {name: text for name, text in os.environ.items() if name.startswith(("AWS_", "PIX_"))}
        people = {role: asdict(person) for role, person in log_ins(home).items()}
        _write({"url": system.url, "paynoi": system.paynoi.url, "environment": environment, "people": people})
        for line in sys.stdin:
            command = json.loads(line)
            if "travel" in command:
                journey.close()
                journey.enter_context(clock.travel(timedelta(seconds=command["travel"])))
            else:
                system.pumps.fire(command["fire"])
            _write({"done": command})


def _write(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
