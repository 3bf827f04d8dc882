"""Mails through any server that speaks SMTP (RFC 5321), never without TLS, never without logging in.

SMTP knows no idempotency key. A mail whose last answer is lost may have been taken: it goes again with the same
Message-ID, by which many mail programs and some servers drop the second.
"""

import smtplib
import ssl
from contextlib import closing, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime

from chalicelib.core import clock
from chalicelib.core.secrets import SmtpSecret
from chalicelib.core.settings import settings
from chalicelib.notifications.channels import Undeliverable
from chalicelib.notifications.channels.calls import not_now
from chalicelib.notifications.channels.email import Letter
from chalicelib.notifications.model import one_line

_NEVER = {550, 551, 553, 554, 556}
"""No such mailbox, not here, not a name, refused for good, a domain that takes no mail."""


class Smtp:
    """`timeout` is in seconds, for each answer."""

    def __init__(self, account: SmtpSecret, *, timeout: float = 5) -> None:
        self._account = account
        self._timeout = timeout

    def send(self, letter: Letter) -> str:
        """See `MailService`. The id is the mail's Message-ID."""
        message = _message(letter)
        try:
            with closing(self._connected()) as server:
                server.login(self._account.user, self._account.password.get_secret_value())
                server.send_message(message, settings().mail_from, [letter.to])
                with suppress(smtplib.SMTPException):  # the mail is taken, whatever comes now
                    server.quit()
        except smtplib.SMTPRecipientsRefused as refusal:
            codes = {code for code, _ in refusal.recipients.values()}
            raise Undeliverable if codes <= _NEVER else not_now("email") from refusal
        except smtplib.SMTPDataError as refusal:
            raise Undeliverable if refusal.smtp_code in _NEVER else not_now("email") from refusal
        except (smtplib.SMTPException, OSError) as failure:
            raise not_now("email") from failure
        return str(message["Message-ID"])

    def _connected(self) -> smtplib.SMTP:
        held = self._account
        trust = ssl.create_default_context(cadata=held.authority)
        if held.security == "tls":
            return smtplib.SMTP_SSL(held.host, held.port, timeout=self._timeout, context=trust)
        server = smtplib.SMTP(held.host, held.port, timeout=self._timeout)
        try:
            server.starttls(context=trust)
        except BaseException:
            server.close()
            raise
        return server


def _message(letter: Letter) -> EmailMessage:
    name, domain = settings().mail_from.rsplit("@", 1)
    message = EmailMessage(policy=WIRE)
    message["From"] = Address(one_line(letter.sender), name, domain)
    message["To"] = letter.to
    message["Subject"] = one_line(letter.mail.subject)
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{letter.id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    for header, value in letter.headers.items():
        message[header] = value
    message.set_content(letter.mail.text, cte="base64")
    message.add_alternative(letter.mail.html, subtype="html", cte="base64")
    return message
