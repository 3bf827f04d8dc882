"""A Stripe that runs on this machine: the real wire format, no real money, and faults on demand.

`/v1/...` is the API: PaymentIntents, refunds, payment methods. `/` and `/pay/{id}` are pages on which a person does
what Stripe's fields do in a shop; `/_sandbox/...` offers the same as JSON, for demos and tests. It listens on
127.0.0.1, sends webhooks to this machine only, and does not start on a stage that other people use.
"""

import hmac
import json
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, Self

from chalicelib.core import clock
from infra.local.sandbox import BACKOFF, Faults, NoAnswer, Refused, Server, keep, refuse_strangers
from infra.local.stripe_http import Handler
from infra.local.stripe_money_back import Dispute, MoneyBack
from infra.local.stripe_wire import (
    FAULTS,
    OPEN,
    Failed,
    Intent,
    Refund,
    RefundState,
    card,
    event,
    invalid,
    known,
    new_id,
    signature,
    whole,
)
from infra.local.webhooks import Courier, post


class StripeSandbox(MoneyBack):
    """`now` and `backoff` as of the PayNoi sandbox. With `state`, what was paid outlives the process."""

    def __init__(
        self,
        secret_key: str,
        webhook_secret: str,
        webhook_url: str,
        port: int = 0,
        state: Path | None = None,
        *,
        stage: str = "local",
        now: Callable[[], datetime] = clock.now,
        backoff: Sequence[float] = BACKOFF,
    ) -> None:
        refuse_strangers("Stripe", stage, webhook_url)
        self._key = secret_key
        self._webhook_secret = webhook_secret
        self._webhook_url = webhook_url
        self._port = port
        self._state = state
        self.now = now
        self._lock = threading.RLock()
        self._intents: dict[str, Intent] = {}
        self._refunds: dict[str, Refund] = {}
        self._disputes: dict[str, Dispute] = {}
        self._replays: dict[str, tuple[str, int, dict[str, Any]]] = {}
        self.refund_state: RefundState = "succeeded"
        self.faults = Faults(FAULTS)
        self._stopping = threading.Event()
        self._courier = Courier(self._send, self._abandon, backoff)
        self._server: Server | None = None

    # Life

    def start(self) -> Self:
        if self._state and self._state.exists():
            stored = json.loads(self._state.read_text("utf-8"))
            self._intents = {each["id"]: Intent.restored(each) for each in stored["intents"]}
            self._refunds = {each["id"]: Refund(**each) for each in stored["refunds"]}
            self._disputes = {each["id"]: Dispute(**each) for each in stored.get("disputes", ())}
        self._stopping.clear()
        self._server = Server(self, self._port, Handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self._courier.start()
        for intent in self._intents.values():
            if intent.webhook.state == "due":
                self._courier.enqueue(intent.id)
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
            raise RuntimeError("the Stripe sandbox has no address before it starts")
        return f"http://127.0.0.1:{self._port}"

    # The API

    def answer(
        self, method: str, path: Sequence[str], given: Mapping[str, Any], key: str, idempotency_key: str | None
    ) -> tuple[int, str, bool]:
        """Status and body of a call of the API, and whether it was replayed. Raises Failed, Refused and NoAnswer."""
        call, carry_out = self._route(method, path)
        fault = self.faults.take(call)
        if fault == "timeout":
            self._stopping.wait(self.faults.hang)
            raise NoAnswer
        if fault == "error":
            raise Failed(HTTPStatus.INTERNAL_SERVER_ERROR, "api_error", "An unknown error occurred.")
        if fault == "limit":
            raise Failed(HTTPStatus.TOO_MANY_REQUESTS, "invalid_request_error", "Too many requests.", "rate_limit")
        if fault == "redirect":
            raise Refused(HTTPStatus.TEMPORARY_REDIRECT, "")
        if not hmac.compare_digest(key.encode(), self._key.encode()):
            raise invalid(f"Invalid API Key provided: {key[:8]}****", status=HTTPStatus.UNAUTHORIZED)
        with self._lock:
            status, told, replayed = self._once(
                f"{method} {path} {sorted(given.items())}", idempotency_key, lambda: carry_out(given)
            )
        if fault == "early_webhook":
            self.pay(str(told["id"]), wait=True)
        if fault == "lost":
            raise NoAnswer
        if fault == "garbage":
            return status, "<html><body>Bad gateway", replayed
        if fault == "extra":
            told = told | {"promo": {"th": "ฟรี", "until": None}, "v": 2.5}
        if fault == "odd_status":
            told = told | {"status": "requires_meditation"}
        return status, json.dumps(told, ensure_ascii=False), replayed

    def _route(self, method: str, path: Sequence[str]) -> tuple[str, Callable[[Mapping[str, Any]], dict[str, Any]]]:
        """The name of a call, and what carries it out."""
        match method, *path:
            case "POST", "payment_intents":
                return "create", self._create
            case "GET", "payment_intents", id:
                return "check", lambda given: self._retrieve(id, given)
            case "POST", "payment_intents", id, "cancel":
                return "cancel", lambda given: self._cancel(id, given)
            case "POST", "refunds":
                return "refund", self._refund
            case "GET", "refunds":
                return "list", self._list_refunds
            case "GET", "disputes", id:
                return "dispute", lambda given: self._dispute(id).shown()
            case "GET", "payment_methods", id:
                return "method", lambda given: card(id)
        raise invalid(f"Unrecognized request URL ({method}: /v1/{'/'.join(path)}).", status=HTTPStatus.NOT_FOUND)

    def _once(
        self, asked: str, key: str | None, carry_out: Callable[[], dict[str, Any]]
    ) -> tuple[int, dict[str, Any], bool]:
        """What was answered to this key before, an error too; else what is answered now."""
        if key in self._replays:
            before, status, told = self._replays[key]
            if before != asked:
                message = "Keys for idempotent requests can only be used with the same parameters."
                raise Failed(HTTPStatus.BAD_REQUEST, "idempotency_error", message)
            return status, told, True
        try:
            status, told = 200, carry_out()
        except Failed as failure:
            status, told = failure.status, {"error": failure.error}
        if key is not None:
            self._replays[key] = asked, status, told
        return status, told, False

    def _create(self, given: Mapping[str, Any]) -> dict[str, Any]:
        known(given, "amount", "currency", "automatic_payment_methods", "capture_method", "metadata")
        currency = str(given.get("currency", ""))
        if len(currency) != 3 or not currency.islower():
            raise invalid(f"Invalid currency: {currency}", "parameter_invalid_empty")
        id = new_id("pi")
        secret = f"{id}_secret_{secrets.token_urlsafe(18)}"
        now = self.now().replace(microsecond=0)
        intent = Intent(id, secret, whole(given, "amount"), currency, dict(given.get("metadata", {})), now)
        self._intents[id] = intent
        self._save()
        return intent.shown()

    def _retrieve(self, id: str, given: Mapping[str, Any]) -> dict[str, Any]:
        known(given, "expand")
        intent = self._intent(id)
        if "latest_charge.balance_transaction" in given.get("expand", []):
            return intent.shown() | {"latest_charge": intent.charged()}
        return intent.shown()

    def _cancel(self, id: str, given: Mapping[str, Any]) -> dict[str, Any]:
        known(given, "cancellation_reason")
        intent = self._intent(id)
        if intent.status not in OPEN:
            raise invalid(
                f"You cannot cancel this PaymentIntent because it has a status of {intent.status}.",
                "payment_intent_unexpected_state",
            )
        intent.status, intent.reason = "canceled", given.get("cancellation_reason")
        self._notify(intent)
        return intent.shown()

    # What a person, a bank or a bad day does

    def pay(
        self,
        id: str,
        *,
        delay: float = 0,
        duplicates: int = 0,
        drop: bool = False,
        bad_signature: bool = False,
        wait: bool = False,
    ) -> Intent:
        """The buyer's card is charged. The webhook follows as of the PayNoi sandbox."""
        with self._lock:
            intent = self._waiting(id)
            intent.status, intent.received, intent.charge = "succeeded", intent.amount, new_id("ch")
            self._notify(intent, delay, duplicates, drop, bad_signature, wait)
        if wait and not self._send(id):
            self._courier.enqueue(id, attempt=1)
        return intent

    def decline(self, id: str, **how: Any) -> Intent:
        """The bank says no. The buyer may try another card."""
        with self._lock:
            intent = self._waiting(id)
            intent.status = "requires_payment_method"
            self._notify(intent, **how)
        return intent

    def process(self, id: str, **how: Any) -> Intent:
        """The bank takes its time: it can neither be paid again nor cancelled."""
        with self._lock:
            intent = self._waiting(id)
            intent.status = "processing"
            self._notify(intent, **how)
        return intent

    def end(self, id: str, how: Literal["expired", "failed"], **switches: Any) -> Intent:
        """Somebody cancels it at Stripe: because it was abandoned, or as a fraud."""
        with self._lock:
            intent = self._waiting(id)
            intent.status, intent.reason = "canceled", "abandoned" if how == "expired" else "fraudulent"
            self._notify(intent, **switches)
        return intent

    def notify(self, id: str, **how: Any) -> Intent:
        """Send the event about what an intent is now, again or for the first time."""
        with self._lock:
            intent = self.intent(id)
            self._notify(intent, **how)
        return intent

    def forget_keys(self) -> None:
        """What Stripe does with idempotency keys after a day."""
        with self._lock:
            self._replays.clear()

    def intents(self, **wanted: str) -> list[Intent]:
        """Newest first; `wanted` filters by equality, `reference="..."` or `status="..."`."""
        with self._lock:
            every = sorted(self._intents.values(), key=lambda intent: intent.created, reverse=True)
            return [each for each in every if all(getattr(each, name) == value for name, value in wanted.items())]

    def intent(self, id: str) -> Intent:
        with self._lock:
            if id not in self._intents:
                raise Refused(HTTPStatus.NOT_FOUND, "There is no such payment.")
            return self._intents[id]

    def stats(self) -> dict[str, object]:
        with self._lock:
            every = self.intents()
            return {
                "intents": dict(Counter(intent.status for intent in every)),
                "received": sum(intent.received for intent in every),
                "returned": sum(self.returned(intent.id) for intent in every),
                "calls": dict(self.faults.calls),
                "webhooks": {
                    "attempts": sum(intent.webhook.attempts for intent in every),
                    "accepted": sum(intent.webhook.accepted for intent in every),
                    "queued": self._courier.queued,
                },
            }

    def shown(self, intent: Intent) -> dict[str, object]:
        """An intent as the control API writes it."""
        return intent.shown() | {"webhook": asdict(intent.webhook), "page": f"{self.url}/pay/{intent.id}"}

    # Inside

    def _waiting(self, id: str) -> Intent:
        intent = self.intent(id)
        if intent.status not in (*OPEN, "processing"):
            raise Refused(HTTPStatus.CONFLICT, f"This payment is {intent.status}.")
        return intent

    def _notify(
        self,
        intent: Intent,
        delay: float = 0,
        duplicates: int = 0,
        drop: bool = False,
        bad_signature: bool = False,
        by_hand: bool = False,
    ) -> None:
        intent.webhook.state = "dropped" if drop else "due"
        intent.webhook.bad_signature = bad_signature
        self._save()
        for _ in range(0 if drop or by_hand else 1 + duplicates):
            self._courier.enqueue(intent.id, delay)

    def _send(self, id: str) -> bool:
        if " " in id:  # a dispute, and what happened to it
            body = self._dispute_event(*id.split(" "))
            return post(self._webhook_url, body, self._signed(body))[0]
        with self._lock:
            intent = self._intents[id]
            intent.webhook.attempts += 1
            body = event(intent, self.now())
            secret = secrets.token_hex(16) if intent.webhook.bad_signature else self._webhook_secret
        accepted, answer = post(self._webhook_url, body, {"Stripe-Signature": signature(body, secret, self.now())})
        with self._lock:
            intent.webhook.answer = answer
            if accepted:
                intent.webhook.accepted += 1
                intent.webhook.state = "delivered"
            self._save()
        return accepted

    def _signed(self, body: bytes) -> dict[str, str]:
        return {"Stripe-Signature": signature(body, self._webhook_secret, self.now())}

    def _abandon(self, id: str) -> None:
        with self._lock:
            webhook = self._intents[id].webhook if id in self._intents else None
            if webhook and webhook.state == "due":
                webhook.state = "abandoned"
                self._save()

    def _save(self) -> None:
        if self._state:
            intents = [intent.stored() for intent in self._intents.values()]
            refunds = [asdict(refund) for refund in self._refunds.values()]
            disputes = [asdict(dispute) for dispute in self._disputes.values()]
            keep(self._state, {"intents": intents, "refunds": refunds, "disputes": disputes})
