"""A process that looks at strangers' files: each in a fork of its own, with a limit of memory and of time.

`python -m tests.system.uploads.bounded` reads a request a line and answers a line. The fork does all that the function
`on_upload` does with a file: inspect, render, clean; and looks at what it made.
"""

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from chalicelib.media import service
from chalicelib.media.model import Rejected, Watermark

ROOT = Path(__file__).parents[3]
MEMORY = 3 << 30
"""Bytes of address space: what the function has in all."""
SECONDS = 60
MARK = Watermark("ThePixStock")


@dataclass(frozen=True)
class Verdict:
    """What became of a file: `refused` with a code, `taken`, or `crashed` with what is known of it.

    `seconds` is time of the processor; `megabytes` the most memory that the process held, Python's own included.
    """

    outcome: str
    code: str
    seconds: float
    megabytes: float


class Bounded:
    """The process, as a context."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def look_at(self, path: Path, declared: str | None = None) -> Verdict:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(path), declared]) + "\n")
        self._process.stdin.flush()
        return Verdict(**json.loads(self._process.stdout.readline()))


# --- inside of the process ----------------------------------------------------------------------------------


def main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    with TemporaryDirectory() as folder:
        warm_up(Path(folder))
        for line in sys.stdin:
            path, declared = json.loads(line)
            answers.write(json.dumps(vars(judged(Path(path), declared, Path(folder)))) + "\n")
            answers.flush()


def warm_up(folder: Path) -> None:
    """Load all that a file needs, so that no fork has to."""
    from tests.media.photos import FORMATS, encoded, picture

    for form in FORMATS:
        path = folder / "warm"
        path.write_bytes(encoded(picture(), form))
        service.inspect(path)


def judged(path: Path, declared: str | None, folder: Path) -> Verdict:
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        _limit()
        try:
            said = _tried(path, declared, folder / "out")
        except BaseException as error:  # noqa: BLE001 (what it is, is the finding)
            said = "crashed", f"{type(error).__name__}: {error}"[:300]
        os.write(tell, json.dumps(said).encode())
        os._exit(0)
    os.close(tell)
    with os.fdopen(told) as pipe:
        answer = pipe.read()
    _, status, used = os.wait4(child, 0)
    (folder / "out").unlink(missing_ok=True)
    outcome, code = json.loads(answer) if answer else ("crashed", f"ended with status {status}")
    return Verdict(outcome, code, round(used.ru_utime + used.ru_stime, 3), round(used.ru_maxrss / 1024, 1))


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _tried(path: Path, declared: str | None, out: Path) -> tuple[str, str]:
    try:
        found = service.inspect(path, declared)
        rendering = service.render(path, found, MARK)
        service.deliverable(path, found, out)
    except Rejected as refusal:
        if out.exists():
            return "crashed", f"{refusal.code}, and yet something came out"
        return "refused", refusal.code
    again = service.inspect(out)
    assert out.stat().st_size <= path.stat().st_size + 100
    assert _shown(again) == _shown(found)
    assert service.render(out, again, MARK).renditions == rendering.renditions, "what is sold is not what was shown"
    return "taken", found.format


def _shown(inspection: service.Inspection) -> tuple[Any, ...]:
    return inspection.format, inspection.width, inspection.height


if __name__ == "__main__":
    main()
