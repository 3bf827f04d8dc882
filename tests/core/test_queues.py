import json
from typing import Any

import pytest

from chalicelib.core import clock, log, queues
from chalicelib.core.aws import client
from chalicelib.core.errors import Unavailable
from chalicelib.core.queues import Fact, Outcome, consume, encode, handlers_of, on, send, tell
from tests import logged
from tests.core.scripts import Script, failure, queued
from tests.stack import ENVIRONMENT


class LampLit(Fact):
    lamp: str
    brightness: int = 100


class LampBroken(Fact):
    lamp: str


class Heard:
    """What the handlers of this module were told, and under which correlation."""

    def __init__(self) -> None:
        self.facts: list[tuple[str, Fact]] = []
        self.correlations: list[str] = []


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """Handlers for a fresh register."""
    monkeypatch.setattr(queues, "_handlers", {})
    monkeypatch.setattr(queues, "_unopened", [])
    seen = Heard()

    @on(LampLit)
    def count(fact: LampLit) -> Outcome:
        seen.facts.append(("count", fact))
        seen.correlations.append(log.correlation())
        return Outcome.SUCCESS

    @on(LampLit, queue="emails")
    def mail(fact: LampLit) -> Outcome:
        if fact.lamp == "poison":
            raise LookupError("no lamp of somebody@example.com")
        seen.facts.append(("mail", fact))
        return Outcome.SKIPPED

    return seen


NAME = "tests.core.test_queues"


def message(handler: str = f"{NAME}.count", fact: str = "LampLit", correlation: Any = "req-1", **body: Any) -> str:
    whole = {"handler": handler, "fact": fact, "correlation": correlation, "body": {"organization": "org_1", **body}}
    return json.dumps(whole)


def batch(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": f"m{number}", "body": body, "eventSourceARN": "arn:aws:sqs:us-east-1:1:shop-jobs"}
            for number, body in enumerate(bodies)
        ]
    }


def failed(*names: str) -> dict[str, list[dict[str, str]]]:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


# --- registering --------------------------------------------------------------------------------------------


def test_a_fact_is_known_by_its_name():
    assert Fact.known["LampLit"] is LampLit


def test_two_facts_of_one_name_are_refused():
    with pytest.raises(TypeError, match="two facts are called LampLit"):
        type("LampLit", (Fact,), {"__module__": __name__})


def test_a_fact_ignores_what_a_newer_deploy_added():
    assert LampLit.model_validate({"organization": "o", "lamp": "l", "added": 1}) == LampLit(organization="o", lamp="l")


def test_handlers_are_found_by_fact(heard):
    assert [(handler.name, handler.queue) for handler in handlers_of("LampLit")] == [
        (f"{NAME}.count", "jobs"),
        (f"{NAME}.mail", "emails"),
    ]
    assert handlers_of("LampBroken") == []


def test_a_handler_of_a_domain_is_named_after_it(heard):
    def fulfil(fact: LampLit) -> Outcome:
        return Outcome.SUCCESS

    fulfil.__module__ = "chalicelib.lines.photos.jobs"
    on(LampLit)(fulfil)

    assert handlers_of("LampLit")[-1].name == "lines.photos.fulfil"


def test_two_handlers_of_one_name_are_refused(heard):
    def count(fact: LampBroken) -> Outcome:
        return Outcome.SUCCESS

    with pytest.raises(TypeError, match="two handlers are called"):
        on(LampBroken)(count)


def test_a_handler_stays_callable(heard):
    @on(LampBroken)
    def note(fact: LampBroken) -> Outcome:
        return Outcome.SKIPPED

    assert note(LampBroken(organization="org_1", lamp="l")) is Outcome.SKIPPED


# --- consuming ----------------------------------------------------------------------------------------------


def test_each_message_runs_its_handler(heard):
    answer = consume(batch(message(lamp="a"), message(f"{NAME}.mail", lamp="b", brightness=7)))

    assert answer == failed()
    assert heard.facts == [
        ("count", LampLit(organization="org_1", lamp="a")),
        ("mail", LampLit(organization="org_1", lamp="b", brightness=7)),
    ]


@pytest.mark.parametrize(
    "poison",
    [
        message(f"{NAME}.mail", lamp="poison"),
        message(f"{NAME}.unknown", lamp="a"),
        message(lamp=7),
        message(),
        "{",
        "",
        "[]",
        "null",
        '"text"',
        "{}",
        json.dumps({"handler": ["x"]}),
        json.dumps({"handler": f"{NAME}.count", "correlation": "c"}),
    ],
)
def test_a_message_that_fails_fails_alone(heard, poison):
    answer = consume(batch(message(lamp="a"), poison, message(lamp="b")))

    assert answer == failed("m1")
    assert [fact.lamp for _, fact in heard.facts] == ["a", "b"]


def test_every_failed_message_is_told(heard):
    assert consume(batch("{", message(lamp="a"), "[")) == failed("m0", "m2")


def test_a_failure_is_logged_without_its_text(heard, capsys):
    consume(batch(message(f"{NAME}.mail", lamp="poison")))

    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["error"], line["queue"], line["correlation"]) == ("LookupError", "shop-jobs", "req-1")
    assert "somebody" not in json.dumps(line)


@pytest.mark.parametrize("correlation", [7, ["x"], {}, None])
def test_an_odd_correlation_stops_no_message(heard, correlation):
    assert consume(batch(message(correlation=correlation, lamp="a"))) == failed()


def test_the_correlation_comes_along(heard):
    consume(batch(message(correlation="req-1", lamp="a"), message(correlation="req-2", lamp="b")))

    assert heard.correlations == ["req-1", "req-2"]
    assert log.correlation() == "-"


