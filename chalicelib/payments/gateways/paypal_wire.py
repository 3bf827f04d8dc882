"""What PayPal writes, and what it means: https://developer.paypal.com/docs/api/orders/v2/."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from chalicelib.payments.gateways.contract import Located, Returned, State, Status
from chalicelib.payments.gateways.wire import Wire, refused

LIFETIME = timedelta(hours=1)
"""PayPal waits three hours for a buyer; we do not."""
GRACE = timedelta(minutes=5)
"""What was agreed to in the last moment is still captured."""
WITHDRAWN = "withdrawn"
"""The mark of an order that is not to be captured any more."""
_TWO_DECIMALS = "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD ILS MXN MYR NOK NZD PHP PLN SEK SGD THB USD"
_WRITTEN_WHOLE = "HUF JPY TWD"
"""PayPal takes no decimals of them. Of these, the yen alone has no minor units."""
CURRENCIES = tuple(f"{_TWO_DECIMALS} {_WRITTEN_WHOLE}".split())
_CAPTURED: dict[str, State] = {
    "COMPLETED": "captured",
    "PARTIALLY_REFUNDED": "captured",
    "REFUNDED": "captured",
    "PENDING": "pending",
    "DECLINED": "failed",
    "FAILED": "failed",
}
_WAITING = ("CREATED", "SAVED", "PAYER_ACTION_REQUIRED", "APPROVED")


class Money(Wire):
    currency: str = Field(alias="currency_code", pattern=r"^[A-Z]{3}$")
    value: Annotated[Decimal, Field(ge=0, lt=10**11)]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.value.scaleb(_decimals(self.currency)) % 1:
            raise ValueError("not a whole number of minor units")
        return self

    @property
    def amount(self) -> int:
        """Minor units."""
        return int(self.value.scaleb(_decimals(self.currency)))


class Breakdown(Wire):
    fee: Money | None = Field(None, alias="paypal_fee")


class Capture(Wire):
    id: str = Field(pattern=r"^[A-Z0-9]{1,36}$")
    status: str
    money: Money = Field(alias="amount")
    breakdown: Breakdown = Field(Breakdown(), alias="seller_receivable_breakdown")

    @property
    def state(self) -> State:
        return _CAPTURED.get(self.status, "unknown")

    @property
    def fee(self) -> int | None:
        """What PayPal kept, where it did so in the currency that was paid."""
        kept = self.breakdown.fee
        return None if kept is None or kept.currency != self.money.currency else kept.amount


class Refund(Wire):
    id: str = Field(pattern=r"^[A-Z0-9]{1,36}$")
    status: Literal["PENDING", "COMPLETED", "FAILED", "CANCELLED"]
    money: Money = Field(alias="amount")
    key: str = Field("", alias="custom_id")

    @property
    def returned(self) -> Returned:
        match self.status:
            case "PENDING":
                return Returned("pending", self.id)
            case "COMPLETED":
                return Returned("settled", self.id)
            case _:
                return Returned("failed", self.id)


class Payments(Wire):
    captures: tuple[Capture, ...] = ()
    refunds: tuple[Refund, ...] = ()

    @property
    def capture(self) -> Capture | None:
        """The one that brought the money; else the last that was tried."""
        last = self.captures[-1] if self.captures else None
        return next((each for each in self.captures if each.state == "captured"), last)


class Named(Wire):
    reference: str = Field(alias="invoice_id", pattern=r"^[A-Za-z0-9._:-]{1,64}$")


class Unit(Named):
    money: Money = Field(alias="amount")
    mark: str = Field("", alias="custom_id")
    payments: Payments = Payments()


class Link(Wire):
    url: str = Field(alias="href")
    to: str = Field(alias="rel")


class Order(Wire):
    id: str = Field(pattern=r"^[A-Z0-9]{1,36}$")
    status: str
    created: AwareDatetime = Field(alias="create_time")
    changed: str = Field("", alias="update_time")
    units: tuple[Unit] = Field(alias="purchase_units")
    links: tuple[Link, ...] = ()

    @property
    def unit(self) -> Unit:
        return self.units[0]

    def is_to_be_captured(self, at: datetime) -> bool:
        is_ours = self.status == "APPROVED" and self.unit.mark != WITHDRAWN
        return is_ours and at < self.created + LIFETIME + GRACE

    def told(self, at: datetime) -> Status:
        """As the contract tells it."""
        capture, unit = self.unit.payments.capture, self.unit
        if capture is None:
            return Status(self.id, self._state(at), unit.money.amount, unit.money.currency, unit.reference, None)
        return Status(
            transaction_id=self.id,
            state=capture.state,
            amount=capture.money.amount,
            currency=capture.money.currency,
            reference=unit.reference,
            account=None,
            fee=capture.fee,
            capture=capture.id if capture.state == "captured" else None,
        )

    def _state(self, at: datetime) -> State:
        """Of one that was not captured."""
        if self.status == "VOIDED":
            return "expired"
        if self.status not in _WAITING:
            return "unknown"
        is_over = self.unit.mark == WITHDRAWN or self.created + LIFETIME <= at
        return "expired" if is_over else "pending"


class Grant(Wire):
    token: str = Field(alias="access_token", pattern=r"^[!-~]+$")
    seconds: int = Field(alias="expires_in", gt=0)


class Approved(Wire):
    order: str = Field(alias="id", pattern=r"^[A-Z0-9]{1,36}$")
    units: tuple[Named] = Field(alias="purchase_units")

    @property
    def reference(self) -> str:
        return self.units[0].reference


class Reversed(Approved):
    order: str = Field(alias="order_id", pattern=r"^[A-Z0-9]{1,36}$")


class Related(Wire):
    order: str = Field(alias="order_id", pattern=r"^[A-Z0-9]{1,36}$")


class Supplement(Wire):
    related: Related = Field(alias="related_ids")


class Taken(Named):
    supplement: Supplement = Field(alias="supplementary_data")

    @property
    def order(self) -> str:
        return self.supplement.related.order


class Sold(Wire):
    capture: str = Field(alias="seller_transaction_id", pattern=r"^[A-Z0-9]{1,36}$")


class Contested(Wire):
    """A dispute of one capture: nothing else of ours is in it for certain."""

    id: str = Field(alias="dispute_id", pattern=r"^[A-Za-z0-9-]{1,64}$")
    transactions: tuple[Sold] = Field(alias="disputed_transactions")

    @property
    def capture(self) -> str:
        return self.transactions[0].capture


class Event(Wire):
    """Of an order that was approved, of one whose approval was taken back, of a capture, or of a dispute."""

    resource: Approved | Reversed | Taken | Contested = Field(union_mode="left_to_right")

    @property
    def about(self) -> Located:
        match self.resource:
            case Contested() as dispute:
                return Located(dispute.capture, "", dispute.id)
            case told:
                return Located(told.order, told.reference)


class Done(Wire):
    id: str


def _decimals(currency: str) -> int:
    return 0 if currency == "JPY" else 2


def written(amount: int, currency: str) -> dict[str, str]:
    """Minor units as PayPal writes them. Raises Unprocessable for what it does not take."""
    value = Decimal(amount).scaleb(-_decimals(currency))
    if currency in _WRITTEN_WHOLE.split():
        if value % 1:
            raise refused()
        value = value.to_integral_value()
    if currency not in CURRENCIES:
        raise refused()
    return {"currency_code": currency, "value": f"{value:f}"}
