"""Mails as a reader gets them, through moto's SES."""

from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from email.utils import parseaddr
from html import unescape

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.ses.models import ses_backends
from pydantic import ValidationError

from chalicelib.core import aws, clock, once, table
from chalicelib.core.errors import Invalid, NotFound
from chalicelib.core.queues import Outcome
from chalicelib.notifications import service
from chalicelib.notifications.channels import email
from chalicelib.notifications.channels.email import Letter
from chalicelib.notifications.mail import Mail
from chalicelib.organizations import service as organizations
from tests import logged
from tests.stack import ACCOUNT, ENVIRONMENT, REGION

pytestmark = pytest.mark.usefixtures("aws")

READER = "reader@mail.example"
CODE = {"name": "Nok", "code": "483920", "minutes": 10}
PHOTOS = {
    "order_code": "K7M2Q9XR",
    "items": [{"title": "Night Run 2026", "count": 5}, {"title": "Trail & Lake"}],
    "total": "378.00 THB",
    "link": "https://api.example.com/d/ord_1/a-token_x",
    "invoice": "https://api.example.com/d/ord_1/a-token_x/invoice",
    "hours": 72,
    "limit": 3,
    "expires_at": datetime(2026, 11, 23, 7, 30, tzinfo=UTC),
}


@pytest.fixture
def requests_sent():
    """What goes to SES: moto keeps only one of the two bodies."""
    seen = []
    aws.client("ses").meta.events.register(
        "provide-client-params.ses.SendEmail", lambda params, **_: seen.append(params)
    )
    return seen


def sent():
    return ses_backends[ACCOUNT][REGION].sent_messages


def mail(template="sign_up_code", values=CODE, *, language="en", once="signup#usr_1", to=READER, organization=None):
    return service.send_email(
        organization or organizations.DEFAULT,
        once=once,
        to=to,
        template=template,
        language=language,
        values=values,
    )


def test_a_mail_goes_out_as_text_and_html_in_the_organizations_name(requests_sent):
    shop = organizations.create("Smile Photos", mail_name="รูปวิ่ง Smile, Co.").id

    assert mail(organization=shop) is Outcome.SUCCESS

    assert len(sent()) == 1
    (request,) = requests_sent
    name, address = parseaddr(request["Source"])
    assert str(make_header(decode_header(name))) == "รูปวิ่ง Smile, Co."
    assert address == ENVIRONMENT["PIX_MAIL_FROM"]
    assert request["Destination"] == {"ToAddresses": [READER]}
    subject, body = request["Message"]["Subject"], request["Message"]["Body"]
    assert subject == {"Data": "Your sign-up code for รูปวิ่ง Smile, Co.", "Charset": "UTF-8"}
    assert {part["Charset"] for part in body.values()} == {"UTF-8"}
    assert "483920" in body["Text"]["Data"]
    assert "10 minutes" in body["Text"]["Data"]
    assert "Hello Nok" in body["Text"]["Data"]
    assert body["Html"]["Data"].startswith("<!doctype html>")
    assert ">483920</p>" in body["Html"]["Data"]
    assert '<html lang="en">' in body["Html"]["Data"]


@pytest.mark.parametrize(
    ("template", "values", "language", "subject", "told"),
    [
        ("sign_up_code", CODE, "th", "รหัสสมัครสมาชิก ThePixStock", ["สวัสดีคุณ Nok", "483920", "10 นาที"]),
        ("already_registered", {"name": ""}, "th", "คุณมีบัญชีกับ ThePixStock อยู่แล้ว", ["เข้าสู่ระบบได้ทันที"]),
        (
            "already_registered",
            {"name": "Nok"},
            "en",
            "You already have an account at ThePixStock",
            ["Hello Nok", "log in"],
        ),
        (
            "download_ready",
            PHOTOS,
            "th",
            "รูปของคุณพร้อมดาวน์โหลดแล้ว (คำสั่งซื้อ K7M2Q9XR)",
            [
                "378.00 THB",
                "3 ครั้ง",
                "72 ชั่วโมง",
                "23 พฤศจิกายน 2569 เวลา 14:30\u00a0น.",
                PHOTOS["link"],
                PHOTOS["invoice"],
                "Night Run 2026",
            ],
        ),
        (
            "download_ready",
            PHOTOS,
            "en",
            "Your photos are ready (order K7M2Q9XR)",
            [
                "378.00 THB",
                "3 times",
                "72 hours",
                "23 November 2026, 14:30 (Bangkok time)",
                PHOTOS["link"],
                PHOTOS["invoice"],
                "× 5",
            ],
        ),
    ],
)
def test_every_mail_speaks_both_languages(requests_sent, template, values, language, subject, told):
    mail(template, values, language=language)

    (request,) = requests_sent
    assert request["Message"]["Subject"]["Data"] == subject
    for kind in ("Text", "Html"):
        body = unescape(request["Message"]["Body"][kind]["Data"])
        assert [words for words in told if words not in body] == []


