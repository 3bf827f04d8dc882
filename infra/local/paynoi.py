"""A PayNoi that runs on this machine: the real wire format, no real money, and faults on demand.

`POST /ppay_api` is the gateway. `/` and `/pay/{trans_id}` are pages where a person pays, lets a charge expire
or makes the gateway misbehave; `/_sandbox/...` offers the same as JSON, for demos and tests. It listens on
127.0.0.1, sends webhooks to this machine only, and does not start on a stage that other people use.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Literal, Unpack

from infra.local.charges import ChargeSandbox, Options
from infra.local.paynoi_http import Handler
from infra.local.paynoi_wire import FAULTS, Transaction, baht, satang, thai, wire
from infra.local.sandbox import NoAnswer, Refused

LIFETIME = timedelta(minutes=15)


class PayNoiSandbox(ChargeSandbox[Transaction]):
    who = "PayNoi"
    doors = Handler
    known_faults = FAULTS
    wanted: ClassVar[object] = {"status": 1}

    def __init__(
        self, api_key: str, webhook_url: str, *, encoding: Literal["hex", "base64"] = "hex", **options: Unpack[Options]
    ) -> None:
        super().__init__(webhook_url, **options)
        if not api_key:
            raise RuntimeError("the PayNoi sandbox needs an API key")
        self._api_key = api_key
        self._encoding = encoding

    # The gateway

    def answer(self, request: Mapping[str, object]) -> str:
        """What `POST /ppay_api` answers. Raises Refused and NoAnswer."""
        method = str(request.get("method"))
        fault = self._trouble(method)
        if fault == "error":
            raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "")
        if not hmac.compare_digest(str(request.get("api_key")).encode(), self._api_key.encode()):
            raise Refused(HTTPStatus.OK, "Invalid api_key")
        match method:
            case "create":
                answer = self._create(request, early_webhook=fault == "early_webhook")
            case "check":
                answer = self._check(request, odd_status=fault == "odd_status")
            case "cancel":
                answer = self._cancel(request)
            case _:
                raise Refused(HTTPStatus.OK, "Unknown method")
        if fault == "lost":
            raise NoAnswer
        if fault == "garbage":
            return "<html><body>Fatal error: Allowed memory size exhausted"
        if fault == "extra":
            return f'{answer[:-1]}, "promo": {{"th": "ฟรี", "until": null}}, "v": 2.5}}'
        return answer

    def _create(self, request: Mapping[str, object], *, early_webhook: bool) -> str:
        account, kind = str(request.get("account")), str(request.get("type"))
        reference = request.get("ref1")
        requested = satang(request.get("amount"))
        if not requested:
            raise Refused(HTTPStatus.OK, "Invalid amount")
        if not re.fullmatch({"1": r"0[0-9]{9}", "2": r"[0-9]{13}"}.get(kind, "-"), account, re.ASCII):
            raise Refused(HTTPStatus.OK, "Invalid account or type")
        if not isinstance(reference, str) or not 0 < len(reference) <= 64 or not request.get("key_id"):
            raise Refused(HTTPStatus.OK, "Invalid ref1 or key_id")
        with self._lock:
            now = self.now()
            transaction = Transaction(
                trans_id=f"PN{secrets.token_hex(8).upper()}",
                ref1=reference,
                requested=requested,
                payable=requested + self._tail(requested),
                key_id=str(request["key_id"]),
                account=account,
                type=kind,
                created_at=now,
                expires_at=now + LIFETIME,
            )
            self._held[transaction.trans_id] = transaction
            self._save()
        if early_webhook:
            self.pay(transaction.trans_id, wait=True)
        return wire(
            {
                "status": 1,
                "trans_id": transaction.trans_id,
                "qr_image_base64": transaction.qr_png,
                "amount_check": transaction.payable,
                "expire_at": thai(transaction.expires_at),
            },
            amount=transaction.payable,
        )

    def _tail(self, requested: int) -> int:
        """1 to 99 satang that tell this charge from the other open ones, as long as there are that many."""
        taken = {t.payable for t in self._held.values() if self._settled(t).status == "pending"}
        free = [tail for tail in range(1, 100) if requested + tail not in taken]
        return secrets.choice(free or range(1, 100))

    def _check(self, request: Mapping[str, object], *, odd_status: bool) -> str:
        with self._lock:
            transaction = self.transaction(str(request.get("trans_id")), HTTPStatus.OK)
            return wire(
                {
                    "status": 1,
                    "payment_status": "reviewing" if odd_status else transaction.status,
                    "ref1": transaction.ref1,
                    "created_at": thai(transaction.created_at),
                    "expire_at": thai(transaction.expires_at),
                },
                amount=transaction.amount,
            )

    def _cancel(self, request: Mapping[str, object]) -> str:
        with self._lock:
            transaction = self.transaction(str(request.get("trans_id")), HTTPStatus.OK)
            if transaction.status == "completed":
                raise Refused(HTTPStatus.OK, "Already paid")
            if transaction.status == "pending":
                transaction.status = "expired"
                self._save()
        return json.dumps({"status": 1})

    # What a person, a bank or a bad day does

    def pay(
        self,
        trans_id: str,
        *,
        amount: int | None = None,
        delay: float = 0,
        duplicates: int = 0,
        drop: bool = False,
        bad_signature: bool = False,
        wait: bool = False,
    ) -> Transaction:
        """Money arrives: `amount` satang, or exactly what is payable; after the charge has expired, too.

        The webhook follows after `delay` seconds, 1 + `duplicates` times; with `wait` it is sent once, and
        the first attempt is over when this returns.
        """
        with self._lock:
            transaction = self.transaction(trans_id)
            if transaction.status not in ("pending", "expired"):
                raise Refused(HTTPStatus.CONFLICT, f"This charge is already {transaction.status}.")
            transaction.status = "completed"
            transaction.received = transaction.payable if amount is None else amount
            self._notify(trans_id, delay, duplicates, drop, bad_signature, wait)
        if wait:
            self._send_now(trans_id)
        return transaction

    def end(
        self,
        trans_id: str,
        status: Literal["expired", "failed"],
        *,
        delay: float = 0,
        duplicates: int = 0,
        drop: bool = False,
        bad_signature: bool = False,
    ) -> Transaction:
        """The charge runs out or fails now, and a webhook says so. Running out by itself is silent."""
        with self._lock:
            transaction = self.transaction(trans_id)
            if transaction.status != "pending":
                raise Refused(HTTPStatus.CONFLICT, f"This charge is already {transaction.status}.")
            transaction.status = status
            transaction.expires_at = min(transaction.expires_at, self.now())
            self._notify(trans_id, delay, duplicates, drop, bad_signature)
        return transaction

    def notify(
        self,
        trans_id: str,
        *,
        delay: float = 0,
        duplicates: int = 0,
        bad_signature: bool = False,
    ) -> Transaction:
        """Send the webhook of a charge that is over, again or for the first time."""
        with self._lock:
            transaction = self.transaction(trans_id)
            if transaction.status == "pending":
                raise Refused(HTTPStatus.CONFLICT, "Nothing has happened to this charge yet.")
            self._notify(trans_id, delay, duplicates, False, bad_signature)
        return transaction

    def transactions(self, **wanted: str) -> list[Transaction]:
        """Newest first; `wanted` filters by equality, `ref1="..."` or `status="..."`."""
        with self._lock:
            found = [self._settled(transaction) for transaction in self._held.values()]
            matching = [t for t in found if all(getattr(t, name) == value for name, value in wanted.items())]
            return sorted(matching, key=lambda t: t.created_at, reverse=True)

    def transaction(self, trans_id: str, otherwise: HTTPStatus = HTTPStatus.NOT_FOUND) -> Transaction:
        with self._lock:
            if trans_id not in self._held:
                raise Refused(otherwise, "Transaction not found")
            return self._settled(self._held[trans_id])

    def stats(self) -> dict[str, object]:
        with self._lock:
            every = self.transactions()
            return {
                "transactions": dict(Counter(t.status for t in every)),
                "received": baht(sum(t.received or 0 for t in every)),
                "calls": dict(self.faults.calls),
                "webhooks": dict(Counter(t.webhook.state for t in every if t.webhook.state != "none"))
                | self._webhook_stats(),
            }

    def shown(self, transaction: Transaction) -> dict[str, object]:
        """A transaction as the control API writes it."""
        return {
            "trans_id": transaction.trans_id,
            "ref1": transaction.ref1,
            "status": transaction.status,
            "requested": baht(transaction.requested),
            "payable": baht(transaction.payable),
            "received": None if transaction.received is None else baht(transaction.received),
            "key_id": transaction.key_id,
            "account": transaction.account,
            "type": transaction.type,
            "created_at": transaction.created_at.isoformat(),
            "expires_at": transaction.expires_at.isoformat(),
            "promptpay": transaction.promptpay,
            "webhook": asdict(transaction.webhook),
            "page": f"{self.url}/pay/{transaction.trans_id}",
        }

    # Inside

    def _settled(self, transaction: Transaction) -> Transaction:
        if transaction.status == "pending" and transaction.expires_at <= self.now():
            transaction.status = "expired"
        return transaction

    def _event(self, held: Transaction) -> tuple[bytes, dict[str, str]]:
        data = wire(
            {
                "trans_id": held.trans_id,
                "ref1": held.ref1,
                "payment_status": held.status,
                "created_at": thai(held.created_at),
            },
            amount=held.amount,
        )
        key = secrets.token_bytes(32) if held.webhook.bad_signature else self._api_key.encode()
        digest = hmac.new(key, data.encode(), hashlib.sha256).digest()
        signature = digest.hex() if self._encoding == "hex" else base64.b64encode(digest).decode()
        return f'{{"data": {data}, "signature": "{signature}"}}'.encode(), {}

    def _stored(self) -> object:
        return [transaction.stored() for transaction in self._held.values()]

    def _restore(self, stored: Any) -> None:
        self._held = {item["trans_id"]: Transaction.restored(item) for item in stored}
