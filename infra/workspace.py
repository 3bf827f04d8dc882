"""The project's own Python environment, `.venv`, made from the locked requirements.

`.venv/state` tells what stands there: the digest of what is installed, `unfinished` while somebody installs,
nothing in an environment that a person made by hand (which is then used, not replaced).
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCKED = "requirements-dev.txt"
UNFINISHED = "unfinished"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class SetupFailed(Exception):
    """The environment could not be made; the text tells the person what to do."""


def prepare(root: Path) -> Path:
    """Return the Python of `root/.venv`, after making or updating the environment where needed.

    Raises SetupFailed. Whoever kills it leaves the state `unfinished`, and the next start makes it anew.
    """
    venv = root / ".venv"
    python = venv / "bin" / "python"
    wanted = digest(root)
    if is_ready(venv, wanted):
        return python
    with only_one(root / ".venv.lock") as lock:
        if is_ready(venv, wanted):  # by the start we waited for
            return python
        if state(venv) == UNFINISHED or not works(python):
            create(venv)
        write_state(venv, UNFINISHED)
        install(python, root / LOCKED, lock)
        write_state(venv, wanted)
    return python


def digest(root: Path) -> str:
    """Changes with the Python version and with any locked package."""
    return hashlib.sha256(PYTHON.encode() + b"\0" + (root / LOCKED).read_bytes()).hexdigest()


def is_ready(venv: Path, wanted: str) -> bool:
    return state(venv) == wanted and (venv / "bin" / "python").exists()


def state(venv: Path) -> str:
    try:
        return (venv / "state").read_text().strip()
    except FileNotFoundError:
        return ""


def write_state(venv: Path, text: str) -> None:
    fresh = venv / "state.new"
    fresh.write_text(text + "\n")
    fresh.replace(venv / "state")


def works(python: Path) -> bool:
    """Whether it is an environment of this Python version that has pip."""
    if not python.exists():
        return False
    probe = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False)
    return answer.stdout.strip() == PYTHON


@contextmanager
def only_one(path: Path) -> Iterator[int]:
    """Hold a lock among processes; yields its file descriptor. It is free when the last holder ends."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another start is making .venv; waiting for it.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def create(venv: Path) -> None:
    """Make an empty environment, whatever stood there before."""
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        raise SetupFailed(no_venv_module(missing))
    print(f"Making .venv with Python {PYTHON}.", flush=True)
    # Not sys.executable: this may run under the very environment that is about to be cleared.
    base = getattr(sys, "_base_executable", sys.executable)
    made = subprocess.run([base, "-m", "venv", "--clear", venv], capture_output=True, text=True, check=False)
    if made.returncode:
        raise SetupFailed(f"Python could not make .venv:\n{made.stdout}{made.stderr}")


def no_venv_module(missing: list[str]) -> str:
    return (
        f"This Python lacks {' and '.join(missing)}, so it cannot make .venv. Install what is missing with\n"
        f"  Debian, Ubuntu:  sudo apt install python{PYTHON}-venv\n"
        f"  Fedora, RHEL:    sudo dnf install python{PYTHON} python3-pip\n"
        "and start again."
    )


def install(python: Path, locked: Path, lock: int) -> None:
    """Install exactly the locked packages, each checked against its hash, with visible progress."""
    log = python.parent.parent / "setup.log"
    command: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-compile",  # Python does so as it imports, and never needs most of them
        "--require-hashes",
        "-r",
        locked,
    ]
    total = sum("==" in line and "win32" not in line for line in locked.read_text().splitlines())
    progress = Progress(total)
    # A pip that outlives a killed start keeps the lock, so that nobody remakes .venv under its hands.
    with (
        log.open("w") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            pass_fds=[lock],
        ) as pip,
    ):
        while pip.poll() is None:
            progress.show(*counts(log, python))
            time.sleep(0.1)
    progress.close()
    if pip.returncode:
        raise SetupFailed(install_failed(log))


def counts(log: Path, python: Path) -> tuple[int, int]:
    """How many packages pip has fetched so far, and how many stand in the environment."""
    fetched = log.read_text(errors="replace").count("\nCollecting ")
    return fetched, sum(1 for _ in python.parent.parent.glob("lib/python*/site-packages/*.dist-info"))


def install_failed(log: Path) -> str:
    said = [line for line in log.read_text(errors="replace").splitlines() if not line.startswith("WARNING")]
    return "\n".join(
        [
            *said[-12:],
            "",
            f"pip could not install the packages; {log} has all it said.",
            f"Is the package index reachable? Tested are Python 3.11, 3.12 and 3.13; this is {PYTHON}.",
        ]
    )


class Progress:
    """One line that moves on a terminal; elsewhere a line for each quarter of the way."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.started = time.monotonic()
        self.moving = sys.stdout.isatty()
        self.quarter = -1
        print(f"Installing {total} packages.", flush=True)

    def show(self, fetched: int, installed: int) -> None:
        # Fetching takes about as long as installing, so each is half of the way.
        share = min(1.0, (min(fetched, self.total) + min(installed, self.total)) / (2 * self.total))
        text = f"{share:4.0%}  fetched {min(fetched, self.total)}, installed {min(installed, self.total)}"
        if self.moving:
            room = min(shutil.get_terminal_size().columns - 48, 40)
            bar = ("#" * round(share * room)).ljust(room, ".") if room > 0 else ""
            print(f"\r  {bar} {text} of {self.total} ", end="", flush=True)
        elif int(share * 4) > self.quarter:
            self.quarter = int(share * 4)
            print(f"  {text} of {self.total}", flush=True)

    def close(self) -> None:
        end = "\n" if self.moving else ""
        print(f"{end}  took {time.monotonic() - self.started:.0f} s", flush=True)
