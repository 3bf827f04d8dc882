"""Payments.

| access                              | key                                                        |
|-------------------------------------|------------------------------------------------------------|
| an order's attempts                 | pk T#{org}#ORD#{order} / sk PAY#{attempt}                  |
| the payment behind its id (global)  | pk G#gateway-transaction#{payment} / sk -                  |
| the payment behind a charge, or what was captured of it (global) | pk G#gateway-charge#{gateway}:{name} / sk - |
| payments to ask the gateway about   | due G#DUE#payment#{0-3} / next_check_at#payment            |
| payments a person must look at      | by_review T#{org}#REVIEW / created_at#payment              |
| payments in a state, newest first   | by_list T#{org}#PAYMENTS#{state} / created_at#payment      |

The global row is written before the gateway is asked, so even the earliest webhook finds its payment by our own
reference. What a gateway tells of a dispute names the charge alone, or the capture: where there are disputes, that
finds it, too. A capture's row is written with the entry that books it. These rows hold ids only.
"""

import dataclasses
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Typed,
    Write,
    create,
    index,
    page,
    replace,
    table,
)
from chalicelib.payments.gateways.contract import HostedFields, Transfer
from chalicelib.payments.model import Payment, State

_SHARDS = 4


class PaymentRecord(Record):
    Meta = table("payments")
    keys = ("T#{}#ORD#{}", "PAY#{}")
    model = Payment

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    attempt = NumberAttribute()
    gateway = UnicodeAttribute()
    amount = NumberAttribute()
    currency = UnicodeAttribute()
    state = Choice(State)
    created_at = Moment()
    transaction = UnicodeAttribute(null=True)
    payable = NumberAttribute(null=True)
    received = NumberAttribute(null=True)
    qr_png = UnicodeAttribute(null=True)
    expires_at = Moment(null=True)
    captured_at = Moment(null=True)
    checked_at = Moment(null=True)
    next_check_at = Moment(null=True)
    review_reason = UnicodeAttribute(null=True)
    correlation = UnicodeAttribute(null=True)
    kept = NumberAttribute(null=True)
    suspended = NumberAttribute(null=True)
    refundable = NumberAttribute(null=True)
    other_currency = UnicodeAttribute(null=True)
    reviewed_at = Moment(null=True)
    reviewed_by = UnicodeAttribute(null=True)
    redirect_url = UnicodeAttribute(null=True)
    hosted_fields = Typed[HostedFields](HostedFields, null=True)
    transfer_to = Typed[Transfer](Transfer, null=True)
    fee = NumberAttribute(null=True)
    qr_text = UnicodeAttribute(null=True)
    ask_every = NumberAttribute(null=True)
    keeps = BooleanAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    review_pk = UnicodeAttribute(null=True)
    review_sk = UnicodeAttribute(null=True)
    list_pk = UnicodeAttribute(null=True)
    list_sk = UnicodeAttribute(null=True)
    by_list = index("by_list")
    due = index("due")
    by_review = index("by_review")


class PointerRecord(Record):
    Meta = table("payments")
    keys = ("G#gateway-transaction#{}", "-")

    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    attempt = NumberAttribute()
    gateway = UnicodeAttribute(null=True)


