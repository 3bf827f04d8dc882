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
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Literal, Self

from chalicelib.core import clock
from infra.local.paynoi_http import Handler
from infra.local.paynoi_wire import FAULTS, Transaction, baht, satang, thai, wire
from infra.local.sandbox import BACKOFF, Faults, NoAnswer, Refused, Server, keep, refuse_strangers
from infra.local.webhooks import Courier, post

LIFETIME = timedelta(minutes=15)


class PayNoiSandbox:
    """`now` is injected so that a test need not wait for a QR code to expire; `backoff` holds the pauses, in
    seconds, before a webhook is sent again. With `state`, charges and unsent webhooks outlive the process."""

    def __init__(
        self,
        api_key: str,
        webhook_url: str,
        port: int = 0,
        state: Path | None = None,
        *,
        stage: str = "local",
        now: Callable[[], datetime] = clock.now,
        backoff: Sequence[float] = BACKOFF,
        encoding: Literal["hex", "base64"] = "hex",
    ) -> None:
        refuse_strangers("PayNoi", stage, webhook_url)
        if not api_key:
            raise RuntimeError("the PayNoi sandbox needs an API key")
        self._api_key = api_key
        self._webhook_url = webhook_url
        self._port = port
        self._state = state
        self.now = now
        self._encoding = encoding
        self._lock = threading.RLock()
        self._transactions: dict[str, Transaction] = {}
        self._faults = Faults(FAULTS)
        self._stopping = threading.Event()
        self._courier = Courier(self._send, self._abandon, backoff)
        self._server: Server | None = None

    # Life

    def start(self) -> Self:
        if self._state and self._state.exists():
            stored = json.loads(self._state.read_text("utf-8"))
            self._transactions = {item["trans_id"]: Transaction.restored(item) for item in stored}
        self._stopping.clear()
        self._server = Server(self, self._port, Handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self._courier.start()
        for transaction in self._transactions.values():
            if transaction.webhook.state == "due":
                self._courier.enqueue(transaction.trans_id)
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._courier.stop()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        if not self._port:
            raise RuntimeError("the PayNoi sandbox has no address before it starts")
        return f"http://127.0.0.1:{self._port}"

    # The gateway

    def answer(self, request: Mapping[str, object]) -> str:
        """What `POST /ppay_api` answers. Raises Refused and NoAnswer."""
        method = str(request.get("method"))
        fault = self._faults.take(method)
        if fault == "timeout":
            self._stopping.wait(self._faults.hang)
            raise NoAnswer
        if fault == "error":
            raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "")
        if fault == "redirect":
            raise Refused(HTTPStatus.TEMPORARY_REDIRECT, "")
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
            self._transactions[transaction.trans_id] = transaction
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
        taken = {t.payable for t in self._transactions.values() if self._settled(t).status == "pending"}
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
            self._notify(transaction, delay, duplicates, drop, bad_signature, wait)
        if wait and not self._send(trans_id):
            self._courier.enqueue(trans_id, attempt=1)
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
            self._notify(transaction, delay, duplicates, drop, bad_signature)
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
            self._notify(transaction, delay, duplicates, False, bad_signature)
        return transaction

    def misbehave(self, faults: Mapping[str, object]) -> dict[str, object]:
        """Replace all faults: `{"create": {"lost": 1}, "hang": 12}`; `{}` heals. Answers what is set."""
        return self._faults.set(faults)

    def faults(self) -> dict[str, object]:
        return self._faults.shown()

    def transactions(self, **wanted: str) -> list[Transaction]:
        """Newest first; `wanted` filters by equality, `ref1="..."` or `status="..."`."""
        with self._lock:
            found = [self._settled(transaction) for transaction in self._transactions.values()]
            matching = [t for t in found if all(getattr(t, name) == value for name, value in wanted.items())]
            return sorted(matching, key=lambda t: t.created_at, reverse=True)

    def transaction(self, trans_id: str, otherwise: HTTPStatus = HTTPStatus.NOT_FOUND) -> Transaction:
        with self._lock:
            if trans_id not in self._transactions:
                raise Refused(otherwise, "Transaction not found")
            return self._settled(self._transactions[trans_id])

    def stats(self) -> dict[str, object]:
        with self._lock:
            every = self.transactions()
            return {
                "transactions": dict(Counter(t.status for t in every)),
                "received": baht(sum(t.received or 0 for t in every)),
                "calls": dict(self._faults.calls),
                "webhooks": dict(Counter(t.webhook.state for t in every if t.webhook.state != "none"))
                | {
                    "attempts": sum(t.webhook.attempts for t in every),
                    "accepted": sum(t.webhook.accepted for t in every),
                    "queued": self._courier.queued,
                },
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

    def _notify(
        self,
        transaction: Transaction,
        delay: float,
        duplicates: int,
        drop: bool,
        bad_signature: bool,
        by_hand: bool = False,
    ) -> None:
        transaction.webhook.state = "dropped" if drop else "due"
        transaction.webhook.bad_signature = bad_signature
        self._save()
        for _ in range(0 if drop or by_hand else 1 + duplicates):
            self._courier.enqueue(transaction.trans_id, delay)

    def _send(self, trans_id: str) -> bool:
        with self._lock:
            transaction = self._transactions[trans_id]
            transaction.webhook.attempts += 1
            body = self._webhook_body(transaction)
        accepted, answer = post(self._webhook_url, body, {}, {"status": 1})
        with self._lock:
            transaction.webhook.answer = answer
            if accepted:
                transaction.webhook.accepted += 1
                transaction.webhook.state = "delivered"
            self._save()
        return accepted

    def _abandon(self, trans_id: str) -> None:
        with self._lock:
            webhook = self._transactions[trans_id].webhook
            if webhook.state == "due":
                webhook.state = "abandoned"
                self._save()

    def _webhook_body(self, transaction: Transaction) -> bytes:
        data = wire(
            {
                "trans_id": transaction.trans_id,
                "ref1": transaction.ref1,
                "payment_status": transaction.status,
                "created_at": thai(transaction.created_at),
            },
            amount=transaction.amount,
        )
        key = secrets.token_bytes(32) if transaction.webhook.bad_signature else self._api_key.encode()
        digest = hmac.new(key, data.encode(), hashlib.sha256).digest()
        signature = digest.hex() if self._encoding == "hex" else base64.b64encode(digest).decode()
        return f'{{"data": {data}, "signature": "{signature}"}}'.encode()

    def _save(self) -> None:
        if self._state:
            keep(self._state, [transaction.stored() for transaction in self._transactions.values()])
