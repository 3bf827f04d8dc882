"""Kaspi Pay: the contract against its sandbox, then what is its own: links, polling, refunds without a key."""

import json
import secrets
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib.core import clock
from chalicelib.core.errors import Conflict, Unauthorized, Unavailable, Unprocessable
from chalicelib.payments.gateways import emvco, store
from chalicelib.payments.gateways.contract import Charge, GatewayAccount, Notification, Picture, Returned
from chalicelib.payments.gateways.kaspi import Kaspi, identity
from chalicelib.payments.gateways.returns import Entry, Page
from infra.local.kaspi import OPENED_WITHIN, Device, KaspiSandbox
from tests.payments.gateways.contract import (
    REFERENCE,
    Call,
    Ending,
    InstantRefundContract,
    KeptChargeContract,
    PolledContract,
    Trouble,
)
from tests.payments.gateways.hosted import HostedLab
from tests.payments.gateways.receiver import Answer

DEVICE = Device(secrets.token_hex(16), secrets.token_hex(16), "210440028324")
ACCOUNT = GatewayAccount(DEVICE.api_key, DEVICE.token, DEVICE.organization_bin)
STRANGER = GatewayAccount(secrets.token_hex(16), secrets.token_hex(16), DEVICE.organization_bin)


class Memory:
    """A journal that holds the last page of each transaction."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}

    def read(self, transaction: str) -> Page:
        return self.pages.get(transaction, Page(transaction))

    def write(self, page: Page, *, was: Page) -> None:
        if self.pages.get(page.transaction, Page(page.transaction)).version != was.version:
            raise Conflict("version_conflict", "Somebody was faster.")
        self.pages[page.transaction] = page


class KaspiLab(HostedLab):
    account = ACCOUNT
    stranger = STRANGER
    currency = "KZT"
    means = Picture
    lifetime = OPENED_WITHIN

    def __init__(self) -> None:
        self.time = ExitStack()
        self.sandbox = KaspiSandbox(DEVICE, stage="test").start()
        self.journal = Memory()
        self.gateway = Kaspi(self.sandbox.url, timeout=(2, 0.5), journal=self.journal)

    def finish(self, transaction_id: str, how: Ending) -> None:
        if how == "expired":
            self.pass_time(self.lifetime)
        else:
            self.sandbox.act(number_of(transaction_id), "pay" if how == "captured" else "fail")

    def pass_time(self, by: timedelta) -> None:
        self.time.enter_context(clock.travel(by))

    def trouble(self, call: Call, kind: Trouble) -> None:
        super().trouble("check" if call == "cancel" else call, kind)  # withdrawing is asking whether it was paid

    def returned(self, transaction_id: str) -> int:
        return self.sandbox.charge(number_of(transaction_id)).returned

    def refunds_go(self, how: str) -> None:
        raise AssertionError("no refund waits")


def number_of(transaction_id: str) -> str:
    return transaction_id.partition(".")[2]


@pytest.fixture
def lab() -> Iterator[KaspiLab]:
    made = KaspiLab()
    yield made
    made.sandbox.stop()
    made.time.close()


class TestKaspi(PolledContract, KeptChargeContract, InstantRefundContract):
    pass


def create(lab: KaspiLab, amount: int = 100_50) -> Charge:
    return lab.gateway.create(ACCOUNT, amount=amount, currency="KZT", reference=REFERENCE)


def paid(lab: KaspiLab) -> Charge:
    charge = create(lab)
    lab.finish(charge.transaction_id, "captured")
    return charge


def refund(lab: KaspiLab, charge: Charge, amount: int, key: str = "rfd_1") -> Returned:
    return lab.gateway.refund(ACCOUNT, transaction_id=charge.transaction_id, amount=amount, currency="KZT", key=key)


def test_costs_a_cold_start_no_http_client():
    program = "import sys, chalicelib.payments.gateways.kaspi; sys.exit('requests' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


# What it sends, and what the buyer gets


def test_a_request_says_exactly_what_partners_send(told):
    with pytest.raises(Unavailable):  # the receiver's answer is none of Kaspi's
        Kaspi(f"{told.url}/").create(ACCOUNT, amount=10005, currency="KZT", reference=REFERENCE)

    assert told.paths == ["/r3/v01/qr/create-link"]
    assert json.loads(told.bodies[0], parse_float=str) == {
        "DeviceToken": DEVICE.token,
        "OrganizationBin": DEVICE.organization_bin,
        "Amount": "100.05",
        "ExternalId": REFERENCE,
    }
    assert told.headers[0]["api-key"] == DEVICE.api_key


def test_the_link_is_also_the_code_and_kaspi_says_how_often_to_ask(lab):
    charge = create(lab)

    assert isinstance(charge.means, Picture)
    assert charge.means.link == charge.means.text
    assert charge.means.png == emvco.png(str(charge.means.link))
    assert "100.50 KZT" in requests.get(str(charge.means.link)).text
    assert charge.ask_every == 5


def test_nothing_but_tenge_is_asked_for(lab):
    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        lab.gateway.create(ACCOUNT, amount=100, currency="RUB", reference=REFERENCE)

    assert lab.requests() == 0


@pytest.mark.parametrize("name", ["", "nobody", "0" * 40, f"{'0' * 40}.x", f"{'0' * 39}.15"])
def test_a_name_of_no_charge_asks_nobody(lab, name):
    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        lab.gateway.check(ACCOUNT, name)

    assert lab.requests() == 0


def test_an_opened_link_is_still_open(lab):
    charge = create(lab)

    lab.sandbox.act(number_of(charge.transaction_id), "open")

    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "pending"


def test_who_is_busy_has_not_refused(lab):
    charge = create(lab)
    lab.sandbox.faults.set({"check": {"busy": 1}})

    with pytest.raises(Unavailable):
        lab.gateway.check(ACCOUNT, charge.transaction_id)


@pytest.mark.parametrize(
    "changes",
    [
        {"PaymentId": "x"},
        {"PaymentLink": "javascript:alert(1)"},
        {"ExpireDate": "2026-11-21T10:00:00"},
        {"PaymentBehaviorOptions": {"StatusPollingInterval": 0}},
    ],
)
def test_an_answer_that_makes_no_sense_is_none(told, changes):
    sound = {
        "PaymentId": 15,
        "PaymentLink": "https://pay.kaspi.kz/pay/1",
        "ExpireDate": "2026-11-21T10:00:00+05:00",
    }
    for data in (sound, sound | changes):
        told.script.append(Answer(body=json.dumps({"StatusCode": 0, "Data": data}).encode()))
    gateway = Kaspi(told.url)

    assert gateway.create(ACCOUNT, amount=1, currency="KZT", reference=REFERENCE).ask_every == 5
    with pytest.raises(Unavailable):
        gateway.create(ACCOUNT, amount=1, currency="KZT", reference=REFERENCE)


def test_nobody_is_believed_who_claims_to_be_kaspi(lab):
    for call in (lambda: lab.gateway.locate(b"{}", {}), lambda: lab.gateway.verify(ACCOUNT, b"{}", {})):
        with pytest.raises(Unauthorized, match="invalid_signature"):
            call()
    assert lab.gateway.acknowledgement(Notification("x", REFERENCE)) == {}


# Refunds


def test_another_refund_waits_until_it_is_known_what_became_of_the_first(lab):
    charge = paid(lab)
    lab.trouble("refund", "lost")
    with pytest.raises(Unavailable):
        refund(lab, charge, 1000, "rfd_1")

    with pytest.raises(Unavailable):
        refund(lab, charge, 1000, "rfd_2")
    first = refund(lab, charge, 1000, "rfd_1")
    second = refund(lab, charge, 1000, "rfd_2")

    assert (first.state, second.state, lab.returned(charge.transaction_id)) == ("settled", "settled", 2000)


def test_what_somebody_gave_back_in_the_app_meanwhile_is_for_a_person(lab):
    charge = paid(lab)
    lab.trouble("refund", "error")
    with pytest.raises(Unavailable):
        refund(lab, charge, 1000)
    lab.sandbox.charge(number_of(charge.transaction_id)).returns[1] = 500

    for _ in range(2):
        with pytest.raises(Unavailable):
            refund(lab, charge, 1000)

    assert lab.returned(charge.transaction_id) == 500


def test_of_two_that_ask_at_once_one_asks(lab):
    charge = paid(lab)
    stale = lab.journal.read(charge.transaction_id)
    refund(lab, charge, 1000, "rfd_1")
    read, lab.journal.read = lab.journal.read, lambda transaction: stale  # type: ignore[method-assign]

    with pytest.raises(Unavailable):
        refund(lab, charge, 1000, "rfd_1")

    lab.journal.read = read  # type: ignore[method-assign]
    assert lab.returned(charge.transaction_id) == 1000


def test_the_journal_is_kept_and_only_the_first_of_two_is_written(aws):
    journal = store.Kept()
    empty = journal.read("T1")
    first = empty.noting(Entry("rfd_1", 1000, 7900))
    journal.write(first, was=empty)

    with pytest.raises(Conflict):
        journal.write(empty.noting(Entry("rfd_2", 500, 7900)), was=empty)
    done = first.noting(Entry("rfd_1", 1000, 7900, "15"))
    journal.write(done, was=first)

    assert journal.read("T1") == done
    assert journal.read("T2") == Page("T2")


# The certificate


def test_a_certificate_is_shown_and_left_nowhere(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    assert isinstance(identity(pem()), ssl.SSLContext)
    assert identity("") is None
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ssl.SSLError):
        identity("no certificate")


def test_each_certificate_has_a_line_of_its_own():
    gateway = Kaspi("https://127.0.0.1:9", timeout=(0.2, 0.2))
    own = GatewayAccount("key", certificate=pem())

    lines = [gateway._line(account) for account in (own, ACCOUNT, own)]

    assert lines[0] is lines[2] is not lines[1]
    with pytest.raises(Unavailable):
        lines[0].send("GET", "/", headers={})


def pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "desk")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=3650))
    certificate: Any = builder.sign(key, hashes.SHA256())
    written = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (written + certificate.public_bytes(serialization.Encoding.PEM)).decode()


# The sandbox


def test_the_sandbox_keeps_what_happened(tmp_path):
    state = tmp_path / "kaspi.json"
    with KaspiSandbox(DEVICE, stage="test", state=state) as kept:
        charge = Kaspi(kept.url).create(ACCOUNT, amount=7900, currency="KZT", reference=REFERENCE)
        kept.act(number_of(charge.transaction_id), "pay")

    with KaspiSandbox(DEVICE, stage="test", state=state) as again:
        assert Kaspi(again.url).check(ACCOUNT, charge.transaction_id).state == "captured"


def test_the_sandbox_is_for_this_machine():
    with pytest.raises(RuntimeError, match="sandbox"):
        KaspiSandbox(DEVICE, stage="prod")


def test_a_person_pays_on_the_page(lab):
    charge = create(lab)
    page = f"{lab.sandbox.url}/pay/{number_of(charge.transaction_id)}"
    origin = {"Origin": lab.sandbox.url}

    assert requests.post(page, data={"action": "pay"}, headers=origin).status_code == 200
    assert requests.post(page, data={"action": "pay"}, headers=origin).status_code == 409
    assert requests.post(page, data={"action": "dance"}, headers=origin).status_code == 404

    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "captured"
