"""The static checks, two at a time: every tool's verdict is printed, and one failure fails the command."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

# app.yaml is no template by itself: `python3 -m infra package` lints what becomes of it.
TEMPLATES = sorted(
    str(file)
    for file in Path(__file__).parent.glob("*.yaml")
    if file.read_text().startswith("AWSTemplateFormatVersion")
)
TOOLS: Mapping[str, Sequence[str]] = {
    "mypy --strict": (sys.executable, "-m", "mypy"),
    "ruff check": (sys.executable, "-m", "ruff", "check", "--output-format", "concise"),
    "ruff format": (sys.executable, "-m", "ruff", "format", "--check", "--output-format", "concise"),
    "import-linter": (str(Path(sys.executable).with_name("lint-imports")), "--no-logo"),
    "cfn-lint": (str(Path(sys.executable).with_name("cfn-lint")), *TEMPLATES),
}


def run(command: Sequence[str]) -> tuple[int, str, float]:
    """Exit code, what it said, seconds."""
    started = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout, time.monotonic() - started


def main(tools: Mapping[str, Sequence[str]] = TOOLS) -> int:
    failed = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        running = {pool.submit(run, command): name for name, command in tools.items()}
        for finished in as_completed(running):
            name = running[finished]
            code, said, seconds = finished.result()
            print(f"{'FAILED' if code else 'ok':6}  {name}  ({seconds:.1f} s)", flush=True)
            if code:
                failed.append(name)
                print(said, flush=True)
    print(f"check: {', '.join(failed)} failed" if failed else "check: all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
