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
ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {
    "demo": (
        "infra.local.demo",
        "run the main job from upload to download, with a timeline; files stay in .local/demo/",
    ),
    "run": ("infra.local.run", "keep the whole system running for someone writing a frontend, with data and log-ins"),
    "reset": ("infra.local.reset", "forget what demo and run stored in .local/"),
    "test": ("pytest", "run the tests, for a quarter of an hour or a little longer"),
    "upload": ("infra.upload", "send a folder of photos to an event, and go on where it was stopped"),
    "proof": ("infra.proof", "run the reliability suites at full scale and print one table of figures"),
    "check": ("infra.checks", "run ruff, mypy --strict, import-linter and cfn-lint"),
    "openapi": ("infra.openapi", "write the API's OpenAPI document to .local/openapi.json"),
    "errors": ("infra.errors", "write docs/errors.md: every error that the API can answer, read from the code"),
    "trace": ("infra.trace", "show the way of a request, an order, a payment or a photo through the log"),
    "bench": ("infra.bench", "measure everything and print one table; bench NAME measures one thing"),
    "cost": ("infra.cost", "say what a thousand photos, a thousand orders and an idle month cost"),
    "dashboard": ("infra.dashboard", "draw docs/images/dashboard.svg from the definition in infra/alarms.yaml"),
    "pictures": ("infra.pictures", "take a picture of each mail for docs/notices.md, with Chromium"),
    "package": (
        "infra.package",
        "build what is deployed: the code of all functions and their template, in .local/package/",
    ),
    "deploy": ("infra.deploy", "bring a stage into an AWS account, or change what differs there"),
    "teardown": ("infra.teardown", "delete the stacks of a stage; tables, buckets, keys and the secret stay"),
    "put-secret": ("infra.put_secret", "fill the secret of a stage"),
    "make-admin": ("infra.make_admin", "give a registered person the role admin"),
    "import-users": ("infra.import_users", "take the people of another system in, with the passwords they have"),
    "migrate": ("infra.migrate", "bring stored items up to date beside live traffic, from where it was"),
    "audit": ("infra.audit", "see whether the ledger, the orders and the counters of a stage agree"),
    "audit-ledger": ("infra.audit", "another name of audit"),
    "drill": ("infra.drill", "bring everything back from a backup, and see that nothing is missing"),
    "restore": ("infra.restore", "restore a stage's tables to a moment, beside them; then put them back"),
    "rotate": ("infra.rotate", "replace a key of a stage's secret while everything goes on"),
    "faces": ("infra.faces", "install the embedded face engine, and the portraits that its tests look at"),
    "setup": ("", "only make or update .venv; the other commands do so by themselves"),
}
OF_THE_LAUNCHER = ("demo", "run", "reset", "test", "check", "openapi", "setup")
"""Commands whose arguments are read here; the modules of the others read their own."""


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
        name: commands.add_parser(name, help=text, description=text, add_help=name in OF_THE_LAUNCHER)
        for name, (_, text) in COMMANDS.items()
    }
    each["demo"].add_argument("--photos", metavar="FOLDER", type=folder, help="your own photos in place of samples")
    each["demo"].add_argument("--faces", action="store_true", help="find a face, too: installs the engine, 150 MB")
    each["run"].add_argument("--port", metavar="N", type=int, help="port of the API on 127.0.0.1")
    each["test"].add_argument(
        "pytest",
        nargs="*",
        metavar="-- PYTEST_ARGUMENT",
        help="for pytest, as in: test -- -k cart -x",
    )
    return top


def folder(text: str) -> Path:
    path = Path(text).expanduser().resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path}")
    return path


def read(words: "list[str] | None" = None) -> "tuple[argparse.Namespace, list[str]]":
    """The command, and what its module reads itself."""
    top = parser()
    wanted, others = top.parse_known_args(words)
    if others and wanted.command in OF_THE_LAUNCHER:
        top.error(f"unrecognized arguments: {' '.join(others)}")
    return wanted, others


def module_call(wanted: argparse.Namespace, others: "list[str]") -> "list[str]":
    """What follows `python -m` for a command."""
    module = COMMANDS[wanted.command][0]
    if wanted.command == "demo":
        photos = ["--photos", str(wanted.photos)] if wanted.photos else []
        return [module, *photos, *(["--faces"] if wanted.faces else [])]
    if wanted.command == "run" and wanted.port is not None:
        return [module, "--port", str(wanted.port)]
    if wanted.command == "test":
        return [module, "-n", "2", "--dist", "worksteal", *wanted.pytest]
    return [module, *others]


def main() -> NoReturn:
    wanted, others = read()
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
    os.execv(python, [str(python), "-m", *module_call(wanted, others)])


if __name__ == "__main__":
    reason = refusal(sys.version_info[:2], os.name, __package__)
    if reason:
        sys.exit(reason)
    main()
