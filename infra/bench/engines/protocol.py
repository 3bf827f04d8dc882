"""What the bench and a driver say to each other: JSON, one line each way for one photo.

The bench asks `{"path": str, "outputs": [Output…], "out": folder or null}`, largest output first. The driver makes
all of them, answers `{"wall": s, "cpu": s}` of one thread's work, or `{"error": str}`, and writes the files
`{name}.jpg` to the folder, if there is one, after the clock has stopped.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Output:
    """A JPEG to make: exact size in pixels, 4:2:0, and over it the RGBA picture `overlay`, if there is one."""

    name: str
    width: int
    height: int
    quality: int
    overlay: str | None


def serve(made: Callable[[str, list[Output]], list[bytes]]) -> None:
    """Answers until the bench closes the pipe; `made` gives the JPEGs in the order of the outputs."""
    for line in sys.stdin:
        request = json.loads(line)
        outputs = [Output(**output) for output in request["outputs"]]
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            files = made(request["path"], outputs)
        except Exception as error:  # noqa: BLE001 - whatever a renderer says about a photo is its answer
            answer: dict[str, float | str] = {"error": f"{type(error).__name__}: {error}"}
        else:
            answer = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
            if request["out"]:
                for output, content in zip(outputs, files, strict=True):
                    Path(request["out"], f"{output.name}.jpg").write_bytes(content)
        print(json.dumps(answer), flush=True)
