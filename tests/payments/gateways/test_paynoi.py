"""PayNoi: the contract against its sandbox, then what is its own: amounts, times and signatures."""

import base64
import hashlib
import hmac
import io
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from string import Template

import pytest
from PIL import Image

from chalicelib.core import clock
from chalicelib.core.errors import Unauthorized, Unavailable, Unprocessable
from chalicelib.payments.gateways.contract import GatewayAccount, Notification, Picture
from chalicelib.payments.gateways.paynoi import WEBHOOK_LIMIT, PayNoi
from chalicelib.payments.gateways.wire import ANSWER_LIMIT
from infra.local.paynoi import PayNoiSandbox
from tests.payments.gateways.contract import Call, Ending, GatewayContract, LateMoneyContract, NoRefundContract, Trouble
from tests.payments.gateways.receiver import Answer, Receiver, receiver

KEY = secrets.token_hex(16)
ACCOUNT = GatewayAccount(KEY, "KBANK", "0812345678", "1")
STRANGER = GatewayAccount(secrets.token_hex(16), "KBANK", "0812345678", "1")
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n and so on").decode()


class PayNoiLab:
    account = ACCOUNT
    stranger = STRANGER
    currency = "THB"
    means = Picture
    lifetime = timedelta(minutes=15)

    def __init__(self, told: Receiver) -> None:
        self.offset = timedelta()
        self.told = told
        self.sandbox = PayNoiSandbox(
            KEY, f"{told.url}/hook", stage="test", now=lambda: clock.now() + self.offset, backoff=(0.05,) * 20
        )
        self.sandbox.start()
        self.gateway = PayNoi(self.sandbox.url, timeout=(2, 0.5))

    def finish(self, transaction_id: str, how: Ending) -> None:
        if how == "captured":
            self.sandbox.pay(transaction_id)
        else:
            self.sandbox.end(transaction_id, how)

    def overpay(self, transaction_id: str, amount: int) -> None:
        self.sandbox.pay(transaction_id, amount=amount)

    def pass_time(self, by: timedelta) -> None:
        self.offset += by

    def trouble(self, call: Call, kind: Trouble) -> None:
        self.sandbox.faults.set({call: {kind: 1}, "hang": 5})

    def webhook(self) -> tuple[bytes, dict[str, str]]:
        self.told.wait_for(1)
        return self.told.bodies[-1], self.told.headers[-1]

    def charges(self) -> list[str]:
        return [transaction.ref1 for transaction in self.sandbox.transactions()]

    def requests(self) -> int:
        calls = self.sandbox.stats()["calls"]
        assert isinstance(calls, dict)
        return sum(calls.values())


@pytest.fixture
def lab() -> Iterator[PayNoiLab]:
    with receiver() as told:
        made = PayNoiLab(told)
        yield made
        made.sandbox.stop()


class TestPayNoi(GatewayContract, LateMoneyContract, NoRefundContract):
    def test_a_charge_shows_a_qr_code_for_an_amount_within_a_tail_of_what_was_asked(self, lab: PayNoiLab) -> None:
        charge = lab.gateway.create(lab.account, amount=29900, currency="THB", reference="pay_1")

        assert 29900 < charge.payable < 30000
        assert isinstance(charge.means, Picture)
        with Image.open(io.BytesIO(charge.means.png)) as picture:
            assert picture.format == "PNG"
            assert picture.width >= 200

    def test_open_charges_of_one_price_ask_for_different_amounts(self, lab: PayNoiLab) -> None:
        charges = [
            lab.gateway.create(lab.account, amount=7900, currency="THB", reference=f"pay_{n}") for n in range(20)
        ]

        assert len({charge.payable for charge in charges}) == 20


def test_acknowledges_as_the_gateway_expects():
    assert PayNoi("http://127.0.0.1").acknowledgement(Notification("T1", "pay_1")) == {"status": 1}


def test_costs_a_cold_start_no_http_client():
    program = "import sys, chalicelib.payments.gateways.paynoi; sys.exit('requests' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


# What it sends


