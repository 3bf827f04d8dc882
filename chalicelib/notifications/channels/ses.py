"""Mails through Amazon SES. What becomes of them comes back as events (see `notifications.feedback`).

Its first API takes no headers of ours, so that a mail which is ended with one POST goes through the second.
"""

from collections.abc import Mapping
from email.header import Header
from email.utils import formataddr
from typing import TYPE_CHECKING

from chalicelib.core import aws
from chalicelib.core.settings import settings
from chalicelib.notifications.channels import Undeliverable
from chalicelib.notifications.channels.email import Letter
from chalicelib.notifications.model import one_line

if TYPE_CHECKING:
    from mypy_boto3_ses.type_defs import ContentTypeDef, MessageTagTypeDef

TAG = "organization"
"""What the events of a mail tell us whose it was by."""

NOTICE_TAG = "notice"
"""What they tell us what it told by."""


class Ses:
    def send(self, letter: Letter) -> str:
        """See `MailService`; botocore's errors where SES does not take it now."""
        return _first(letter) if letter.unsubscribe is None else _second(letter)


def _first(letter: Letter) -> str:
    mail = letter.mail
    answer = aws.client("ses").send_email(
        Source=_from(letter.sender),
        Destination={"ToAddresses": [letter.to]},
        Message={"Subject": _utf8(mail.subject), "Body": {"Text": _utf8(mail.text), "Html": _utf8(mail.html)}},
        Tags=_tags(letter),
    )
    return answer["MessageId"]


def _second(letter: Letter) -> str:
    newer, mail = aws.client("sesv2"), letter.mail
    headers: list[Mapping[str, str]] = [{"Name": name, "Value": value} for name, value in letter.headers.items()]
    body = {"Text": _utf8(mail.text), "Html": _utf8(mail.html)}
    try:
        accepted = newer.send_email(
            FromEmailAddress=_from(letter.sender),
            Destination={"ToAddresses": [letter.to]},
            Content={"Simple": {"Subject": _utf8(mail.subject), "Body": body, "Headers": headers}},
            EmailTags=_tags(letter),
        )
    except (newer.exceptions.MessageRejected, newer.exceptions.BadRequestException) as refusal:
        raise Undeliverable from refusal
    return str(accepted["MessageId"])


def _tags(letter: Letter) -> list["MessageTagTypeDef"]:
    return [{"Name": TAG, "Value": letter.organization}, {"Name": NOTICE_TAG, "Value": letter.notice}]


def _utf8(data: str) -> "ContentTypeDef":
    return {"Data": data, "Charset": "UTF-8"}


def _from(sender: str) -> str:
    """`"Name" <address>`; a name beyond ASCII as encoded words of at most 75 characters (RFC 2047)."""
    name, address = one_line(sender), settings().mail_from
    if name.isascii():
        return formataddr((name, address))
    return f"{Header(name, 'utf-8', maxlinelen=75).encode(linesep='')} <{address}>"
