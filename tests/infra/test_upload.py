"""The photographer's uploader, where it meets files that grow, an API that is busy and tokens that run out."""

from json import dumps
from typing import Any

import pytest
import requests
from rich.console import Console

from infra import upload
from infra.upload import Account, File, Refused, Result


class Said:
    """An API that answers from a list: (status, error code, data), or a failure to reach it."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Any, str | None]] = []

    def request(self, method: str, url: str, json: Any, headers: dict[str, str], timeout: float) -> requests.Response:
        assert timeout
        self.asked.append((method, url, json, headers.get("Authorization")))
        told = self.answers.pop(0)
        if isinstance(told, Exception):
            raise told
        status, code, data = told
        answer = requests.Response()
        answer.status_code = status
        answer.headers.update({"Content-Type": "application/json", "Retry-After": "7"})
        error = {"code": code, "message": f"It said {code}."} if code else None
        answer._content = dumps({"data": data, "error": error}).encode()
        return answer


@pytest.fixture
def waited() -> list[float]:
    return []


def account(said: Said, waited: list[float], **given: Any) -> Account:
    made = Account("http://api", pause=waited.append, **given)
    made._local.session = said
    return made


def test_it_waits_as_long_as_a_busy_api_tells_it_to(waited):
    said = Said((429, "too_many_requests", None), requests.ConnectionError("gone"), (200, None, "photos"))

    assert account(said, waited).call("GET", "/x") == "photos"
    assert waited == [7.0, 1.0]


def test_an_api_that_is_never_there_is_told_with_its_reason(waited):
    said = Said(*[requests.ConnectionError("gone")] * 6)

    with pytest.raises(Refused, match="gone"):
        account(said, waited).call("GET", "/x")


def test_what_the_api_refuses_is_not_tried_again(waited):
    said = Said((403, "not_assigned", None))

    with pytest.raises(Refused, match=r"It said not_assigned\. \(not_assigned\)"):
        account(said, waited).call("POST", "/events/run/uploads", {})
    assert len(said.asked) == 1


def test_a_token_that_ran_out_is_renewed(waited):
    fresh = {"accessToken": "new", "refreshToken": "next"}
    said = Said((401, "token_expired", None), (200, None, fresh), (200, None, "photos"))

    made = account(said, waited, tokens={"accessToken": "old", "refreshToken": "once"})

    assert made.call("GET", "/x") == "photos"
    assert [token for *_, token in said.asked] == ["Bearer old", None, "Bearer new"]
    assert made.tokens == fresh


def test_a_second_factor_is_asked_for(waited):
    said = Said((200, None, {"secondFactor": {"challenge": "c"}}), (200, None, {"accessToken": "a"}))

    account(said, waited).log_in("+66812345678", "password", ask=lambda _question: " 123456 ")

    assert said.asked[0][2] == {"phone": "+66812345678", "password": "password"}
    assert said.asked[1][2] == {"challenge": "c", "code": "123456"}


# --- files --------------------------------------------------------------------------------------------------


def test_photos_are_found_in_folders_below_and_nothing_else_is(tmp_path):
    for name in ("b.JPG", "a/c.heic", "a/notes.txt", ".trash/d.jpg", "._e.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    assert [file.name for file in upload.photos_in(tmp_path)] == ["a/c.heic", "b.JPG"]


def test_a_watched_file_is_sent_once_when_it_has_stopped_growing(tmp_path):
    found = upload.arriving(tmp_path, lambda _seconds: None, 1.0)
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"half")
    assert next(found) == []
    photo.write_bytes(b"the whole")
    assert next(found) == []
    assert [file.name for file in next(found)] == ["a.jpg"]
    assert next(found) == []


def test_what_can_not_be_a_photo_is_told_before_anything_is_sent(tmp_path, waited):
    (tmp_path / "empty.jpg").touch()
    with (tmp_path / "huge.jpg").open("wb") as huge:
        huge.truncate(upload.LARGEST + 1)

    found = upload.Uploader(account(Said(), waited), "run").send(upload.photos_in(tmp_path))

    assert [(result.name, result.status, result.advice) for result in found] == [
        ("empty.jpg", "failed", "The file is empty."),
        ("huge.jpg", "failed", "Larger than 50 MB."),
    ]


def test_what_never_arrives_is_tried_thrice_and_told_as_unsent(tmp_path, waited, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(b"x")
    form = {"url": "http://127.0.0.1:9/", "fields": {}}
    entry = {"photoId": "pho_1", "status": "awaiting", "failure": None, "upload": form}
    told = {"id": "upl_1", "files": [entry]}
    said = Said((201, None, told), *[(200, None, told)] * 4)
    uploader = upload.Uploader(account(said, waited), "run")
    tries: list[File] = []

    def post(_form: Any, file: File) -> bool:
        tries.append(file)
        return False

    monkeypatch.setattr(uploader, "_post", post)

    (result,) = uploader.send(upload.photos_in(tmp_path))

    assert result.status == "unsent"
    assert len(tries) == 3
    assert result.advice


# --- command ------------------------------------------------------------------------------------------------


def test_the_report_goes_on_where_a_watcher_left_it(tmp_path):
    report = tmp_path / "report.csv"
    upload.write_report(report, [Result("a.jpg", "ready", "pho_1")], more=False)
    upload.write_report(report, [Result("b.jpg", "failed", "", "Upload it again.")], more=True)

    assert report.read_text().splitlines() == [
        "name,status,photo,advice",
        "a.jpg,ready,pho_1,",
        "b.jpg,failed,,Upload it again.",
    ]


def test_the_summary_counts_what_became_of_the_files():
    said = upload.summary([Result("a", "ready"), Result("b", "ready"), Result("c", "failed")])

    assert said == "2 ready, 1 failed"


def test_a_wrong_password_is_told_without_a_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PIX_PASSWORD", "wrong")
    monkeypatch.setattr(Account, "call", lambda *_: (_ for _ in ()).throw(Refused("Wrong.")))

    with pytest.raises(SystemExit) as ended:
        upload.main([str(tmp_path), "--event", "run", "--api", "http://127.0.0.1:9", "--login", "a@example.com"])

    assert ended.value.code == 1
    assert capsys.readouterr().err == "Wrong.\n"


def test_bars_move(capsys):
    with upload.bars(1, Console(force_terminal=True, width=100)) as tell:
        for step in ("read", "sent", "ready"):
            tell(step)

    assert "1/1" in capsys.readouterr().out
