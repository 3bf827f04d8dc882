"""A Kaspi Pay that runs on this machine: the wire format as partners made it public, no real money, faults on demand.

`/r3/...` is the API; the rest is in `hosted.py`. It tells nobody of anything, listens on 127.0.0.1, and does not start
on a stage that other people use. No certificates here: whoever has the key and the token is the cash desk.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from typing import Any, ClassVar, Unpack

from infra.local.charges import Options
from infra.local.hosted import Failed, HostedDoors, HostedSandbox
from infra.local.sandbox import ANYWHERE, Refused, Reply
from infra.local.webhooks import Webhook

KAZAKHSTAN = timezone(timedelta(hours=5))
OPENED_WITHIN = timedelta(minutes=3)
FAULTS = {
    "create": ANYWHERE,
    "check": ANYWHERE | {"odd_status": "a status nobody has heard of", "busy": "not available at the moment"},
    "refund": ANYWHERE,
}
_WAITING = ("QrTokenCreated", "Wait", "RemotePaymentCreated")


class Wrong(Exception):
    """What Kaspi does not carry out, with its code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Device:
    """A cash desk, and what it shows to be let in."""

    api_key: str
    token: str
    organization_bin: str


@dataclass
class Payment:
    """`amount` in tiyn; `returns` are what was given back, by the numbers of the operations.

    `id` is its number, too.
    """

    id: str
    reference: str
    amount: int
    ends: datetime
    status: str = "QrTokenCreated"
    returns: dict[int, int] = field(default_factory=dict)
    webhook: Webhook = field(default_factory=Webhook)
    return_url: str = ""

    @property
    def price(self) -> str:
        return f"{self.amount / 100:.2f} KZT"

    @property
    def badge(self) -> str:
        if self.status in _WAITING:
            return "pending"
        return "completed" if self.status == "Processed" else "failed"

    @property
    def returned(self) -> int:
        return sum(self.returns.values())

    @property
    def left(self) -> int:
        return self.amount - self.returned


class Handler(HostedDoors):
    server_version = "KaspiSandbox"

    def _api(self, path: list[str], body: bytes) -> Reply:
        return super()._api(path, body or json.dumps(self._query()).encode())  # of a question they are in its address


