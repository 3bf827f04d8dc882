"""A deposit: held = released + forfeited + outstanding, at any time. Amounts are minor units."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.core.errors import Conflict, Unprocessable

MOST_STEPS = 50


class What(StrEnum):
    """RELEASING: it is on its way back. RESTORED: it did not arrive, and is held again."""

    HELD = "held"
    RELEASING = "releasing"
    RELEASED = "released"
    RESTORED = "restored"
    FORFEITED = "forfeited"


class Status(StrEnum):
    """RELEASED, FORFEITED: nothing is left of it, and where the last of it went."""

    HELD = "held"
    RELEASING = "releasing"
    RELEASED = "released"
    FORFEITED = "forfeited"


@dataclass(frozen=True, slots=True)
class Step:
    """`by` is a user, None where time did it; `key` the request's, `refund` what takes it back."""

    what: What
    amount: int
    at: datetime
    by: str | None = None
    reason: str | None = None
    key: str | None = None
    refund: str | None = None


@dataclass(frozen=True, slots=True)
class Deposit:
    """Of the `amount` that came with a line some is `releasing`, `released` or `forfeited`; the rest is outstanding.

    At `due_at` what is outstanding goes back by itself, unless somebody tried in vain before.
    """

    id: str
    organization: str
    order: str
    line: str
    subject: str
    payment: str
    owner: str | None
    amount: int
    currency: str
    created_at: datetime
    due_at: datetime | None = None
    releasing: int = 0
    released: int = 0
    forfeited: int = 0
    history: tuple[Step, ...] = ()
    version: int = 0

    @property
    def outstanding(self) -> int:
        """What nobody decided about yet."""
        return self.amount - self.releasing - self.released - self.forfeited

    @property
    def status(self) -> Status:
        if self.outstanding:
            return Status.HELD
        if self.releasing:
            return Status.RELEASING
        return Status.RELEASED if self.history[-1].what is What.RELEASED else Status.FORFEITED

    @property
    def goes_back_at(self) -> datetime | None:
        """When it goes back by itself; None where it does not."""
        tried_in_vain = any(step.what is What.RESTORED for step in self.history)
        return self.due_at if self.outstanding and not tried_in_vain else None

    def part(self, wanted: int | None) -> int:
        """So much of what is outstanding, or all of it. Raises Conflict `nothing_held`, Unprocessable."""
        if not self.outstanding:
            raise Conflict("nothing_held", "Nothing of this deposit is held any more.")
        amount = self.outstanding if wanted is None else wanted
        if amount > self.outstanding:
            raise Unprocessable("more_than_held", f"Of this deposit {self.outstanding} is held.", field="amount")
        return amount

    def asked(self, what: What, key: str, amount: int | None) -> bool:
        """Whether this request came before. Raises Unprocessable `idempotency_key_reused`."""
        known = next((step for step in self.history if step.key == key), None)
        if known is None:
            return False
        if known.what is not what or amount not in (None, known.amount):
            raise Unprocessable(
                "idempotency_key_reused",
                "This Idempotency-Key came with another request before.",
                field="Idempotency-Key",
            )
        return True

    def going_back(self, step: Step) -> "Deposit":
        return replace(self._with(step), releasing=self.releasing + step.amount)

    def back(self, step: Step) -> "Deposit":
        """What was on its way has arrived, or is held again."""
        arrived = step.amount if step.what is What.RELEASED else 0
        return replace(
            self,
            history=(*self.history, step),
            releasing=self.releasing - step.amount,
            released=self.released + arrived,
        )

    def kept(self, step: Step) -> "Deposit":
        return replace(self._with(step), forfeited=self.forfeited + step.amount)

    def without_owner(self) -> "Deposit":
        """What accounting needs."""
        return replace(self, owner=None, history=tuple(replace(step, reason=None) for step in self.history))

    def _with(self, step: Step) -> "Deposit":
        return replace(self, history=(*self.history, step))
