"""What the Stripe sandbox keeps, and how Stripe writes it: https://docs.stripe.com/api."""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal, Self
from urllib.parse import parse_qsl

from infra.local.sandbox import ANYWHERE
from infra.local.webhooks import Webhook

API_VERSION = "2026-10-28.endive"
SETTLED_IN = "thb"
CARDS = {
    "pm_card_visa": ("visa", "4242"),
    "pm_card_mastercard": ("mastercard", "4444"),
    "pm_card_authenticationRequired": ("visa", "3184"),
    "pm_card_chargeDeclined": ("visa", "0002"),
}
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture")
_ANYWHERE = ANYWHERE | {"limit": "too many requests, and nothing happened"}
FAULTS = {
    "create": _ANYWHERE | {"early_webhook": "paid, and the webhook sent, before the answer"},
    "check": _ANYWHERE | {"odd_status": "a status nobody has heard of"},
    "cancel": _ANYWHERE,
    "refund": _ANYWHERE,
    "dispute": _ANYWHERE | {"odd_status": "a status nobody has heard of"},
    "capture": _ANYWHERE,
    "method": _ANYWHERE,
    "customer": _ANYWHERE,
    "confirm": _ANYWHERE,
}
RefundState = Literal["pending", "requires_action", "succeeded", "failed", "canceled"]


class Failed(Exception):
    """An error as Stripe's API tells it."""

    def __init__(self, status: HTTPStatus, kind: str, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"type": kind, "message": message, **({"code": code} if code else {})}


def invalid(message: str, code: str | None = None, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Failed:
    return Failed(status, "invalid_request_error", message, code)


def missing(what: str, id: str) -> Failed:
    return invalid(f"No such {what}: '{id}'", "resource_missing", HTTPStatus.NOT_FOUND)


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


@dataclass
class Intent:
    """A PaymentIntent. Amounts are as Stripe counts them, `created` in UTC."""

    id: str
    client_secret: str
    amount: int
    currency: str
    metadata: dict[str, str]
    created: datetime
    status: str = "requires_payment_method"
    received: int = 0
    charge: str | None = None
    reason: str | None = None
    capture_method: str = "automatic"
    customer: str | None = None
    payment_method: str | None = None
    setup_future_usage: str | None = None
    page: str | None = None
    webhook: Webhook = field(default_factory=Webhook)

    @property
    def reference(self) -> str:
        return self.metadata.get("reference", "")

    @property
    def badge(self) -> str:
        """How the pages colour its state."""
        return {"succeeded": "completed", "canceled": "failed"}.get(self.status, "pending")

    @property
    def event(self) -> str:
        """The type of the event that tells of it."""
        names = {"succeeded": "succeeded", "canceled": "canceled", "processing": "processing"}
        names |= {"requires_capture": "amount_capturable_updated"}
        return f"payment_intent.{names.get(self.status, 'payment_failed')}"

    @property
    def fee(self) -> int:
        """3.65 percent and 10 baht, or what there is."""
        return min(self.received, self.received * 365 // 10_000 + 10_00)

    def charge_card(self) -> None:
        self.status, self.received, self.charge = "succeeded", self.amount, new_id("ch")

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": self.amount if self.status == "requires_capture" else 0,
            "amount_received": self.received,
            "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
            "canceled_at": None,
            "cancellation_reason": self.reason,
            "capture_method": self.capture_method,
            "client_secret": self.client_secret,
            "confirmation_method": "automatic",
            "created": int(self.created.timestamp()),
            "currency": self.currency,
            "customer": self.customer,
            "last_payment_error": None,
            "latest_charge": self.charge,
            "livemode": False,
            "metadata": self.metadata,
            "next_action": self._next_action(),
            "payment_method": self.payment_method,
            "payment_method_types": ["card"],
            "setup_future_usage": self.setup_future_usage,
            "status": self.status,
        }

    def _next_action(self) -> dict[str, Any] | None:
        if self.status != "requires_action":
            return None
        return {"type": "redirect_to_url", "redirect_to_url": {"url": self.page, "return_url": None}}

    def charged(self) -> dict[str, Any] | None:
        """Its latest charge, with the balance transaction."""
        if self.charge is None:
            return None
        return {
            "id": self.charge,
            "object": "charge",
            "amount": self.received,
            "balance_transaction": {
                "id": self.charge.replace("ch_", "txn_"),
                "object": "balance_transaction",
                "amount": self.received,
                "currency": SETTLED_IN,
                "exchange_rate": None if self.currency == SETTLED_IN else 1,
                "fee": self.fee,
                "net": self.received - self.fee,
                "type": "charge",
            },
            "currency": self.currency,
            "paid": True,
            "payment_intent": self.id,
            "status": "succeeded",
        }

    def stored(self) -> dict[str, Any]:
        return asdict(self) | {"created": self.created.isoformat()}

    @classmethod
    def restored(cls, stored: dict[str, Any]) -> Self:
        created = datetime.fromisoformat(stored["created"])
        return cls(**stored | {"created": created, "webhook": Webhook(**stored["webhook"])})


@dataclass
class Refund:
    id: str
    intent: str
    amount: int
    currency: str
    metadata: dict[str, str]
    created: int
    status: RefundState

    @property
    def counts(self) -> bool:
        return self.status not in ("failed", "canceled")

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": None,
            "created": self.created,
            "currency": self.currency,
            "metadata": self.metadata,
            "payment_intent": self.intent,
            "reason": None,
            "status": self.status,
        }


