import io
import json
import threading

import pytest

from chalicelib.core import ids, log


@pytest.fixture
def lines():
    stream = io.StringIO()
    log.configure(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    log.configure()


@pytest.mark.parametrize(("write", "level"), [(log.info, "INFO"), (log.warning, "WARNING"), (log.error, "ERROR")])
def test_a_line_is_one_json_object(lines, write, level):
    write("order placed", order="ord_1", count=2, state=None)

    [line] = lines()
    assert line.pop("at").endswith("Z")
    assert line == {"level": level, "message": "order placed", "correlation": "-", "order": "ord_1", "count": 2}


@pytest.mark.parametrize("name", ["email", "body", "token", "headers", "password", "exc_info"])
def test_a_field_that_is_not_listed_raises_and_writes_nothing(lines, name):
    with pytest.raises(ValueError, match=name):
        log.info("registered", **{name: "x"})

    assert lines() == []


def test_a_line_break_in_a_value_starts_no_line(lines):
    log.info("event", event='x"\n{"level": "ERROR"}')

    assert [line["event"] for line in lines()] == ['x"\n{"level": "ERROR"}']


def test_an_object_is_told_by_its_class_only(lines):
    log.error("refused", error=ValueError("4111 1111 1111 1111"))

    assert lines()[0]["error"] == "<ValueError>"


def test_everything_inside_carries_the_correlation(lines):
    with log.correlated("req-1"):
        log.info("outer")
        with log.correlated("msg-2"):
            log.info("inner")
        log.info("outer again")

    assert [line["correlation"] for line in lines()] == ["req-1", "msg-2", "req-1"]
    assert log.correlation() == "-"


def test_a_missing_correlation_is_made_up():
    with log.correlated(None) as made:
        assert log.correlation() == made

    assert ids.is_id("cor", made)


def test_the_correlation_goes_back_after_an_error():
    with pytest.raises(KeyError), log.correlated("req-1"):
        raise KeyError

    assert log.correlation() == "-"


def test_threads_do_not_share_a_correlation():
    seen = []
    with log.correlated("req-1"):
        thread = threading.Thread(target=lambda: seen.append(log.correlation()))
        thread.start()
        thread.join()

    assert seen == ["-"]


def test_a_bug_names_its_class_and_place_but_not_its_text(lines):
    def fail():
        raise LookupError("somebody@example.com")

    try:
        fail()
    except LookupError as failure:
        log.bug("job failed", failure, handler="orders.fulfil")

    [line] = lines()
    module, _, number = line["where"].rpartition(":")
    assert (line["level"], line["error"], line["handler"]) == ("ERROR", "LookupError", "orders.fulfil")
    assert (module, number.isdigit()) == (__name__, True)
    assert "somebody" not in json.dumps(line)


def test_a_bug_that_was_never_raised_has_no_place(lines):
    log.bug("job failed", KeyError("x"))

    assert (lines()[0]["error"], lines()[0]["where"]) == ("KeyError", "?")


def test_lines_go_to_standard_output_unless_told_otherwise(capsys):
    log.info("one", count=1)

    assert json.loads(capsys.readouterr().out)["count"] == 1


def test_the_first_line_of_a_process_is_written(capsys):
    log._logger.handlers.clear()

    log.info("one", count=1)

    assert json.loads(capsys.readouterr().out)["count"] == 1


def test_thai_stays_readable(capsys):
    log.info("event", event="งานวิ่ง")

    assert "งานวิ่ง" in capsys.readouterr().out


def test_what_is_adopted_holds_until_the_block_ends(lines):
    with log.correlated("req-1"):
        with log.correlated(None):
            log.adopt("req-of-the-photo")
            log.info("inner")
            log.adopt(None)
            log.info("inner again")
        log.info("outer")

    assert [line["correlation"] for line in lines()] == ["req-of-the-photo", "req-of-the-photo", "req-1"]
    assert log.correlation() == "-"


@pytest.mark.parametrize("function", ["on_upload", "thepixstock-test-on_upload"])
def test_a_line_names_the_function_the_call_and_the_trace(lines, monkeypatch, function):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-67891233-abcdef012345678912345678;Sampled=1")
    monkeypatch.setattr(log, "_warm", {"on_upload"})

    with log.called(function, "call-1"):
        log.info("handled", photo="pho_1")
    log.info("afterwards")

    inside, outside = lines()
    del inside["at"]
    assert inside == {
        "level": "INFO",
        "message": "handled",
        "correlation": "call-1",
        "function": "on_upload",
        "lambda": "call-1",
        "trace": "1-67891233-abcdef012345678912345678",
        "photo": "pho_1",
    }
    assert outside.keys() == {"at", "level", "message", "correlation"}


def test_the_first_call_of_a_function_is_cold(lines, monkeypatch):
    monkeypatch.setattr(log, "_warm", set())

    for function, call in [("api", "a"), ("api", "b"), ("relay", "c")]:
        with log.called(function, call):
            log.info("at work")

    assert [line.get("cold") for line in lines()] == [True, None, True]


def test_a_call_inside_which_something_has_a_correlation_keeps_both(lines):
    with log.called("on_job", "call-1"), log.correlated("req-1"):
        log.info("handled")

    assert (lines()[0]["correlation"], lines()[0]["lambda"]) == ("req-1", "call-1")


def test_a_field_can_not_pass_for_the_call(lines):
    with log.called("api", "call-1"), pytest.raises(ValueError, match="function"):
        log.info("answered", function="relay")

    assert lines() == []
