"""`python3 -m infra import-users FILE.csv`: take the people of another system in, with the passwords they have.

The file has a line of headings: `email` or `phone` or both, `name`, `digest` (bcrypt's, of the password), and if wanted
`roles` (parted by blanks; customer without) and `language`. Each row is one account, made whole or not at all. A row
whose address has an account is left alone, so a run that was stopped goes on where it was when it is started again.
"""

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import User
from chalicelib.core.errors import AppError
from chalicelib.organizations.service import DEFAULT
from infra import stages

COLUMNS = frozenset({"email", "phone", "name", "digest", "roles", "language"})
AT_ONCE = 8
_THERE_ALREADY = frozenset({"email_taken", "phone_taken"})


class Outcome(StrEnum):
    IMPORTED = "imported"
    THERE_ALREADY = "there already"
    REFUSED = "refused"


@dataclass(frozen=True)
class Row:
    """`number` is the row's line, the headings' being 1; `problem` says why it was refused. Neither names anybody."""

    number: int
    outcome: Outcome
    user: str = ""
    problem: str = ""


class BadFile(ValueError):
    """The file is none of ours; the text says what is wrong with it."""


def rows_of(file: Path) -> list[Mapping[str, str]]:
    """The rows by their headings, as UTF-8. Raises BadFile."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened, strict=True)
            headings = set(reader.fieldnames or ())
            if not {"name", "digest"} <= headings or not headings & {"email", "phone"} or headings - COLUMNS:
                raise BadFile(f"The headings are some of {', '.join(sorted(COLUMNS))}; these are not.")
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as failure:
        raise BadFile(f"{file} can not be read: {failure}") from failure


class Import:
    """Takes rows in, eight at once; `dry` writes nothing and says what would be."""

    def __init__(self, organization: str, *, dry: bool = False) -> None:
        self._organization = organization
        self._dry = dry
        self._seen: set[str] = set()
        self._lock = Lock()

    def run(self, rows: list[Mapping[str, str]]) -> Generator[Row]:
        """What became of each row, in their order."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                yield from pool.map(self._take, range(2, len(rows) + 2), rows)
            finally:
                pool.shutdown(cancel_futures=True)

    def _take(self, number: int, row: Mapping[str, str]) -> Row:
        try:
            if None in row or None in row.values():
                return Row(number, Outcome.REFUSED, problem="another number of fields than headings")
            given = accounts.prepare_import(
                self._organization,
                email=row.get("email", "").strip() or None,
                phone=row.get("phone", "").strip() or None,
                digest=row["digest"].strip(),
                name=row["name"],
                roles=row.get("roles", "").split() or ("customer",),
                language=row.get("language", "").strip() or None,
            )
            if self._dry:
                return Row(number, Outcome.THERE_ALREADY if self._is_known(given) else Outcome.IMPORTED)
            accounts.add_imported(given)
        except AppError as refusal:
            if refusal.code in _THERE_ALREADY:
                return Row(number, Outcome.THERE_ALREADY)
            return Row(number, Outcome.REFUSED, problem=f"{refusal.code}: {refusal.message}")
        return Row(number, Outcome.IMPORTED, user=given.id)

    def _is_known(self, given: User) -> bool:
        with self._lock:
            twice = given.address in self._seen
            self._seen.add(given.address)
        phone = None if given.email else given.address
        return twice or accounts.find_by_address(given.organization, email=given.email, phone=phone) is not None


def main(words: list[str]) -> int:
    """1 where a row was refused, or nothing could be done."""
    wanted = parser().parse_args(words)
    console = Console()
    try:
        rows = rows_of(wanted.file)
        stages.enter(wanted.stage)
    except (BadFile, stages.NotReached) as reason:
        console.print(str(reason), highlight=False)
        return 1
    report = wanted.report or wanted.file.with_suffix(".report.csv")
    outcomes: Counter[Outcome] = Counter()
    columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn())
    taken = Import(wanted.organization, dry=wanted.dry_run).run(rows)
    try:
        with report.open("w", newline="") as opened, Progress(*columns, console=console) as progress:
            table = csv.writer(opened)
            table.writerow(("line", "outcome", "user", "problem"))
            for row in progress.track(taken, total=len(rows), description="import"):
                outcomes[row.outcome] += 1
                table.writerow((row.number, row.outcome, row.user, row.problem))
                if row.outcome is Outcome.REFUSED:
                    progress.console.print(f"line {row.number}: {row.problem}", highlight=False, markup=False)
    except KeyboardInterrupt:
        console.print("Stopped. Start it again: what is there already is left alone.")
        return 130
    told = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in Outcome)
    nothing = " Nothing was written." if wanted.dry_run else ""
    console.print(f"{told}; each row in {report}.{nothing}", highlight=False)
    return 1 if outcomes[Outcome.REFUSED] else 0


def parser() -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(prog="python3 -m infra import-users", description=__doc__.partition("\n\n")[2])
    command.add_argument("file", type=Path, metavar="FILE.csv")
    command.add_argument("--stage", choices=stages.STAGES, default="local")
    command.add_argument("--organization", default=DEFAULT, metavar="ID", help="whose people they become")
    command.add_argument("--report", type=Path, metavar="FILE", help="what became of each row; FILE.report.csv without")
    command.add_argument("--dry-run", action="store_true", help="say what would become of each row, and write nothing")
    return command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
