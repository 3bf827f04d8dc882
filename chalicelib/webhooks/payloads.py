"""What a webhook tells of something: ids, states and amounts, and nothing of a person.

A shape may get fields with time. What breaks whoever reads it is a shape of another `version`.
"""

from datetime import datetime
from typing import ClassVar, Self

from chalicelib.core.queues import Fact
from chalicelib.core.wire import Output
from chalicelib.entitlements.messages import DownloadBegun
from chalicelib.events import service as events
from chalicelib.events.messages import EventWentLive
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.messages import PhotoApproved, PhotoFailed, PhotoReady, PhotoRejected
from chalicelib.orders import service as orders
from chalicelib.orders.messages import OrderPaid, OrderPaidLate
from chalicelib.orders.model import Order, Status
from chalicelib.payments import service as payments
from chalicelib.payments.disputes import service as disputes
from chalicelib.payments.disputes.messages import DisputeRaised
from chalicelib.payments.messages import InstalmentCaptured, PaymentExpired, PaymentFailed, PaymentUnderReview
from chalicelib.payments.refunds import service as refunds
from chalicelib.payments.refunds.messages import RefundDeclined, RefundFailed, RefundOpened, RefundSettled

PhotoFact = PhotoReady | PhotoApproved | PhotoRejected | PhotoFailed
RefundFact = RefundOpened | RefundSettled | RefundFailed | RefundDeclined


class Payload(Output):
    """`read` makes it of what a fact is about: None where nothing is to be told. It may raise NotFound."""

    version: ClassVar[int] = 1


class LineData(Output):
    """One line; `subject` is the event of photos. Amounts are minor units."""

    id: str
    kind: str
    subject: str
    status: str
    amount: int
    refunded: int


class OrderData(Payload):
    """An order as it stood when this was written. Amounts are minor units of `currency`."""

    id: str
    code: str
    status: str
    total: int
    refunded: int
    currency: str
    payment_id: str | None
    lines: list[LineData]
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None

    @classmethod
    def read(cls, fact: Fact) -> Self | None:
        order: Order = orders.get(fact.organization, fact.order)  # type: ignore[attr-defined]
        return cls(
            id=order.id,
            code=order.code,
            status=order.status,
            total=order.total,
            refunded=order.refunded,
            currency=order.currency,
            payment_id=order.payment,
            lines=[LineData.model_validate(line) for line in order.lines],
            created_at=order.created_at,
            expires_at=order.expires_at,
            paid_at=order.paid_at,
        )


class PaymentData(Payload):
    """An attempt to pay an order. Amounts are minor units; `received` is what came."""

    id: str
    order_id: str
    attempt: int
    gateway: str
    status: str
    amount: int
    received: int | None
    currency: str
    created_at: datetime
    captured_at: datetime | None

    @classmethod
    def read(cls, fact: PaymentFailed | PaymentExpired | PaymentUnderReview | InstalmentCaptured) -> Self | None:
        return cls.of(fact.organization, fact.payment)

    @classmethod
    def of_capture(cls, fact: InstalmentCaptured | OrderPaid | OrderPaidLate) -> Self | None:
        """One that paid some of an order, or all of it."""
        return cls.read(fact) if isinstance(fact, InstalmentCaptured) else cls.of_order(fact)

    @classmethod
    def of_order(cls, fact: OrderPaid | OrderPaidLate) -> Self | None:
        """The payment of an order that is paid at once. One that was paid late was told of when the money came."""
        order = orders.get(fact.organization, fact.order)
        late = any(step.status is Status.PAID_LATE for step in order.history)
        in_parts = len(order.payments) > 1
        if order.payment is None or in_parts or (late and isinstance(fact, OrderPaid)):
            return None
        return cls.of(fact.organization, order.payment)

    @classmethod
    def of(cls, organization: str, id: str) -> Self:
        payment = payments.get(organization, id)
        return cls(
            id=payment.id,
            order_id=payment.order,
            attempt=payment.attempt,
            gateway=payment.gateway,
            status=payment.state,
            amount=payment.amount,
            received=payment.received,
            currency=payment.currency,
            created_at=payment.created_at,
            captured_at=payment.captured_at,
        )


class RefundData(Payload):
    """Money on its way back. `amount` is minor units; `way` is null until it is decided."""

    id: str
    order_id: str
    payment_id: str
    status: str
    way: str | None
    amount: int
    currency: str
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def read(cls, fact: RefundFact) -> Self | None:
        refund = refunds.get(fact.organization, fact.order, fact.refund)
        return cls(
            id=refund.id,
            order_id=refund.order,
            payment_id=refund.payment,
            status=refund.state,
            way=refund.way,
            amount=refund.amount,
            currency=refund.currency,
            created_at=refund.created_at,
            ended_at=refund.ended_at,
        )


class DisputeData(Payload):
    """A buyer's bank wants money back. `reason` is the gateway's word, `amount` minor units."""

    id: str
    order_id: str
    payment_id: str
    status: str
    reason: str
    amount: int
    currency: str
    due_at: datetime | None

    @classmethod
    def read(cls, fact: DisputeRaised) -> Self | None:
        dispute = disputes.get(fact.organization, fact.order, fact.dispute)
        return cls(
            id=dispute.id,
            order_id=dispute.order,
            payment_id=dispute.payment,
            status=fact.state,
            reason=dispute.reason,
            amount=dispute.amount,
            currency=dispute.currency,
            due_at=dispute.due_at,
        )


class PhotoData(Payload):
    """A photo; `width` and `height` are pixels as displayed."""

    id: str
    event_id: str
    processing: str
    approval: str
    width: int | None
    height: int | None
    taken_at: datetime | None

    @classmethod
    def read(cls, fact: PhotoFact) -> Self | None:
        photo = photos.get(fact.organization, fact.photo)
        return cls(
            id=photo.id,
            event_id=photo.event,
            processing=photo.processing,
            approval=photo.approval,
            width=photo.width,
            height=photo.height,
            taken_at=photo.taken_at,
        )


class EventData(Payload):
    id: str
    slug: str
    name: str
    status: str

    @classmethod
    def read(cls, fact: EventWentLive) -> Self | None:
        return cls.model_validate(events.get(fact.organization, fact.event))


class DownloadData(Payload):
    """Files of an order that the buyer fetches, in a size: `original`, `web` or `small`."""

    order_id: str
    photo_ids: list[str]
    size: str

    @classmethod
    def read(cls, fact: DownloadBegun) -> Self | None:
        return cls(order_id=fact.order, photo_ids=fact.photos, size=fact.size)


class TestData(Payload):
    """A test, sent for the asking."""

    endpoint_id: str
