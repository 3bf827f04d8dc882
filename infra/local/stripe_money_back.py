"""What goes back at the Stripe sandbox: refunds that are asked for, and what a buyer's bank takes in a dispute."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Literal

from infra.local.charges import ChargeSandbox
from infra.local.sandbox import Refused
from infra.local.stripe_wire import (
    API_VERSION,
    SETTLED_IN,
    Intent,
    Refund,
    RefundState,
    invalid,
    known,
    missing,
    new_id,
    whole,
)

DISPUTE_FEE = 15_00
ANSWERED_WITHIN = timedelta(days=7)
DisputeAction = Literal["dispute", "inquire", "review", "win", "lose", "withdraw"]
_STATUSES = {
    "dispute": "needs_response",
    "inquire": "warning_needs_response",
    "review": "under_review",
    "win": "won",
    "lose": "lost",
    "withdraw": "warning_closed",
}
DISPUTED = tuple(_STATUSES)
"""What a bank does with a payment: the first two begin a dispute."""
_EVENTS: Mapping[str, tuple[str, ...]] = {
    "dispute": ("created", "funds_withdrawn"),
    "inquire": ("created",),
    "review": ("updated",),
    "win": ("closed", "funds_reinstated"),
    "lose": ("closed",),
    "withdraw": ("closed",),
}


@dataclass
class Dispute:
    """`moved` are amount and fee of what Stripe moved for it; below zero it took money."""

    id: str
    intent: str
    charge: str
    amount: int
    currency: str
    created: int
    due_by: int
    status: str
    moved: list[tuple[int, int]]

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transactions": [self._movement(*each) for each in self.moved],
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "evidence_details": {"due_by": self.due_by, "has_evidence": False, "past_due": False},
            "is_charge_refundable": self.status.startswith("warning"),
            "livemode": False,
            "metadata": {},
            "payment_intent": self.intent,
            "reason": "fraudulent",
            "status": self.status,
        }

    def _movement(self, amount: int, fee: int) -> dict[str, Any]:
        return {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "currency": SETTLED_IN,
            "fee": fee,
            "net": amount - fee,
            "source": self.id,
            "type": "adjustment",
        }


class MoneyBack(ChargeSandbox[Intent]):
    """The part of the sandbox in which money goes back."""

    _refunds: dict[str, Refund]
    _disputes: dict[str, Dispute]
    refund_state: RefundState

    def _intent(self, id: str) -> Intent:
        if id not in self._held:
            raise missing("payment_intent", id)
        return self._held[id]

    def _refund(self, given: Mapping[str, Any]) -> dict[str, Any]:
        known(given, "payment_intent", "amount", "metadata")
        intent = self._intent(str(given.get("payment_intent")))
        amount = whole(given, "amount")
        left = intent.received - self.returned(intent.id)
        if intent.charge is None:
            raise invalid("This PaymentIntent does not have a successful charge to refund.")
        if left == 0:
            raise invalid(f"Charge {intent.charge} has already been refunded.", "charge_already_refunded")
        if amount > left:
            raise invalid(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).")
        refund = Refund(
            id=new_id("re"),
            intent=intent.id,
            amount=amount,
            currency=intent.currency,
            metadata=dict(given.get("metadata", {})),
            created=int(self.now().timestamp()),
            status=self.refund_state,
        )
        self._refunds[refund.id] = refund
        self._save()
        return refund.shown()

    def _list_refunds(self, given: Mapping[str, Any]) -> dict[str, Any]:
        known(given, "payment_intent", "limit")
        intent = self._intent(str(given.get("payment_intent")))
        found = [refund.shown() for refund in reversed(self._refunds.values()) if refund.intent == intent.id]
        limit = whole({"limit": given.get("limit", 10)}, "limit")
        return {"object": "list", "data": found[:limit], "has_more": len(found) > limit, "url": "/v1/refunds"}

    def refunds_go(self, state: RefundState) -> None:
        """How refunds stand from now on, those that are pending too."""
        with self._lock:
            self.refund_state = state
            for refund in self._refunds.values():
                if refund.status in ("pending", "requires_action"):
                    refund.status = state
            self._save()

    def returned(self, id: str) -> int:
        with self._lock:
            return sum(each.amount for each in self._refunds.values() if each.intent == id and each.counts)

    # Disputes

    def dispute(self, id: str, action: DisputeAction, *, drop: bool = False) -> Dispute:
        """What the buyer's bank does with a payment; its events follow, unless they are to be dropped."""
        with self._lock:
            begun = next((each for each in self._disputes.values() if each.intent == id), None)
            dispute = begun or self._begun(id, action)
            if begun and begun.status in ("won", "lost", "warning_closed"):
                raise Refused(HTTPStatus.CONFLICT, f"This dispute is {begun.status}.")
            dispute.status = _STATUSES[action]
            if action == "dispute":
                dispute.moved = [(-dispute.amount, DISPUTE_FEE)]
            elif action == "win" and dispute.moved:
                dispute.moved = [*dispute.moved, (dispute.amount, 0)]
            self._save()
            for event in () if drop else _EVENTS[action]:
                self._courier.enqueue(f"{dispute.id} {event}")
            return dispute

    def _begun(self, id: str, action: str) -> Dispute:
        intent = self._held.get(id)
        if intent is None or intent.charge is None or action not in ("dispute", "inquire"):
            raise Refused(HTTPStatus.CONFLICT, "There is nothing that a bank could do this with.")
        now, amount = self.now(), intent.received
        created, due_by = (int(at.timestamp()) for at in (now, now + ANSWERED_WITHIN))
        dispute = Dispute(new_id("du"), id, intent.charge, amount, intent.currency, created, due_by, "", [])
        self._disputes[dispute.id] = dispute
        return dispute

    def _dispute(self, id: str) -> Dispute:
        if id not in self._disputes:
            raise missing("dispute", id)
        return self._disputes[id]

    def _dispute_event(self, id: str, what: str) -> bytes:
        told = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": int(self.now().timestamp()),
            "data": {"object": self._disputes[id].shown()},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": f"charge.dispute.{what}",
        }
        return json.dumps(told, indent=2).encode()
