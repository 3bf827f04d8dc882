"""What PayPal writes of a dispute, and what it means: https://developer.paypal.com/docs/api/customer-disputes/v1/.

PayPal itself decides most of them, and pays the buyer back out of our account. What it moved tells how much is gone;
the stage tells whether somebody decides (a claim) or buyer and shop still talk to each other (an inquiry).
"""

from typing import Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from chalicelib.payments.gateways.contract import Disputed, DisputeState
from chalicelib.payments.gateways.paypal_wire import Contested, Money
from chalicelib.payments.gateways.wire import Wire

_UNDECIDED = ("OPEN", "WAITING_FOR_BUYER_RESPONSE", "WAITING_FOR_SELLER_RESPONSE", "UNDER_REVIEW")
_CLAIM = ("CHARGEBACK", "PRE_ARBITRATION", "ARBITRATION")
_FOR_BUYER = ("RESOLVED_BUYER_FAVOUR", "ACCEPTED")
_FOR_US = ("RESOLVED_SELLER_FAVOUR", "DENIED", "CANCELED_BY_BUYER")
_FOR_NOBODY = ("RESOLVED_WITH_PAYOUT", "NONE")
"""PayPal paid out of its own pocket, or nobody decided: the money tells who lost."""


_SAME = {"affected_party": "party", "direction": "type"}
"""What PayPal, by place and age, calls a thing, and what we do."""


class Movement(Wire):
    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, given: Any) -> Any:
        return {_SAME.get(name, name): value for name, value in given.items()} if isinstance(given, dict) else given


class Ours(Movement):
    """Money that came into our account or left it."""

    party: Literal["SELLER"]
    type: Literal["DEBIT", "CREDIT"]
    reason: str
    money: Money = Field(alias="amount")

    @property
    def taken(self) -> int:
        """Minor units; below zero they came back."""
        return self.money.amount if self.type == "DEBIT" else -self.money.amount


class Theirs(Movement):
    party: Literal["BUYER", "PAYMENT_PROCESSOR"]


class Outcome(Wire):
    code: str = Field("", alias="outcome_code")


class Dispute(Contested):
    reason: str = Field(pattern=r"^[0-9A-Z_]{1,64}$")
    status: str
    stage: str = Field(alias="dispute_life_cycle_stage")
    asked: Money = Field(alias="dispute_amount")
    outcome: Outcome = Field(Outcome(), alias="dispute_outcome")
    due_at: AwareDatetime | None = Field(None, alias="seller_response_due_date")
    movements: tuple[Ours | Theirs, ...] = Field((), alias="fund_movements")
    older: tuple[Ours | Theirs, ...] = Field((), alias="money_movements")

    @property
    def told(self) -> Disputed:
        """As the contract tells it."""
        withdrawn = self._withdrawn
        return Disputed(
            transaction_id=self.capture,
            state=self._decided(withdrawn) if self.status == "RESOLVED" else self._undecided(withdrawn),
            amount=self.asked.amount,
            currency=self.asked.currency,
            reason=self.reason,
            withdrawn=withdrawn,
            fee=sum(each.taken for each in self._ours if not _settles(each)) if self._is_in_one_currency else None,
            due_at=self.due_at,
        )

    @property
    def _ours(self) -> list[Ours]:
        return [each for each in self.movements or self.older if isinstance(each, Ours)]

    @property
    def _is_in_one_currency(self) -> bool:
        return all(each.money.currency == self.asked.currency for each in self._ours)

    @property
    def _withdrawn(self) -> int:
        """PayPal tells what it moved in the currency of our balance: that may be another one."""
        net = max(0, sum(each.taken for each in self._ours if _settles(each)))
        return net if self._is_in_one_currency or not net else self.asked.amount

    def _undecided(self, withdrawn: int) -> DisputeState:
        if self.status not in _UNDECIDED:
            return "unknown"
        if withdrawn or self.stage in _CLAIM:
            return "open"
        return "inquiry" if self.stage == "INQUIRY" else "unknown"

    def _decided(self, withdrawn: int) -> DisputeState:
        code = self.outcome.code
        if code not in (*_FOR_BUYER, *_FOR_US, *_FOR_NOBODY):
            return "unknown"
        if self.stage == "INQUIRY" and not self._ours:
            return "closed"  # they came to terms; what we gave back ourselves we know
        return "lost" if code in _FOR_BUYER or (code in _FOR_NOBODY and withdrawn) else "won"


def _settles(movement: Ours) -> bool:
    """The disputed money itself; all else are fees."""
    return movement.reason == "DISPUTE_SETTLEMENT"
