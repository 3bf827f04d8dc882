"""People of another system, row by row."""

import csv

import bcrypt
import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Tokens
from chalicelib.organizations.service import DEFAULT
from infra import import_users, stages
from infra.import_users import Import, Outcome, Row
from tests.system import world as worlds

pytestmark = pytest.mark.usefixtures("aws")

PASSWORD = "an old password of 2019"
DIGEST = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
ROWS = f"""email,phone,name,digest,roles,language
anna@old.example,,Anna,{DIGEST},,en
,+66812345678,Ben,{DIGEST},customer photographer,th
no address,,Carol,{DIGEST},,
dora@old.example,,Dora,5f4dcc3b5aa765d61d8327deb882cf99,,
ANNA@old.example,,Anna Again,{DIGEST},,
erik@old.example,,Erik,{DIGEST},king,
frida@old.example,,Frida,{DIGEST},,fr
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(stages, "enter", lambda stage: None)
    monkeypatch.setattr(import_users, "AT_ONCE", 1)
    path = tmp_path / "people.csv"
    path.write_text(ROWS, encoding="utf-8-sig")
    return path


def stored():
    return len(next(items for name, items in worlds.tables().items() if name.endswith("-accounts")))


def outcomes(file, *words):
    code = import_users.main([str(file), *words])
    with file.with_suffix(".report.csv").open(newline="") as opened:
        return code, {int(row["line"]): row["outcome"] for row in csv.DictReader(opened)}


EXPECTED = {
    2: "imported",
    3: "imported",
    4: "refused",
    5: "refused",
    6: "there already",
    7: "refused",
    8: "refused",
}


def test_each_row_is_told_and_the_good_ones_log_in(file, capsys):
    assert outcomes(file) == (1, EXPECTED)

    logged_in = accounts.log_in(DEFAULT, email="anna@old.example", password=PASSWORD)
    assert isinstance(logged_in, Tokens)
    ben = accounts.find_by_address(DEFAULT, phone="+66812345678")
    told = capsys.readouterr().out
    assert logged_in.user.name == "Anna"
    assert ben.roles == {"customer", "photographer"}
    assert (ben.verified, ben.language) == (True, "th")
    assert "unknown_digest" in told
    assert "old.example" not in told


def test_a_second_run_leaves_what_is_there_alone(file):
    outcomes(file)
    before = stored()

    again = outcomes(file)

    assert again[1] == EXPECTED | {2: "there already", 3: "there already"}
    assert stored() == before


def test_a_run_that_was_stopped_goes_on(file):
    rows = import_users.rows_of(file)
    stopped = Import(DEFAULT).run(rows)
    assert next(stopped).outcome is Outcome.IMPORTED
    stopped.close()

    assert outcomes(file)[1][3] in ("imported", "there already")
    assert accounts.find_by_address(DEFAULT, phone="+66812345678") is not None


def test_a_dry_run_says_the_same_and_writes_nothing(file):
    before = stored()

    assert outcomes(file, "--dry-run") == (1, EXPECTED)
    assert stored() == before


def test_a_row_of_another_length_is_refused():
    (row,) = Import(DEFAULT).run([{"email": "x@old.example", "name": "X", "digest": None}])

    assert row == Row(2, Outcome.REFUSED, problem="another number of fields than headings")


@pytest.mark.parametrize("content", [b"", b"email,name,password\n", b"name,digest\n", b"email,name,digest\n\xff\xfe"])
def test_a_file_of_another_kind_is_refused_whole(file, content, capsys):
    file.write_bytes(content)

    assert import_users.main([str(file)]) == 1
    assert not file.with_suffix(".report.csv").exists()


def test_a_stage_that_is_not_reached_is_told(file, monkeypatch, capsys):
    def away(stage):
        raise stages.NotReached("Nothing runs on this machine")

    monkeypatch.setattr(stages, "enter", away)

    assert import_users.main([str(file)]) == 1
    assert "Nothing runs" in capsys.readouterr().out


def test_help_tells_the_columns(capsys):
    with pytest.raises(SystemExit):
        import_users.main(["--help"])

    assert "digest" in capsys.readouterr().out
