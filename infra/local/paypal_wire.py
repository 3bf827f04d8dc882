"""What the PayPal sandbox keeps, and how PayPal writes it: https://developer.paypal.com/docs/api/orders/v2/."""

import secrets
import string
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Literal, Self

from chalicelib.core import clock
from infra.local.hosted import Failed
from infra.local.paypal_disputes import Dispute
from infra.local.sandbox import ANYWHERE
from infra.local.webhooks import Webhook

WITHOUT_DECIMALS = ("HUF", "JPY", "TWD")
SETTLED_IN = "THB"
_ANYWHERE = ANYWHERE | {"limit": "too many requests, and nothing happened", "ended": "the token is not good any more"}
FAULTS = {
    "create": _ANYWHERE,
    "check": _ANYWHERE | {"odd_status": "a status nobody has heard of"},
    "cancel": _ANYWHERE,
    "capture": _ANYWHERE,
    "refund": _ANYWHERE,
    "dispute": _ANYWHERE | {"odd_status": "a status nobody has heard of"},
    "token": ANYWHERE,
    "certificate": ANYWHERE,
}
RefundState = Literal["PENDING", "COMPLETED", "FAILED", "CANCELLED"]


def failed(status: HTTPStatus, name: str, issue: str | None = None) -> Failed:
    told: dict[str, Any] = {"name": name, "message": "The requested action failed.", "debug_id": secrets.token_hex(7)}
    return Failed(status, told | ({"details": [{"issue": issue}]} if issue else {}))


def unprocessable(issue: str) -> Failed:
    return failed(HTTPStatus.UNPROCESSABLE_ENTITY, "UNPROCESSABLE_ENTITY", issue)


def missing() -> Failed:
    return failed(HTTPStatus.NOT_FOUND, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")


def invalid(issue: str) -> Failed:
    return failed(HTTPStatus.BAD_REQUEST, "INVALID_REQUEST", issue)


def new_id() -> str:
    return "".join(secrets.choice(string.digits + string.ascii_uppercase) for _ in range(17))


@dataclass
class Refund:
    id: str
    capture: str
    value: str
    currency: str
    custom_id: str
    status: RefundState

    def written(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "amount": {"currency_code": self.currency, "value": self.value},
            "custom_id": self.custom_id,
            "status": self.status,
        }


@dataclass
class Order:
    """`value` as PayPal writes it. `mark` is its `custom_id`, `fate` what becomes of its capture. Once there is a
    `dispute`, webhooks tell of that."""

    id: str
    reference: str
    value: str
    currency: str
    return_url: str
    created: datetime
    updated: datetime
    status: str = "PAYER_ACTION_REQUIRED"
    mark: str = ""
    fate: str = "COMPLETED"
    capture: str | None = None
    capture_status: str = ""
    dispute: Dispute | None = None
    webhook: Webhook = field(default_factory=Webhook)

    @property
    def price(self) -> str:
        return f"{self.value} {self.currency}"

    @property
    def badge(self) -> str:
        return {"COMPLETED": "completed", "VOIDED": "failed"}.get(self.status, "pending")

    @property
    def fee(self) -> str:
        """3.65 percent and 10, or what there is."""
        kept = min(Decimal(self.value), Decimal(self.value) * Decimal("0.0365") + 10)
        return f"{kept:.0f}" if self.currency in WITHOUT_DECIMALS else f"{kept:.2f}"

    def written(self, url: str, refunds: list[Refund]) -> dict[str, Any]:
        """As the API tells all of it; `url` is the sandbox's."""
        unit: dict[str, Any] = {
            "reference_id": "default",
            "amount": {"currency_code": self.currency, "value": self.value},
            "payee": {"merchant_id": "SANDBOXSHOP01", "email_address": "shop@sandbox.example"},
            "invoice_id": self.reference,
            **({"custom_id": self.mark} if self.mark else {}),
        }
        if self.capture is not None:
            unit["payments"] = {"captures": [self.captured()], "refunds": [refund.written() for refund in refunds]}
        links = [{"href": f"{url}/v2/checkout/orders/{self.id}", "rel": "self", "method": "GET"}]
        if self.status == "PAYER_ACTION_REQUIRED":
            links.append({"href": f"{url}/checkoutnow?token={self.id}", "rel": "payer-action", "method": "GET"})
        return {
            "id": self.id,
            "intent": "CAPTURE",
            "status": self.status,
            "payment_source": {"paypal": {}},
            "purchase_units": [unit],
            "create_time": clock.stamp(self.created),
            "update_time": clock.stamp(self.updated),
            "links": links,
        }

    @property
    def settled_in(self) -> str:
        """The currency of the balance that it comes to."""
        return self.currency if self.currency in WITHOUT_DECIMALS else SETTLED_IN

    def captured(self) -> dict[str, Any]:
        return {
            "id": self.capture,
            "status": self.capture_status,
            "amount": {"currency_code": self.currency, "value": self.value},
            "final_capture": True,
            "invoice_id": self.reference,
            **({"custom_id": self.mark} if self.mark else {}),
            "seller_receivable_breakdown": {
                "gross_amount": {"currency_code": self.currency, "value": self.value},
                "paypal_fee": {"currency_code": self.settled_in, "value": self.fee},
            },
            "create_time": clock.stamp(self.updated),
        }

    def event(self, at: datetime) -> dict[str, Any]:
        """What a webhook says of it as it is now."""
        if self.dispute is not None:
            return self.dispute.event(at)
        unit = {"reference_id": "default", "invoice_id": self.reference}
        match self.status:
            case "COMPLETED":
                kind, about = f"PAYMENT.CAPTURE.{self.capture_status}", "capture"
                resource = self.captured() | {"supplementary_data": {"related_ids": {"order_id": self.id}}}
            case "VOIDED":
                kind, about = "CHECKOUT.PAYMENT-APPROVAL.REVERSED", "checkout-order"
                resource = {"order_id": self.id, "purchase_units": [unit], "payment_source": {"paypal": {}}}
            case _:
                kind, about = "CHECKOUT.ORDER.APPROVED", "checkout-order"
                resource = {"id": self.id, "status": self.status, "intent": "CAPTURE", "purchase_units": [unit]}
        return {
            "id": f"WH-{new_id()}-{new_id()}",
            "create_time": clock.stamp(at),
            "resource_type": about,
            "event_type": kind,
            "summary": "What happened.",
            "resource": resource,
            "links": [],
            "event_version": "1.0",
            "resource_version": "2.0",
        }

    def stored(self) -> dict[str, Any]:
        return asdict(self) | {name: getattr(self, name).isoformat() for name in ("created", "updated")}

    @classmethod
    def restored(cls, stored: dict[str, Any]) -> Self:
        times = {name: datetime.fromisoformat(stored[name]) for name in ("created", "updated")}
        contested = stored.get("dispute")
        dispute = Dispute(**contested) if contested else None
        return cls(**stored | times | {"webhook": Webhook(**stored["webhook"]), "dispute": dispute})
