"""`python3 -m infra proof`: which suites it runs, how it adds figures up, when it fails."""

import json
from pathlib import Path

import pytest

from infra import proof
from infra.proof import AREAS, Figure, gathered

ROOT = Path(__file__).resolve().parents[2]


def suites(*paths: str) -> list[Path]:
    """The test files behind files and folders."""
    found = []
    for path in paths:
        here = ROOT / path
        found += sorted(here.rglob("test_*.py")) if here.is_dir() else [here]
    return found


def test_every_system_test_belongs_to_exactly_one_area():
    listed = [file for area, paths in AREAS.items() if area != "coverage" for file in suites(*paths)]

    assert sorted(listed) == suites("tests/system")


def test_coverage_is_that_of_every_rooms_own_tests():
    rooms = {folder.name for folder in (ROOT / "chalicelib").iterdir() if folder.is_dir()}
    ignored = {word.rpartition("/")[2] for word in AREAS["coverage"] if word.startswith("--ignore")}

    assert AREAS["coverage"][0] == "tests"
    assert {folder.parent.name for folder in (ROOT / "tests").glob("*/test_*.py")} - ignored <= rooms
    assert not ignored & rooms


def test_counts_of_one_figure_are_added_up_and_others_stay_apart():
    told = [
        Figure("crash", "nothing is lost", "{faults:,} faults", {"faults": 999}),
        Figure("crash", "nothing is lost", "controls hold"),
        Figure("crash", "nothing is lost", "{faults:,} faults", {"faults": 1}),
    ]

    found = gathered(json.dumps(vars(figure)) for figure in told)

    assert [str(figure) for figure in found] == ["1,000 faults", "controls hold"]


SUITES = {
    "good": "def test_it(figure, full): figure('crash', 'it holds', '{n} of 1', n=int(full))",
    "silent": "def test_it(): pass",
    "wrong": "def test_it(figure): figure('crash', 'it holds', '0 of 1'); assert False",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A place to run, with three suites."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "conftest.py").write_text("from tests.figures import figure, full, pytest_addoption")
    for name, text in SUITES.items():
        (tmp_path / f"test_{name}.py").write_text(text)
    monkeypatch.setattr(proof, "WORKERS", "0")
    monkeypatch.setattr(proof, "AREAS", {name: [f"test_{name}.py"] for name in SUITES})
    (tmp_path / "docs").mkdir()
    return tmp_path


def test_a_proof_runs_at_full_scale_and_shows_one_table(folder, capsys):
    (folder / "docs" / "reliability.md").write_text(
        "Before.\n<!-- figures -->\nstale\n<!-- end of figures -->\nAfter.\n"
    )

    code = proof.main(["good", "--document"])

    said = capsys.readouterr().out
    kept = json.loads((folder / ".local" / "proof" / "figures.json").read_text())
    assert code == 0
    assert {name: held["passed"] for name, held in kept["areas"].items()} == {"good": True}
    assert [told["figure"] for told in kept["areas"]["good"]["figures"]] == ["1 of 1"]
    assert "it holds" in said
    assert "Every promise held." in said
    text = (folder / "docs" / "reliability.md").read_text()
    assert "| good | it holds | 1 of 1 |" in text
    assert "stale" not in text
    assert text.startswith("Before.\n")
    assert text.endswith("\nAfter.\n")


def test_a_suite_that_fails_or_tells_no_figure_fails_the_proof_and_other_areas_stay(folder, capsys):
    proof.main(["good"])
    code = proof.main(["silent", "wrong"])

    said = capsys.readouterr().out
    kept = json.loads((folder / ".local" / "proof" / "figures.json").read_text())
    assert code == 1
    assert {name: held["passed"] for name, held in kept["areas"].items()} == {
        "good": True,
        "silent": False,
        "wrong": False,
    }
    assert "Failed: silent, wrong." in said
    assert [told["figure"] for told in kept["areas"]["wrong"]["figures"]] == ["0 of 1"]


def test_areas_are_listed_and_others_refused(capsys):
    assert proof.main(["--list"]) == 0
    assert "tests/system/crash" in capsys.readouterr().out

    with pytest.raises(SystemExit):
        proof.main(["no-such-area"])
    assert "no area no such area" in capsys.readouterr().err
