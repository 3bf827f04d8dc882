"""A PayPal that runs on this machine: Orders v2, refunds, disputes, tokens, certificates; no real money.

Faults come on demand. A person agrees on the page of an order; the shop captures it. It listens on 127.0.0.1, sends
webhooks to this machine only, and does not start on a stage that other people use.
"""

import base64
import hmac
import json
import secrets
import uuid
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any, ClassVar, Unpack
from urllib.parse import parse_qs

from chalicelib.core import clock
from infra.local.authority import Authority
from infra.local.charges import Options
from infra.local.hosted import Failed, HostedDoors, HostedSandbox
from infra.local.paypal_disputes import ACTIONS, Dispute
from infra.local.paypal_wire import (
    FAULTS,
    WITHOUT_DECIMALS,
    Order,
    Refund,
    RefundState,
    failed,
    invalid,
    missing,
    new_id,
    unprocessable,
)
from infra.local.sandbox import Refused, Reply, see

WAITS = timedelta(hours=3)
TOKEN_LASTS = timedelta(hours=9)
CERTIFICATES = "v1/notifications/certs"
MARK = "/purchase_units/@reference_id=='default'/custom_id"
_OPEN = ("PAYER_ACTION_REQUIRED", "APPROVED")
Json = dict[str, Any]


class PayPalDoors(HostedDoors):
    server_version = "PayPalSandbox"

    def _get(self, path: str) -> Reply:
        if path == "/checkoutnow":
            return see(f"/pay/{self._query().get('token', '')}")
        return super()._get(path)


