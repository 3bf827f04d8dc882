"""Which events there are: the type, the facts that it follows, and what is told. To add one, add a line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.core.queues import Fact
from chalicelib.entitlements.messages import DownloadBegun
from chalicelib.events.messages import EventWentLive
from chalicelib.lines.photos.messages import PhotoApproved, PhotoFailed, PhotoReady, PhotoRejected
from chalicelib.orders.messages import (
    OrderCancelled,
    OrderCompleted,
    OrderExpired,
    OrderPaid,
    OrderPaidLate,
    OrderPlaced,
)
from chalicelib.payments.disputes.messages import DisputeRaised
from chalicelib.payments.messages import InstalmentCaptured, PaymentExpired, PaymentFailed, PaymentUnderReview
from chalicelib.payments.refunds.messages import RefundDeclined, RefundFailed, RefundOpened, RefundSettled
from chalicelib.webhooks.payloads import (
    DisputeData,
    DownloadData,
    EventData,
    OrderData,
    Payload,
    PaymentData,
    PhotoData,
    RefundData,
)


@dataclass(frozen=True, slots=True)
class EventType:
    """`says` is what it means, in the documentation too; `read` is a payload's or gives None for nothing to tell."""

    name: str
    says: str
    read: Callable[[Any], Payload | None]
    facts: tuple[type[Fact], ...]

    @property
    def shape(self) -> type[Payload]:
        shape: type[Payload] = self.read.__self__  # type: ignore[attr-defined]
        return shape


_CHANGES = (OrderPaid, OrderPaidLate, OrderCompleted, OrderExpired, OrderCancelled, RefundSettled)

EVENTS = (
    EventType("order.created", "An order was placed; it waits for its money.", OrderData.read, (OrderPlaced,)),
    EventType("order.updated", "An order came to another state, or money of it went back.", OrderData.read, _CHANGES),
    EventType("order.paid", "The money is there; what was bought is handed over now.", OrderData.read, (OrderPaid,)),
    EventType("order.completed", "Everything was handed over.", OrderData.read, (OrderCompleted,)),
    EventType("order.expired", "Nobody paid in time.", OrderData.read, (OrderExpired,)),
    EventType("order.cancelled", "An unpaid order was taken back.", OrderData.read, (OrderCancelled,)),
    EventType(
        "payment.succeeded",
        "A payment paid its order, or a part of it.",
        PaymentData.of_capture,
        (OrderPaid, OrderPaidLate, InstalmentCaptured),
    ),
    EventType(
        "payment.failed", "The gateway refused an attempt; another may follow.", PaymentData.read, (PaymentFailed,)
    ),
    EventType("payment.expired", "An attempt was not paid in time, or withdrawn.", PaymentData.read, (PaymentExpired,)),
    EventType(
        "payment.review", "Money came that fits no order; staff must look.", PaymentData.read, (PaymentUnderReview,)
    ),
    EventType("refund.created", "Money is to go back, or a buyer asks for it.", RefundData.read, (RefundOpened,)),
    EventType("refund.succeeded", "Money went back.", RefundData.read, (RefundSettled,)),
    EventType("refund.failed", "The gateway gave nothing back; staff must look.", RefundData.read, (RefundFailed,)),
    EventType("refund.declined", "Staff said no to what a buyer asked for.", RefundData.read, (RefundDeclined,)),
    EventType("dispute.updated", "A dispute was opened, or came to another state.", DisputeData.read, (DisputeRaised,)),
    EventType("photo.ready", "A photo was processed.", PhotoData.read, (PhotoReady,)),
    EventType("photo.failed", "A photo could not be processed.", PhotoData.read, (PhotoFailed,)),
    EventType("photo.approved", "A photo came on sale.", PhotoData.read, (PhotoApproved,)),
    EventType("photo.rejected", "A photo was not approved.", PhotoData.read, (PhotoRejected,)),
    EventType("event.live", "The photos of an event can be seen for the first time.", EventData.read, (EventWentLive,)),
    EventType("download.created", "A buyer fetches files of an order.", DownloadData.read, (DownloadBegun,)),
)

TYPES = {event.name: event for event in EVENTS}
FACTS = tuple(dict.fromkeys(fact for event in EVENTS for fact in event.facts))
"""All that something follows."""


def following(fact: Fact) -> list[EventType]:
    return [event for event in EVENTS if type(fact) in event.facts]
