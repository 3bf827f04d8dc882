"""The locks: complete, hashed, free of this or that machine's index, and light enough for Lambda."""

import importlib.metadata
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-faces.txt")
LIMIT = 200_000_000  # bytes unzipped; Lambda's own limit is 250 MB, for Chalice's runtime and ours too


def pins(name: str) -> dict[str, str]:
    """Package -> version with marker, of one lock."""
    lines = (ROOT / name).read_text().splitlines()
    return dict(line.rstrip(" \\").split("==", 1) for line in lines if re.match(r"[a-z0-9]", line))


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_with_hashes(name):
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text())[1:]

    assert len(blocks) >= (3 if name == "requirements-faces.txt" else 20)
    assert [block for block in blocks if "==" not in block or "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_index_and_no_machine(name):
    text = (ROOT / name).read_text()

    assert re.findall(r"://|--index|--find-links|--extra|@ |file:", text) == []


def test_the_runtime_is_the_same_in_both_locks():
    runtime, everything = pins("requirements.txt"), pins("requirements-dev.txt")

    assert {name: everything.get(name) for name in runtime} == runtime


def test_the_face_engine_fits_into_the_environment_of_the_tools():
    engine, everything = pins("requirements-faces.txt"), pins("requirements-dev.txt")

    assert engine.keys() - everything.keys() == {"dlib-bin", "face-recognition-models"}
    assert {name: pin for name, pin in engine.items() if name in everything and everything[name] != pin} == {}


def test_the_runtime_has_no_tools_in_it():
    tools = {"chalice", "moto", "ministack", "pytest", "numpy", "scipy", "dlib-bin", "pip", "setuptools", "uv"}

    assert tools & pins("requirements.txt").keys() == set()


def test_the_runtime_fits_into_a_lambda_package():
    size = 0
    for name in pins("requirements.txt"):
        for file in importlib.metadata.files(name) or []:
            path = Path(str(file.locate()))
            if path.suffix != ".pyc" and path.is_file():
                size += path.stat().st_size

    assert 50_000_000 < size < LIMIT
