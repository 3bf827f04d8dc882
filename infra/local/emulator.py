"""MiniStack, the AWS emulator, as a child process that belongs to one folder.

The child outlives a killed parent. Its memory is the truth and is written to disk only when it stops cleanly,
so a marker file tells the next start what it may trust: after a clean stop everything is kept; after an
unclean one tables, queues, S3 and what the sandboxes remember are reset *together*, because old objects
beside lost rows are worse than nothing.

Files in the folder ("home"): `lock` (held while a system lives), `system.json` (who holds it, and its URLs),
`emulator.json` (the child), `running` (the marker), `emulator/` (its state, objects and log), `sandboxes/`.
"""

import fcntl
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

HOST = "127.0.0.1"
READY_SECONDS = 60.0  # a first start on a slow disk compiles a large package
STOP_SECONDS = 60.0  # a clean stop writes all state to disk


class EmulatorFailed(RuntimeError):
    """The emulator did not start or did not answer; the text quotes its log."""


class HomeInUse(RuntimeError):
    """Another living system holds the folder; the text says which and where it listens."""


@dataclass(frozen=True)
class Child:
    """An emulator process. It is signalled only while `started` still matches: pids are recycled."""

    pid: int
    started: str
    port: int
    instance: str

    def alive(self) -> bool:
        return process_started(self.pid) == self.started

    def answers(self) -> bool:
        """Whether the server on our port is this very child (it reports the instance id we gave it)."""
        health = _ask(self.port, "GET", "/_ministack/health")
        return health is not None and health.get("edition") == self.instance


class Emulator:
    """A running emulator; made by `start_emulator`, ended by `stop`."""

    def __init__(
        self, home: Path, child: Child, lock: IO[str], process: "subprocess.Popen[bytes] | None", message: str
    ) -> None:
        self.home = home
        self.pid = child.pid
        self.port = child.port
        self.endpoint = f"http://{HOST}:{child.port}"
        self.message = message
        """One line for a person: what became of the state of the last run."""
        self._child = child
        self._lock = lock
        self._process = process
        self.sandboxes = home / "sandboxes"
        """Where sandboxes of third parties keep what must be forgotten together with the tables."""
        self.sandboxes.mkdir(exist_ok=True)
        self.publish({})

    def publish(self, urls: Mapping[str, str]) -> None:
        """Write down who holds the folder and where it can be reached, for the next one who tries."""
        holder = {"pid": os.getpid(), "started": process_started(os.getpid())}
        _write(self.home / "system.json", {**holder, "urls": {**urls, "Emulator": self.endpoint}})

    def stop(self) -> None:
        """Stop cleanly: state is written to disk and the marker goes. Calling it again does nothing.

        An emulator that died by itself or had to be killed leaves the marker, so the next start resets.
        """
        if self._lock.closed:
            return
        try:
            if _end(self._child, self._process):
                (self.home / "running").unlink(missing_ok=True)
        finally:
            (self.home / "system.json").unlink(missing_ok=True)
            self._lock.close()


def start_emulator(home: Path) -> Emulator:
    """Start the emulator of this folder, or take over the one a killed run left behind (reset).

    Raises HomeInUse while another system lives there, EmulatorFailed if the emulator cannot be reached.
    """
    home = home.resolve()
    lock = _hold(home)
    try:
        survivor = _recorded_child(home)
        if survivor is None and not (home / "running").exists():
            kept = (home / "emulator" / "state").exists()
            child, process = _launch(home)
            message = "The state of the last run was kept." if kept else "Started with empty state."
            return Emulator(home, child, lock, process, message)

        message = "The last run did not stop cleanly: tables, queues and files were reset together."
        if survivor and survivor.answers() and _ask(survivor.port, "POST", "/_ministack/reset", timeout=30):
            shutil.rmtree(home / "sandboxes", ignore_errors=True)
            (home / "running").touch()
            return Emulator(home, survivor, lock, None, message)
        _wipe(home, survivor)
        child, process = _launch(home)
        return Emulator(home, child, lock, process, message)
    except BaseException:
        lock.close()
        raise


def clear_state(home: Path) -> None:
    """Forget tables, queues and objects of this folder. Raises HomeInUse while a system lives there."""
    home = home.resolve()
    with _hold(home):
        _wipe(home, _recorded_child(home))