def card(token: str) -> dict[str, Any]:
    """A PaymentMethod. Raises Failed."""
    if token not in CARDS:
        raise missing("PaymentMethod", token)
    brand, last4 = CARDS[token]
    return {
        "id": token,
        "object": "payment_method",
        "card": {
            "brand": brand,
            "country": "TH",
            "exp_month": 1,
            "exp_year": 2040,
            "funding": "credit",
            "last4": last4,
        },
        "livemode": False,
        "type": "card",
    }


def params(text: str) -> dict[str, Any]:
    """A form as Stripe reads it: `metadata[a]=1` is a member of an object, `expand[]=x` or `expand[0]=x` of a list."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        match = re.fullmatch(r"([a-z_]+)(?:\[([^\]]*)\])?", name)
        if match is None:
            raise invalid(f"Received unknown parameter: {name}", "parameter_unknown")
        outer, inner = match.groups()
        if inner is None:
            found[outer] = value
        elif inner == "" or inner.isdigit():
            found.setdefault(outer, []).append(value)
        else:
            found.setdefault(outer, {})[inner] = value
    return found


def whole(given: Mapping[str, Any], name: str) -> int:
    """A positive integer. Raises Failed."""
    text = str(given.get(name, ""))
    if not re.fullmatch("[0-9]{1,8}", text, re.ASCII) or int(text) < 1:
        raise invalid(f"Invalid integer: {name}", "parameter_invalid_integer")
    return int(text)


def known(given: Mapping[str, Any], *names: str) -> None:
    """Raises Failed for parameters that the call does not have."""
    if unknown := sorted(given.keys() - set(names)):
        raise invalid(f"Received unknown parameter: {unknown[0]}", "parameter_unknown")


def event(intent: Intent, at: datetime) -> bytes:
    """What a webhook says of an intent as it is now."""
    told = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": int(at.timestamp()),
        "data": {"object": intent.shown()},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": intent.event,
    }
    return json.dumps(told, indent=2).encode()


def signature(body: bytes, secret: str, at: datetime) -> str:
    """The header that Stripe sends beside a webhook; `v0` is a scheme that only its tests know."""
    moment = int(at.timestamp())
    digest = hmac.new(secret.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest},v0={secrets.token_hex(32)}"