def test_a_request_says_exactly_what_the_gateway_documents(told):
    told.script.append(Answer(body=_created()))

    PayNoi(f"{told.url}/").create(ACCOUNT, amount=10005, currency="THB", reference="pay_1")

    assert told.paths == ["/ppay_api"]
    assert json.loads(told.bodies[0], parse_float=str) == {
        "method": "create",
        "api_key": KEY,
        "amount": "100.05",  # a JSON number, kept as it was written
        "ref1": "pay_1",
        "key_id": "KBANK",
        "account": "0812345678",
        "type": "1",
    }


def test_checking_and_cancelling_name_the_transaction(told):
    told.script.append(Answer(body=_checked()))

    PayNoi(told.url).check(ACCOUNT, "PN1")
    PayNoi(told.url).cancel(ACCOUNT, "PN1")

    assert [json.loads(body) for body in told.bodies] == [
        {"method": "check", "api_key": KEY, "trans_id": "PN1"},
        {"method": "cancel", "api_key": KEY, "trans_id": "PN1"},
    ]


# What it understands


def test_the_time_without_a_zone_is_thai(told):
    told.script.append(Answer(body=_created(expire_at="2026-11-21 00:14:59")))

    charge = PayNoi(told.url).create(ACCOUNT, amount=10000, currency="THB", reference="pay_1")

    assert charge.expires_at == datetime(2026, 11, 20, 17, 14, 59, tzinfo=UTC)


def test_the_time_with_a_zone_is_what_it_says(told):
    told.script.append(Answer(body=_created(expire_at="2026-11-21T00:14:59+00:00")))

    charge = PayNoi(told.url).create(ACCOUNT, amount=10000, currency="THB", reference="pay_1")

    assert charge.expires_at == datetime(2026, 11, 21, 0, 14, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "satang"),
    [
        ("100.24", 10024),
        ('"100.24"', 10024),
        ("100", 10000),
        ('"100"', 10000),
        ("100.20000", 10020),
        ("1.0024e2", 10024),
        ("0.01", 1),
        ("1.1", 110),
        ("33333333.33", 3333333333),
        ("4.35", 435),  # 434.99999999999994 as a float
    ],
)
def test_baht_become_satang_exactly(told, written, satang):
    told.script.append(Answer(body=_checked(amount=written)))

    assert PayNoi(told.url).check(ACCOUNT, "PN1").amount == satang


@pytest.mark.parametrize(
    "written",
    [
        "100.245",
        '"100.245"',
        "100.2400000000000000000000000000000000001",
        "-1",
        "0",
        '"-5"',
        '""',
        '"1e2"',
        '"NaN"',
        "NaN",
        "Infinity",
        "true",
        "null",
        "[100]",
        '"๑๐๐"',
        '" 100"',
        '"1,000"',
        "1e99",
        "1e-99",
        "1e999999999999",
        "1" * 5000,
        "1000000000",
        '"0x64"',
        '"1_000"',
        '"100."',
        "{}",
    ],
)
def test_any_other_amount_is_garbage(told, written):
    told.script.append(Answer(body=_checked(amount=written)))

    with pytest.raises(Unavailable):
        PayNoi(told.url).check(ACCOUNT, "PN1")


@pytest.mark.parametrize(
    ("amount", "check"),
    [("100.24", "10024"), ("100.24", '"10024"'), ("100", "10000"), ("99.87", "9987"), ("100.99", "10099")],
)
def test_a_tail_is_accepted_when_both_amounts_agree(told, amount, check):
    told.script.append(Answer(body=_created(amount=amount, amount_check=check)))

    charge = PayNoi(told.url).create(ACCOUNT, amount=10000, currency="THB", reference="pay_1")

    assert str(charge.payable) == check.strip('"')


@pytest.mark.parametrize(("amount", "check"), [("100.24", "10025"), ("100.24", "24"), ("100.24", "null")])
def test_amounts_that_disagree_are_garbage(told, amount, check):
    told.script.append(Answer(body=_created(amount=amount, amount_check=check)))

    with pytest.raises(Unavailable):
        PayNoi(told.url).create(ACCOUNT, amount=10000, currency="THB", reference="pay_1")


