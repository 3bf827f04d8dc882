"""Disputes at the PayPal sandbox, and how PayPal writes them: https://developer.paypal.com/docs/api/customer-disputes/v1/."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Self

from chalicelib.core import clock
from infra.local.sandbox import Refused

ANSWERED_WITHIN = timedelta(days=10)
FEE = 15
ACTIONS: Mapping[str, str] = {
    "inquire": "Ask the shop for the money (a dispute)",
    "claim": "Ask PayPal for the money (a claim)",
    "take": "PayPal takes the money until it decides",
    "win": "PayPal decides for the shop",
    "lose": "PayPal decides for the buyer",
    "payout": "PayPal pays the buyer itself",
    "retract": "The buyer gives it up",
}
"""What may happen to money that was captured: the first three begin a dispute."""
_BEGIN = ("inquire", "claim", "take")
_OUTCOMES = {
    "win": "RESOLVED_SELLER_FAVOUR",
    "lose": "RESOLVED_BUYER_FAVOUR",
    "payout": "RESOLVED_WITH_PAYOUT",
    "retract": "CANCELED_BY_BUYER",
}


@dataclass
class Dispute:
    """`value` as PayPal writes it, `settled` the currency of the shop's balance.

    `moved` is what went (`DEBIT`) out of it or came back, why, and how much.
    """

    id: str
    capture: str
    value: str
    currency: str
    settled: str
    created: str
    due: str
    status: str = "OPEN"
    stage: str = "INQUIRY"
    outcome: str = ""
    is_told: bool = False
    moved: list[tuple[str, str, str]] = field(default_factory=list)

    @classmethod
    def begun(cls, action: str, capture: str, money: tuple[str, str], settled: str, at: datetime) -> Self:
        """Raises Refused where nothing begins so."""
        if action not in _BEGIN:
            raise Refused(HTTPStatus.CONFLICT, "Nothing is disputed yet.")
        id = f"PP-R-{secrets.token_hex(2).upper()}-{secrets.randbelow(10**8):08d}"
        return cls(id, capture, *money, settled, clock.stamp(at), clock.stamp(at + ANSWERED_WITHIN))

    @property
    def taken(self) -> Decimal:
        """What of the disputed money is out of the shop's balance."""
        signs = {"DEBIT": 1, "CREDIT": -1}
        moved = (signs[how] * Decimal(value) for how, why, value in self.moved if why == "DISPUTE_SETTLEMENT")
        return sum(moved, Decimal())

    def happen(self, action: str) -> None:
        """Raises Refused once it is decided."""
        if self.outcome:
            raise Refused(HTTPStatus.CONFLICT, f"This dispute is {self.outcome}.")
        if action != "inquire":
            self.status = "UNDER_REVIEW" if action == "take" else "WAITING_FOR_SELLER_RESPONSE"
        if action not in ("inquire", "retract"):
            self.stage = "CHARGEBACK"
        if action in ("take", "lose") and not self.taken:
            self.moved += [("DEBIT", "DISPUTE_SETTLEMENT", self.value), ("DEBIT", "CHARGEBACK_FEE", self._fee)]
        elif action in ("win", "payout", "retract") and self.taken:
            self.moved.append(("CREDIT", "DISPUTE_SETTLEMENT", self.value))
        if action in _OUTCOMES:
            self.status, self.outcome = "RESOLVED", _OUTCOMES[action]

    @property
    def _fee(self) -> str:
        return f"{FEE}" if "." not in self.value else f"{FEE}.00"

    def written(self) -> dict[str, Any]:
        """As the API shows all of it."""
        told = self._summary() | {
            "dispute_channel": "INTERNAL",
            "fund_movements": [movement for each in self.moved for movement in self._movements(*each)],
        }
        if self.outcome:
            return told | {"dispute_outcome": {"outcome_code": self.outcome}}
        return told | {"seller_response_due_date": self.due}

    def _summary(self) -> dict[str, Any]:
        money = {"currency_code": self.currency, "value": self.value}
        sold = {"seller_transaction_id": self.capture, "gross_amount": money, "items": []}
        return {
            "dispute_id": self.id,
            "create_time": self.created,
            "disputed_transactions": [sold],
            "reason": "UNAUTHORISED",
            "status": self.status,
            "dispute_amount": money,
            "dispute_life_cycle_stage": self.stage,
        }

    def _movements(self, how: str, why: str, value: str) -> list[dict[str, Any]]:
        """What leaves the shop's balance for its own sake comes to the buyer's."""
        money = {"currency_code": self.settled, "value": value}
        ours = {"party": "SELLER", "amount": money, "type": how, "reason": why}
        if why != "DISPUTE_SETTLEMENT":
            return [ours]
        return [ours, ours | {"party": "BUYER", "type": "CREDIT" if how == "DEBIT" else "DEBIT"}]

    def event(self, at: datetime) -> dict[str, Any]:
        """What a webhook says of it as it is now."""
        kind = "RESOLVED" if self.outcome else "UPDATED" if self.is_told else "CREATED"
        self.is_told = True
        return {
            "id": f"WH-{secrets.token_hex(9).upper()}-{secrets.token_hex(9).upper()}",
            "create_time": clock.stamp(at),
            "resource_type": "dispute",
            "event_type": f"CUSTOMER.DISPUTE.{kind}",
            "summary": f"What happened to {self.id}.",
            "resource": self._summary(),
            "links": [],
            "event_version": "1.0",
        }
