"""A Stripe that runs on this machine: the real wire format, no real money, and faults on demand.

`/v1/...` is the API: PaymentIntents, refunds, payment methods. `/` and `/pay/{id}` are pages on which a person does
what Stripe's fields do in a shop; `/_sandbox/...` offers the same as JSON, for demos and tests. It listens on
127.0.0.1, sends webhooks to this machine only, and does not start on a stage that other people use.
"""

import hmac
import json
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Literal, Unpack

from infra.local.charges import Options
from infra.local.sandbox import NoAnswer, Refused
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
    missing,
    new_id,
    signature,
    whole,
)
from infra.local.webhooks import post


class StripeSandbox(MoneyBack):
    who = "Stripe"
    doors = Handler
    known_faults = FAULTS

    def __init__(self, secret_key: str, webhook_secret: str, webhook_url: str, **options: Unpack[Options]) -> None:
        super().__init__(webhook_url, **options)
        self._key = secret_key
        self._webhook_secret = webhook_secret
        self._refunds: dict[str, Refund] = {}
        self._disputes: dict[str, Dispute] = {}
        self.customers: dict[str, dict[str, Any]] = {}
        self.detached: set[str] = set()
        self._replays: dict[str, tuple[str, int, dict[str, Any]]] = {}
        self.refund_state: RefundState = "succeeded"

    # The API

    def answer(
        self, method: str, path: Sequence[str], given: Mapping[str, Any], key: str, idempotency_key: str | None
    ) -> tuple[int, str, bool]:
        """Status and body of a call of the API, and whether it was replayed. Raises Failed, Refused and NoAnswer."""
        call, carry_out = self._route(method, path)
        fault = self._trouble(call)
        if fault == "error":
            raise Failed(HTTPStatus.INTERNAL_SERVER_ERROR, "api_error", "An unknown error occurred.")
        if fault == "limit":
            raise Failed(HTTPStatus.TOO_MANY_REQUESTS, "invalid_request_error", "Too many requests.", "rate_limit")
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
            case "POST", "customers":
                return "customer", self._enrol
            case "DELETE", "customers", id:
                return "customer", lambda given: self._dismiss(id)
            case "POST", "payment_intents", id:
                return "confirm", lambda given: self._update(id, given)
            case "POST", "payment_intents", id, "confirm":
                return "confirm", lambda given: self._confirm(id, given)
            case "POST", "payment_intents", id, "capture":
                return "capture", lambda given: self._capture(id, given)
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
            case "POST", "payment_methods", id, "detach":
                return "method", lambda given: self._detach(id)
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
        intent.capture_method = str(given.get("capture_method", "automatic"))
        self._held[id] = intent
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
        self._notify(id)
        return intent.shown()

    def _enrol(self, given: Mapping[str, Any]) -> dict[str, Any]:
        known(given, "metadata")
        id = new_id("cus")
        self.customers[id] = {"id": id, "object": "customer", "metadata": dict(given.get("metadata", {}))}
        self._save()
        return self.customers[id]

    def _dismiss(self, id: str) -> dict[str, Any]:
        if self.customers.pop(id, None) is None:
            raise missing("customer", id)
        self._save()
        return {"id": id, "object": "customer", "deleted": True}

    def _detach(self, id: str) -> dict[str, Any]:
        held = card(id)
        kept = any(each.customer and each.payment_method == id for each in self._held.values())
        if not kept or id in self.detached:
            raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
        self.detached.add(id)
        self._save()
        return held | {"customer": None}

    def _update(self, id: str, given: Mapping[str, Any]) -> dict[str, Any]:
        known(given, "customer", "payment_method", "setup_future_usage")
        intent = self._intent(id)
        if intent.status not in OPEN:
            raise invalid("This PaymentIntent could not be updated.", "payment_intent_unexpected_state")
        if given.get("customer") not in self.customers:
            raise missing("customer", str(given.get("customer")))
        intent.customer, intent.setup_future_usage = given["customer"], given.get("setup_future_usage")
        if "payment_method" in given:
            intent.payment_method = card(given["payment_method"])["id"]
            self.detached.discard(given["payment_method"])
        self._save()
        return intent.shown()

    def _confirm(self, id: str, given: Mapping[str, Any]) -> dict[str, Any]:
        known(given, "return_url", "off_session")
        intent = self._intent(id)
        if intent.status not in OPEN or intent.payment_method is None:
            raise invalid("This PaymentIntent could not be confirmed.", "payment_intent_unexpected_state")
        if intent.payment_method == "pm_card_chargeDeclined":
            raise Failed(HTTPStatus.PAYMENT_REQUIRED, "card_error", "Your card was declined.", "card_declined")
        if intent.payment_method == "pm_card_authenticationRequired":
            intent.status, intent.page = "requires_action", f"{self.url}/pay/{id}"
            self._save()
        else:
            self.pay(id)
        return intent.shown()

    def _capture(self, id: str, given: Mapping[str, Any]) -> dict[str, Any]:
        known(given)
        intent = self._intent(id)
        if intent.status != "requires_capture":
            raise invalid(
                f"This PaymentIntent could not be captured because it has a status of {intent.status}.",
                "payment_intent_unexpected_state",
            )
        intent.charge_card()
        self._notify(id)
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
            intent.payment_method = intent.payment_method or "pm_card_visa"
            if intent.capture_method == "manual":
                intent.status = "requires_capture"
            else:
                intent.charge_card()
            self._notify(id, delay, duplicates, drop, bad_signature, wait)
        if wait:
            self._send_now(id)
        return intent

    def decline(self, id: str, **how: Any) -> Intent:
        """The bank says no. The buyer may try another card."""
        with self._lock:
            intent = self._waiting(id)
            intent.status = "requires_payment_method"
            self._notify(id, **how)
        return intent

    def process(self, id: str, **how: Any) -> Intent:
        """The bank takes its time: it can neither be paid again nor cancelled."""
        with self._lock:
            intent = self._waiting(id)
            intent.status = "processing"
            self._notify(id, **how)
        return intent

    def end(self, id: str, how: Literal["expired", "failed"], **switches: Any) -> Intent:
        """Somebody cancels it at Stripe: because it was abandoned, or as a fraud."""
        with self._lock:
            intent = self._waiting(id)
            intent.status, intent.reason = "canceled", "abandoned" if how == "expired" else "fraudulent"
            self._notify(id, **switches)
        return intent

    def notify(self, id: str, **how: Any) -> Intent:
        """Send the event about what an intent is now, again or for the first time."""
        with self._lock:
            intent = self.intent(id)
            self._notify(id, **how)
        return intent

    def forget_keys(self) -> None:
        """What Stripe does with idempotency keys after a day."""
        with self._lock:
            self._replays.clear()

    def intents(self, **wanted: str) -> list[Intent]:
        """Newest first; `wanted` filters by equality, `reference="..."` or `status="..."`."""
        with self._lock:
            every = sorted(self._held.values(), key=lambda intent: intent.created, reverse=True)
            return [each for each in every if all(getattr(each, name) == value for name, value in wanted.items())]

    def intent(self, id: str) -> Intent:
        with self._lock:
            if id not in self._held:
                raise Refused(HTTPStatus.NOT_FOUND, "There is no such payment.")
            return self._held[id]

    def stats(self) -> dict[str, object]:
        with self._lock:
            every = self.intents()
            return {
                "intents": dict(Counter(intent.status for intent in every)),
                "received": sum(intent.received for intent in every),
                "returned": sum(self.returned(intent.id) for intent in every),
                "calls": dict(self.faults.calls),
                "webhooks": self._webhook_stats(),
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

    def _event(self, held: Intent) -> tuple[bytes, dict[str, str]]:
        body = event(held, self.now())
        secret = secrets.token_hex(16) if held.webhook.bad_signature else self._webhook_secret
        return body, {"Stripe-Signature": signature(body, secret, self.now())}

    def _send(self, id: str) -> bool:
        if " " not in id:
            return super()._send(id)
        body = self._dispute_event(*id.split(" "))  # a dispute, and what happened to it
        return post(self._webhook_url, body, self._signed(body))[0]

    def _signed(self, body: bytes) -> dict[str, str]:
        return {"Stripe-Signature": signature(body, self._webhook_secret, self.now())}

    def _abandon(self, id: str) -> None:
        if " " not in id:
            super()._abandon(id)

    def _stored(self) -> object:
        intents = [intent.stored() for intent in self._held.values()]
        refunds = [asdict(refund) for refund in self._refunds.values()]
        disputes = [asdict(dispute) for dispute in self._disputes.values()]
        kept = {"customers": self.customers, "detached": sorted(self.detached)}
        return {"intents": intents, "refunds": refunds, "disputes": disputes, **kept}

    def _restore(self, stored: Any) -> None:
        self._held = {each["id"]: Intent.restored(each) for each in stored["intents"]}
        self._refunds = {each["id"]: Refund(**each) for each in stored["refunds"]}
        self._disputes = {each["id"]: Dispute(**each) for each in stored.get("disputes", ())}
        self.customers = stored.get("customers", {})
        self.detached = set(stored.get("detached", ()))