@pytest.mark.parametrize(("amount", "check"), [("101", "10100"), ("99", "9900"), ("1", "100"), ("10000", "1000000")])
def test_more_than_a_tail_is_never_shown_to_a_buyer(told, amount, check):
    told.script.append(Answer(body=_created(amount=amount, amount_check=check)))

    with pytest.raises(Unavailable):
        PayNoi(told.url).create(ACCOUNT, amount=10000, currency="THB", reference="pay_1")


@pytest.mark.parametrize(
    "broken",
    [
        {"trans_id": 17},
        {"trans_id": ""},
        {"trans_id": "PN 1"},
        {"trans_id": "P" * 65},
        {"trans_id": "PN1\n"},
        {"qr_image_base64": f"data:image/png;base64,{PNG}"},
        {"qr_image_base64": base64.b64encode(b"GIF89a").decode()},
        {"qr_image_base64": "not base64!"},
        {"qr_image_base64": None},
        {"expire_at": "tomorrow"},
        {"expire_at": 1763600000},
    ],
    ids=str,
)
def test_a_charge_that_cannot_be_shown_is_garbage(told, broken):
    told.script.append(Answer(body=_created(**broken)))

    with pytest.raises(Unavailable):
        PayNoi(told.url).create(ACCOUNT, amount=10000, currency="THB", reference="pay_1")


def test_a_status_of_another_transaction_is_garbage(told):
    told.script.append(Answer(body=_checked(trans_id="PN2")))

    with pytest.raises(Unavailable):
        PayNoi(told.url).check(ACCOUNT, "PN1")


def test_account_and_currency_are_reported_where_the_gateway_names_them(told):
    told.script.append(Answer(body=_checked(account="0899999999", currency="USD")))

    status = PayNoi(told.url).check(ACCOUNT, "PN1")

    assert (status.account, status.currency) == ("0899999999", "USD")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b""),
        Answer(body=b"[]"),
        Answer(body=b"null"),
        Answer(body=b"{}"),
        Answer(body=b'{"status": 1, "status": 0}'),
        Answer(body=b'{"status": 1'),
        Answer(body=b'\xff{"status": 1}'),
        Answer(body=b"[" * 100_000),
        Answer(body=b'{"status": 1}' + b" " * ANSWER_LIMIT),
        Answer(404, b"<h1>Not found</h1>"),
        Answer(429, b'{"status": 0, "msg": "slow down"}'),
        Answer(502, b'{"status": 1}'),
        Answer(302, b"", {"Location": "/elsewhere"}),
        Answer(200, b"not gzip", {"Content-Encoding": "gzip"}),
        Answer(200, b'{"status": 1}', {"Content-Length": "500"}),
    ],
    ids=lambda answer: f"{answer.status} {answer.body[:16]!r}",
)
def test_an_answer_that_makes_no_sense_is_unavailable(told, answer):
    told.script.append(answer)

    with pytest.raises(Unavailable, match="payment_gateway_unavailable"):
        PayNoi(told.url).cancel(ACCOUNT, "PN1")

    assert len(told.bodies) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b'{"status": 0, "msg": "canary"}'),
        Answer(200, b'{"status": "0"}'),
        Answer(200, b'{"status": null}'),
        Answer(400, b'{"status": 0, "msg": "canary"}'),
        Answer(401, b'{"status": 1}'),
    ],
    ids=lambda answer: f"{answer.status} {answer.body!r}",
)
def test_a_refusal_is_told_without_its_words(told, answer, caplog):
    told.script.append(answer)

    with pytest.raises(Unprocessable, match="payment_gateway_refused") as raised:
        PayNoi(told.url).cancel(ACCOUNT, "PN1")

    assert "canary" not in f"{raised.value}{raised.value.message}{caplog.text}"


def test_nobody_listening_is_unavailable():
    with receiver() as gone:
        url = gone.url

    with pytest.raises(Unavailable):
        PayNoi(url).check(ACCOUNT, "PN1")


