"""`python3 -m infra upload FOLDER`: sends a photographer's photos to an event, and says what became of each.

Stopped or killed it is started again with the same words: files that arrived are known by their content and not sent
twice. With --watch it stays and sends what a camera or a card reader puts into the folder.

Whoever uploads is asked for a password, or gives it in PIX_PASSWORD.
"""

import argparse
import csv
import getpass
import hashlib
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".heic": "image/heic",
    ".heif": "image/heif",
}
PAGE = 100
"""Files that the API takes in one offer."""
LARGEST = 50_000_000
ROUNDS = 3
"""How often what did not arrive is sent anew, each time with fresh forms."""
READY_SECONDS = 900.0
ENDED = frozenset({"ready", "failed", "duplicate"})


class Refused(RuntimeError):
    """The API does not take this; the text is what it says, or what to do."""


# --- the API ------------------------------------------------------------------------------------------------


@dataclass
class Account:
    """Somebody who may upload, at an API. Threads may share it; a token that ran out is renewed."""

    url: str
    tokens: dict[str, str] = field(default_factory=dict)
    patience: int = 6
    pause: Callable[[float], None] = time.sleep
    _renewing: threading.Lock = field(default_factory=threading.Lock)
    _local: threading.local = field(default_factory=threading.local)

    def log_in(self, login: str, password: str, ask: Callable[[str], str] = input) -> None:
        """`ask` gets the code of a second factor. Raises Refused."""
        word = "email" if "@" in login else "phone"
        found = self.call("POST", "/auth/login", {word: login, "password": password})
        if asked := found.get("secondFactor"):
            code = ask("Code of the second factor: ").strip()
            found = self.call("POST", "/auth/second-factor", {"challenge": asked["challenge"], "code": code})
        self.tokens = found

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The answer's data. Waits as long as it is told to when too much is going on. Raises Refused."""
        said = "nothing"
        for attempt in range(self.patience):
            token = self.tokens.get("accessToken")
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            try:
                answer = self.session.request(method, self.url + path, json=body, headers=headers, timeout=60)
            except requests.RequestException as failure:
                said = str(failure)
                self.pause(2**attempt / 2)
                continue
            told = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
            error = told.get("error") or {}
            if answer.ok:
                return told.get("data")
            said = error.get("message") or f"{method} {path} answered {answer.status_code}"
            if error.get("code") == "token_expired" and self.tokens:
                self._renew(token)
            elif answer.status_code in (429, 500, 502, 503, 504):
                self.pause(float(answer.headers.get("Retry-After", 2**attempt / 2)))
            else:
                raise Refused(f"{said} ({error['code']})" if "code" in error else said)
        raise Refused(said)

    @property
    def session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        session: requests.Session = self._local.session
        return session

    def _renew(self, expired: str | None) -> None:
        with self._renewing:
            if self.tokens["accessToken"] == expired:  # else another thread was faster
                refresh, self.tokens = self.tokens["refreshToken"], {}
                self.tokens = self.call("POST", "/auth/refresh", {"refreshToken": refresh})


# --- files --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class File:
    """A photo in the folder; its name is its way from there."""

    folder: Path
    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(self.folder))[-255:]

    @cached_property
    def size(self) -> int:
        return self.path.stat().st_size

    @cached_property
    def sha256(self) -> str:
        with self.path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()

    def offer(self) -> dict[str, object]:
        type = TYPES[self.path.suffix.lower()]
        return {"name": self.name, "size": self.size, "type": type, "sha256": self.sha256}


def photos_in(folder: Path) -> list[File]:
    """Every photo below the folder, by name; hidden files are left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in TYPES and path.is_file())
    shown = (path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    return [File(folder, path) for path in sorted(shown)]


def arriving(folder: Path, pause: Callable[[float], None], seconds: float) -> Iterator[list[File]]:
    """Photos that were not there before, each once it has stopped growing."""
    done: set[tuple[Path, int]] = set()
    growing: set[tuple[Path, int]] = set()
    while True:
        seen = {(file.path, file.path.stat().st_size) for file in photos_in(folder)} - done
        at_rest = {(path, size) for path, size in seen & growing if size}
        done |= at_rest
        growing = seen - at_rest
        yield [File(folder, path) for path, _ in sorted(at_rest)]
        pause(seconds)


# --- uploading ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """What became of a file: ready, duplicate, failed, or unsent; `advice` says what to do about it."""

    name: str
    status: str
    photo: str = ""
    advice: str = ""


@dataclass
class Uploader:
    """Sends files to one event, `parallel` at a time. `tell` hears of each step of each file."""

    account: Account
    event: str
    parallel: int = 4
    tell: Callable[[str], None] = lambda step: None

    def send(self, files: Sequence[File]) -> list[Result]:
        """Each file's result, in the order of the files. Raises Refused where the event takes nothing."""
        results = {file: Result(file.name, "failed", advice=too) for file in files if (too := unfit(file))}
        fitting = [file for file in files if file not in results]
        begun = []
        with ThreadPoolExecutor(self.parallel) as pool:
            for page in (fitting[start : start + PAGE] for start in range(0, len(fitting), PAGE)):
                offers = list(pool.map(self._offered, page))
                upload = self.account.call("POST", f"/events/{self.event}/uploads", {"files": offers})
                begun.append((upload["id"], page, self._send_all(pool, upload, page)))
            for id, page, arrived in begun:
                results |= self._await(id, page, arrived)
        return [results[file] for file in files]

    def _offered(self, file: File) -> dict[str, object]:
        offer = file.offer()
        self.tell("read")
        return offer

    def _send_all(self, pool: ThreadPoolExecutor, upload: dict[str, Any], page: Sequence[File]) -> set[int]:
        """The places in the page of what arrived. What did not, because a form ran out, say, gets another form."""
        arrived: set[int] = set()
        for _ in range(ROUNDS):
            forms = {number: entry["upload"] for number, entry in enumerate(upload["files"]) if entry["upload"]}
            todo = [number for number in forms if number not in arrived]
            posted = pool.map(self._post, (forms[number] for number in todo), (page[number] for number in todo))
            for number, has_arrived in zip(todo, posted, strict=True):
                if has_arrived:
                    arrived.add(number)
                    self.tell("sent")
            if arrived.issuperset(todo):
                break
            upload = self.account.call("POST", f"/uploads/{upload['id']}/resume")
        return arrived

    def _post(self, form: dict[str, Any], file: File) -> bool:
        try:
            with file.path.open("rb") as content:
                answer = self.account.session.post(
                    form["url"], data=form["fields"], files={"file": content}, timeout=300
                )
        except (OSError, requests.RequestException):
            return False
        return answer.ok

    def _await(self, upload: str, page: Sequence[File], arrived: set[int]) -> dict[File, Result]:
        """Wait until the last file that arrived is worked on."""
        told: set[int] = set()
        deadline = time.monotonic() + READY_SECONDS
        while True:
            entries = self.account.call("GET", f"/uploads/{upload}")["files"]
            ended = {number for number, entry in enumerate(entries) if entry["status"] in ENDED}
            for _ in ended - told:
                self.tell("ready")
            told |= ended
            if arrived <= ended or time.monotonic() > deadline:
                return {file: _result(file, entry) for file, entry in zip(page, entries, strict=True)}
            self.account.pause(1.0)


