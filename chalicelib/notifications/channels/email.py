"""Mails to one address each, text and HTML, whoever carries them."""

from dataclasses import dataclass
from typing import Protocol

from chalicelib.core.errors import Invalid
from chalicelib.core.secrets import secrets
from chalicelib.core.settings import settings
from chalicelib.notifications.mail import Mail


@dataclass(frozen=True, slots=True)
class Letter:
    """`to` is ASCII, `sender` the name beside the stage's address.

    `unsubscribe` is where mail programs end such mails with one POST (RFC 8058). An occasion has one `id`; `notice` is
    what it tells: `refunded`.
    """

    mail: Mail
    to: str
    sender: str
    organization: str
    id: str
    notice: str
    unsubscribe: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What programs read, beside what every mail has."""
        if self.unsubscribe is None:
            return {}
        return {
            "List-Unsubscribe": f"<{self.unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }


class MailService(Protocol):
    def send(self, letter: Letter) -> str:
        """Hand a mail over; returns the carrier's id of it.

        Raises Undeliverable for one that is never taken, anything else where the carrier does not take it now. No
        carrier that we know takes an idempotency key: each call that it accepts is a mail.
        """


def service() -> MailService:
    """The one that the stage's settings name."""
    from chalicelib.notifications.channels import ses, smtp

    if settings().mail_provider == "ses":
        return ses.Ses()
    account = secrets().smtp
    assert account is not None  # the secret is not taken without it
    return smtp.Smtp(account)


def send(letter: Letter) -> str:
    """See `MailService`."""
    return service().send(letter)


def ascii_address(to: str) -> str:
    """`to` as carriers take it, a domain of other letters as punycode. Raises Invalid for what is no address."""
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(to, check_deliverability=False, globally_deliverable=False, allow_smtputf8=False)
    except EmailNotValidError as failure:
        raise Invalid("invalid_email", "This is not an e-mail address.", field="to") from failure
    assert checked.ascii_email is not None
    return checked.ascii_email
