"""`python3 -m infra`: what it lists, what it refuses, what it starts."""

import ast
import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

from chalicelib.core.settings import Settings
from infra import __main__ as launcher
from infra import checks, openapi, workspace


def call(*words: str) -> list[str]:
    return launcher.module_call(*launcher.read(list(words)))


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        launcher.parser().parse_args(["--help"])

    said = capsys.readouterr().out
    assert ended.value.code == 0
    for command in launcher.COMMANDS:
        assert f"\n    {command}" in said


def test_each_command_starts_its_module(tmp_path):
    assert call("demo") == ["infra.local.demo"]
    assert call("demo", "--photos", str(tmp_path)) == ["infra.local.demo", "--photos", str(tmp_path)]
    assert call("run", "--port", "0") == ["infra.local.run", "--port", "0"]
    assert call("reset") == ["infra.local.reset"]
    assert call("openapi") == ["infra.openapi"]
    assert (
        call("audit-ledger", "--stage", "prod")
        == call("audit", "--stage", "prod")
        == ["infra.audit", "--stage", "prod"]
    )
    assert call("check") == ["infra.checks"]
    assert call("proof", "crash", "--list") == ["infra.proof", "crash", "--list"]


def test_a_command_that_reads_its_own_arguments_gets_them_as_they_are():
    assert call("rotate", "jwt", "--stage", "prod", "--help") == ["infra.rotate", "jwt", "--stage", "prod", "--help"]


@pytest.mark.parametrize("command", [name for name, (module, _) in launcher.COMMANDS.items() if module])
def test_the_module_of_each_command_exists(command):
    assert importlib.util.find_spec(launcher.COMMANDS[command][0]) is not None


def test_what_follows_test_is_for_pytest():
    assert call("test", "--", "-k", "cart", "-x") == [*call("test"), "-k", "cart", "-x"]
    assert call("test", "tests/infra") == [*call("test"), "tests/infra"]


def test_a_relative_photo_folder_is_found_from_where_the_person_stands(tmp_path, monkeypatch):
    (tmp_path / "holiday").mkdir()
    monkeypatch.chdir(tmp_path)

    assert call("demo", "--photos", "holiday")[-1] == str(tmp_path / "holiday")


@pytest.mark.parametrize(
    "words", [[], ["dance"], ["reset", "--hard"], ["demo", "--photos", "no-such-folder"], ["run", "--port", "x"]]
)
def test_a_wrong_command_line_is_refused_before_anything_is_made(words, capsys):
    with pytest.raises(SystemExit) as ended:
        launcher.read(words)

    assert ended.value.code == 2
    assert "usage: python3 -m infra" in capsys.readouterr().err


def test_an_old_python_is_refused_with_advice():
    assert "Python 3.9, and the project needs 3.11 or newer" in str(launcher.refusal((3, 9), "posix", "infra"))
    assert launcher.refusal((3, 11), "posix", "infra") is None
    assert launcher.refusal((3, 13), "posix", "infra") is None


def test_windows_and_a_start_that_is_no_module_are_refused_with_advice():
    assert "WSL" in str(launcher.refusal((3, 12), "nt", "infra"))
    assert "python3 -m infra" in str(launcher.refusal((3, 12), "posix", None))


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py"])
def test_an_old_python_can_read_the_files_that_refuse_it(name):
    source = (launcher.ROOT / "infra" / name).read_text()

    ast.parse(source, feature_version=(3, 7))


def test_main_becomes_the_command_in_the_project_folder(monkeypatch, tmp_path):
    started = []
    monkeypatch.setattr(sys, "argv", ["infra", "reset"])
    monkeypatch.setattr(workspace, "prepare", lambda root: root / ".venv/bin/python")
    monkeypatch.setattr(os, "execv", lambda python, argv: started.append((python, argv, Path.cwd())))
    monkeypatch.chdir(tmp_path)

    launcher.main()

    python = launcher.ROOT / ".venv/bin/python"
    assert started == [(python, [str(python), "-m", "infra.local.reset"], launcher.ROOT)]


def test_a_failed_setup_ends_with_its_reason(monkeypatch):
    def fail(root: Path) -> Path:
        raise workspace.SetupFailed("Install python3.11-venv.")

    monkeypatch.setattr(sys, "argv", ["infra", "setup"])
    monkeypatch.setattr(workspace, "prepare", fail)

    with pytest.raises(SystemExit, match=r"Install python3\.11-venv\."):
        launcher.main()


def test_ctrl_c_during_setup_ends_cleanly(monkeypatch, capsys):
    def interrupt(root: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["infra", "demo"])
    monkeypatch.setattr(workspace, "prepare", interrupt)

    with pytest.raises(SystemExit) as ended:
        launcher.main()

    assert ended.value.code == 130
    assert "Stopped." in capsys.readouterr().err


def test_check_runs_every_tool_and_one_failure_fails_it(capsys):
    good = [sys.executable, "-c", "print('nothing to say')"]
    bad = [sys.executable, "-c", "print('line 3 is wrong'); raise SystemExit(2)"]

    assert checks.main({"first": bad, "second": good}) == 1

    said = capsys.readouterr().out
    assert "FAILED  first" in said
    assert "line 3 is wrong" in said
    assert "ok      second" in said
    assert "nothing to say" not in said
    assert said.endswith("check: first failed\n")
    assert checks.main({"second": good}) == 0


def test_check_covers_code_and_templates():
    assert list(checks.TOOLS) == ["mypy --strict", "ruff check", "ruff format", "import-linter", "cfn-lint"]
    assert {Path(file).name for file in checks.TEMPLATES} == {
        "account.yaml",
        "alarms.yaml",
        "data.yaml",
        "edge.yaml",
    }


def test_openapi_writes_what_the_app_serves(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))

    count = openapi.write(tmp_path / ".local" / "openapi.json")

    written = json.loads((tmp_path / ".local" / "openapi.json").read_text())
    assert written["openapi"] == "3.1.0"
    assert len(written["paths"]) == count
    assert "/health" in written["paths"]


def test_openapi_gives_the_app_valid_settings():
    given = {
        name.removeprefix("PIX_").lower(): value for name, value in openapi.SETTINGS.items() if name.startswith("PIX_")
    }

    assert Settings.model_validate(given).stage == "test"
