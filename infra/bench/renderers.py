"""The renderers to measure: what each needs, and the pinned child process that drives it."""

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from infra.bench.engines.protocol import Output

HOME = Path(".local/bench")
VENV = HOME / "venv"
NODE = HOME / "node"
ENGINES = "infra.bench.engines"


class Missing(Exception):
    """The renderer cannot be measured here; the text says why."""


@dataclass(frozen=True)
class Renderer:
    """`prepared` installs what is not there yet, raises Missing, and returns the version."""

    name: str
    command: tuple[str, ...]
    prepared: Callable[[], str]


def _own() -> str:
    from PIL import Image, features

    return f"Pillow {Image.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}"


def _from_pip(requirement: str, module: str, version: str) -> Callable[[], str]:
    def prepared() -> str:
        if not (VENV / "bin" / "python").exists():
            venv.create(VENV, with_pip=True)
        probe = [str(VENV / "bin" / "python"), "-c", f"import {module}; print({version})"]
        if _said(probe) is None:
            pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            _said([*pip, requirement])
        return _or_missing(_said(probe), f"pip install {requirement} did not succeed")

    return prepared


def _from_npm() -> str:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Missing("node and npm are not installed")
    NODE.mkdir(parents=True, exist_ok=True)
    probe = ["node", "-p", f"'sharp ' + require('{NODE.resolve()}/node_modules/sharp').versions.sharp"]
    probe[-1] += f" + ', libvips ' + require('{NODE.resolve()}/node_modules/sharp').versions.vips"
    if _said(probe) is None:
        _said(["npm", "install", "--prefix", str(NODE), "--no-audit", "--no-fund", "sharp@0.35.5"])
    return _or_missing(_said(probe), "npm install sharp did not succeed")


def _said(command: list[str]) -> str | None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _or_missing(version: str | None, reason: str) -> str:
    if version is None:
        raise Missing(reason)
    return version


RENDERERS = {
    renderer.name: renderer
    for renderer in (
        Renderer("ours", (sys.executable, "-m", f"{ENGINES}.ours"), _own),
        Renderer("sharp", ("node", "infra/bench/engines/sharp.mjs"), _from_npm),
        Renderer(
            "pyvips",
            (str(VENV / "bin" / "python"), "-m", f"{ENGINES}.vips"),
            _from_pip(
                "pyvips[binary]==3.2.0",
                "pyvips",
                "'pyvips', pyvips.__version__ + ', libvips', '.'.join(str(pyvips.version(n)) for n in range(3))",
            ),
        ),
        Renderer("naive", (sys.executable, "-m", f"{ENGINES}.naive"), _own),
        Renderer(
            "thumbor",
            (str(VENV / "bin" / "python"), "-m", f"{ENGINES}.thumbor"),
            _from_pip("thumbor==7.8.0", "thumbor, PIL", "'thumbor', thumbor.__version__ + ', Pillow', PIL.__version__"),
        ),
    )
}


class Driver:
    """A renderer's child process, one thread on one core, alive until the block ends."""

    def __init__(self, renderer: Renderer, core: int) -> None:
        single = {"VIPS_CONCURRENCY": "1", "UV_THREADPOOL_SIZE": "1", "OMP_NUM_THREADS": "1"}
        environment = os.environ | single | {"SHARP_FROM": str(NODE.resolve() / "package.json")}
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {core})  # the child and all its threads inherit it
        try:
            self._process = subprocess.Popen(
                renderer.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True, env=environment,
            )  # fmt: skip
        finally:
            os.sched_setaffinity(0, allowed)

    def __enter__(self) -> "Driver":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # closes its input, which ends it

    def render(self, photo: Path, outputs: list[Output], out: Path | None = None) -> dict[str, Any]:
        """`{"wall": s, "cpu": s}`, or `{"error": str}` if it cannot make this photo."""
        assert self._process.stdin
        assert self._process.stdout
        request = {
            "path": str(photo.resolve()),
            "outputs": [asdict(output) for output in outputs],
            "out": str(out.resolve()) if out else None,
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        return dict(json.loads(answer)) if answer else {"error": "the process ended"}

    def peak_memory(self) -> int:
        """The most bytes the process ever held (the kernel's VmHWM; ru_maxrss would count the parent's too)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