# Whose webhook it accepts


def test_whitespace_order_escapes_and_nesting_are_signed_as_they_stand():
    plain = '{"trans_id":"PN1","ref1":"pay_1","amount":100.24}'
    for data in (
        plain,
        '{ "trans_id" :\t"PN1",\r\n "ref1": "pay_1" }',
        '{"ref1":"pay_1","amount":100.240,"trans_id":"PN1"}',
        '{"trans_id":"PN1","ref1":"pay_1","note":"ขอบคุณ"}',
        '{"trans_id":"\\u0050N1","ref1":"pay\\u005f1","note":"\\u0e02\\ud83d\\ude00 \\" } , { \\\\"}',
        '{"trans_id":"PN1","ref1":"pay_1","note":"}\\"}, \\"signature\\": \\"x"}',
        '{"trans_id":"PN1","ref1":"pay_1","more":{"data":{"trans_id":"PN2"},"signature":"x","list":[{},[]]}}',
    ):
        for raw in (
            f'{{"data":{data},"signature":"{_sign(data)}"}}',
            f'{{"signature":"{_sign(data)}","data":{data}}}',
            f' {{ "event" : 1.5e3 , "signature" : "{_sign(data)}" , "data" : {data} }} \n',
            f'{{"data":{data},"signature":"{_sign(data, base64_=True)}"}}',
        ):
            assert PayNoi("").verify(ACCOUNT, raw.encode(), {}) == Notification("PN1", "pay_1"), raw


def test_the_previous_key_counts_until_it_is_taken_away():
    raw = _webhook(key=STRANGER.api_key)
    rotating = GatewayAccount(KEY, "KBANK", "0812345678", "1", previous_api_key=STRANGER.api_key)

    assert PayNoi("").verify(rotating, raw, {}) == Notification("PN1", "pay_1")
    _refused(raw)


@pytest.mark.parametrize("previous", [None, ""])
def test_a_key_that_is_not_set_signs_nothing(previous):
    for raw in (_webhook(key=""), _webhook(key="None")):
        with pytest.raises(Unauthorized):
            PayNoi("").verify(GatewayAccount("", "KBANK", "0812345678", "1", previous), raw, {})


DATA = '{"trans_id":"PN1","ref1":"pay_1"}'


