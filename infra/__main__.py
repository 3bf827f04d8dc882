"""`python3 -m infra COMMAND`: everything a contributor does with the project.

Only the standard library until `.venv` stands, and no syntax newer than Python 3.7 in this file: an older
Python must get as far as reading why it is refused.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

OLDEST = (3, 11)
WHOLE_SUITE = ["--cov", "--cov-report=term-missing:skip-covered", "--cov-fail-under=95"]
ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {
    "demo": "run the main job from upload to download, with a timeline; files stay in .local/demo/",
    "run": "keep the whole system running for someone writing a frontend, with demo data and log-ins",
    "reset": "forget what demo and run stored in .local/",
    "test": "run the tests with coverage of chalicelib, at least 95 percent",
    "check": "run ruff, mypy --strict and import-linter",
    "openapi": "write the API's OpenAPI document to .local/openapi.json",
    "setup": "only make or update .venv; the other commands do so by themselves",
    "package": "build what is deployed: the code of all functions and their template, in .local/package/",
    "deploy": "bring a stage into an AWS account, or change what differs there",
    "put-secret": "fill the secret of a stage, or rotate a part of it",
    "make-admin": "give a registered person the role admin",
}
# Commands that read their own options, as `python3 -m infra COMMAND --help` tells them.
MODULES = {
    "package": "infra.package",
    "deploy": "infra.deploy",
    "put-secret": "infra.put_secret",
    "make-admin": "infra.make_admin",
}


def refusal(version: "tuple[int, int]", system: str, package: "str | None") -> "str | None":
    """Why the project cannot start like this, or None if it can."""
    if package != "infra":
        return "Start it from the project's folder with: python3 -m infra"
    if system != "posix":
        return "The project runs on Linux and macOS; on Windows use WSL."
    if version < OLDEST:
        newer = [name for name in ("python3.13", "python3.12", "python3.11") if shutil.which(name)]
        advice = f"Try: {newer[0]} -m infra" if newer else "Install Python 3.11, 3.12 or 3.13."
        return f"This is Python {version[0]}.{version[1]}, and the project needs 3.11 or newer. {advice}"
    return None


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python3 -m infra",
        description="ThePixStock: the project's own commands. The first makes .venv, which takes a minute.",
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    each = {
        name: commands.add_parser(name, help=text, description=text)
        for name, text in COMMANDS.items()
        if name not in MODULES
    }
    for name in MODULES:
        # No word starts with this prefix, so options are words like any other and go on to the module.
        words = commands.add_parser(name, help=COMMANDS[name], prefix_chars="\0", add_help=False)
        words.add_argument("words", nargs="*")
    each["demo"].add_argument("--photos", metavar="FOLDER", type=folder, help="your own photos in place of samples")
    each["run"].add_argument("--port", metavar="N", type=int, help="port of the API on 127.0.0.1")
    each["test"].add_argument(
        "pytest",
        nargs="*",
        metavar="-- PYTEST_ARGUMENT",
        help="for pytest, as in: test -- -k cart -x. A part of the tests is run without the coverage floor",
    )
    return top


def folder(text: str) -> Path:
    path = Path(text).expanduser().resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path}")
    return path


def module_call(wanted: argparse.Namespace) -> "list[str]":
    """What follows `python -m` for a command."""
    if wanted.command in MODULES:
        return [MODULES[wanted.command], *wanted.words]
    if wanted.command == "demo":
        return ["infra.local.demo", *(["--photos", str(wanted.photos)] if wanted.photos else [])]
    if wanted.command == "run":
        return ["infra.local.run", *(["--port", str(wanted.port)] if wanted.port is not None else [])]
    if wanted.command == "reset":
        return ["infra.local.reset"]
    if wanted.command == "openapi":
        return ["infra.openapi"]
    if wanted.command == "check":
        return ["infra.checks"]
    return ["pytest", "-n", "2", "--dist", "worksteal", *(wanted.pytest or WHOLE_SUITE)]


def main() -> NoReturn:
    wanted = parser().parse_args()
    from infra import workspace

    try:
        python = workspace.prepare(ROOT)
    except workspace.SetupFailed as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        print("\nStopped. The next start begins .venv anew.", file=sys.stderr)
        sys.exit(130)
    if wanted.command == "setup":
        print(f"{python.parent.parent} is ready.")
        sys.exit()
    # From here on this process is the command itself: signals and the exit code are its own.
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(python, [str(python), "-m", *module_call(wanted)])


if __name__ == "__main__":
    reason = refusal(sys.version_info[:2], os.name, __package__)
    if reason:
        sys.exit(reason)
    main()