class KaspiSandbox(HostedSandbox[Payment]):
    who = "Kaspi"
    doors = Handler
    known_faults = FAULTS
    actions: ClassVar[Mapping[str, str]] = {"pay": "Pay in the app", "open": "Open the link", "fail": "Reject it"}

    def __init__(self, device: Device, **options: Unpack[Options]) -> None:
        super().__init__("http://127.0.0.1/", **options)
        self._device = device
        self._last = 12_800_000_000

    def answer(
        self, method: str, path: list[str], headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, Any] | str]:
        fault, told = self._trouble(_call(path)), {"StatusCode": 0, "Message": "OK"}
        if fault == "error":
            raise Failed(HTTPStatus.INTERNAL_SERVER_ERROR, {})
        try:
            if fault == "busy":
                raise Wrong(-999, "The service is not available")
            if not _same(headers.get("api-key", ""), self._device.api_key):
                raise Wrong(-10000, "Unknown client")
            with self._lock:
                told = told | {"Data": self._carried_out(path, json.loads(body, parse_float=str))}
                self._save()
        except Wrong as refusal:
            told = {"StatusCode": refusal.code, "Message": str(refusal)}
        if fault == "odd_status":
            told = told | {"Data": {"Status": "Pondering"}}
        return self._garbled(fault, HTTPStatus.OK, told)

    def _carried_out(self, path: list[str], given: Mapping[str, Any]) -> dict[str, Any]:
        match path:
            case ["r3", "v01", "qr", "create-link"]:
                return self._create(given)
            case ["r3", "v02", "payment", "status", number]:
                payment = self._payment(number)
                return {"Status": payment.status, "Amount": payment.amount / 100, "StoreName": "ThePixStock"}
            case ["r3", "v01", "payment", "details"]:
                self._known(given.get("DeviceToken"), self._device.organization_bin)
                payment = self._payment(given.get("QrPaymentId"))
                if payment.status != "Processed":
                    raise Wrong(-1601, "The payment was not found")
                return {
                    "QrPaymentId": int(payment.id),
                    "TotalAmount": payment.amount / 100,
                    "AvailableReturnAmount": payment.left / 100,
                }
            case ["r3", "v01", "payment", "return"]:
                return self._return(given)
        raise Failed(HTTPStatus.NOT_FOUND, {})

    def _create(self, given: Mapping[str, Any]) -> dict[str, Any]:
        self._known(given.get("DeviceToken"), given.get("OrganizationBin"))
        self._last += 1
        ends = self.now() + OPENED_WITHIN
        payment = Payment(str(self._last), str(given["ExternalId"]), _tiyn(given["Amount"]), ends)
        self._held[payment.id] = payment
        return {
            "PaymentLink": f"{self.url}/pay/{payment.id}",
            "ExpireDate": ends.astimezone(KAZAKHSTAN).isoformat(),
            "PaymentId": int(payment.id),
            "PaymentMethods": ["Gold", "Red", "Loan"],
            "PaymentBehaviorOptions": {
                "StatusPollingInterval": 5,
                "LinkActivationWaitTimeout": int(OPENED_WITHIN.total_seconds()),
                "PaymentConfirmationTimeout": 65,
            },
        }

    def _return(self, given: Mapping[str, Any]) -> dict[str, Any]:
        self._known(given.get("DeviceToken"), given.get("OrganizationBin"))
        payment, amount = self._payment(given.get("QrPaymentId")), _tiyn(given.get("Amount"))
        if payment.status != "Processed" or amount > payment.left:
            raise Wrong(-1603, "The amount exceeds what can be returned")
        self._last += 1
        payment.returns[self._last] = amount
        return {"ReturnOperationId": self._last}

    def charge(self, id: str) -> Payment:
        payment = super().charge(id)
        if payment.status in _WAITING and payment.ends <= self.now():
            payment.status = "QrTokenDiscarded"
        return payment

    def _happen(self, held: Payment, action: str, amount: int | None) -> None:
        if held.status not in _WAITING:
            raise Refused(HTTPStatus.CONFLICT, f"This payment is {held.status}.")
        ends = {"pay": "Processed", "open": "RemotePaymentCreated", "fail": "RemotePaymentRejected"}
        held.status = ends[action]

    def _notify(self, id: str, *_: object, **how: object) -> None:
        """Kaspi tells nobody."""
        self._save()

    def _payment(self, number: object) -> Payment:
        if str(number) not in self._held:
            raise Wrong(-1601, "The payment was not found")
        return self.charge(str(number))

    def _known(self, token: object, organization_bin: object) -> None:
        if not _same(str(token), self._device.token) or organization_bin != self._device.organization_bin:
            raise Wrong(-1501, "The device was not found")

    def _event(self, held: Payment) -> tuple[bytes, dict[str, str]]:
        raise AssertionError("Kaspi tells nobody")

    def _stored(self) -> object:
        every = [asdict(each) | {"ends": each.ends.isoformat()} for each in self._held.values()]
        return {"last": self._last, "payments": every}

    def _restore(self, stored: Any) -> None:
        self._last = stored["last"]
        for each in stored["payments"]:
            typed = {"ends": datetime.fromisoformat(each["ends"]), "webhook": Webhook(**each["webhook"])}
            returns = {int(number): amount for number, amount in each["returns"].items()}
            self._held[each["id"]] = Payment(**each | typed | {"returns": returns})


def _same(shown: str, known: str) -> bool:
    return hmac.compare_digest(shown.encode(), known.encode())


def _call(path: list[str]) -> str:
    match path[2:]:
        case ["qr", "create-link"]:
            return "create"
        case ["payment", "status", _]:
            return "check"
        case ["payment", "return"]:
            return "refund"
    return "other"


def _tiyn(given: object) -> int:
    """Raises Wrong."""
    whole, _, rest = str(given).partition(".")
    if not (whole + rest).isdigit() or len(rest) > 2 or int(whole + rest) == 0:
        raise Wrong(-1602, "Wrong amount")
    return int(whole) * 100 + int(rest.ljust(2, "0"))