def _sign(data: str, key: str = KEY, *, base64_: bool = False) -> str:
    digest = hmac.new(key.encode(), data.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode() if base64_ else digest.hex()


def _webhook(data: str = DATA, key: str = KEY) -> bytes:
    return f'{{"data":{data},"signature":"{_sign(data, key)}"}}'.encode()


@pytest.mark.parametrize(
    "template",
    [
        "",
        "[]",
        "null",
        "{}",
        '"$data"',
        '{"data":$data,"signature":"$hex"',
        '{"data":$data,"signature":"$hex"}x',
        '{"data":$data,"signature":"$hex"}{}',
        '{"data":$data,"signature":"$hex"}\x00',
        '\ufeff{"data":$data,"signature":"$hex"}',
        '\xa0{"data":$data,"signature":"$hex"}',
        '{"data":$data,"signature":"$theirs"}',
        '{"data":$data}',
        '{"signature":"$hex"}',
        '{"data":$data,"signature":null}',
        '{"data":$data,"signature":""}',
        '{"data":$data,"signature":["$hex"]}',
        '{"data":$data,"signature":"$upper"}',
        '{"data":$data,"signature":" $hex"}',
        '{"data":$data,"signature":"$hex\\n"}',
        '{"data":$data,"signature":"sha256=$hex"}',
        '{"data":$data,"signature":"$unpadded"}',
        '{"data":$data,"signature":"${base64}="}',
        '{"data":$data,"signature":"\\ud800"}',
        '{"data":$data,"data":$data,"signature":"$hex"}',
        '{"data":$data,"d\\u0061ta":$data,"signature":"$hex"}',
        '{"data":$data,"signature":"$hex","signature":"$hex"}',
        '{"data": $data ,"signature":"$hex" "x":1}',
        '{"data":[$data],"signature":"$hex"}',
        '{"data":{"trans_id": "PN1","ref1":"pay_1"},"signature":"$hex"}',
        '{"data":{"ref1":"pay_1","trans_id":"PN1"},"signature":"$hex"}',
        '{"data":$data,"signature":"$hex",}',
        "{'data':$data,'signature':'$hex'}",
        '{"data":$data,"x":NaN,"signature":"$hex"}',
        '{"data":$data,"x":1e9999999999999999999,"signature":"$hex"}',
        '{"data":$data,"x":$long,"signature":"$hex"}',
        '{"data":$data,"x":$deep,"signature":"$hex"}',
        '{"data":$data,1:2,"signature":"$hex"}',
        '{"data" $data,"signature":"$hex"}',
        '{"data":$data,"signature":"$hex"}$blank',
    ],
)
def test_anything_else_is_refused(template):
    raw = Template(template).substitute(
        data=DATA,
        hex=_sign(DATA),
        upper=_sign(DATA).upper(),
        base64=_sign(DATA, base64_=True),
        unpadded=_sign(DATA, base64_=True).rstrip("="),
        theirs=_sign(DATA, STRANGER.api_key),
        long="9" * 5000,
        deep="[" * 60_000,
        blank=" " * WEBHOOK_LIMIT,
    )

    _refused(raw.encode())


@pytest.mark.parametrize(
    "data",
    [
        '{"trans_id":"PN1"}',
        '{"ref1":"pay_1"}',
        '{"trans_id":1,"ref1":"pay_1"}',
        '{"trans_id":"","ref1":"pay_1"}',
        '{"trans_id":"PN1","ref1":null}',
        '{"trans_id":"PN1#x","ref1":"pay_1"}',
        '{"trans_id":"PN1\\n","ref1":"pay_1"}',
        '{"trans_id":"\\ud800","ref1":"pay_1"}',
        f'{{"trans_id":"{"P" * 65}","ref1":"pay_1"}}',
        '{"trans_id":"PN1","trans_id":"PN1","ref1":"pay_1"}',
        '{"trans_id":"PN1","ref1":"pay_1","a":[{"b":{"c":1,"c":1}}]}',
        '["trans_id","ref1"]',
        '"trans_id"',
        "null",
    ],
)
def test_a_signature_does_not_excuse_what_is_signed(data):
    _refused(_webhook(data))


def test_other_encodings_are_refused():
    for raw in (_webhook().decode().encode("utf-16"), _webhook('{"trans_id":"PN1","ref1":"pay_1","x":"?"}')):
        _refused(raw.replace(b"?", b"\xff"))


def test_what_cannot_be_a_webhook_is_not_even_located():
    for raw in (b"[]", b"x" * (WEBHOOK_LIMIT + 1), _webhook() + b"x", _webhook('{"trans_id":"PN1"}')):
        with pytest.raises(Unauthorized, match="invalid_signature"):
            PayNoi("").locate(raw, {})


def _refused(raw: bytes) -> None:
    with pytest.raises(Unauthorized, match="invalid_signature"):
        PayNoi("").verify(ACCOUNT, raw, {})


def _created(amount: str = "100.24", amount_check: str | None = None, **fields: object) -> bytes:
    """An answer to `create`, with the amounts as they are to be written."""
    if amount_check is None:
        amount_check = amount.replace(".", "") if "." in amount else f"{amount}00"
    answer = {
        "status": 1,
        "trans_id": "PN1",
        "qr_image_base64": PNG,
        "expire_at": "2026-11-21 10:00:00",
    } | fields
    return f'{json.dumps(answer)[:-1]}, "amount": {amount}, "amount_check": {amount_check}}}'.encode()


def _checked(amount: str = "100.24", **fields: object) -> bytes:
    answer = {"status": 1, "payment_status": "pending", "ref1": "pay_1"} | fields
    return f'{json.dumps(answer)[:-1]}, "amount": {amount}}}'.encode()
