"""What each notice tells: the values its templates need, checked before anything is rendered."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

from chalicelib.notifications.model import Kind, greeted_name, one_line, plain_lines

Line = Annotated[str, AfterValidator(one_line)]
Lines = Annotated[str, AfterValidator(plain_lines)]
Name = Annotated[str, AfterValidator(greeted_name)]
Link = Annotated[str, StringConstraints(pattern=r"^https?://[^\s<>\"]+$")]


class Values(BaseModel):
    """What a template needs; `about` says of which kind the notice is. What `opens` something is kept in no inbox.

    Of a `public` one the `link` opens nothing: it leads to a page that anybody may see.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True, defer_build=True)

    about: ClassVar[Kind] = Kind.ACCOUNT
    opens: ClassVar[bool] = False
    public: ClassVar[bool] = False


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


class InvoiceReady(Values):
    """`total` is as a person reads it: `str(Money)`. `link` leads to the receipt, whoever opens it."""

    about: ClassVar[Kind] = Kind.ORDERS

    order_code: Line
    items: tuple[Item, ...]
    total: Line
    link: Link
    organization: Line | None = None


class PaymentExpired(Values):
    """`amount` is what was to be paid, as a person reads it: `str(Money)`."""

    about: ClassVar[Kind] = Kind.ORDERS

    order_code: Line
    amount: Line
    organization: Line | None = None


class PayoutSent(Values):
    """For who earned it. `amount` is as a person reads it; `account` is the bank and the end of the number."""

    name: Name
    amount: Line
    account: Line | None = None


class PayoutFailed(Values):
    """`reason` is the staff's, where they gave one."""

    name: Name
    amount: Line
    reason: Line | None = None


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
    public: ClassVar[bool] = True

    event: Line
    link: Link
    unsubscribe: Link


class OwnPhotos(EventNews):
    """`link` opens the `count` photos that show somebody."""

    public: ClassVar[bool] = False

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
    "welcome": AccountChanged,
    "already_registered": AlreadyRegistered,
    "password_changed": AccountChanged,
    "address_changing": AccountChanged,
    "second_factor_on": AccountChanged,
    "second_factor_off": AccountChanged,
    "recovery_code_used": AccountChanged,
    "new_device": NewDevice,
    "download_ready": DownloadReady,
    "invoice_ready": InvoiceReady,
    "payment_expired": PaymentExpired,
    "payout_sent": PayoutSent,
    "payout_failed": PayoutFailed,
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