class ChargeRecord(Record):
    Meta = table("payments")
    keys = ("G#gateway-charge#{*}", "-")

    payment = UnicodeAttribute()
    organization = UnicodeAttribute(null=True)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a payment is kept. `gateway` is None of one from before this was noted."""

    organization: str
    order: str
    attempt: int
    gateway: str | None


class AttemptTaken(Conflict):
    """Another request opened this attempt first."""

    def __init__(self) -> None:
        super().__init__("attempt_taken", "Another request opened this attempt first.")


def attempts(organization: str, order: str) -> list[Payment]:
    """All attempts to pay an order, the first one first."""
    found = PaymentRecord.query(_pk(organization, order), PaymentRecord.sk.startswith("PAY#"), consistent_read=True)
    return [record.value() for record in found]


def locate(payment_id: str) -> Place:
    """Where the payment is. Raises NotFound. Mind the tenant: the row is global."""
    pointer = PointerRecord.fetch(_pointer(payment_id), "-")
    if pointer is None:
        raise NotFound("payment_not_found", "There is no such payment.")
    return Place(pointer.organization, pointer.order, int(pointer.attempt), pointer.gateway)


def behind(gateway: str, name: str) -> str:
    """The id of the payment that a charge or a capture is of. Raises NotFound. Mind the tenant: the row is global."""
    found = ChargeRecord.fetch(_charge(gateway, name), "-")
    if found is None:
        raise NotFound("payment_not_found", "There is no such payment.")
    return str(found.payment)


def is_named(payment: Payment, name: str) -> bool:
    """Whether it is found by `name`, as its gateway has it."""
    found = ChargeRecord.fetch(_charge(payment.gateway, name), "-")
    return found is not None and found.payment == payment.id


def get(organization: str, payment_id: str) -> Payment:
    """Raises NotFound, for a foreign payment too."""
    missing = NotFound("payment_not_found", "There is no such payment.")
    if not ids.is_id("pay", payment_id):
        raise missing
    place = locate(payment_id)
    if place.organization != organization:
        raise missing
    record = PaymentRecord.fetch(_pk(organization, place.order), _sk(place.attempt))
    if record is None:
        raise missing
    payment: Payment = record.value()
    return payment


def add(payment: Payment) -> tuple[Write, ...]:
    """A new attempt and its global row. Raises AttemptTaken at commit when there is one with this number."""
    pointer = PointerRecord(
        _pointer(payment.id),
        "-",
        organization=payment.organization,
        order=payment.order,
        attempt=payment.attempt,
        gateway=payment.gateway,
    )
    return create(_record(payment), AttemptTaken()), create(pointer, AttemptTaken())


def name_charge(payment: Payment, name: str) -> Write:
    """Lets a payment be found by what its gateway calls it, or the money that came of it."""
    row = ChargeRecord(_charge(payment.gateway, name), "-", payment=payment.id, organization=payment.organization)
    return create(row)


def save(payment: Payment, *, was: Payment) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_record(payment), was.version)


def reserve(payment: Payment, amount: int, excess: int, *, was: Payment) -> Write:
    """As `save`, for money that goes back: it holds only while that much is left."""
    held = PaymentRecord.refundable
    enough = held.does_not_exist() | (held >= amount)  # what an older release captured has none: all of it is left
    write = save(payment.reserved(amount, excess), was=was)
    return dataclasses.replace(write, condition=write.condition & enough)


def in_state(organization: str, state: State, request: PageRequest) -> Page[Payment]:
    pk = f"T#{organization}#PAYMENTS#{state}"
    found = page(PaymentRecord, PaymentRecord.by_list, pk, request, newest_first=True)
    return found.map(lambda record: record.value())


def find(organization: str, payments: Sequence[str]) -> dict[str, Payment]:
    """Payments of the organization by their ids."""
    if not payments:
        return {}
    pointers = PointerRecord.batch_get([(_pointer(payment), "-") for payment in payments], consistent_read=True)
    own = [pointer for pointer in pointers if pointer.organization == organization]
    keys = [(_pk(organization, pointer.order), _sk(int(pointer.attempt))) for pointer in own]
    found = PaymentRecord.batch_get(keys, consistent_read=True) if keys else ()
    return {record.id: record.value() for record in found}


def to_check(at: datetime) -> Iterator[tuple[str, str, str | None]]:
    """(organization, payment id, correlation) of payments to ask the gateway about by `at`, the longest due first."""
    before = PaymentRecord.due_sk < clock.stamp(at)
    shards = [PaymentRecord.due.query(f"G#DUE#payment#{shard}", before, page_size=100) for shard in range(_SHARDS)]
    for record in heapq.merge(*shards, key=lambda record: str(record.due_sk)):
        yield record.organization, record.id, record.correlation


def under_review(organization: str, request: PageRequest) -> Page[Payment]:
    found = page(PaymentRecord, PaymentRecord.by_review, f"T#{organization}#REVIEW", request)
    return found.map(lambda record: record.value())


def _record(payment: Payment) -> PaymentRecord:
    keys: dict[str, str] = {}
    if payment.next_check_at is not None:
        keys["due_pk"] = f"G#DUE#payment#{ids.shard_of(payment.id, _SHARDS)}"
        keys["due_sk"] = f"{clock.stamp(payment.next_check_at)}#{payment.id}"
    keys["list_pk"] = f"T#{payment.organization}#PAYMENTS#{payment.state}"
    keys["list_sk"] = f"{clock.stamp(payment.created_at)}#{payment.id}"
    if payment.review_reason is not None and payment.reviewed_at is None:
        keys["review_pk"] = f"T#{payment.organization}#REVIEW"
        keys["review_sk"] = f"{clock.stamp(payment.created_at)}#{payment.id}"
    return PaymentRecord.of(payment, pk=_pk(payment.organization, payment.order), sk=_sk(payment.attempt), **keys)


def _pk(organization: str, order: str) -> str:
    return f"T#{organization}#ORD#{order}"


def _sk(attempt: int) -> str:
    return f"PAY#{attempt:04d}"


def _pointer(payment_id: str) -> str:
    return f"G#gateway-transaction#{payment_id}"


def _charge(gateway: str, name: str) -> str:
    return f"G#gateway-charge#{gateway}:{name}"
