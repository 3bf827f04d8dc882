"""A processor of cryptocurrencies on this machine, written like Coinbase Commerce: no coins, and faults on demand.

It listens on 127.0.0.1, sends webhooks to this machine only, and does not start on a stage that other people use.
"""

import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any, ClassVar, Self, Unpack

from chalicelib.core import clock
from infra.local.charges import Options
from infra.local.hosted import Failed, HostedDoors, HostedSandbox
from infra.local.sandbox import ANYWHERE, Refused
from infra.local.webhooks import Webhook

LIFETIME = timedelta(hours=1)
FAULTS = {
    "create": ANYWHERE | {"early_webhook": "paid, and the webhook sent, before the answer"},
    "check": ANYWHERE | {"odd_status": "a status nobody has heard of"},
    "cancel": ANYWHERE,
}
EVENTS = {
    "NEW": "created",
    "PENDING": "pending",
    "COMPLETED": "confirmed",
    "RESOLVED": "resolved",
    "UNRESOLVED": "delayed",
    "FAILED": "failed",
    "EXPIRED": "failed",
    "CANCELED": "failed",
}
_OVER = ("COMPLETED", "RESOLVED", "FAILED", "CANCELED")
Json = dict[str, Any]


class CryptoDoors(HostedDoors):
    server_version = "CryptoSandbox"


@dataclass
class Charge:
    """`value` as it is asked for; `timeline` and `payments` as they are told."""

    id: str
    reference: str
    value: str
    currency: str
    return_url: str
    created: datetime
    timeline: list[dict[str, str]]
    payments: list[Json] = field(default_factory=list)
    webhook: Webhook = field(default_factory=Webhook)

    @property
    def status(self) -> str:
        return self.timeline[-1]["status"]

    @property
    def price(self) -> str:
        return f"{self.value} {self.currency}"

    @property
    def badge(self) -> str:
        return {"COMPLETED": "completed", "RESOLVED": "completed", "NEW": "pending"}.get(self.status, "failed")

    @property
    def ends(self) -> datetime:
        return self.created + LIFETIME

    def written(self, url: str) -> Json:
        """As the API tells all of it; `url` is the sandbox's."""
        return {
            "id": self.id,
            "code": self.id[:8].upper(),
            "resource": "charge",
            "name": "Photos",
            "description": self.reference,
            "hosted_url": f"{url}/pay/{self.id}",
            "created_at": clock.stamp(self.created),
            "expires_at": clock.stamp(self.ends),
            "pricing_type": "fixed_price",
            "pricing": {
                "local": {"amount": self.value, "currency": self.currency},
                "usdc": {"amount": f"{Decimal(self.value) / 35:.6f}", "currency": "USDC"},
            },
            "metadata": {"reference": self.reference},
            "timeline": self.timeline,
            "payments": self.payments,
        }

    def stored(self) -> Json:
        return asdict(self) | {"created": self.created.isoformat()}

    @classmethod
    def restored(cls, stored: Json) -> Self:
        created = datetime.fromisoformat(stored["created"])
        return cls(**stored | {"created": created, "webhook": Webhook(**stored["webhook"])})


