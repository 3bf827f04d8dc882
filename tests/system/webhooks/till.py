"""Many payments at one shop, and the webhooks about them."""

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from chalicelib.carts import service as carts
from chalicelib.core import ids
from chalicelib.core.auth import Principal
from chalicelib.entitlements import service as entitlements
from chalicelib.ledger import store as ledger
from chalicelib.lines.contract import Item
from chalicelib.orders import service as orders
from chalicelib.orders.model import Order, Status
from chalicelib.payments import gateways
from chalicelib.payments import jobs as payment_jobs
from chalicelib.payments import service as payments
from chalicelib.payments.model import Payment
from infra.local.gateway import Response
from tests.system.crash.world import mails
from tests.system.world import World

assert payment_jobs, "importing the jobs registers their handlers"


class Till:
    """Guests buy one photo of A's each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.organization = world.a.organization

    def place(self) -> Order:
        """A guest's order, which nobody has tried to pay yet."""
        guest = Principal(self.organization)
        opened = carts.add(guest, [Item("photos", self.world.a.photos["approved"])])
        guest = replace(guest, tokens={"cart": str(opened.token)})
        key = ids.new("key")
        return orders.place_order(guest, key, email=f"{key}@buyer.example", language="en", expected_total=None)

    def open(self, order: Order, method: str | None = None) -> Payment:
        holder = Principal(self.organization, tokens={"order": orders.token_of(order)})
        return payments.create_payment(holder, order.id, method)

    def payments(self, count: int, method: str | None = None) -> list[Payment]:
        return [self.open(self.place(), method) for _ in range(count)]

    def pay(self, payment: Payment, **otherwise: object) -> None:
        """Money arrives at the gateway; `otherwise` is what it says of it other than agreed."""
        assert payment.transaction is not None
        self.world.bank.set(payment.transaction, "captured", **otherwise)

    def notice(self, transaction: str | None, reference: str) -> bytes:
        """The gateway's webhook, as it signs it for this shop."""
        data = json.dumps({"trans_id": transaction, "ref1": reference, "payment_status": "completed"})
        return signed(data, self.key)

    @property
    def key(self) -> str:
        return gateways.account_of(self.organization, "paynoi").api_key

    def send(self, raw: bytes, headers: Mapping[str, str] | None = None, path: str = "/payments/webhook") -> Response:
        return self.world.call("POST", path, raw, headers)

    def received(self) -> int:
        """What the gateway holds of captured money, in satang."""
        return sum(charge.amount for charge in self.world.bank.charges.values() if charge.state == "captured")


def signed(data: str, key: str) -> bytes:
    signature = hmac.new(key.encode(), data.encode(), hashlib.sha256).hexdigest()
    return f'{{"data":{data},"signature":"{signature}"}}'.encode()


# --- what became of it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Effects:
    """How often each thing happened for one payment."""

    entries: int
    completions: int
    grants: int
    mails: int


ONCE = Effects(1, 1, 1, 1)
NEVER = Effects(0, 0, 0, 0)


def effects(payments: Iterable[Payment]) -> list[Effects]:
    """What each payment led to: entries of sale in the ledger, completions of its order, grants, mails."""
    booked = Counter((row.organization, row.entry) for row in ledger.PostingRecord.scan() if row.account == "sales")
    written = Counter(address for mail in mails() for address in mail.destinations["ToAddresses"])
    found = []
    for payment in payments:
        order = orders.get(payment.organization, payment.order)
        found.append(
            Effects(
                booked[payment.organization, f"capture#{payment.id}"],
                [step.status for step in order.history].count(Status.COMPLETED),
                len(entitlements.of_order(payment.organization, order.id)),
                written[order.email],
            )
        )
    return found


def balance(account: str, organization: str) -> int:
    """An account of the ledger, in satang."""
    return ledger.balance(organization, account)