def unfit(file: File) -> str | None:
    """Why a file can not be offered."""
    if file.size == 0:
        return "The file is empty."
    return f"Larger than {LARGEST // 1_000_000} MB." if file.size > LARGEST else None


def _result(file: File, entry: dict[str, Any]) -> Result:
    failure, status = entry["failure"] or {}, entry["status"]
    advice = failure.get("message", "")
    if status not in ENDED:
        status, advice = "unsent", "It did not arrive, or is still being worked on. Start the command again."
    return Result(file.name, status, entry["photoId"], advice)


# --- command ------------------------------------------------------------------------------------------------


@contextmanager
def bars(total: int, console: Console) -> Iterator[Callable[[str], None]]:
    """A bar for each step, and a way to move them."""
    columns = TextColumn("{task.description:6}"), BarColumn(36), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        steps = {step: progress.add_task(step, total=total) for step in ("read", "sent", "ready")}
        yield lambda step: progress.advance(steps[step])


def summary(results: Sequence[Result]) -> str:
    counts = Counter(result.status for result in results)
    order = ("ready", "duplicate", "failed", "unsent")
    return ", ".join(f"{counts[status]:,} {status}" for status in order if counts[status]) or "no photos"


def write_report(file: Path, results: Sequence[Result], *, more: bool) -> None:
    """A line for each file, as CSV; `more` goes on where the last report ended."""
    is_new = not (more and file.exists())
    with file.open("w" if is_new else "a", newline="", encoding="utf-8") as target:
        rows = csv.writer(target)
        if is_new:
            rows.writerow(["name", "status", "photo", "advice"])
        rows.writerows([result.name, result.status, result.photo, result.advice] for result in results)


def parser() -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(
        prog="python3 -m infra upload",
        description=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("folder", type=Path, help="with photos, also in folders below: " + " ".join(TYPES))
    command.add_argument("--event", required=True, help="its id, or the name in its address")
    command.add_argument("--api", required=True, metavar="URL", help="of the API, such as https://api.example.com")
    command.add_argument("--login", required=True, metavar="EMAIL", help="or phone number of whoever uploads")
    command.add_argument("--parallel", type=int, default=4, metavar="N", help="files at a time (%(default)s)")
    command.add_argument("--report", type=Path, metavar="CSV", help="what became of each file")
    command.add_argument("--watch", action="store_true", help="stay, and send what is put into the folder")
    return command


def account_of(wanted: argparse.Namespace) -> Account:
    """Raises Refused."""
    account = Account(wanted.api.rstrip("/"))
    account.log_in(wanted.login, os.environ.get("PIX_PASSWORD") or getpass.getpass("Password: "))
    return account


def main(words: list[str]) -> int:
    command = parser()
    wanted = command.parse_args(words)
    if not wanted.folder.is_dir():
        command.error(f"there is no folder {wanted.folder}")
    console = Console()
    uploader = Uploader(*_opened(command, wanted), wanted.parallel)
    is_complete = True
    found = arriving(wanted.folder, time.sleep, 2.0) if wanted.watch else iter([photos_in(wanted.folder)])
    try:
        for number, files in enumerate(found):
            if wanted.watch and not files:
                continue
            results = send(uploader, files, console)
            is_complete &= all(result.status in ("ready", "duplicate") for result in results)
            if wanted.report:
                write_report(wanted.report, results, more=number > 0)
    except Refused as refusal:
        console.print(f"[red]{refusal}")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on where this one ended.")
        return 130
    return 0 if is_complete else 1


def send(uploader: Uploader, files: Sequence[File], console: Console) -> list[Result]:
    """Send and tell: bars while it goes on, then the counts, and each file that needs somebody."""
    with bars(len(files), console) as uploader.tell:
        results = uploader.send(files)
    console.print(summary(results))
    for result in results:
        if result.advice:
            console.print(f"  {result.name}: {result.advice}", highlight=False, soft_wrap=True)
    return results


def _opened(command: argparse.ArgumentParser, wanted: argparse.Namespace) -> tuple[Account, str]:
    try:
        return account_of(wanted), wanted.event
    except Refused as refusal:
        command.exit(1, f"{refusal}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
