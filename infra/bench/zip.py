"""One ZIP file of an order of a gigabyte, built by a process of its own from storage to storage: its memory and time.

The photos, the tables and the finished file are in the emulator. The process is killed once on its way, and another one
goes on; then the whole file is read back and checked. Fails when either process ever held more than the budget.
"""

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from rich.console import Console

from chalicelib.core import clock, ids, storage
from chalicelib.core.table import transact
from chalicelib.entitlements import service as entitlements
from chalicelib.entitlements.archives import building, store
from chalicelib.entitlements.archives.model import LASTS, Archive, State
from chalicelib.entitlements.service import File
from chalicelib.organizations.service import DEFAULT
from infra.bench.report import tell
from infra.local.logs import write_logs_to
from infra.local.system import System

MOST_MEMORY = 512 << 20
PHOTO = 10 << 20
_NEVER = 1e9


def order_of(photos: int) -> Archive:
    """An order of so many photos of 10 MB, in storage, and its archive that is still to be built."""
    order, content, files = ids.new("ord"), os.urandom(PHOTO), []
    for number in range(photos):
        content = number.to_bytes(8) + content[8:]
        file = f"deliveries/bench/{order}/{number}"
        storage.upload("originals", file, content, content_type="image/jpeg")
        digest = hashlib.sha256(content).hexdigest()
        files.append(File(ids.new("pho"), f"{number}.jpg", file, f"{number}.jpg", "image/jpeg", digest))
    entitlements.grant(DEFAULT, order=order, owner=None, files=files, limit=3, hours=72)
    now, names = clock.now(), tuple(file.resource for file in files)
    archive = Archive(ids.new("zip"), DEFAULT, order, State.BUILDING, names, now, now + LASTS)
    transact(store.save(archive))
    return archive


def child(order: str, archive: str) -> None:
    """Build; the peak of memory (bytes) is the last line. The message's budget of time is left out: all in one go."""
    building.BUDGET = _NEVER
    building.build(DEFAULT, order, archive)
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}\n")


def start(archive: Archive) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "infra.bench.zip", "--child", archive.order, archive.id]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def peak_of(process: "subprocess.Popen[str]") -> int:
    """Bytes that a running process held at most so far (VmHWM)."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def stored(archive: Archive) -> Archive:
    found = store.find(DEFAULT, archive.order)
    assert found is not None
    return found


def measure(home: Path, photos: int) -> dict[str, float]:
    write_logs_to(home / "log")
    with System(home / "local"):
        archive = order_of(photos)
        began = time.monotonic()
        first = start(archive)
        while len(stored(archive).parts) < photos // 2 and first.poll() is None:
            time.sleep(0.05)
        before, done = peak_of(first), len(stored(archive).parts)
        first.kill()
        first.wait()
        second = start(archive)
        told, _ = second.communicate()
        seconds = time.monotonic() - began
        ready = stored(archive)
        assert ready.state is State.READY, ready.state
        whole = home / "archive.zip"
        storage.download("originals", ready.key, whole)
        with zipfile.ZipFile(whole) as opened:
            assert opened.testzip() is None
            assert len(opened.namelist()) == photos
        after = int(told.splitlines()[-1])
        return {"size": ready.size, "seconds": seconds, "memory": max(before, after), "done": done}


def main(words: list[str]) -> int:
    command = argparse.ArgumentParser(prog="python3 -m infra bench zip", description=__doc__)
    command.add_argument("--photos", type=int, default=103, help="of 10 MB each; 103 are more than a gigabyte")
    command.add_argument("--child", nargs=2, metavar=("ORDER", "ARCHIVE"), help=argparse.SUPPRESS)
    wanted = command.parse_args(words)
    if wanted.child:
        child(*wanted.child)
        return 0
    console, began = Console(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), wanted.photos)
    held = found["memory"] < MOST_MEMORY
    text = (
        f"{found['size'] / 2**20:,.0f} MB of {wanted.photos} photos in {found['seconds']:.1f} s on {os.cpu_count()} "
        f"cores, {found['memory'] / 2**20:.0f} MB of memory at most; killed after {found['done']:.0f} photos"
    )
    tell("zip", [("An archive is built in constant memory", text)], passed=held, seconds=time.monotonic() - began)
    console.print(text)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
