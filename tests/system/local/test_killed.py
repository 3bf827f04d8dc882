"""The demo, killed outright at seeded moments and started again, in a folder of its own."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.system.local.running import ROOT, emulators_below
from tests.system.local.shop import photo

pytestmark = [pytest.mark.system, pytest.mark.proof]

SEED = 20_260_413
MOMENTS = ((0.05, 0.5), (0.5, 0.95))
"""Between which shares of the whole run each kill falls."""
LONGEST_SECONDS = 240


@pytest.fixture
def folder(tmp_path):
    """Where the demo runs, with two small photos. Its emulators are killed by their pid if it leaves any."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for form in ("jpeg", "webp"):
        file = photo(form)
        (pictures / file.name).write_bytes(file.content)
    yield tmp_path
    for emulator in emulators_below(tmp_path):
        os.kill(emulator.pid, signal.SIGKILL)


def demo(folder, seconds):
    """Start the demo and give it so many seconds; it is killed after them. The exit code, what it said, its time."""
    started = time.monotonic()
    output = folder / "output"
    with (
        output.open("w") as said,
        subprocess.Popen(
            [sys.executable, "-m", "infra.local.demo", "--photos", "pictures"],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.returncode, output.read_text(), time.monotonic() - started


def test_a_demo_killed_at_any_moment_finishes_when_started_again(folder, figure):
    code, said, whole = demo(folder, LONGEST_SECONDS)
    assert code == 0, said[-3000:]
    assert emulators_below(folder) == []

    chance = random.Random(SEED)
    moments = [chance.uniform(*between) * whole for between in MOMENTS]
    survivors = []
    for moment in moments:
        code, said, _ = demo(folder, moment)
        assert code in (-signal.SIGKILL, 0), said[-3000:]
        survivors += emulators_below(folder)
    code, said, _ = demo(folder, LONGEST_SECONDS)

    assert code == 0, said[-3000:]
    assert "pixels identical to the originals" in said
    assert len(list((folder / ".local" / "demo" / "downloads").iterdir())) >= 2
    assert not [child for child in survivors if child.alive()]
    assert emulators_below(folder) == []
    told = ", ".join(f"{moment:.1f}" for moment in moments)
    alive = sum(child.alive() for child in survivors)
    text = f"killed after {told} of {whole:.1f} s; then exit 0, {alive} of {len(survivors)} left emulators alive"
    figure("main job", "a demo killed outright finishes when it is started again", text)
