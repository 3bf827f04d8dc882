"""Fakes at selling's two boundaries: a line of sale with stock, and a payment gateway."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import clock
from chalicelib.core.errors import Conflict, Unauthorized, Unavailable, Unprocessable
from chalicelib.core.table import Record, Write, create, delete, table, transact, update
from chalicelib.lines.contract import Item, Part, Problem, Quote, QuoteLine, Sold
from chalicelib.payments.gateways.contract import (
    Charge,
    Disputed,
    DisputeState,
    GatewayAccount,
    Headers,
    Located,
    Means,
    Method,
    Notification,
    Picture,
    Returned,
    State,
    Status,
)

PRICE = 50_00


class StockRecord(Record):
    Meta = table("events")

    left = NumberAttribute(null=True)
    order = UnicodeAttribute(null=True)


class Things:
    """Sells things by name at 50 baht; `gone` is no longer sold. Each hold takes one from a common stock."""

    kind = "things"
    tax_classes: tuple[str, ...] = ("things",)

    def quote(self, organization: str, items: Sequence[Item], at: datetime) -> Quote:
        gone = [item.ref for item in items if item.ref == "gone"]
        wanted = tuple(item.ref for item in items if item.ref != "gone")
        problems = tuple(Problem(ref, "thing_gone", "This is not sold any more.") for ref in gone)
        if not wanted:
            return Quote(problems=problems)
        part = Part("thing", "Thing", len(wanted), PRICE)
        amounts = part.amount, part.amount
        line = QuoteLine("things", "shelf", "Things", wanted, (part,), *amounts, "one price", tax_class="things")
        return Quote((line,), problems)

    def hold(self, organization: str, line: QuoteLine, order: str, until: datetime) -> Sequence[Write]:
        left = StockRecord(_stock(organization), "-")
        sold_out = Conflict("sold_out", "There are not enough left.")
        count = len(line.refs)
        return [update(left, StockRecord.left.add(-count), condition=StockRecord.left >= count, refused=sold_out)]

    def release(self, organization: str, subject: str, refs: Sequence[str], order: str) -> Sequence[Write]:
        return [update(StockRecord(_stock(organization), "-"), StockRecord.left.add(len(refs)))]

    def fulfil(self, sold: Sold) -> None:
        record = StockRecord(f"T#{sold.organization}#GIVEN#{sold.order}", sold.line, order=sold.order)
        try:
            transact(create(record))
        except Conflict:
            return

    def revoke(self, sold: Sold) -> None:
        record = StockRecord(f"T#{sold.organization}#GIVEN#{sold.order}", sold.line)
        transact(delete(record))


def stock(organization: str, left: int) -> None:
    StockRecord(_stock(organization), "-", left=left).save()


def left(organization: str) -> int:
    return int(StockRecord.get(_stock(organization), "-").left)


def given(organization: str, order: str) -> int:
    """How many lines of an order were handed over."""
    return StockRecord.count(f"T#{organization}#GIVEN#{order}")


def _stock(organization: str) -> str:
    return f"T#{organization}#STOCK"


@dataclass
class FakeGateway:
    """A gateway in memory. `fail` makes the next call of that name raise Unavailable after it took effect."""

    name: str = "paynoi"
    tail: int = 24
    charges: dict[str, Status] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    fail: set[str] = field(default_factory=set)
    refunds: bool = True
    disputed: dict[str, Disputed] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    """Transactions whose money is set aside first."""
    customers: dict[str, str] = field(default_factory=dict)
    kept_for: dict[str, str] = field(default_factory=dict)
    """Transactions whose means are kept, and for which customer."""
    detached: list[str] = field(default_factory=list)
    """Tokens that were forgotten, each time that was asked."""
    knows_again: bool = False
    """Asked again for a reference, it finds the charge."""
    means: Means = field(default_factory=lambda: Picture(b"\x89PNG"))
    refund_state: Literal["pending", "settled", "failed"] = "settled"
    returned: dict[str, tuple[str, int]] = field(default_factory=dict)

    def create(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        id = self._named(reference)
        self.charges.setdefault(id, Status(id, "pending", amount + self.tail, currency, reference, None))
        self._may_fail("create")
        return Charge(id, amount + self.tail, currency, self.means, clock.now() + timedelta(minutes=15))

    def hold(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        self.held.add(self._named(reference))
        return self.create(account, amount=amount, currency=currency, reference=reference)

    def capture(self, account: GatewayAccount, transaction_id: str) -> None:
        if self.charges[transaction_id].state not in ("authorized", "captured"):
            raise Unprocessable("payment_gateway_refused", "Nothing is set aside.")
        self.set(transaction_id, "captured")
        self._may_fail("capture")

    def enrol(self, account: GatewayAccount, key: str) -> str:
        self.customers.setdefault(key, f"cus_{len(self.customers) + 1}")
        self._may_fail("enrol")
        return self.customers[key]

    def dismiss(self, account: GatewayAccount, customer: str) -> None:
        for key in [key for key, id in self.customers.items() if id == customer]:
            del self.customers[key]

    def detach(self, account: GatewayAccount, token: str) -> None:
        self.detached.append(token)
        self._may_fail("detach")

    def keep(self, account: GatewayAccount, transaction_id: str, customer: str) -> None:
        self.kept_for[transaction_id] = customer
        self._may_fail("keep")

    def confirm(self, account: GatewayAccount, transaction_id: str, customer: str, token: str, back: str) -> str | None:
        """What ends in `agree` sends the buyer to their bank, what ends in `declined` is declined."""
        if token.endswith("declined") or self.charges[transaction_id].state != "pending":
            raise Unprocessable("payment_gateway_refused", "The payment service refused the request.")
        self.kept_for[transaction_id] = customer
        if token.endswith("agree"):
            return "https://bank.example/agree"
        self.set(transaction_id, "captured")
        self._may_fail("confirm")
        return None

    def kept(self, account: GatewayAccount, transaction_id: str) -> str | None:
        self._may_fail("kept")
        return f"tok_of_{transaction_id}" if transaction_id in self.kept_for else None

    def check(self, account: GatewayAccount, transaction_id: str) -> Status:
        self.asked.append(transaction_id)
        self._may_fail("check")
        return self.charges[transaction_id]

    def cancel(self, account: GatewayAccount, transaction_id: str) -> None:
        self.cancelled.append(transaction_id)
        if transaction_id in self.charges and self.charges[transaction_id].state == "authorized":
            self.set(transaction_id, "failed")
        self._may_fail("cancel")

    def refund(self, account: GatewayAccount, *, transaction_id: str, amount: int, currency: str, key: str) -> Returned:
        """Gives back once for each key, and never more than came."""
        if not self.refunds:
            raise Unprocessable("refund_by_hand", "This gateway gives no money back.")
        wanted = transaction_id, amount
        charge = self.charges.get(transaction_id)
        others = [sum for other, (of, sum) in self.returned.items() if of == transaction_id and other != key]
        is_paid = charge is not None and charge.state == "captured"
        if not is_paid or amount + sum(others) > charge.amount or self.returned.get(key, wanted) != wanted:
            raise Unprocessable("payment_gateway_refused", "More than came, or another refund of this key.")
        if self.refund_state == "failed":
            self.returned.pop(key, None)
        else:
            self.returned[key] = wanted
        self._may_fail("refund")
        return Returned(self.refund_state, f"R-{key}")

    def dispute(self, account: GatewayAccount, dispute: str) -> Disputed:
        self._may_fail("dispute")
        return self.disputed[dispute]

    def set_dispute(
        self,
        dispute: str,
        transaction: str,
        state: DisputeState,
        *,
        amount: int | None = None,
        withdrawn: int | None = None,
        fee: int = 15_00,
    ) -> None:
        """What it will say of a dispute from now on; without more, all of the charge is gone while that is open."""
        charge = self.charges[transaction]
        amount = charge.amount if amount is None else amount
        gone = amount if withdrawn is None and state in ("open", "lost") else withdrawn or 0
        due_at, taken = clock.now() + timedelta(days=7), fee if state not in ("inquiry", "closed") else 0
        if dispute in self.disputed:
            due_at = self.disputed[dispute].due_at or due_at
        told = Disputed(
            charge.capture or transaction, state, amount, charge.currency, "fraudulent", gone, taken, due_at
        )
        self.disputed[dispute] = told

    def dispute_webhook(self, dispute: str, key: str) -> bytes:
        data = {"trans_id": self.disputed[dispute].transaction_id, "ref1": "", "dispute": dispute}
        return json.dumps({"data": data, "signature": key}).encode()

    def describe_method(self, account: GatewayAccount, token: str) -> Method:
        """Knows every token that begins with `tok_`."""
        self._may_fail("describe_method")
        if not token.startswith("tok_"):
            raise Unprocessable("payment_method_unknown", "The gateway does not know this token.")
        return Method("visa", token[-4:], "2030-01")

    def locate(self, raw: bytes, headers: Headers) -> Located:
        data = json.loads(raw)["data"]
        return Located(data["trans_id"], data["ref1"], data.get("dispute"))

    def verify(self, account: GatewayAccount, raw: bytes, headers: Headers) -> Notification:
        if json.loads(raw)["signature"] != account.api_key:
            raise Unauthorized("invalid_signature", "This is not a webhook of ours.")
        located = self.locate(raw, headers)
        return Notification(located.transaction_id, located.reference, located.dispute)

    def acknowledgement(self, told: Notification) -> dict[str, object]:
        return {"status": 1}

    def set(self, transaction: str, state: State, **changes: object) -> None:
        """What the gateway will say of a transaction from now on."""
        self.charges[transaction] = replace(self.charges[transaction], state=state, **changes)  # type: ignore[arg-type]

    def webhook(self, transaction: str, key: str) -> bytes:
        data = {"trans_id": transaction, "ref1": self.charges[transaction].reference}
        return json.dumps({"data": data, "signature": key}).encode()

    def _named(self, reference: str) -> str:
        known = [charge.transaction_id for charge in self.charges.values() if charge.reference == reference]
        return known[0] if known and self.knows_again else f"T{len(self.charges) + 1:04d}"

    def _may_fail(self, call: str) -> None:
        if call in self.fail:
            self.fail.discard(call)
            raise Unavailable("payment_gateway_unavailable", "The gateway does not answer.", retry_after=5)
