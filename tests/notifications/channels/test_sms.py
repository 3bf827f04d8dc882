"""Everybody who carries texts passes one suite; and what only one of them has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from moto.sns.models import sns_backends

from chalicelib.core.errors import Unavailable
from chalicelib.core.secrets import MobizonSecret, TwilioSecret
from chalicelib.notifications.channels import Undeliverable, sms
from chalicelib.notifications.channels.mobizon import Mobizon
from chalicelib.notifications.channels.sns import Sns
from chalicelib.notifications.channels.twilio import Twilio
from infra.local.carrier import Carrier
from infra.local.mobizon import MobizonSandbox
from infra.local.twilio import TwilioSandbox
from tests.notifications.channels.contract import PHONE, TextContract
from tests.notifications.channels.lines import Line, breakable
from tests.stack import ACCOUNT, REGION

HANG = 0.3
PATIENCE = (0.5, 0.3)


@dataclass
class SandboxBench:
    service: Any
    sandbox: Carrier
    unknown: str

    def trouble(self, kind: str) -> None:
        self.sandbox.faults.set({"send": {kind: 1}, "hang": HANG})

    def calls(self) -> int:
        return self.sandbox.faults.calls["send"]

    def taken(self) -> Sequence[tuple[str, str]]:
        return [(message["to"], message["text"]) for message in self.sandbox.messages]


class TestTwilio(TextContract):
    passing = (*TextContract.passing, "region")

    @pytest.fixture
    def bench(self) -> Iterator[SandboxBench]:
        with TwilioSandbox(stage="test", hang=HANG) as sandbox:
            account = TwilioSecret.model_validate(sandbox.account)
            yield SandboxBench(Twilio(account, timeout=PATIENCE), sandbox, "+66812340001")

    @pytest.mark.parametrize("ending", ["0001", "0002", "0003"])
    def test_numbers_that_twilio_refuses_by_code_are_undeliverable(self, bench, ending):
        with pytest.raises(Undeliverable):
            bench.service.send("Hello", to=f"+6681234{ending}")

    def test_texts_come_from_a_number_where_there_is_no_service(self, bench):
        account = bench.sandbox.account
        account["sender"] = "+15005550006"

        Twilio(TwilioSecret.model_validate(account)).send("Hello", to=PHONE)

        assert bench.taken() == [(PHONE, "Hello")]

    def test_somebody_elses_password_sends_nothing(self, bench):
        stolen = bench.sandbox.account | {"password": "0f1e2d3c4b5a69788796"}

        with pytest.raises(Unavailable):
            Twilio(TwilioSecret.model_validate(stolen)).send("Hello", to=PHONE)

        assert bench.taken() == []


class TestMobizon(TextContract):
    passing = (*TextContract.passing, "broke", "text")

    @pytest.fixture
    def bench(self) -> Iterator[SandboxBench]:
        with MobizonSandbox(stage="test", hang=HANG) as sandbox:
            account = MobizonSecret.model_validate(sandbox.account)
            yield SandboxBench(Mobizon(account, timeout=PATIENCE), sandbox, "+77010000001")

    def test_a_shared_sender_is_named_by_nobody(self, bench):
        account = {name: value for name, value in bench.sandbox.account.items() if name != "sender"}

        Mobizon(MobizonSecret.model_validate(account)).send("Hello", to=PHONE)

        assert bench.taken() == [(PHONE, "Hello")]


@dataclass
class SnsBench:
    service: Sns
    line: Line
    unknown: str = PHONE

    def trouble(self, kind: str) -> None:
        self.line.trouble = kind

    def calls(self) -> int:
        return self.line.calls["sns"]

    def taken(self) -> Sequence[tuple[str, str]]:
        return [(to, text) for to, text in sns_backends[ACCOUNT][REGION].sms_messages.values()]


@pytest.mark.usefixtures("aws")
class TestSns(TextContract):
    """Its errors are botocore's: a queue tries again after those of AWS as after our own."""

    passing = ("timeout", "error", "unavailable", "quota", "refused")
    later = (ClientError, BotoCoreError)

    @pytest.fixture
    def bench(self) -> Iterator[SnsBench]:
        with breakable(Line("sns", never="InvalidParameter")) as line:
            yield SnsBench(Sns(), line)

    def test_a_number_that_is_never_taken_is_undeliverable(self, bench):
        bench.trouble("never")
        super().test_a_number_that_is_never_taken_is_undeliverable(bench)


@pytest.mark.parametrize("make", [TwilioSandbox, MobizonSandbox])
def test_a_sandbox_takes_no_part_in_a_stage_that_others_use(make):
    with pytest.raises(RuntimeError, match="takes no part"):
        make(stage="prod")


def test_the_stage_says_who_carries_texts(stage_of):
    stage_of(sms_provider="twilio", twilio=TwilioSandbox(port=9).account)
    assert isinstance(sms.service(), Twilio)

    stage_of(sms_provider="mobizon", mobizon=MobizonSandbox(port=9).account)
    assert isinstance(sms.service(), Mobizon)

    stage_of(sms_provider="sns")
    assert isinstance(sms.service(), Sns)


@pytest.mark.parametrize("provider", ["twilio", "mobizon"])
def test_a_stage_does_not_start_without_the_account_that_it_names(stage_of, provider):
    stage_of(sms_provider=provider)

    with pytest.raises(ValueError, match=f"name {provider}, and there is no account"):
        sms.service()
