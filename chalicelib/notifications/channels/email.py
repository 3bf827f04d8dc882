"""E-mail through Amazon SES: one recipient, text and HTML, UTF-8.

SES knows no idempotency key: every call that it accepts is a mail. Its first API takes no headers of ours.
"""

from collections.abc import Mapping
from email.header import Header
from email.utils import formataddr
from typing import TYPE_CHECKING

from chalicelib.core import aws
from chalicelib.core.errors import Invalid
from chalicelib.core.settings import settings
from chalicelib.notifications.channels import Undeliverable
from chalicelib.notifications.mail import Mail
from chalicelib.notifications.model import one_line

if TYPE_CHECKING:
    from mypy_boto3_ses.type_defs import ContentTypeDef, DestinationTypeDef


def send(mail: Mail, *, to: str, sender: str, unsubscribe: str | None = None) -> str:
    """Hand `mail` to SES, from the stage's address under the name `sender`; returns SES's message id.

    `unsubscribe` is where mail programs end such mails with one POST (RFC 8058). Raises Invalid for something that is
    no address, Undeliverable for a mail that SES will never take, botocore's errors when it does not take it now.
    """
    source = _from(sender)
    destination: DestinationTypeDef = {"ToAddresses": [_address(to)]}
    subject, text, html = _utf8(mail.subject), _utf8(mail.text), _utf8(mail.html)
    if unsubscribe is None:
        answer = aws.client("ses").send_email(
            Source=source,
            Destination=destination,
            Message={"Subject": subject, "Body": {"Text": text, "Html": html}},
        )
        return answer["MessageId"]
    newer = aws.client("sesv2")
    simple = {"Subject": subject, "Body": {"Text": text, "Html": html}, "Headers": _one_click(unsubscribe)}
    try:
        accepted = newer.send_email(FromEmailAddress=source, Destination=destination, Content={"Simple": simple})
    except (newer.exceptions.MessageRejected, newer.exceptions.BadRequestException) as refusal:
        raise Undeliverable from refusal
    return str(accepted["MessageId"])


def _one_click(unsubscribe: str) -> list[Mapping[str, str]]:
    return [
        {"Name": "List-Unsubscribe", "Value": f"<{unsubscribe}>"},
        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
    ]


def _utf8(data: str) -> "ContentTypeDef":
    return {"Data": data, "Charset": "UTF-8"}


def _from(sender: str) -> str:
    """`"Name" <address>`; a name beyond ASCII as encoded words of at most 75 characters (RFC 2047)."""
    name, address = one_line(sender), settings().mail_from
    if name.isascii():
        return formataddr((name, address))
    return f"{Header(name, 'utf-8', maxlinelen=75).encode(linesep='')} <{address}>"


def _address(to: str) -> str:
    """`to` as SES takes it: ASCII, a domain of other letters as punycode."""
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(to, check_deliverability=False, globally_deliverable=False, allow_smtputf8=False)
    except EmailNotValidError as failure:
        raise Invalid("invalid_email", "This is not an e-mail address.", field="to") from failure
    assert checked.ascii_email is not None
    return checked.ascii_email
