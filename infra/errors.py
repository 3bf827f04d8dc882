"""`python3 -m infra errors`: write docs/errors.md, every error that the code can answer, read from the code itself.

A code is found where an error or a problem of a quote is made with it. A test holds the document to it.
"""

import argparse
import ast
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeGuard

from chalicelib.core import errors
from infra.gateway_responses import CASES

SOURCE = Path("chalicelib")
DOCUMENT = Path("docs/errors.md")
PROBLEM = errors.Conflict.status
"""What a problem of a quote becomes when an order or a cart is refused for it."""
_WRAPPERS = {"Problem": PROBLEM, "problem": PROBLEM, "_refused": errors.Invalid.status}
"""What else takes a code and a sentence, and the status it comes to."""
INSIDE = frozenset({
    *("already_granted", "archive_not_opened", "attempt_taken", "claimed_already", "code_taken", "download_not_begun"),
    *("entry_booked", "entry_taken", "place_taken", "received_already", "renewed_meanwhile", "returned_meanwhile"),
})  # fmt: skip
"""Caught where they come up: nobody meets them."""
_CODE = re.compile(r"[a-z]+(_[a-z]+)*")
_HEAD = """# Errors

What `error.code` can be, with the status it comes with and what it says; `…` stands for a name or a number. Codes never
change once they are released, sentences may. Written by `python3 -m infra errors`. How an error looks is in
[api.md](api.md#envelope), why an uploaded file failed in [api.md](api.md#uploading).

A 429 and a 503 say in `Retry-After` when to ask again. A 404 is what is missing or somebody else's. Some codes of 409 a
quote tells in its `problems`. `request_refused` is API Gateway's own, with any status from 400 on.

| status | code | says |
|---|---|---|
"""


@dataclass(frozen=True, order=True)
class Known:
    status: int
    code: str
    says: str


def known(source: Path = SOURCE) -> list[Known]:
    """Every error that is made in the code below a folder, or answered by API Gateway, by status and code."""
    trees = [ast.parse(path.read_text()) for path in sorted(source.rglob("*.py"))]
    statuses = {**_WRAPPERS, **_statuses(trees)}
    found = {
        Known(status or error.status, error.code, error.message)
        for case, (error, status) in CASES.items()
        if case != "DEFAULT_4XX"  # which comes with the status that it has
    }
    for tree in trees:
        found.update(_made(tree, statuses))
    return sorted(error for error in found if error.code not in INSIDE)


def document(found: Iterable[Known]) -> str:
    """One row per status and code, with all that it may say."""
    rows: dict[tuple[int, str], list[str]] = {}
    for error in found:
        rows.setdefault((error.status, error.code), []).append(error.says)
    return _HEAD + "".join(f"| {status} | `{code}` | {' / '.join(says)} |\n" for (status, code), says in rows.items())


def _statuses(trees: Iterable[ast.Module]) -> dict[str, int]:
    """The statuses of the errors' classes, those of rooms included, by their names."""
    statuses = {
        name: kind.status
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.AppError)
    }
    for tree in trees:
        for made in ast.walk(tree):
            if isinstance(made, ast.ClassDef) and made.name not in statuses:
                for base in made.bases:
                    if _name(base) in statuses:
                        statuses[made.name] = statuses[_name(base)]
    return statuses


def _made(tree: ast.Module, statuses: Mapping[str, int]) -> Iterator[Known]:
    """What a module makes: by a call of an error's class, or in a class of its own."""
    words = {
        target.id: each.value.value
        for each in tree.body
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Constant)
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    for place in ast.walk(tree):
        if isinstance(place, ast.ClassDef) and place.name in statuses:
            calls = [(statuses[place.name], call) for call in ast.walk(place) if _is_super(call)]
        elif isinstance(place, ast.Call) and _name(place.func) in statuses:
            calls = [(statuses[_name(place.func)], place)]
        else:
            continue
        for status, call in calls:
            for code, says in pairwise(call.args[:3]):
                read = words.get(code.id) if isinstance(code, ast.Name) else getattr(code, "value", None)
                if isinstance(read, str) and _CODE.fullmatch(read):
                    yield Known(status, read, _sentence(says))
                    break


def _is_super(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__"


def _name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _sentence(node: ast.expr) -> str:
    """What a text says, with `…` for what is only known when it is said."""
    match node:
        case ast.Constant(value=str(text)):
            return text.replace("|", "\\|")
        case ast.JoinedStr(values=parts):
            return "".join(_sentence(part) for part in parts)
        case ast.IfExp(body=one, orelse=other):
            return f"{_sentence(one)} / {_sentence(other)}"
    return "…"


def main(words: Sequence[str] | None = None) -> int:
    argparse.ArgumentParser(prog="python3 -m infra errors", description=__doc__).parse_args(words)
    found = known()
    DOCUMENT.write_text(document(found))
    print(f"{DOCUMENT}: {len({(error.status, error.code) for error in found})} errors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