def test_html_holds_no_script_image_or_foreign_address(requests_sent):
    for template, values in (
        ("sign_up_code", CODE),
        ("already_registered", {"name": ""}),
        ("download_ready", PHOTOS),
    ):
        mail(template, values, once=template)

    for request in requests_sent:
        html = request["Message"]["Body"]["Html"]["Data"].replace(PHOTOS["link"], "")
        for forbidden in ("<script", "<img", "http:", "https:", "url(", "@import", "<link"):
            assert forbidden not in html


def test_an_unknown_language_becomes_the_organizations(requests_sent):
    english = organizations.create("Smile Photos", language="en").id

    mail(language="fr", once="a")
    mail(language="fr", once="b", organization=english)

    subjects = [request["Message"]["Subject"]["Data"] for request in requests_sent]
    assert subjects == ["รหัสสมัครสมาชิก ThePixStock", "Your sign-up code for Smile Photos"]


def test_values_are_escaped_in_html_and_plain_in_text(requests_sent):
    values = {**PHOTOS, "items": [{"title": "<img src=x onerror=alert(1)>"}], "organization": "Tom & Ann's"}

    mail("download_ready", values)

    (request,) = requests_sent
    html, text = (request["Message"]["Body"][kind]["Data"] for kind in ("Html", "Text"))
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "Tom &amp; Ann&#39;s" in html
    assert "<img src=x onerror=alert(1)> × 1" in text
    assert "Tom & Ann's" in text


def test_line_breaks_in_values_reach_no_header(requests_sent):
    evil = "K7\r\nBcc: all@victims.example\n\nBuy\u2028now\u202e"

    mail("download_ready", {**PHOTOS, "order_code": evil})

    (request,) = requests_sent
    assert request["Message"]["Subject"]["Data"] == (
        "Your photos are ready (order K7 Bcc: all@victims.example Buy now)"
    )
    assert sent()[0].destinations["ToAddresses"] == [READER]
    assert not sent()[0].destinations.get("BccAddresses")


def test_line_breaks_in_the_senders_name_reach_no_header(requests_sent):
    mail = Mail("Hello", "text", "<p>html</p>")
    email.send(Letter(mail, READER, "Shop\r\nBcc: all@victims.example", organizations.DEFAULT, "id", "welcome"))

    assert requests_sent[0]["Source"] == f'"Shop Bcc: all@victims.example" <{ENVIRONMENT["PIX_MAIL_FROM"]}>'


def test_a_long_thai_name_is_made_of_short_encoded_words(requests_sent):
    shop = organizations.create("Smile", mail_name="ภาพถ่ายงานวิ่ง" * 8).id

    mail(organization=shop)

    name, address = parseaddr(requests_sent[0]["Source"])
    assert max(len(word) for word in name.split()) <= 75
    assert "\n" not in requests_sent[0]["Source"]
    assert str(make_header(decode_header(name))) == "ภาพถ่ายงานวิ่ง" * 8
    assert address == ENVIRONMENT["PIX_MAIL_FROM"]


@pytest.mark.parametrize(
    "name", ["Claim your prize at https://evil.example", "evil.example/win", "me@evil.example", "x" * 61]
)
def test_a_name_that_is_an_advertisement_is_not_greeted(requests_sent, name):
    mail(values={**CODE, "name": name})

    text = requests_sent[0]["Message"]["Body"]["Text"]["Data"]
    assert text.startswith("Hello,\n")
    assert "evil" not in str(requests_sent)


def test_the_same_occasion_is_mailed_once():
    assert [mail(), mail(), mail(once="signup#usr_2")] == [Outcome.SUCCESS, Outcome.SKIPPED, Outcome.SUCCESS]

    assert len(sent()) == 2