class CryptoSandbox(HostedSandbox[Charge]):
    who = "Crypto"
    doors = CryptoDoors
    known_faults = FAULTS
    actions: ClassVar[Mapping[str, str]] = {
        "pay": "Send what is asked for",
        "see": "Send it, and wait for blocks",
        "underpay": "Send half of it",
        "topup": "Send the other half",
        "overpay": "Send twice as much",
        "resolve": "Call it paid",
        "fail": "Let it fail",
        "expire": "Let it run out",
    }

    def __init__(self, api_key: str, webhook_secret: str, webhook_url: str, **options: Unpack[Options]) -> None:
        super().__init__(webhook_url, **options)
        self._key = api_key
        self._secret = webhook_secret

    # The API

    def answer(
        self, method: str, path: list[str], headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, Any] | str]:
        call, carry_out = self._route(method, path, body)
        fault = self._trouble(call)
        if fault == "error":
            raise _failed(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_server_error")
        if not hmac.compare_digest(headers.get("x-cc-api-key", "").encode(), self._key.encode()):
            raise _failed(HTTPStatus.UNAUTHORIZED, "authentication_error")
        with self._lock:
            charge = carry_out()
            self._save()
        if fault == "early_webhook":
            self.act(charge.id, "pay", wait=True)
        told = charge.written(self.url)
        if fault == "odd_status":
            told |= {"timeline": [*charge.timeline, {"time": clock.stamp(self.now()), "status": "MINTED"}]}
        status = HTTPStatus.CREATED if call == "create" else HTTPStatus.OK
        garbled, answer = self._garbled(fault, status, told)
        return garbled, {"data": answer} if isinstance(answer, dict) else answer

    def _route(self, method: str, path: list[str], body: bytes) -> tuple[str, Callable[[], Charge]]:
        """The name of a call, and what carries it out."""
        match method, *path:
            case "POST", "charges":
                return "create", lambda: self._create(body)
            case "GET", "charges", id:
                return "check", lambda: self._known(id)
            case "POST", "charges", id, "cancel":
                return "cancel", lambda: self._cancel(self._known(id))
        raise _failed(HTTPStatus.NOT_FOUND, "not_found")

    def _create(self, body: bytes) -> Charge:
        try:
            given = json.loads(body)
            value, currency = given["local_price"]["amount"], given["local_price"]["currency"]
            if given["pricing_type"] != "fixed_price" or not given["name"] or Decimal(value) <= 0:
                raise ValueError("not a charge")
            now = self.now().replace(microsecond=0)
            begun = [{"time": clock.stamp(now), "status": "NEW"}]
            reference, page = given["metadata"]["reference"], given["redirect_url"]
            charge = Charge(str(uuid.uuid4()), reference, value, currency, page, now, begun)
        except (KeyError, TypeError, ValueError, InvalidOperation):
            raise _failed(HTTPStatus.BAD_REQUEST, "invalid_request") from None
        self._held[charge.id] = charge
        return charge

    def _cancel(self, charge: Charge) -> Charge:
        if charge.status != "NEW":
            raise _failed(HTTPStatus.BAD_REQUEST, "invalid_request")
        self._note(charge, "CANCELED")
        self._notify(charge.id)
        return charge

    # What a person or a chain does

    def charge(self, id: str) -> Charge:
        with self._lock:
            found = super().charge(id)
            if found.status == "NEW" and found.ends <= self.now():
                self._note(found, "EXPIRED")
            return found

    def _happen(self, held: Charge, action: str, amount: int | None) -> None:
        """`amount` is what is sent, in hundredths."""
        if held.status in _OVER or (held.status == "UNRESOLVED") != (action in ("topup", "resolve")):
            raise Refused(HTTPStatus.CONFLICT, f"This charge is {held.status}.")
        asked = Decimal(held.value)
        match action:
            case "pay" if amount is not None:
                self._send_coins(held, Decimal(amount).scaleb(-2))
            case "pay":
                self._send_coins(held, asked)
            case "underpay" | "topup":
                self._send_coins(held, (asked / 2).quantize(asked))
            case "overpay":
                self._send_coins(held, asked * 2)
            case "see":
                self._send_coins(held, asked, confirmed=False)
            case "resolve":
                self._note(held, "RESOLVED")
            case "fail":
                self._note(held, "FAILED")
            case _:
                self._note(held, "EXPIRED")

    def _send_coins(self, charge: Charge, value: Decimal, *, confirmed: bool = True) -> None:
        """Coins for so much; those that were seen before are the same."""
        local = {"amount": f"{value:f}", "currency": charge.currency}
        payment = {
            "network": "polygon",
            "transaction_id": f"0x{secrets.token_hex(32)}",
            "status": "CONFIRMED" if confirmed else "PENDING",
            "value": {"local": local, "crypto": {"amount": f"{value / 35:.6f}", "currency": "USDC"}},
        }
        charge.payments = [each for each in charge.payments if each["status"] == "CONFIRMED"] + [payment]
        asked, late = Decimal(charge.value), charge.status == "EXPIRED"
        if not confirmed:
            self._note(charge, "PENDING")
        elif value == asked and not late:
            self._note(charge, "COMPLETED")
        else:
            context = "UNDERPAID" if value < asked else "OVERPAID" if value > asked else "DELAYED"
            context = "MULTIPLE" if len(charge.payments) > 1 else context
            self._note(charge, "UNRESOLVED", context)

    # Inside

    def _known(self, id: str) -> Charge:
        if id not in self._held:
            raise _failed(HTTPStatus.NOT_FOUND, "not_found")
        return self.charge(id)

    def _note(self, charge: Charge, status: str, context: str | None = None) -> None:
        step = {"time": clock.stamp(self.now()), "status": status}
        charge.timeline = [*charge.timeline, step | ({"context": context} if context else {})]

    def _event(self, held: Charge) -> tuple[bytes, dict[str, str]]:
        told = {
            "id": str(uuid.uuid4()),
            "attempt_number": held.webhook.attempts,
            "scheduled_for": clock.stamp(self.now()),
            "event": {
                "id": str(uuid.uuid4()),
                "resource": "event",
                "type": f"charge:{EVENTS[held.status]}",
                "api_version": "2018-03-22",
                "created_at": clock.stamp(self.now()),
                "data": held.written(self.url),
            },
        }
        body = json.dumps(told).encode()
        secret = secrets.token_hex(16) if held.webhook.bad_signature else self._secret
        return body, {"X-CC-Webhook-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}

    def _stored(self) -> object:
        return [charge.stored() for charge in self._held.values()]

    def _restore(self, stored: Any) -> None:
        self._held = {each["id"]: Charge.restored(each) for each in stored}


def _failed(status: HTTPStatus, kind: str) -> Failed:
    return Failed(status, {"error": {"type": kind, "message": "The charge was not changed."}})
