"""The events that SES publishes about a mail, as they come through SNS to the queue.

Format: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

import re
from datetime import UTC, date
from email.utils import parseaddr
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from chalicelib.notifications.channels.ses import NOTICE_TAG, TAG
from chalicelib.notifications.values import TEMPLATES

_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_WORD = re.compile(r"[A-Za-z0-9-]{1,40}")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True, hide_input_in_errors=True)


class _Recipient(_Part):
    status: str | None = None


class _Bounce(_Part):
    id: Annotated[str, Field(alias="feedbackId", min_length=1, max_length=200)]
    type: Annotated[Literal["Permanent", "Transient", "Undetermined"], Field(alias="bounceType")]
    recipients: Annotated[tuple[_Recipient, ...], Field(alias="bouncedRecipients")] = ()

    @property
    def status(self) -> str | None:
        """The status of RFC 3463, and nothing else that a foreign server may have written there."""
        found = (_STATUS.match(recipient.status or "") for recipient in self.recipients)
        return next((match[0] for match in found if match), None)


class _Complaint(_Part):
    id: Annotated[str, Field(alias="feedbackId", min_length=1, max_length=200)]
    about: Annotated[str | None, Field(alias="complaintFeedbackType")] = None

    @property
    def word(self) -> str | None:
        """`abuse`, `fraud`, or nothing where a provider says more than a word."""
        return self.about if self.about and _WORD.fullmatch(self.about) else None


class _Delivery(_Part):
    """The server of the receiver took it. What it says of that is nothing to us."""


class _Mail(_Part):
    """`destination` is whom it was for: each mail of ours has one. Who bounced may be somebody they forward to."""

    id: Annotated[str, Field(alias="messageId", min_length=1, max_length=200)]
    sent_at: Annotated[AwareDatetime, Field(alias="timestamp")]
    destination: Annotated[tuple[Annotated[str, Field(max_length=400)]], Field(min_length=1)]
    tags: dict[str, tuple[str, ...]] = {}


class Event(_Part):
    """What became of a mail. Events that are none of the three have none of them."""

    type: Annotated[str, Field(alias="eventType")]
    mail: _Mail
    bounce: _Bounce | None = None
    complaint: _Complaint | None = None
    delivery: _Delivery | None = None

    @property
    def organization(self) -> str | None:
        """In whose name the mail was sent."""
        return next(iter(self.mail.tags.get(TAG, ())), None)

    @property
    def notice(self) -> str | None:
        """What the mail told; None for one that was sent before mails said so."""
        return next((tag for tag in self.mail.tags.get(NOTICE_TAG, ()) if tag in TEMPLATES), None)

    @property
    def day(self) -> date:
        """On which the mail was sent (UTC)."""
        return self.mail.sent_at.astimezone(UTC).date()

    @property
    def address(self) -> str:
        return parseaddr(self.mail.destination[0])[1]


def is_event(message: dict[str, Any]) -> bool:
    return "eventType" in message
