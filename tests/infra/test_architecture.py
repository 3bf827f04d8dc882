"""The rules that go by file name, which import-linter cannot say. It holds the floors (pyproject.toml)."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Third party -> the only files (patterns whose * also crosses folders) that may import it.
DOORS = {
    "chalice": ["app.py", "chalicelib/core/http.py"],
    "pynamodb": ["chalicelib/*/store.py", "chalicelib/*/store/*.py", "chalicelib/core/*.py"],
    "boto3": ["chalicelib/core/*.py"],
    "botocore": ["chalicelib/core/*.py"],
    "PIL": ["chalicelib/media/*"],
    "pillow_heif": ["chalicelib/media/*"],
    "fpdf": ["chalicelib/media/document.py"],
    "dlib": ["chalicelib/faces/engines/embedded.py"],
    "numpy": ["chalicelib/faces/engines/embedded.py", "chalicelib/faces/engines/vectors.py"],
    "requests": [
        "chalicelib/payments/gateways/*.py",
        "chalicelib/accounts/providers/*.py",
        "chalicelib/lines/prints/labs/*.py",
        "chalicelib/notifications/channels/calls.py",
    ],
    "smtplib": ["chalicelib/notifications/channels/smtp.py"],
    "stripe": ["chalicelib/payments/gateways/stripe.py"],
    "jwt": [
        "chalicelib/core/auth.py",
        "chalicelib/accounts/providers/*.py",
        "chalicelib/notifications/channels/*.py",
    ],
    "dns": ["chalicelib/organizations/dns.py", "chalicelib/webhooks/calling.py"],
    "httpx": ["chalicelib/notifications/channels/apns.py"],
    "argon2": ["chalicelib/accounts/*.py"],
    "bcrypt": ["chalicelib/accounts/passwords.py"],
    "phonenumbers": ["chalicelib/accounts/addresses.py"],
}
CLOCK = "chalicelib/core/clock.py"
ENVIRONMENT = "chalicelib/core/settings.py"
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}


@cache
def product() -> list[PurePosixPath]:
    files = [*ROOT.glob("app.py"), *ROOT.glob("chalicelib/**/*.py")]
    return sorted(PurePosixPath(file.relative_to(ROOT)) for file in files)


@cache
def parse(path: PurePosixPath) -> ast.Module:
    return ast.parse((ROOT / path).read_text(), filename=str(path))


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules a file imports, wherever in it; `from a import b` gives `a.b`, as b may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(node: ast.expr) -> str:
    """`datetime.now` of an attribute chain, or an empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := dotted(node.value)):
        return f"{owner}.{node.attr}"
    return ""


def matches(path: PurePosixPath, patterns: list[str]) -> bool:
    return any(fnmatchcase(str(path), pattern) for pattern in patterns)


def room(path: PurePosixPath) -> tuple[str, ...]:
    """The domain a file belongs to: ("orders",), or ("lines", "photos")."""
    parts = path.parts[1:-1]
    return parts[:2] if parts[:1] == ("lines",) else parts[:1]


def foreign_modules(path: PurePosixPath, tree: ast.AST) -> Iterator[str]:
    """What a file of one domain imports from another domain (core is everybody's)."""
    here = room(path)
    for name in imported(tree):
        parts = name.split(".")
        if parts[0] != "chalicelib" or len(parts) < 3 or parts[1] == "core":
            continue
        depth = 2 if parts[1] == "lines" else 1
        if tuple(parts[1 : 1 + depth]) != here:
            yield name


def is_type(name: str) -> bool:
    """Whether `a.b.Name` is a class: what a service takes and gives may be named where it is used."""
    last = name.rpartition(".")[2]
    return last[:1].isupper() and not last.isupper()


def reads_the_clock(tree: ast.AST) -> list[str]:
    clocks = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns")
    calls = (dotted(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call for call in calls if call.endswith(clocks)]


def reads_the_environment(tree: ast.AST) -> list[str]:
    names = (dotted(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return [name for name in names if name in ("os.environ", "os.getenv", "os.environb")]


@pytest.mark.parametrize("package", DOORS)
def test_a_third_party_is_imported_only_through_its_door(package):
    door = DOORS[package]

    beside = [
        str(path)
        for path in product()
        if not matches(path, door) and package in {name.split(".")[0] for name in imported(parse(path))}
    ]

    assert beside == []


def test_only_the_clock_reads_the_time():
    assert {str(path): calls for path in product() if (calls := reads_the_clock(parse(path)))}.keys() <= {CLOCK}


def test_only_settings_reads_the_environment():
    readers = {str(path) for path in product() if reads_the_environment(parse(path))}

    assert readers == {ENVIRONMENT}


def test_domains_know_of_each_other_services_messages_and_types():
    found = [
        f"{path} imports {name}"
        for path in product()
        if path.parts[0] == "chalicelib" and room(path) not in ((), ("core",), ("operations",))
        for name in foreign_modules(path, parse(path))
        if not {"service", "messages", "contract"} & set(name.split(".")) and not is_type(name)
    ]

    assert found == []


def test_a_model_does_no_input_and_output():
    found = [
        f"{path} imports {name}"
        for path in product()
        if path.name == "model.py"
        for name in imported(parse(path))
        if name.split(".")[0] in {*DOORS, "os", "socket", "urllib"}
        or ({"store", "service", "routes"} & set(name.split(".")) and not is_type(name))
    ]

    assert found == []


def test_routes_call_services_and_touch_no_store():
    found = [
        f"{path} imports {name}"
        for path in product()
        if path.name == "routes.py"
        for name in imported(parse(path))
        if "store" in name.split(".")
    ]

    assert found == []


def test_modules_are_named_by_their_job():
    assert [str(path) for path in product() if VAGUE & {path.stem, *path.parent.parts}] == []


def test_the_rules_see_what_they_forbid():
    tree = ast.parse(
        "import os\n"
        "from chalicelib.orders import store\n"
        "from chalicelib.core import table\n"
        "def late():\n"
        "    import boto3\n"
        "    return os.environ['X'], datetime.now(UTC), datetime.datetime.utcnow()\n"
    )

    assert list(imported(tree)) == ["os", "chalicelib.orders.store", "chalicelib.core.table", "boto3"]
    assert reads_the_clock(tree) == ["datetime.now", "datetime.datetime.utcnow"]
    assert reads_the_environment(tree) == ["os.environ"]
    assert list(foreign_modules(PurePosixPath("chalicelib/carts/service.py"), tree)) == ["chalicelib.orders.store"]
    assert list(foreign_modules(PurePosixPath("chalicelib/orders/service.py"), tree)) == []


def test_the_document_tells_of_each_fact_who_hears_it():
    text = (ROOT / "docs/architecture.md").read_text()
    _, _, table = text.partition("| fact | handler | queue |")
    rows = table.partition("\n\n")[0].strip().splitlines()
    told = {name for row in rows for name in re.findall(r"`([A-Z]\w+)`", row.split("|")[1])}
    facts = {
        node.name
        for path in product()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ClassDef) and "Fact" in map(dotted, node.bases)
    }
    assert told == facts
