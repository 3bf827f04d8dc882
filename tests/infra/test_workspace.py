"""The making of `.venv`, with a shell script in place of its Python: no network, no pip."""

import fcntl
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from infra import workspace

ROOT = Path(workspace.__file__).resolve().parent.parent
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

# Answers the probe like a Python with pip. Each install leaves a line in `installs` beside .venv; a file
# `broken` there makes it fail, a file `hold` makes it wait.
FAKE_PYTHON = """#!/bin/sh
root="$(dirname "$0")/../.."
if [ "$1" = "-c" ]; then echo "{version}"; exit 0; fi
echo "$*" >> "$root/installs"
echo "Collecting alpha==1.0"
touch "$root/started"
while [ -e "$root/hold" ]; do sleep 0.02; done
if [ -e "$root/broken" ]; then echo "ERROR: no route to the index"; exit 1; fi
exit 0
"""


class Project:
    """A folder with a lock and what happened to its environment."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.venv = root / ".venv"
        self.lock("alpha==1.0")

    def lock(self, requirement: str) -> None:
        (self.root / workspace.LOCKED).write_text(requirement + "\n")

    def lay_environment(self, venv: Path, version: str = VERSION) -> None:
        """What `python -m venv --clear` would do."""
        shutil.rmtree(venv, ignore_errors=True)
        python = venv / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(FAKE_PYTHON.format(version=version))
        python.chmod(0o755)

    def installs(self) -> int:
        log = self.root / "installs"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def state(self) -> str:
        return workspace.state(self.venv)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    monkeypatch.setattr(workspace, "create", made.lay_environment)
    return made


def wait_for(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not there():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_the_first_start_installs_the_lock_with_hashes_and_the_second_does_nothing(project):
    python = workspace.prepare(project.root)
    workspace.prepare(project.root)

    assert python == project.venv / "bin" / "python"
    assert project.installs() == 1
    assert "--require-hashes -r " + str(project.root / workspace.LOCKED) in (project.root / "installs").read_text()


def test_a_changed_lock_is_installed_into_the_standing_environment(project):
    workspace.prepare(project.root)
    (project.venv / "kept").touch()

    project.lock("alpha==2.0")
    workspace.prepare(project.root)

    assert project.installs() == 2
    assert (project.venv / "kept").exists()


def test_an_environment_whose_making_was_killed_is_made_anew(project):
    project.lay_environment(project.venv)
    (project.venv / "half-a-package").touch()
    workspace.write_state(project.venv, workspace.UNFINISHED)

    workspace.prepare(project.root)

    assert not (project.venv / "half-a-package").exists()
    assert project.state() == workspace.digest(project.root)


def test_an_environment_without_a_working_python_is_made_anew(project):
    (project.venv / "bin").mkdir(parents=True)
    (project.venv / "bin" / "python").symlink_to(project.root / "gone")

    workspace.prepare(project.root)

    assert project.installs() == 1
    assert project.state() == workspace.digest(project.root)


def test_an_environment_of_another_python_version_is_made_anew(project):
    project.lay_environment(project.venv, version="3.10")
    (project.venv / "old").touch()

    workspace.prepare(project.root)

    assert not (project.venv / "old").exists()
    assert project.installs() == 1


def test_an_environment_made_by_hand_is_used_and_not_replaced(project):
    project.lay_environment(project.venv)
    (project.venv / "mine").touch()

    workspace.prepare(project.root)

    assert (project.venv / "mine").exists()
    assert project.installs() == 1


def test_what_pip_said_is_shown_and_the_next_start_begins_anew(project):
    (project.root / "broken").touch()

    with pytest.raises(workspace.SetupFailed, match="no route to the index"):
        workspace.prepare(project.root)

    assert project.state() == workspace.UNFINISHED
    (project.root / "broken").unlink()
    workspace.prepare(project.root)
    assert project.state() == workspace.digest(project.root)


def test_two_starts_at_once_install_once(project):
    (project.root / "hold").touch()
    starts = [threading.Thread(target=workspace.prepare, args=[project.root]) for _ in range(2)]

    for start in starts:
        start.start()
    wait_for((project.root / "started").exists)
    (project.root / "hold").unlink()
    for start in starts:
        start.join(20)

    assert project.installs() == 1
    assert project.state() == workspace.digest(project.root)


def test_a_pip_that_outlives_a_killed_start_keeps_the_next_one_waiting(project):
    project.lay_environment(project.venv)
    (project.root / "hold").touch()
    code = "import pathlib, sys; from infra import workspace; workspace.prepare(pathlib.Path(sys.argv[1]))"
    start = subprocess.Popen([sys.executable, "-c", code, project.root], cwd=ROOT, stdout=subprocess.DEVNULL)
    wait_for((project.root / "started").exists)

    start.send_signal(signal.SIGKILL)
    start.wait()

    assert project.state() == workspace.UNFINISHED
    with (project.root / ".venv.lock").open("w") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (project.root / "hold").unlink()
    workspace.prepare(project.root)
    assert project.installs() == 2
    assert project.state() == workspace.digest(project.root)


def test_a_python_without_its_venv_module_is_told_which_package_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "ensurepip" else find_spec(name))

    with pytest.raises(workspace.SetupFailed) as refused:
        workspace.create(tmp_path / ".venv")

    assert f"apt install python{VERSION}-venv" in str(refused.value)
    assert "dnf install" in str(refused.value)
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    ("before", "after"), [(b"alpha==1.0\n", b"alpha==1.1\n"), (b"alpha==1.0\n", b"alpha==1.0\nbeta==1\n")]
)
def test_the_digest_changes_with_the_lock(tmp_path, before, after):
    (tmp_path / workspace.LOCKED).write_bytes(before)
    was = workspace.digest(tmp_path)

    (tmp_path / workspace.LOCKED).write_bytes(after)

    assert workspace.digest(tmp_path) != was


def test_the_digest_changes_with_the_python_version(tmp_path, monkeypatch):
    (tmp_path / workspace.LOCKED).write_text("alpha==1.0\n")
    was = workspace.digest(tmp_path)

    monkeypatch.setattr(workspace, "PYTHON", "3.99")

    assert workspace.digest(tmp_path) != was


def test_progress_without_a_terminal_is_a_few_whole_lines(capsys):
    progress = workspace.Progress(10)
    for step in range(11):
        progress.show(fetched=step, installed=0)
    for step in range(11):
        progress.show(fetched=10, installed=step)
    progress.close()

    said = capsys.readouterr().out
    assert "\r" not in said
    assert said.splitlines()[:-1] == [
        "Installing 10 packages.",
        "    0%  fetched 0, installed 0 of 10",
        "   25%  fetched 5, installed 0 of 10",
        "   50%  fetched 10, installed 0 of 10",
        "   75%  fetched 10, installed 5 of 10",
        "  100%  fetched 10, installed 10 of 10",
    ]