def test_the_outcome_is_logged(heard, capsys):
    consume(batch(message(f"{NAME}.mail", lamp="a")))

    line = json.loads(capsys.readouterr().out)
    assert (line["message"], line["outcome"], line["handler"]) == ("handled", "skipped", f"{NAME}.mail")


def test_a_death_is_no_failure_of_a_message(heard):
    def die(message: dict[str, Any]) -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume(batch("{}"), foreign=die)


def test_a_message_in_a_foreign_shape_goes_to_the_one_who_knows_it(heard):
    taken: list[dict[str, Any]] = []

    def take(message: dict[str, Any]) -> Outcome:
        taken.append(message)
        return Outcome.SUCCESS

    answer = consume(batch('{"Records": []}', message(lamp="a")), foreign=take)

    assert answer == failed()
    assert taken == [{"Records": []}]
    assert [fact.lamp for _, fact in heard.facts] == ["a"]


# --- sending ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "calls"), [(0, 0), (1, 1), (10, 1), (11, 2), (25, 3)])
def test_messages_go_ten_a_call(scripted, count, calls):
    script: Script = scripted("sqs", "SendMessageBatch")

    send("jobs", [json.dumps({"n": number}) for number in range(count)])

    assert script.calls == calls
    assert sorted(each["n"] for each in queued("jobs")) == list(range(count))


def test_one_entry_that_sqs_refuses_is_told(scripted):
    http, _ = failure("unused", status=200)
    refused = {"Id": "0", "SenderFault": False, "Code": "InternalError"}
    scripted("sqs", "SendMessageBatch").answers = [(http, {"Successful": [], "Failed": [refused]})]

    with pytest.raises(Unavailable, match="queue_unavailable") as refusal:
        send("jobs", ["{}"])
    assert refusal.value.retry_after == 5


def test_a_fact_told_at_once_goes_to_each_handlers_queue(heard, aws):
    with log.correlated("req-9"):
        tell(LampLit(organization="org_1", lamp="a"))

    [job], [mail] = list(queued("jobs")), list(queued("emails"))
    assert job.pop("at") <= clock.stamp(clock.now())
    assert job == {
        "handler": f"{NAME}.count",
        "fact": "LampLit",
        "correlation": "req-9",
        "id": "",
        "body": {"organization": "org_1", "lamp": "a", "brightness": 100},
    }
    assert mail["handler"] == f"{NAME}.mail"


def test_a_fact_may_be_kept_back_for_a_while(heard, aws):
    tell(LampLit(organization="org_1", lamp="a"), delay=600)

    assert list(queued("jobs")) == []
    url = ENVIRONMENT["PIX_JOBS_QUEUE"]
    held = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (held["ApproximateNumberOfMessages"], held["ApproximateNumberOfMessagesDelayed"]) == ("0", "1")


def test_a_fact_told_to_nobody_is_a_bug(heard, aws):
    with pytest.raises(LookupError, match="LampBroken"):
        tell(LampBroken(organization="org_1", lamp="a"))


def test_what_is_encoded_is_what_is_consumed(heard):
    handler = handlers_of("LampLit")[0]
    fact = LampLit(organization="org_1", lamp="โคมไฟ")

    answer = consume(batch(encode(handler, "LampLit", fact.model_dump(mode="json"), "req-1")))

    assert (answer, heard.facts) == (failed(), [("count", fact)])


def test_the_probe_asks_sqs(scripted):
    script: Script = scripted("sqs", "GetQueueAttributes")
    queues.probe()
    script.answers = [failure("AccessDenied", status=403)]

    with pytest.raises(client("sqs").exceptions.ClientError):
        queues.probe()
    assert script.calls == 2


# --- what is logged -----------------------------------------------------------------------------------------


def test_a_handled_message_tells_what_it_is_about_and_nothing_else_of_the_body(heard):
    body = {"lamp": "a", "order": "ord_1", "photo": "pho_1", "email": "somebody@example.com"}

    with logged.lines() as told:
        consume(batch(message(**body)))

    [line] = told()
    assert line.pop("ms") >= 0
    assert {name: line[name] for name in line.keys() - {"at", "level"}} == {
        "message": "handled",
        "correlation": "req-1",
        "handler": f"{NAME}.count",
        "fact": "LampLit",
        "organization": "org_1",
        "order": "ord_1",
        "photo": "pho_1",
        "outcome": "success",
    }


def test_a_failed_message_tells_what_it_was_about(heard):
    with logged.lines() as told:
        consume(batch(message(f"{NAME}.mail", lamp="poison", order="ord_1")))

    [line] = told()
    names = ("message", "handler", "fact", "order", "correlation", "error")
    assert [line[name] for name in names] == [
        "message failed", f"{NAME}.mail", "LampLit", "ord_1", "req-1", "LookupError",
    ]  # fmt: skip


def test_work_that_finds_its_cause_is_logged_under_it_whether_it_succeeds_or_fails(heard):
    def take(message: dict[str, Any]) -> Outcome:
        log.adopt(message["of"])
        if message["fails"]:
            raise LookupError
        return Outcome.SUCCESS

    bodies = [json.dumps({"of": "req-a", "fails": False}), json.dumps({"of": "req-b", "fails": True}), "{"]
    with logged.lines() as told:
        consume(batch(*bodies), foreign=take)

    good, bad, broken = told()
    assert [good["correlation"], bad["correlation"]] == ["req-a", "req-b"]
    assert (good["message"], bad["message"], broken["message"]) == ("handled", "message failed", "message failed")
    assert broken["correlation"].startswith("cor_")
