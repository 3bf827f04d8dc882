"""A call that goes out, and a receiver that does what it likes."""

import ssl
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import dns.exception
import dns.resolver
import pytest

from chalicelib.core import clock
from chalicelib.webhooks import addresses, calling, signing
from chalicelib.webhooks.model import LONGEST_ANSWER
from infra.local.authority import Authority
from infra.local.receiver import WAYS, Receiver

SECRET = signing.new_secret()
BODY = b'{"type":"order.created"}'


@pytest.fixture
def receiver():
    with Receiver(stage="test") as receiver:
        receiver.secrets = [SECRET]
        yield receiver


def call(receiver, *secrets, url=None, at=None, body=BODY):
    headers = signing.headers("dlv_1", at or clock.now(), body, secrets or (SECRET,))
    return calling.call(url or receiver.url, headers, BODY, local=True)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(calling, "PATIENCE", 0.6)


def test_a_receiver_believes_what_we_sign(receiver):
    answer = call(receiver)

    assert (answer.status, answer.taken, answer.error, answer.text) == (204, True, None, "")
    assert [(each.id, each.path, each.body, each.reason) for each in receiver.heard] == [("dlv_1", "/hooks", BODY, "")]


@pytest.mark.parametrize(
    "forged",
    [
        {"secrets": (signing.new_secret(),)},
        {"body": BODY + b" "},
        {"after": timedelta(minutes=-6)},
        {"after": timedelta(minutes=6)},
    ],
    ids=["another secret", "another body", "too old", "too new"],
)
def test_a_receiver_believes_nothing_else(receiver, forged):
    signed = {"at": clock.now() + forged.get("after", timedelta()), "body": forged.get("body", BODY)}

    answer = call(receiver, *forged.get("secrets", (SECRET,)), **signed)

    assert (answer.status, answer.taken, [each.verified for each in receiver.heard]) == (401, False, [False])


def test_each_secret_signs(receiver):
    other = signing.new_secret()

    headers = signing.headers("dlv_1", clock.now(), BODY, (other, SECRET))
    answers = [call(receiver, other, SECRET)]
    receiver.secrets = [other]
    answers.append(call(receiver, other, SECRET))

    assert [answer.taken for answer in answers] == [True, True]
    assert [part[:3] for part in headers["webhook-signature"].split(" ")] == ["v1,", "v1,"]


# (status, error, taken) of what comes within the time
MISDEEDS = {
    "error": (500, None, False),
    "busy": (503, None, False),
    "gone": (410, None, False),
    "redirect": (307, "redirected", False),
    "slow": (None, "timeout", False),
    "drip": (None, "timeout", False),
    "huge": (200, None, True),
    "endless": (200, None, True),
    "close": (None, "connection_failed", False),
    "garbage": (None, "answer_unreadable", False),
}


def test_every_misdeed_is_tried():
    assert MISDEEDS.keys() == WAYS.keys() - {"well"}


@pytest.mark.parametrize("way", MISDEEDS)
def test_a_misbehaving_receiver_costs_little(receiver, impatient, way):
    receiver.behave(way)
    before = time.monotonic()

    answer = call(receiver)

    assert (answer.status, answer.error, answer.taken) == MISDEEDS[way]
    assert len(answer.text) <= LONGEST_ANSWER
    assert time.monotonic() - before < receiver.hang / 2, "it would have held us up"
    assert [each.path for each in receiver.heard] == ["/hooks"], "nobody follows"


def test_what_is_kept_of_an_answer_does_nothing(receiver):
    receiver.behave("error")

    assert call(receiver).text == "<b>broken</b>\\r\\n\\x1b[31m\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain", "plain"),
        ("ขอบคุณ".encode(), "ขอบคุณ"),
        ("a\u202eb\u2028c\u00a0d".encode(), "a\\u202eb\\u2028c\\xa0d"),
        (b"\xff\x00", "\N{REPLACEMENT CHARACTER}\\x00"),
        (b"\x00" * 1000, ("\\x00" * 1000)[:LONGEST_ANSWER]),
    ],
)
def test_signs_that_are_not_printed_stand_as_their_codes(raw, shown):
    assert calling._legible(raw) == shown


def test_a_receiver_may_put_us_off(receiver):
    receiver.behave("busy")

    assert call(receiver).wait == timedelta(hours=2)