def process_started(pid: int) -> str | None:
    """When the process was started, in a form that no later process of this pid shares; None if gone."""
    try:
        # Fields follow the command's closing parenthesis: state is the first, the start time the twentieth.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return None if fields[0] == "Z" else f"{boot}:{fields[19]}"
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except ProcessLookupError:
        return None
    # Without /proc (macOS): an ended child that nobody waited for shows as Z there too.
    listed = subprocess.run(["ps", "-p", str(pid), "-o", "stat=,lstart="], capture_output=True, text=True)
    state, _, started = listed.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None


def _hold(home: Path) -> IO[str]:
    """Take the folder's lock, which the kernel releases however we end."""
    home.mkdir(parents=True, exist_ok=True)
    lock = (home / "lock").open("a")
    for _ in range(50):  # a killed holder's own children may keep the lock for a moment
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            holder = _read(home / "system.json") or {}
            if holder and process_started(int(holder["pid"])) == holder["started"]:
                break
            time.sleep(0.1)
    lock.close()
    holder = _read(home / "system.json") or {}
    urls = ", ".join(f"{name} {url}" for name, url in holder.get("urls", {}).items())
    raise HomeInUse(
        f"A system is already running in {home} (process {holder.get('pid', 'unknown')}; "
        f"{urls or 'just starting'}). Use it, or stop it with Ctrl-C where it runs."
    )


def _launch(home: Path) -> tuple[Child, "subprocess.Popen[bytes]"]:
    folder = home / "emulator"
    for name in ("state", "s3", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    if log.exists():
        log.replace(folder / "log.previous")
    last = _read(home / "emulator.json") or {}
    (home / "running").touch()

    port = _free_port(preferred=int(last.get("port", 0)))
    instance = secrets.token_hex(16)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            cwd=folder,
            env=_environment(folder, port, instance),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # neither a Ctrl-C in our terminal nor our own death may take it along
        )
    child = Child(process.pid, process_started(process.pid) or "", port, instance)
    _write(home / "emulator.json", asdict(child))
    if _wait(lambda: child.answers() or process.poll() is not None, READY_SECONDS) and process.poll() is None:
        return child, process
    what = f"ended with code {process.poll()}" if process.poll() is not None else "did not answer in time"
    _end(child, process)
    lines = log.read_text(errors="replace").splitlines()[-15:]
    raise EmulatorFailed("\n".join([f"The AWS emulator (port {port}) {what}. The end of {log}:", *lines]))


def _environment(folder: Path, port: int, instance: str) -> dict[str, str]:
    """What the child is told. Nothing else of ours is passed on: a stray AWS setting would change it."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
    return inherited | {
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": HOST,  # appears in queue URLs
        "MINISTACK_EDITION": instance,  # comes back in the health document: how we know our own child
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "TMPDIR": str(folder / "tmp"),
        # It would open an MQTT and an SFTP port, and remove containers of any MiniStack found through Docker.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
    }


def _recorded_child(home: Path) -> Child | None:
    """The child of the last run, if that very process still lives."""
    record = _read(home / "emulator.json")
    child = Child(**record) if record else None
    return child if child and child.alive() else None


def _wipe(home: Path, survivor: Child | None) -> None:
    if survivor:
        _end(survivor, None)
    for name in ("emulator/state", "emulator/s3", "sandboxes"):
        shutil.rmtree(home / name, ignore_errors=True)
    (home / "running").unlink(missing_ok=True)


def _end(child: Child, process: "subprocess.Popen[bytes] | None") -> bool:
    """Ask the child to stop and wait for it; kill it if it does not listen. True if it saved its state."""
    asked = False
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 10.0)):
        if child.alive():
            os.kill(child.pid, number)
            asked = number is signal.SIGTERM
        if _wait(lambda: not child.alive(), seconds):
            break
    if process is None:  # somebody else's child: how it ended is not told
        return asked
    return process.wait(10) == 0 and asked


def _ask(port: int, method: str, path: str, timeout: float = 2.0) -> dict[str, Any] | None:
    """Ask the emulator's own interface, past any proxy settings; None if nothing sensible answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        answer = json.loads(response.read())
        return answer if response.status == 200 and isinstance(answer, dict) else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def _free_port(preferred: int) -> int:
    """The port of the last run if it is free (URLs a person kept stay good), else any."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EmulatorFailed("No free TCP port on this machine.")


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):  # a kill may have cut it short
        return None
    return content if isinstance(content, dict) else None


def _write(path: Path, content: Mapping[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=2))
    part.replace(path)
