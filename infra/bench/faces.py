"""How long a search of the embedded engine takes in an event of 1,000, 10,000 and 100,000 faces.

The vectors lie sealed in blocks of the emulator's S3, as those of photos would. A search is all that follows the
message: the picture is decoded, its face found and encoded, every block fetched, opened and scanned. Strangers are
random vectors of the length that the network gives; the person is on three photos, and must be found on them.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from chalicelib.core import ids, sealing, storage
from chalicelib.faces.engines.contract import Index, new_key
from infra.bench.report import tell
from infra.faces import HOME
from infra.local import stack
from infra.local.emulator import start_emulator

if TYPE_CHECKING:
    from chalicelib.faces.engines.embedded import Embedded

SIZES = (1_000, 10_000, 100_000)
BUDGET = 2.0
"""Seconds at the 95th percentile."""

_FACES_A_PHOTO = 2
_PORTRAIT, _PHOTOS = "obama.jpg", ("obama2.jpg", "obama3.jpg", "obama_partial_face.jpg")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra bench faces", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="searches at each size")
    rounds, console = parser.parse_args(arguments).rounds, Console()
    if not stack.has_engine() or not (HOME / _PORTRAIT).exists():
        console.print("The embedded engine is not installed: python3 -m infra faces")
        return 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faces-") as home:
        emulator = start_emulator(Path(home))
        try:
            _enter(emulator.endpoint, Path(home))
            figures, passed = measure(console, rounds)
        finally:
            emulator.stop()
    tell("faces", figures, passed=passed, seconds=time.monotonic() - started)
    return 0 if passed else 1


def _enter(endpoint: str, home: Path) -> None:
    outputs = stack.deploy(endpoint, ["http://localhost:3000"])
    here = "http://127.0.0.1:9"
    told = stack.environment(
        outputs,
        endpoint=endpoint,
        api_url=here,
        paynoi_url=here,
        live_url="ws://127.0.0.1:9",
        live_endpoint=here,
        allowed_origins=[],
    )
    os.environ.update(told)
    stack.put_secrets(endpoint, outputs, home)


def measure(console: Console, rounds: int) -> tuple[list[tuple[str, str]], bool]:
    """Pairs of a promise and its figure, and whether every budget was held."""
    from chalicelib.faces.engines.embedded import Embedded

    engine, figures, passed = Embedded(), [], True
    table = Table("faces", "blocks, MB", "p50, ms", "p95, ms", "of it the face, ms", "found")
    selfie = (HOME / _PORTRAIT).read_bytes()
    for size in SIZES:
        index = _filled(engine, size)
        engine.search(index, selfie)  # loads the models
        took: list[float] = []
        found: set[str] = set()
        for _ in range(rounds):
            at = time.perf_counter()
            found = {match.photo for match in engine.search(index, selfie)}
            took.append((time.perf_counter() - at) * 1000)
        at = time.perf_counter()
        engine.search(_empty(), selfie)
        encoding = (time.perf_counter() - at) * 1000
        p50, p95 = statistics.median(took), sorted(took)[round(0.95 * (len(took) - 1))]
        right = found == set(_PHOTOS)
        passed &= right and p95 < BUDGET * 1000
        weight = sum(
            len(storage.read("documents", key)) for key in storage.keys("documents", f"faces/org_bench/{index.id}")
        )
        mine = f"{len(found)} of {len(_PHOTOS)}"
        table.add_row(f"{size:,}", f"{weight / 1e6:.1f}", f"{p50:.0f}", f"{p95:.0f}", f"{encoding:.0f}", mine)
        figures.append((f"a face is found among {size:,}", f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, {mine} photos found"))
    console.print(table)
    return figures, passed


def _empty() -> Index:
    id = ids.new("fix")
    return Index("org_bench", "evt_bench", id, new_key("org_bench", id))


def _filled(engine: "Embedded", size: int) -> Index:
    """An index of that many strangers, and of the photos of one person."""
    import numpy as np

    from chalicelib.faces.engines import vectors

    index, chance = _empty(), np.random.default_rng(417)
    blocks: dict[str, list[vectors.Rows]] = {}
    for number in range(size // _FACES_A_PHOTO):
        photo = ids.derived("pho", "bench", str(number))
        drawn = chance.normal(0, 1, (_FACES_A_PHOTO, vectors.DIMENSIONS))
        strangers = list((1.35 * drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32))
        names = [ids.derived("fac", photo, str(face)) for face in range(_FACES_A_PHOTO)]
        blocks.setdefault(vectors.block_of(photo), []).append(vectors.rows(photo, names, strangers))
    for block, rows in blocks.items():
        place = ids.joined(index.organization, index.id, block)
        sealed = sealing.seal_bytes(index.key, place, np.concatenate(rows).tobytes())
        storage.upload(
            "documents", f"faces/org_bench/{index.id}/{block}", sealed, content_type="application/octet-stream"
        )
    for photo in _PHOTOS:
        engine.index(index, photo, (HOME / photo).read_bytes())
    return index
