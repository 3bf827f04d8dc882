"""A CloudPayments that runs on this machine: the real wire format, no real money, and faults on demand.

`/orders/...`, `/payments/...` and `/v2/payments/...` are the API; the rest is in `hosted.py`. It listens on 127.0.0.1,
sends notices to this machine only, and does not start on a stage that other people use.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any, ClassVar, Literal, Unpack
from urllib.parse import urlencode

from infra.local.charges import Options
from infra.local.hosted import Failed, HostedDoors, HostedSandbox
from infra.local.sandbox import ANYWHERE, Refused
from infra.local.webhooks import Webhook

FAULTS = {
    "create": ANYWHERE,
    "check": ANYWHERE | {"odd_status": "a status nobody has heard of"},
    "cancel": ANYWHERE,
    "capture": ANYWHERE,
    "refund": ANYWHERE,
}
_CALLS = {
    "/orders/create": "create",
    "/orders/cancel": "cancel",
    "/payments/void": "cancel",
    "/payments/confirm": "capture",
    "/payments/refund": "refund",
    "/v2/payments/find": "check",
    "/payments/get": "get",
}
Ended = Literal["AwaitingAuthentication", "Completed", "Declined"]
"""How a refund may stand."""


class Wrong(Exception):
    """What CloudPayments says of a request that it does not carry out."""


@dataclass
class Operation:
    """A payment, or what was given back of the `original`. `amount` in minor units."""

    number: int
    amount: int
    status: str
    original: int | None = None
    data: str | None = None


@dataclass
class Order:
    """A link. What happened to it stands in `operations`, the latest last."""

    id: str
    invoice: str
    amount: int
    currency: str
    reference: str
    two_steps: bool
    return_url: str
    cancelled: bool = False
    operations: list[Operation] = field(default_factory=list)
    webhook: Webhook = field(default_factory=Webhook)

    @property
    def payment(self) -> Operation | None:
        """The last attempt to pay it."""
        return next((each for each in reversed(self.operations) if each.original is None), None)

    @property
    def status(self) -> str:
        return "closed" if self.cancelled else self.payment.status if self.payment else "waiting"

    @property
    def price(self) -> str:
        return f"{self.amount / 100:.2f} {self.currency}"

    @property
    def badge(self) -> str:
        return {"Completed": "completed", "Cancelled": "failed", "closed": "failed"}.get(self.status, "pending")

    @property
    def returned(self) -> int:
        back = [each for each in self.operations if each.original is not None and each.status != "Declined"]
        return sum(each.amount for each in back)

    def shown(self, operation: Operation) -> dict[str, Any]:
        return {
            "TransactionId": operation.number,
            "Amount": operation.amount / 100,
            "Currency": self.currency,
            "InvoiceId": self.invoice,
            "AccountId": None,
            "Email": None,
            "Description": self.reference,
            "JsonData": operation.data,
            "TestMode": True,
            "CardFirstSix": "411111",
            "CardLastFour": "1111",
            "Status": operation.status,
            "OriginalTransactionId": operation.original,
            "Type": 0 if operation.original is None else 1,
        }


class Handler(HostedDoors):
    server_version = "CloudPaymentsSandbox"


class CloudPaymentsSandbox(HostedSandbox[Order]):
    who = "CloudPayments"
    doors = Handler
    known_faults = FAULTS
    wanted: ClassVar[object] = {"code": 0}
    actions: ClassVar[Mapping[str, str]] = {
        "pay": "Pay by card",
        "decline": "Decline the card",
        "authenticate": "Ask the card's bank",
        "confirm": "Take what is set aside",
        "void": "Let go what is set aside",
    }

    def __init__(self, public_id: str, api_secret: str, webhook_url: str, **options: Unpack[Options]) -> None:
        super().__init__(webhook_url, **options)
        self._public_id = public_id
        self._secret = api_secret
        self._replays: dict[str, dict[str, Any]] = {}
        self._last = 504
        self.refunds_end: Ended = "Completed"

    def answer(
        self, method: str, path: list[str], headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, Any] | str]:
        place = f"/{'/'.join(path)}"
        fault = self._trouble(_CALLS.get(place, "other"))
        if fault == "error":
            raise Failed(HTTPStatus.INTERNAL_SERVER_ERROR, {})
        proof = base64.b64encode(f"{self._public_id}:{self._secret}".encode()).decode()
        if not hmac.compare_digest(headers.get("authorization", "").encode(), f"Basic {proof}".encode()):
            raise Failed(HTTPStatus.UNAUTHORIZED, {})
        request = headers.get("x-request-id", "")
        with self._lock:
            told = self._replays.get(request) or self._carried_out(place, json.loads(body, parse_float=str))
            if request:
                self._replays[request] = told
            self._save()
        if fault == "odd_status" and "Model" in told:
            told = told | {"Model": told["Model"] | {"Status": "Pondering"}}
        return self._garbled(fault, HTTPStatus.OK, told)

    def _carried_out(self, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
        try:
            match _CALLS.get(path), path:
                case "create", _:
                    return _yes(self._create(given))
                case "check", _:
                    return self._find(given)
                case "get", _:
                    order, operation = self._operation(given)
                    return _yes(order.shown(operation))
                case "capture", _:
                    self._end(given, "Completed")
                case _, "/payments/void":
                    self._end(given, "Cancelled")
                case "cancel", _:
                    self._order(str(given.get("Id"))).cancelled = True
                case "refund", _:
                    return _yes(self._refund(given))
                case _:
                    raise Failed(HTTPStatus.NOT_FOUND, {})
        except Wrong as refusal:
            return {"Success": False, "Message": str(refusal)}
        return _yes(None)

    def _create(self, given: Mapping[str, Any]) -> dict[str, Any]:
        id = secrets.token_urlsafe(12)
        order = Order(
            id=id,
            invoice=str(given["InvoiceId"]),
            amount=_minor(given.get("Amount")),
            currency=str(given.get("Currency", "RUB")),
            reference=str(given["Description"]),
            two_steps=bool(given.get("RequireConfirmation")),
            return_url=str(given.get("SuccessRedirectUrl", "")),
        )
        self._held[id] = order
        return {
            "Id": id,
            "Number": len(self._held),
            "Amount": order.amount / 100,
            "Currency": order.currency,
            "Email": None,
            "Description": order.reference,
            "RequireConfirmation": order.two_steps,
            "Url": f"{self.url}/pay/{id}",
        }

    def _find(self, given: Mapping[str, Any]) -> dict[str, Any]:
        orders = [order for order in self._held.values() if order.invoice == given.get("InvoiceId")]
        operations = [(operation.number, order, operation) for order in orders for operation in order.operations]
        if not operations:
            return {"Success": False, "Message": "Not found"}
        _, order, latest = max(operations, key=lambda each: each[0])
        return {"Success": latest.status != "Declined", "Message": None, "Model": order.shown(latest)}

    def _refund(self, given: Mapping[str, Any]) -> dict[str, Any]:
        order, payment = self._operation(given)
        amount = _minor(given.get("Amount"))
        if payment.status != "Completed" or amount > payment.amount - order.returned:
            raise Wrong("The refund is not possible")
        data = json.dumps(given["JsonData"]) if "JsonData" in given else None
        made = self._operate(order, amount, self.refunds_end, payment.number, data)
        return {"TransactionId": made.number}

    def _end(self, given: Mapping[str, Any], status: str) -> None:
        order, payment = self._operation(given)
        if payment.status != "Authorized":
            raise Wrong("The status of the transaction does not allow it")
        if status == "Completed":
            payment.amount = _minor(given.get("Amount"))
        payment.status = status
        self._notify(order.id)

    # What a person, a bank or a bad day does

    def _happen(self, held: Order, action: str, amount: int | None) -> None:
        if action in ("confirm", "void"):
            if held.payment is None or held.payment.status != "Authorized":
                raise Refused(HTTPStatus.CONFLICT, "Nothing is set aside.")
            held.payment.status = "Completed" if action == "confirm" else "Cancelled"
            return
        under_way = held.payment is not None and held.payment.status not in ("Declined", "AwaitingAuthentication")
        if held.cancelled or under_way:
            raise Refused(HTTPStatus.CONFLICT, f"This payment is {held.status}.")
        paid = "Authorized" if held.two_steps else "Completed"
        status = {"pay": paid, "decline": "Declined", "authenticate": "AwaitingAuthentication"}[action]
        self._operate(held, amount or held.amount, status)

    def refunds_go(self, status: Ended) -> None:
        """How refunds stand from now on, those that are under way too."""
        with self._lock:
            self.refunds_end = status
            for order in self._held.values():
                for operation in order.operations:
                    if operation.original is not None and operation.status == "AwaitingAuthentication":
                        operation.status = status

    def forget_requests(self) -> None:
        """What CloudPayments does with request ids after an hour."""
        with self._lock:
            self._replays.clear()

    def of_invoice(self, invoice: str) -> Order:
        return next(order for order in self._held.values() if order.invoice == invoice)

    # Inside

    def _operate(
        self, order: Order, amount: int, status: str, original: int | None = None, data: str | None = None
    ) -> Operation:
        self._last += 1
        made = Operation(self._last, amount, status, original, data)
        order.operations.append(made)
        return made

    def _operation(self, given: Mapping[str, Any]) -> tuple[Order, Operation]:
        for order in self._held.values():
            for operation in order.operations:
                if operation.number == given.get("TransactionId"):
                    return order, operation
        raise Wrong("Not found")

    def _order(self, id: str) -> Order:
        if id not in self._held:
            raise Wrong("Not found")
        return self._held[id]

    def _event(self, held: Order) -> tuple[bytes, dict[str, str]]:
        secret = secrets.token_hex(16) if held.webhook.bad_signature else self._secret
        body = notice(held)
        return body, {"Content-Type": "application/x-www-form-urlencoded", "Content-HMAC": proof_of(body, secret)}

    def _stored(self) -> object:
        return {"last": self._last, "orders": [asdict(order) for order in self._held.values()]}

    def _restore(self, stored: Any) -> None:
        self._last = stored["last"]
        for each in stored["orders"]:
            operations = [Operation(**operation) for operation in each["operations"]]
            self._held[each["id"]] = Order(**each | {"operations": operations, "webhook": Webhook(**each["webhook"])})


def notice(order: Order) -> bytes:
    """What CloudPayments posts about the last thing that happened to an order."""
    latest = order.operations[-1] if order.operations else Operation(0, order.amount, "")
    told = {
        "TransactionId": latest.number,
        "Amount": f"{latest.amount / 100:.2f}",
        "Currency": order.currency,
        "DateTime": "2026-11-21 10:00:00",
        "CardFirstSix": "411111",
        "CardLastFour": "1111",
        "CardType": "Visa",
        "TestMode": 1,
        "Status": latest.status,
        "OperationType": "Payment" if latest.original is None else "Refund",
        "InvoiceId": order.invoice,
        "Description": order.reference,
    }
    return urlencode(told).encode()


def proof_of(body: bytes, secret: str) -> str:
    """The header `Content-HMAC`."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def _yes(model: object) -> dict[str, Any]:
    return {"Model": model, "Success": True, "Message": None}


def _minor(given: object) -> int:
    """Raises Wrong."""
    try:
        amount = Decimal(str(given)) * 100
    except InvalidOperation:
        amount = Decimal(0)
    if amount <= 0 or amount % 1:
        raise Wrong("Invalid Amount value")
    return int(amount)
