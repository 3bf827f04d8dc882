"""What each e-mail tells: the values its templates need, checked before anything is rendered."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

from chalicelib.notifications.quiet.model import QuietHours

Channel = Literal["email", "sms", "inapp", "push", "line"]
CHANNELS: tuple[Channel, ...] = ("email", "sms", "inapp", "push", "line")

_LONGEST_LINE = 200
_LONGEST_NAME = 60
_BREAKS = {"Cc", "Zl", "Zp"}
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINK_LIKE = re.compile(r"[/\\:@]|\.\w{2}")


def one_line(text: str, longest: int = _LONGEST_LINE) -> str:
    """`text` without line breaks, control characters and marks that turn the reading direction, cut to `longest`."""
    plain = (" " if unicodedata.category(sign) in _BREAKS or sign in _DIRECTION_MARKS else sign for sign in text)
    return " ".join("".join(plain).split())[:longest]


def plain_lines(text: str) -> str:
    """`text` with its line breaks, and otherwise as `one_line` has it. Of empty lines one is left between others."""
    lines = "\n".join(one_line(line, len(line)) for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def greeted_name(text: str) -> str:
    """A name fit for a greeting, or nothing: anybody may sign up a stranger's address and name it a link."""
    name = one_line(text)
    return "" if len(name) > _LONGEST_NAME or _LINK_LIKE.search(name) else name


Line = Annotated[str, AfterValidator(one_line)]
Lines = Annotated[str, AfterValidator(plain_lines)]
Name = Annotated[str, AfterValidator(greeted_name)]
Link = Annotated[str, StringConstraints(pattern=r"^https?://[^\s<>\"]+$")]


class Kind(StrEnum):
    """What a notice is about. Those of a `NECESSARY` kind come whatever somebody has chosen."""

    ACCOUNT = "account"
    ORDERS = "orders"
    REMINDERS = "reminders"
    NEWS = "news"


NECESSARY = frozenset({Kind.ACCOUNT, Kind.ORDERS})
UNASKED: Mapping[Channel, frozenset[Kind]] = {
    "email": frozenset({Kind.REMINDERS}),
    "sms": frozenset({Kind.REMINDERS}),
    "inapp": frozenset({Kind.REMINDERS, Kind.NEWS}),
    "push": frozenset({Kind.REMINDERS}),
    "line": frozenset({Kind.REMINDERS}),
}
"""What comes until somebody chooses otherwise; anything else that is not necessary has to be asked for. An inbox
disturbs nobody: it is looked at when there is time.
"""


@dataclass(frozen=True, slots=True)
class Reader:
    """The account that a notice is for: it lands in its inbox, too, once for an `occasion`.

    `page` is the path of the site where one sees more. Who `asked` for it has chosen, whatever else they chose.
    """

    user: str
    page: str | None = None
    occasion: str | None = None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Preferences:
    """Which notices somebody wants, and when. `chosen` is by channel and kind; `version` 0 is one never stored."""

    organization: str
    user: str
    chosen: Mapping[Channel, Mapping[Kind, bool]] = field(default_factory=dict)
    version: int = 0
    quiet: QuietHours | None = None

    def wants(self, channel: Channel, kind: Kind) -> bool:
        return kind in NECESSARY or self.chosen.get(channel, {}).get(kind, kind in UNASKED[channel])

    def changed(self, told: Mapping[Channel, Mapping[Kind, bool]]) -> Self:
        """What was not told of stays."""
        chosen = {channel: {**self.chosen.get(channel, {}), **told.get(channel, {})} for channel in CHANNELS}
        return replace(self, chosen=chosen, version=self.version + 1)


class Values(BaseModel):
    """What a template needs; `about` says of which kind the notice is. What `opens` something is kept in no inbox."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True, defer_build=True)

    about: ClassVar[Kind] = Kind.ACCOUNT
    opens: ClassVar[bool] = False


class Code(Values):
    """`link` leads to a page that does what the code does."""

    opens: ClassVar[bool] = True

    name: Name
    code: Line
    minutes: int
    link: Link | None = None


class AlreadyRegistered(Values):
    name: Name


class AccountChanged(Values):
    name: Name


class NewDevice(Values):
    """A datetime in `at` is told in the reader's language and the organization's zone."""

    name: Name
    device: Line
    at: Line | AwareDatetime


class Item(Values):
    title: Line
    count: int = 1


class Refunded(Values):
    """`amount` is as a person reads it: `str(Money)`. `organization` is the name to show, else its mail name."""

    about: ClassVar[Kind] = Kind.ORDERS

    order_code: Line
    amount: Line
    by_transfer: bool
    by_credit: bool = False
    withdrawn: bool
    organization: Line | None = None


class RefundDeclined(Values):
    """`amount` is what was asked for, as a person reads it: `str(Money)`."""

    about: ClassVar[Kind] = Kind.ORDERS

    order_code: Line
    amount: Line
    organization: Line | None = None


class PaymentDisputed(Values):
    """For staff. `amount` is as a person reads it: `str(Money)`; `reason` is the gateway's word.

    Until `due_at` evidence is taken. A datetime is told in the reader's language and the organization's zone.
    """

    about: ClassVar[Kind] = Kind.ORDERS

    order_code: Line
    amount: Line
    reason: Line
    outcome: Literal["inquiry", "open", "won", "lost", "closed"]
    due_at: Line | AwareDatetime | None = None
    organization: Line | None = None


class TransferRejected(Values):
    """`amount` is what was to be paid, as a person reads it: `str(Money)`. `reason` is the staff's."""

    about: ClassVar[Kind] = Kind.ORDERS

    order_code: Line
    amount: Line
    reason: Line
    organization: Line | None = None


