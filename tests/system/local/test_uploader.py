"""The photographer's uploader against the system: a folder arrives whole, whatever happens on the way."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.local import shop
from tests.system.local.running import ROOT, Running

pytestmark = pytest.mark.system


def command(running: Running, event: str, folder: Path, *words: str) -> list[str]:
    login = running.people["photographer"]["email"]
    where = ["--event", event, "--api", running.url, "--login", login]
    return [sys.executable, "-m", "infra.upload", str(folder), *where, *words]


def environment(running: Running) -> dict[str, str]:
    return {**os.environ, "PIX_PASSWORD": running.people["photographer"]["password"]}


def upload(running: Running, event: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    told = command(running, event, folder, *words)
    return subprocess.run(told, cwd=ROOT, env=environment(running), capture_output=True, text=True, timeout=300)


def fill(folder: Path, count: int) -> Path:
    folder.mkdir()
    for file in (shop.photo() for _ in range(count)):
        (folder / file.name).write_bytes(file.content)
    return folder


def test_a_folder_is_sent_and_each_bad_file_named_with_what_to_do(running, tmp_path):
    event, folder, report = shop.plan(running)["id"], fill(tmp_path / "card", 3), tmp_path / "report.csv"
    (folder / "broken.jpg").write_bytes(b"no photo")

    first = upload(running, event, folder, "--report", str(report))

    assert first.returncode == 1, first.stderr
    assert "3 ready, 1 failed" in first.stdout
    rows = {row["name"]: row for row in csv.DictReader(report.read_text().splitlines())}
    assert rows["broken.jpg"]["status"] == "failed"
    assert rows["broken.jpg"]["advice"] in first.stdout

    (folder / "broken.jpg").unlink()
    again = upload(running, event, folder)
    assert again.returncode == 0
    assert "3 duplicate" in again.stdout


def test_killed_on_the_way_it_goes_on_without_sending_anything_twice(running, tmp_path):
    event, folder = shop.plan(running)["id"], fill(tmp_path / "card", 12)
    photographer = running.person("photographer")
    process = subprocess.Popen(
        command(running, event, folder, "--parallel", "1"), cwd=ROOT, env=environment(running), stdout=subprocess.PIPE
    )
    running.soon(lambda: some_arrived(photographer.pages(f"/events/{event}/uploads")), "the first photo")
    process.send_signal(signal.SIGKILL)
    process.communicate()

    again = upload(running, event, folder)

    assert again.returncode == 0, again.stdout + again.stderr
    photos = photographer.pages(f"/events/{event}/uploads")
    assert [photo["processing"] for photo in photos] == ["ready"] * 12
    assert "duplicate" in again.stdout


def some_arrived(photos: list[dict[str, str]]) -> bool | None:
    return any(photo["processing"] != "awaiting" for photo in photos) or None