def test_occasions_of_two_organizations_are_two():
    other = organizations.create("Smile Photos").id

    assert [mail(), mail(organization=other)] == [Outcome.SUCCESS, Outcome.SUCCESS]


def test_the_mark_is_kept_for_thirty_days():
    mail()

    with clock.travel(timedelta(days=29)):
        assert mail() is Outcome.SKIPPED
    with clock.travel(timedelta(days=31)):
        assert mail() is Outcome.SUCCESS


def test_a_refusal_of_ses_raises_and_leaves_no_mark():
    boto3.client("ses").delete_identity(Identity=ENVIRONMENT["PIX_MAIL_FROM"])
    with pytest.raises(ClientError, match="MessageRejected"):
        mail()
    boto3.client("ses").verify_email_identity(EmailAddress=ENVIRONMENT["PIX_MAIL_FROM"])

    assert mail() is Outcome.SUCCESS
    assert len(sent()) == 1


def test_a_death_between_mail_and_mark_mails_twice_and_then_never_again(monkeypatch):
    class Killed(BaseException):
        pass

    def die(*writes):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(service, "transact", die)
        with pytest.raises(Killed):
            mail()

    assert [mail(), mail()] == [Outcome.SUCCESS, Outcome.SKIPPED]
    assert len(sent()) == 2


def test_two_deliveries_at_the_same_time_both_end_well(monkeypatch):
    def another_was_faster(*writes):
        table.transact(once.claim(organizations.DEFAULT, "email", "signup#usr_1", result="x", keep=timedelta(days=1)))
        table.transact(*writes)

    monkeypatch.setattr(service, "transact", another_was_faster)

    assert mail() is Outcome.SUCCESS


@pytest.mark.parametrize(
    "to",
    [
        "",
        "nobody",
        "a b@mail.example",
        "a@mail.example\nBcc: b@mail.example",
        "a@x.example,b@x.example",
        "ก@mail.example",
    ],
)
def test_what_is_no_address_is_refused(to):
    with pytest.raises(Invalid, match="invalid_email") as refusal:
        mail(to=to)

    assert refusal.value.field == "to"
    assert to == "" or to not in str(refusal.value)
    assert sent() == []


def test_a_domain_of_other_letters_goes_out_as_punycode(requests_sent):
    mail(to="nok@ไทย.example")

    assert requests_sent[0]["Destination"] == {"ToAddresses": ["nok@xn--o3cw4h.example"]}


@pytest.mark.parametrize(
    "values",
    [
        {**PHOTOS, "link": "javascript:alert(1)"},
        {**PHOTOS, "surprise": 1},
        {name: value for name, value in PHOTOS.items() if name != "total"},
        {**PHOTOS, "expires_at": datetime(2026, 11, 23)},  # noqa: DTZ001
    ],
)
def test_values_that_do_not_fit_the_template_are_refused(values):
    with pytest.raises(ValidationError):
        mail("download_ready", values)

    assert sent() == []


def test_an_unknown_organization_sends_nothing():
    with pytest.raises(NotFound, match="organization_not_found"):
        mail(organization="org_none")

    assert sent() == []


def test_no_address_is_logged(caplog, capsys):
    caplog.set_level("DEBUG", logger="thepixstock")
    mail()
    mail()

    assert READER not in caplog.text + capsys.readouterr().out


def test_a_mail_is_counted_once_an_occasion():
    with logged.lines() as told:
        mail()
        mail()
        mail(once="signup#usr_2")

    assert logged.measured(told()) == {"MailsSent": 2}
    assert {line["template"] for line in told()} == {"sign_up_code"}


def test_a_mail_that_ses_refuses_is_counted_at_each_try_and_sent_once():
    ses = boto3.client("ses")
    with logged.lines() as told:
        ses.delete_identity(Identity=ENVIRONMENT["PIX_MAIL_FROM"])
        for _ in range(2):
            with pytest.raises(ClientError):
                mail()
        ses.verify_email_identity(EmailAddress=ENVIRONMENT["PIX_MAIL_FROM"])
        mail()

    assert logged.measured(told()) == {"MailsFailed": 2, "MailsSent": 1}


def test_a_mail_whose_mark_another_delivery_made_is_not_counted_again(monkeypatch):
    monkeypatch.setattr(service, "recall", lambda *_: None)

    with logged.lines() as told:
        mail()
        mail()

    assert logged.measured(told()) == {"MailsSent": 1}
