"""Texts as a phone gets them, through moto's SNS."""

import pytest
from botocore.exceptions import ClientError
from jinja2 import UndefinedError
from moto.sns.models import sns_backends
from pydantic import ValidationError

from chalicelib.core import aws as clients
from chalicelib.core.queues import Outcome
from chalicelib.notifications import service
from chalicelib.notifications.mail import LANGUAGES, compose_text
from chalicelib.notifications.values import TEXTS
from chalicelib.organizations import service as organizations
from tests import logged
from tests.stack import ACCOUNT, REGION

pytestmark = pytest.mark.usefixtures("aws")

PHONE = "+66812345678"
CODE = {"name": "Nok", "code": "483920", "minutes": 10}
ONE_PART = {"en": 160, "th": 70}


def text(template="sign_up_code", values=CODE, *, language="en", once="code#1"):
    return service.send_text(
        organizations.DEFAULT, once=once, to=PHONE, template=template, language=language, values=values
    )


def sent():
    return list(sns_backends[ACCOUNT][REGION].sms_messages.values())


def test_a_text_goes_out_once():
    assert text() is Outcome.SUCCESS
    assert text() is Outcome.SKIPPED

    assert sent() == [
        (
            PHONE,
            "483920 is your sign-up code for ThePixStock. It works for 10 minutes. Tell it to nobody.",
        )
    ]


def test_it_is_urgent():
    asked = []
    clients.client("sns").meta.events.register(
        "provide-client-params.sns.Publish", lambda params, **_: asked.append(params)
    )

    text()

    (request,) = asked
    assert request["MessageAttributes"]["AWS.SNS.SMS.SMSType"]["StringValue"] == "Transactional"
    assert request.keys() == {"PhoneNumber", "Message", "MessageAttributes"}


def test_a_text_that_is_not_accepted_is_tried_again(monkeypatch):
    def refuse(**_: object):
        raise ClientError({"Error": {"Code": "Throttled", "Message": PHONE}}, "Publish")

    with monkeypatch.context() as patch, logged.lines() as lines:
        patch.setattr(clients.client("sns"), "publish", refuse)
        with pytest.raises(ClientError):
            text()

    assert text() is Outcome.SUCCESS
    assert len(sent()) == 1
    assert logged.measured(lines()) == {"TextsFailed": 1}
    assert PHONE not in str(lines())


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(ValidationError):
        text(values={"name": "Nok"})

    assert sent() == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", TEXTS)
def test_a_template_asks_for_its_values_and_fits_into_one_text_but_for_a_link(template, language):
    with pytest.raises(UndefinedError):
        compose_text(template, language, {})

    at, link = "23 Nov 2026, 14:30", "https://shop.example/a-long-way"
    values = CODE | {"organization": "ThePixStock", "device": "Chrome on Windows", "link": link}
    values |= {"event": "River Run", "title": "It rains", "text": "Rain.", "unsubscribe": link, "count": 3}
    told = compose_text(template, language, values | {"at": at, "expires_at": at, "due_at": at}).replace(link, "")

    assert len(told) <= ONE_PART[language]
    assert "\n" not in told
