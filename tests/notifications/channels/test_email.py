"""Everybody who carries mails passes one suite; and what only one of them has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from email.utils import parseaddr
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from moto.ses.models import ses_backends

from chalicelib.core import aws
from chalicelib.core.errors import Unavailable
from chalicelib.core.secrets import SmtpSecret
from chalicelib.notifications.channels import Undeliverable, email
from chalicelib.notifications.channels.email import Letter
from chalicelib.notifications.channels.ses import Ses
from chalicelib.notifications.channels.smtp import Smtp
from chalicelib.notifications.mail import Mail
from infra.local.smtp import SmtpSandbox
from tests.notifications.channels.contract import LETTER, READER, MailContract
from tests.notifications.channels.lines import Line, breakable
from tests.stack import ACCOUNT, ENVIRONMENT, REGION

HANG = 0.6


@dataclass
class SmtpBench:
    service: Smtp
    sandbox: SmtpSandbox

    def trouble(self, kind: str) -> None:
        call = "recipient" if kind == "greylisted" else "data"
        self.sandbox.faults.set({call: {kind: 1}, "hang": HANG})

    def calls(self) -> int:
        return self.sandbox.faults.calls["data"]

    def taken(self) -> Sequence[Letter]:
        return [_letter(message) for message in self.sandbox.messages]


def _letter(message: Any) -> Letter:
    bodies = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))
    text, html = (body.replace("\r\n", "\n") for body in bodies)
    held = Mail(message["Subject"], text, html.removesuffix("\n"))
    ended = message["List-Unsubscribe"]
    sender = message["From"].addresses[0]
    assert sender.addr_spec == ENVIRONMENT["PIX_MAIL_FROM"]
    assert message["List-Unsubscribe-Post"] in (None, "List-Unsubscribe=One-Click")
    link = ended.strip("<>") if ended else None
    return Letter(held, message["To"], sender.display_name, "", message["Message-ID"], "", link)


class _SmtpContract(MailContract):
    passing = ("timeout", "quota", "error", "greylisted")
    never = "refused"
    security: Any = "starttls"

    @pytest.fixture
    def bench(self) -> Iterator[SmtpBench]:
        with SmtpSandbox(stage="test", security=self.security) as sandbox:
            account = SmtpSecret.model_validate(sandbox.account)
            yield SmtpBench(Smtp(account, timeout=0.3), sandbox)


class TestSmtpAfterStartTls(_SmtpContract):
    def test_a_mailbox_that_is_none_is_undeliverable(self, bench):
        with pytest.raises(Undeliverable):
            bench.service.send(replace(LETTER, to="nobody@mail.example"))

    def test_a_mail_that_goes_again_has_the_same_id(self, bench):
        bench.trouble("lost")
        with pytest.raises(Unavailable):
            bench.service.send(LETTER)
        bench.service.send(LETTER)

        assert {mail.id for mail in bench.taken()} == {"<0d4a@thepixstock.example>"}

    def test_a_server_that_nobody_vouches_for_is_told_no_password(self, bench):
        unknown = bench.sandbox.account | {"authority": None}

        with pytest.raises(Unavailable):
            Smtp(SmtpSecret.model_validate(unknown)).send(LETTER)

    def test_a_wrong_password_is_tried_again_later(self, bench):
        wrong = bench.sandbox.account | {"password": "0f1e2d3c4b5a69788796"}

        with pytest.raises(Unavailable):
            Smtp(SmtpSecret.model_validate(wrong)).send(LETTER)

        assert bench.taken() == []

    def test_line_breaks_reach_no_header(self, bench):
        evil = "Shop\r\nBcc: all@victims.example"

        bench.service.send(replace(LETTER, sender=evil, mail=Mail(evil, "text\n", "<p>html</p>")))

        (message,) = bench.sandbox.messages
        assert message["Bcc"] is None
        assert message["Subject"] == "Shop Bcc: all@victims.example"

    def test_a_mail_that_is_no_list_has_no_headers_of_one(self, bench):
        bench.service.send(replace(LETTER, unsubscribe=None))

        (mail,) = bench.taken()
        assert mail.headers == {}


class TestSmtpOverTls(_SmtpContract):
    security = "tls"


@dataclass
class SesBench:
    service: Ses
    line: Line
    asked: list[dict[str, Any]]

    def trouble(self, kind: str) -> None:
        self.line.trouble = kind

    def calls(self) -> int:
        return self.line.calls["email"]

    def taken(self) -> Sequence[Letter]:
        """What SES was asked for, of as many as it took."""
        took = len(ses_backends[ACCOUNT][REGION].sent_messages)
        return [_asked(params) for params in self.asked[-took:]] if took else []


def _asked(params: dict[str, Any]) -> Letter:
    simple = params["Content"]["Simple"]
    parts = (simple["Subject"], simple["Body"]["Text"], simple["Body"]["Html"])
    headers = {header["Name"]: header["Value"] for header in simple["Headers"]}
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    name, address = parseaddr(params["FromEmailAddress"])
    assert address == ENVIRONMENT["PIX_MAIL_FROM"]
    tags = {tag["Name"]: tag["Value"] for tag in params["EmailTags"]}
    held = Mail(*(part["Data"] for part in parts))
    (to,) = params["Destination"]["ToAddresses"]
    ended = headers["List-Unsubscribe"].strip("<>")
    return Letter(held, to, _decoded(name), tags["organization"], "", tags["notice"], ended)


def _decoded(name: str) -> str:
    from email.header import decode_header, make_header

    return str(make_header(decode_header(name)))


@pytest.mark.usefixtures("aws")
class TestSes(MailContract):
    passing = ("timeout", "error", "unavailable", "quota", "refused")
    never = "never"

    @pytest.fixture
    def bench(self) -> Iterator[SesBench]:
        asked: list[dict[str, Any]] = []
        event = "provide-client-params.sesv2.SendEmail"
        aws.client("sesv2").meta.events.register(event, listen := lambda params, **_: asked.append(params))
        with breakable(Line("email", never="MessageRejected")) as line:
            yield SesBench(Ses(), line, asked)
        aws.client("sesv2").meta.events.unregister(event, listen)

    def test_a_mail_that_is_no_list_goes_through_the_first_api_with_the_same_tags(self, bench):
        asked: list[dict[str, Any]] = []
        event = "provide-client-params.ses.SendEmail"
        aws.client("ses").meta.events.register(event, listen := lambda params, **_: asked.append(params))

        bench.service.send(replace(LETTER, unsubscribe=None))

        aws.client("ses").meta.events.unregister(event, listen)
        (request,) = asked
        tags = {tag["Name"]: tag["Value"] for tag in request["Tags"]}
        assert tags == {"organization": "org_1", "notice": "event_live"}
        assert request["Destination"] == {"ToAddresses": [READER]}

    def test_its_errors_are_those_of_aws(self, bench):
        bench.trouble("quota")
        with pytest.raises((ClientError, BotoCoreError)):
            bench.service.send(LETTER)


def test_the_stage_says_who_carries_mails(stage_of):
    with SmtpSandbox(stage="test") as sandbox:
        stage_of(mail_provider="smtp", smtp=sandbox.account)
    assert isinstance(email.service(), Smtp)

    stage_of(mail_provider="ses")
    assert isinstance(email.service(), Ses)


def test_a_stage_does_not_start_without_the_account_that_it_names(stage_of):
    stage_of(mail_provider="smtp")

    with pytest.raises(ValueError, match="name smtp, and there is no account"):
        email.service()


def test_a_sandbox_takes_no_part_in_a_stage_that_others_use():
    with pytest.raises(RuntimeError, match="takes no part"):
        SmtpSandbox(stage="staging")