@pytest.mark.parametrize(
    ("told", "waits"),
    [("120", True), ("Fri, 31 Dec 9998 23:59:59 GMT", True), ("Fri, 31 Dec 1999 23:59:59 GMT", False),
     ("-5", False), ("soon", False), ("", False), ("9" * 40, False), ("Fri, 31 Dec 1999 23:59:59", False)],
)  # fmt: skip
def test_a_wish_is_seconds_or_a_date(told, waits):
    response: Any = SimpleNamespace(getheader=lambda name: told)

    wait = calling._wait_of(response)

    assert (wait is not None) is waits


def test_nobody_listening_is_a_failure(receiver):
    assert call(receiver, url="http://127.0.0.1:9/hooks").error == "connection_failed"


# --- TLS ------------------------------------------------------------------------------------------------------

HOST = "hooks.example.com"


@pytest.fixture
def shop(monkeypatch, tmp_path):
    """A receiver with TLS, whose name leads to this machine."""

    def shop(subject=HOST, *, known=True, **more):
        authority = Authority(subject, **more)
        shown, key = authority.keep(tmp_path)
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.load_cert_chain(shown, key)
        trust = ssl.create_default_context(cadata=authority.root if known else Authority().root)
        monkeypatch.setattr(calling, "trusted", lambda: trust)
        monkeypatch.setattr(calling, "names", lambda host: ["127.0.0.1"])
        monkeypatch.setattr(addresses, "is_public", lambda address: True)
        receiver = Receiver(stage="test", tls=served)
        receiver.secrets = [SECRET]
        monkeypatch.setattr(addresses, "PORTS", frozenset({receiver.port}))
        return receiver

    return shop


def test_a_certificate_of_the_host_is_believed(shop):
    with shop() as receiver:
        answer = call(receiver, url=f"https://{HOST}:{receiver.port}/hooks")

    assert (answer.status, answer.error, [each.verified for each in receiver.heard]) == (204, None, [True])


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": "other.example.com"},
        {"known": False},
        {"since": clock.now() - timedelta(days=30), "lasts": timedelta(days=1)},
    ],
    ids=["another host's", "of an authority that nobody knows", "run out"],
)
def test_a_wrong_certificate_is_not_believed(shop, wrong):
    with shop(**wrong) as receiver:
        answer = call(receiver, url=f"https://{HOST}:{receiver.port}/hooks")

    assert (answer.error, receiver.heard) == ("certificate_invalid", [])


def test_who_speaks_no_tls_is_no_receiver(monkeypatch, receiver, impatient):
    monkeypatch.setattr(calling, "names", lambda host: ["127.0.0.1"])
    monkeypatch.setattr(addresses, "is_public", lambda address: True)
    monkeypatch.setattr(addresses, "PORTS", frozenset({receiver.port}))

    answer = calling.call(f"https://{HOST}:{receiver.port}/hooks", {}, BODY, local=False)

    assert (answer.error in {"tls_failed", "timeout"}, receiver.heard) == (True, [])


# --- names ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (dns.resolver.NXDOMAIN(), LookupError),
        (dns.resolver.NoAnswer(), LookupError),
        (dns.resolver.LifetimeTimeout(), TimeoutError),
        (dns.resolver.NoNameservers(), TimeoutError),
    ],
    ids=lambda each: type(each).__name__,
)
def test_names_that_are_not_found(monkeypatch, failure, raised):
    def fail(*args, **options):
        raise failure

    monkeypatch.setattr(dns.resolver, "resolve_name", fail)

    with pytest.raises(raised):
        calling.names(HOST)


def test_names_are_asked_as_they_are_and_for_seconds_only(monkeypatch):
    asked = []

    class Found:
        def addresses(self):
            return iter(["1.1.1.1"])

    def resolve(name, **options):
        asked.append((name, options))
        return Found()

    monkeypatch.setattr(dns.resolver, "resolve_name", resolve)

    assert calling.names(HOST) == ["1.1.1.1"]
    assert asked == [(f"{HOST}.", {"lifetime": 3.0})]


def test_the_receiver_takes_no_part_in_other_stages():
    with pytest.raises(RuntimeError, match="takes no part"):
        Receiver(stage="prod")