class Shipment(Values):
    """What a carrier has, and where it says how far it is."""

    carrier: Line
    number: Line | None = None
    link: Link | None = None


class PrintsShipped(Values):
    about: ClassVar[Kind] = Kind.ORDERS

    order_code: Line
    shipments: tuple[Shipment, ...]
    organization: Line | None = None


class TicketsReady(Values):
    """`link` leads to the tickets of the order, whoever opens it."""

    about: ClassVar[Kind] = Kind.ORDERS

    order_code: Line
    event: Line
    link: Link
    organization: Line | None = None


class DownloadReady(Values):
    """`total` is as a person reads it: `str(Money)`. `invoice` leads to the receipt, where there is one.
    `organization` is the name to show, else its mail name.

    A datetime in `expires_at` is told in the reader's language and the organization's zone.
    """

    about: ClassVar[Kind] = Kind.ORDERS

    order_code: Line
    items: tuple[Item, ...]
    total: Line
    link: Link
    invoice: Link | None = None
    hours: int
    limit: int
    expires_at: Line | AwareDatetime
    organization: Line | None = None


class DocumentReviewed(Values):
    """`reason` says why a document was rejected."""

    name: Name
    kind: Literal["passport", "id_card", "driving_licence", "proof_of_address"]
    outcome: Literal["approved", "rejected", "expired"]
    reason: Line


class Invitation(Values):
    """`link` is good for `days`."""

    opens: ClassVar[bool] = True

    link: Link
    days: int


class DomainLost(Values):
    """`host` has not told for `days` that it is the organization's."""

    host: Line
    days: int


class WebhookDisabled(Values):
    """For staff. `host` has taken nothing for three days, or is `gone` by its own word."""

    host: Line
    gone: bool


class ExportReady(Values):
    name: Name
    link: Link
    expires_at: Line | AwareDatetime


class ErasurePlanned(Values):
    """`scope` is what is erased: the account, face data or photos."""

    name: Name
    scope: Literal["account", "faces", "photos"]
    due_at: Line | AwareDatetime


class ErasureDone(Values):
    """`receipt` is the signed receipt, `link` where its public key is."""

    scope: Literal["account", "faces", "photos"]
    receipt: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$")]
    link: Link


class FollowCode(Values):
    """`link` leads to a page that does what the code does."""

    opens: ClassVar[bool] = True

    event: Line
    code: Line
    minutes: int
    link: Link | None = None


class EventNews(Values):
    """`link` leads to the event. Whoever follows `unsubscribe` hears no more of it, and so does their mail program."""

    about: ClassVar[Kind] = Kind.REMINDERS

    event: Line
    link: Link
    unsubscribe: Link


class OwnPhotos(EventNews):
    """`link` opens the `count` photos that show somebody."""

    count: int


class Announcement(EventNews):
    """What an organizer wrote. A text to a phone tells the title alone."""

    title: Line
    text: Lines


class ReceiptLink(Values):
    """`link` is where the signed receipt is, which is too long for a text."""

    link: Link


TEMPLATES: dict[str, type[Values]] = {
    "sign_up_code": Code,
    "reset_password_code": Code,
    "verify_email_code": Code,
    "already_registered": AlreadyRegistered,
    "password_changed": AccountChanged,
    "address_changing": AccountChanged,
    "second_factor_on": AccountChanged,
    "second_factor_off": AccountChanged,
    "recovery_code_used": AccountChanged,
    "new_device": NewDevice,
    "download_ready": DownloadReady,
    "prints_shipped": PrintsShipped,
    "tickets_ready": TicketsReady,
    "document_reviewed": DocumentReviewed,
    "export_ready": ExportReady,
    "erasure_planned": ErasurePlanned,
    "erasure_done": ErasureDone,
    "invitation": Invitation,
    "domain_lost": DomainLost,
    "webhook_disabled": WebhookDisabled,
    "refunded": Refunded,
    "refund_declined": RefundDeclined,
    "transfer_rejected": TransferRejected,
    "payment_disputed": PaymentDisputed,
    "follow_event_code": FollowCode,
    "event_live": EventNews,
    "own_photos": OwnPhotos,
    "announcement": Announcement,
}
"""What is mailed."""

TEXTS: dict[str, type[Values]] = {
    "sign_up_code": Code,
    "reset_password_code": Code,
    "verify_phone_code": Code,
    "already_registered": AlreadyRegistered,
    "password_changed": AccountChanged,
    "address_changing": AccountChanged,
    "second_factor_on": AccountChanged,
    "second_factor_off": AccountChanged,
    "recovery_code_used": AccountChanged,
    "new_device": NewDevice,
    "export_ready": ExportReady,
    "erasure_planned": ErasurePlanned,
    "erasure_done": ReceiptLink,
    "follow_event_code": FollowCode,
    "event_live": EventNews,
    "own_photos": OwnPhotos,
    "announcement": Announcement,
}
"""What is texted."""