class PayPalSandbox(HostedSandbox[Order]):
    """`keys` are the app's id and secret, `webhook_id` what PayPal calls our address. `authority` signs webhooks."""

    who = "PayPal"
    doors = PayPalDoors
    known_faults = FAULTS
    actions: ClassVar[Mapping[str, str]] = {
        "approve": "Agree and pay",
        "decline": "Agree, with a card that is declined",
        "hold": "Agree, and let PayPal look at it first",
        "release": "PayPal has looked at it",
        "deny": "PayPal refuses it",
        "reverse": "Take back what was agreed",
        **ACTIONS,
    }

    def __init__(
        self,
        keys: tuple[str, str],
        webhook_id: str,
        webhook_url: str,
        authority: Authority,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(webhook_url, **options)
        self._keys = base64.b64encode(":".join(keys).encode()).decode()
        self._webhook_id = webhook_id
        self.authority = authority
        self._tokens: dict[str, datetime] = {}
        self._refunds: dict[str, Refund] = {}
        self._replays: dict[str, tuple[int, Json]] = {}
        self.refund_state: RefundState = "COMPLETED"

    # The API

    def answer(
        self, method: str, path: list[str], headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, Any] | str]:
        call, carry_out = self._route(method, path, body)
        fault = self._trouble(call)
        if fault == "error":
            raise failed(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR")
        if fault == "limit":
            raise failed(HTTPStatus.TOO_MANY_REQUESTS, "RATE_LIMIT_REACHED")
        if call == "certificate":
            return (HTTPStatus.OK, "<html>") if fault == "garbage" else (HTTPStatus.OK, self._certificates(path[-1]))
        self._let_in(call, headers, ended=fault == "ended")
        with self._lock:
            status, told = self._once(f"{method} {path}", headers.get("paypal-request-id"), carry_out)
        if fault == "odd_status":
            told = told | {"status": "MEDITATING"}
        return self._garbled(fault, status, told)

    def _route(self, method: str, path: list[str], body: bytes) -> tuple[str, Callable[[], tuple[int, Json]]]:
        """The name of a call, and what carries it out."""
        match method, *path:
            case "POST", "v1", "oauth2", "token":
                return "token", lambda: self._grant(body)
            case "GET", "v1", "notifications", "certs", _:
                return "certificate", lambda: (HTTPStatus.OK, {})
            case "POST", "v2", "checkout", "orders":
                return "create", lambda: self._create(_read(body))
            case "GET", "v2", "checkout", "orders", id:
                return "check", lambda: (HTTPStatus.OK, self._written(self._order(id)))
            case "PATCH", "v2", "checkout", "orders", id:
                return "cancel", lambda: self._patch(self._order(id), body)
            case "POST", "v2", "checkout", "orders", id, "capture":
                return "capture", lambda: self._capture(self._order(id))
            case "POST", "v2", "payments", "captures", id, "refund":
                return "refund", lambda: self._refund(id, _read(body))
            case "GET", "v1", "customer", "disputes", id:
                return "dispute", lambda: (HTTPStatus.OK, self._dispute(id).written())
        raise failed(HTTPStatus.NOT_FOUND, "NOT_FOUND")

    def _let_in(self, call: str, headers: Mapping[str, str], *, ended: bool) -> None:
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if call == "token":
            if scheme != "Basic" or not hmac.compare_digest(shown.encode(), self._keys.encode()):
                raise Failed(HTTPStatus.UNAUTHORIZED, {"error": "invalid_client"})
        elif ended or scheme != "Bearer" or self.now() >= self._tokens.get(shown, self.now()):
            raise Failed(HTTPStatus.UNAUTHORIZED, {"error": "invalid_token"})

    def _once(self, asked: str, key: str | None, carry_out: Callable[[], tuple[int, Json]]) -> tuple[int, Json]:
        """What was answered to this key before, else what is answered now. A refusal is not remembered."""
        if key is None:
            return carry_out()
        if f"{asked} {key}" not in self._replays:
            self._replays[f"{asked} {key}"] = carry_out()
        return self._replays[f"{asked} {key}"]

    def _grant(self, body: bytes) -> tuple[int, Json]:
        if parse_qs(body.decode("utf-8", "replace")) != {"grant_type": ["client_credentials"]}:
            raise Failed(HTTPStatus.BAD_REQUEST, {"error": "unsupported_grant_type"})
        token = f"A21AA{secrets.token_urlsafe(48)}"
        self._tokens[token] = self.now() + TOKEN_LASTS
        seconds = int(TOKEN_LASTS.total_seconds())
        return HTTPStatus.OK, {"access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": "all"}

    def _certificates(self, name: str) -> str:
        if name != self.authority.name:
            raise failed(HTTPStatus.NOT_FOUND, "NOT_FOUND")
        return self.authority.certificates.decode()

    def _create(self, given: Json) -> tuple[int, Json]:
        try:
            (unit,) = given["purchase_units"]
            value, currency = _money(unit["amount"])
            context = given["payment_source"]["paypal"]["experience_context"]
            now = self.now().replace(microsecond=0)
            order = Order(new_id(), unit["invoice_id"], value, currency, context["return_url"], now, now)
        except (KeyError, TypeError, ValueError):
            raise invalid("MISSING_REQUIRED_PARAMETER") from None
        if given.get("intent") != "CAPTURE":
            raise invalid("INVALID_PARAMETER_VALUE")
        self._held[order.id] = order
        self._save()
        return HTTPStatus.CREATED, self._written(order)

    def _patch(self, order: Order, body: bytes) -> tuple[int, Json]:
        if order.status not in _OPEN:
            raise unprocessable("ORDER_ALREADY_COMPLETED")
        for step in json.loads(body):
            if (step.get("op"), step.get("path")) != ("add", MARK):
                raise unprocessable("NOT_PATCHABLE")
            order.mark = str(step["value"])
        self._save()
        return HTTPStatus.NO_CONTENT, {}

    def _capture(self, order: Order) -> tuple[int, Json]:
        if order.status == "COMPLETED":
            raise unprocessable("ORDER_ALREADY_CAPTURED")
        if order.status != "APPROVED":
            raise unprocessable("ORDER_NOT_APPROVED")
        if order.fate == "INSTRUMENT_DECLINED":
            raise unprocessable("INSTRUMENT_DECLINED")
        if any(each.reference == order.reference and each.capture for each in self._held.values()):
            raise unprocessable("DUPLICATE_INVOICE_ID")
        self._complete(order, order.fate)
        self._notify(order.id)
        return HTTPStatus.CREATED, self._written(order)

    def _refund(self, capture: str, given: Json) -> tuple[int, Json]:
        order = next((each for each in self._held.values() if each.capture == capture), None)
        if order is None:
            raise missing()
        value, currency = _money(given.get("amount", {"value": order.value, "currency_code": order.currency}))
        if currency != order.currency:
            raise unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH")
        left = Decimal(order.value) - self.returned(order.id) - (order.dispute.taken if order.dispute else 0)
        if order.capture_status not in ("COMPLETED", "PARTIALLY_REFUNDED") or left == 0:
            raise unprocessable("CAPTURE_FULLY_REFUNDED")
        if Decimal(value) > left:
            raise unprocessable("REFUND_AMOUNT_EXCEEDED")
        refund = Refund(new_id(), capture, value, currency, str(given.get("custom_id", "")), self.refund_state)
        self._refunds[refund.id] = refund
        self._note_refunds(order)
        return HTTPStatus.CREATED, refund.written()

    # What a person or PayPal does

    def _happen(self, held: Order, action: str, amount: int | None) -> None:
        if action in ACTIONS:
            self._contest(held, action)
        elif action == "release":
            if held.capture_status != "PENDING":
                raise Refused(HTTPStatus.CONFLICT, "PayPal does not look at this one.")
            held.capture_status = "COMPLETED"
        elif held.status not in _OPEN:
            raise Refused(HTTPStatus.CONFLICT, f"This order is {held.status}.")
        elif action == "deny":
            self._complete(held, "DECLINED")
        elif action == "reverse":
            held.status = "VOIDED"
        else:
            fates = {"approve": "COMPLETED", "decline": "INSTRUMENT_DECLINED", "hold": "PENDING"}
            held.status, held.fate = "APPROVED", fates[action]
        held.updated = self.now().replace(microsecond=0)

    def _contest(self, held: Order, action: str) -> None:
        if held.capture is None or held.capture_status not in ("COMPLETED", "PARTIALLY_REFUNDED"):
            raise Refused(HTTPStatus.CONFLICT, "There is no money that anybody could want back.")
        if held.dispute is None:
            money = held.value, held.currency
            held.dispute = Dispute.begun(action, held.capture, money, held.settled_in, self.now())
        held.dispute.happen(action)

    def refunds_go(self, state: RefundState) -> None:
        """How refunds stand from now on, those that are pending too."""
        with self._lock:
            self.refund_state = state
            for refund in self._refunds.values():
                if refund.status == "PENDING":
                    refund.status = state
            for order in self._held.values():
                self._note_refunds(order)

    def forget_keys(self) -> None:
        """What PayPal does with them some time later."""
        with self._lock:
            self._replays.clear()

    def returned(self, id: str) -> Decimal:
        """What went back of an order or is about to."""
        with self._lock:
            return sum(
                (Decimal(each.value) for each in self._refunds_of(self.charge(id)) if each.status in _BACK), Decimal()
            )

    # Inside

    def _complete(self, order: Order, status: str) -> None:
        order.status, order.capture, order.capture_status = "COMPLETED", new_id(), status
        order.updated = self.now().replace(microsecond=0)
        self._save()

    def _note_refunds(self, order: Order) -> None:
        if order.capture_status in ("COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"):
            back = self.returned(order.id)
            part = "REFUNDED" if back == Decimal(order.value) else "PARTIALLY_REFUNDED"
            order.capture_status = part if back else "COMPLETED"
        self._save()

    def _refunds_of(self, order: Order) -> list[Refund]:
        return [each for each in self._refunds.values() if each.capture == order.capture]

    def _order(self, id: str) -> Order:
        order = self._held.get(id)
        if order is None or (order.status in _OPEN and order.created + WAITS <= self.now()):
            raise missing()
        return order

    def _dispute(self, id: str) -> Dispute:
        found = (each.dispute for each in self._held.values() if each.dispute and each.dispute.id == id)
        if (dispute := next(found, None)) is None:
            raise missing()
        return dispute

    def _written(self, order: Order) -> Json:
        return order.written(self.url, self._refunds_of(order))

    def _event(self, held: Order) -> tuple[bytes, dict[str, str]]:
        body = json.dumps(held.event(self.now())).encode()
        return body, self.signed(body, wrongly=held.webhook.bad_signature)

    def signed(self, body: bytes, *, webhook_id: str | None = None, wrongly: bool = False) -> dict[str, str]:
        """The headers beside a webhook."""
        id, at = str(uuid.uuid4()), clock.stamp(self.now())
        proof = f"{id}|{at}|{webhook_id or self._webhook_id}|{zlib.crc32(body) ^ wrongly}"
        return {
            "PAYPAL-TRANSMISSION-ID": id,
            "PAYPAL-TRANSMISSION-TIME": at,
            "PAYPAL-TRANSMISSION-SIG": self.authority.sign(proof),
            "PAYPAL-CERT-URL": f"{self.url}/{CERTIFICATES}/{self.authority.name}",
            "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        }

    def _stored(self) -> object:
        orders = [order.stored() for order in self._held.values()]
        return {"orders": orders, "refunds": [asdict(refund) for refund in self._refunds.values()]}

    def _restore(self, stored: Any) -> None:
        self._held = {each["id"]: Order.restored(each) for each in stored["orders"]}
        self._refunds = {each["id"]: Refund(**each) for each in stored["refunds"]}


_BACK = ("PENDING", "COMPLETED")


def _read(body: bytes) -> Json:
    try:
        given = json.loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise invalid("MALFORMED_REQUEST_JSON")
    return given


def _money(given: Mapping[str, Any]) -> tuple[str, str]:
    """Value and currency as they are written. Raises Failed, KeyError, TypeError."""
    value, currency = str(given["value"]), str(given["currency_code"])
    try:
        places = -int(Decimal(value).as_tuple().exponent)
    except (InvalidOperation, ValueError):
        raise invalid("INVALID_PARAMETER_SYNTAX") from None
    if Decimal(value) <= 0:
        raise unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE")
    if places > (0 if currency in WITHOUT_DECIMALS else 2):
        raise unprocessable("DECIMALS_NOT_SUPPORTED")
    return value, currency
