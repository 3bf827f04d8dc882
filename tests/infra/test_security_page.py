"""docs/security.md names the test that holds each point: the tests are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", PAGE)))


@cache
def names_in(file: str) -> frozenset[str]:
    """Functions by name, methods as `Class::name`."""
    tree = ast.parse((ROOT / file).read_text())
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        found |= {f"{node.name}::{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return frozenset(found)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_is_there(file, name):
    assert name in names_in(file)


def test_every_file_that_is_named_is_there():
    named = set(re.findall(r"`(tests/[\w/.]+)`", PAGE))

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_point_of_the_chapters_is_ruled_on():
    """ASVS 5.0.0 has so many requirements in V2, V3 and V9."""
    sections = {"2.1": 3, "2.2": 3, "2.3": 5, "2.4": 2, "9.1": 3, "9.2": 4}
    sections |= {"3.1": 1, "3.2": 3, "3.3": 5, "3.4": 8, "3.5": 8, "3.6": 1, "3.7": 5}
    wanted = {f"{section}.{number}" for section, count in sections.items() for number in range(1, count + 1)}
    first = [line.split("|")[1] for line in PAGE.partition("### ASVS")[2].splitlines() if line.startswith("| ")]
    told = {point for cell in first for point in re.findall(r"\b\d\.\d\.\d+\b", cell)}
    told |= {f"3.3.{number}" for number in range(1, 6) if "3.3.1 to 3.3.5" in PAGE}

    assert wanted - told == set()
    assert len(re.findall(r"API\d+:2023", PAGE)) == 10
