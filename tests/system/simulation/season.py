"""A season of a shop: days on which people order, pay, pay wrongly, change their minds, and everybody gets their part.

What happens is drawn by a seed, so that a season that ends wrongly can be had again.
"""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from chalicelib.carts import service as carts
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.table import PageRequest
from chalicelib.lines.contract import Item
from chalicelib.orders import service as orders
from chalicelib.orders.model import Order, Status
from chalicelib.organizations import service as organizations
from chalicelib.payments import service as payments
from chalicelib.payments.administration import service as desk
from chalicelib.payments.deposits import service as deposits
from chalicelib.payments.disputes import service as disputes
from chalicelib.payments.gateways.contract import DisputeState
from chalicelib.payments.model import Payment
from chalicelib.payments.model import State as PaymentState
from chalicelib.payments.refunds import service as refunds
from chalicelib.payments.refunds.model import Refund, Wanted, Way
from chalicelib.payments.refunds.model import State as RefundState
from chalicelib.payouts import service as payouts
from chalicelib.payouts.model import State as PayoutState
from chalicelib.payouts.service import Told
from chalicelib.promotions import service as promotions
from chalicelib.promotions.model import Kind
from chalicelib.revenue import service as revenue
from chalicelib.revenue.model import Split
from chalicelib.taxes import service as taxes
from chalicelib.taxes.model import Rate, Rounding
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import Source
from tests import deliver
from tests.system.webhooks.till import Till

FATES = {
    "paid": 60,
    "told ten times": 8,
    "webhook lost": 8,
    "never paid": 6,
    "paid late": 4,
    "paid twice": 3,
    "too little": 2,
    "too much": 2,
    "cancelled": 4,
    "with credit": 3,
    "in parts": 5,
    "some of the parts": 3,
}
IN_PARTS = ("in parts", "some of the parts")
AFTERWARDS = {
    "nothing": 78,
    "all back": 4,
    "some back": 5,
    "transferred": 2,
    "refused": 2,
    "declined": 3,
    "dispute won": 2,
    "dispute lost": 2,
    "part of it lost": 2,
}
DEPOSITS = {"left alone": 4, "given back": 3, "kept in part": 3}
CODES = {"": 60, "TENTH": 15, "TWENTY": 10, "TWO-FOR-ONE": 10, "GIFT": 5}
DAY = timedelta(days=2)
"""From one day on which people order to the next: by then unpaid orders are over."""
QR_IS_OVER = timedelta(minutes=20)
WEEK = 4


@dataclass
class Season:
    """`happened` counts what did; `orders` are the ids of all, the oldest first."""

    till: Till
    seed: int
    happened: Counter[str] = field(default_factory=Counter)
    orders: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._shop = self.till.world.a
        self._admin, self._colleague, self._customer = (
            self._shop.people[name].principal for name in ("admin", "colleague", "customer")
        )

    def open(self) -> None:
        """Codes, a rule for each photographer, tax, and credit."""
        kinds = {
            "TENTH": (Kind.PERCENT, 10, 0, 0, 0),
            "TWENTY": (Kind.AMOUNT, 0, 20_00, 0, 0),
            "TWO-FOR-ONE": (Kind.FREE_ITEMS, 0, 0, 1, 1),
            "GIFT": (Kind.PERCENT, 100, 0, 0, 0),
        }
        for code, (kind, percent, amount, buy, free) in kinds.items():
            terms = promotions.Terms(
                code, kind, percent, amount, buy, free, 0, (), (), None, None, None, None, False, True
            )
            promotions.offer(self._admin, code, terms)
        for place, name in enumerate(("photographer", "freelancer")):
            split = Split(3_333, 6_667 - 1_111 * (place + 1), 1_111 * (place + 1))
            rule = {"event": None, "photographer": self._shop.people[name].id}
            revenue.set_rule(self._admin, **rule, split=split, version=0)
        zone = ZoneInfo(organizations.get(self.till.organization).timezone)
        in_prices = self.seed % 2 == 1
        vat = Rate("photos", "VAT", 7_000 if in_prices else 8_875, in_prices, clock.now().astimezone(zone).date())
        taxes.set_table(self._admin, [vat], Rounding.LINE if in_prices else Rounding.ORDER, 0)
        credit = wallet.Terms(50_000_00, Source.BONUS, 50, None, None)
        wallet.grant(self._admin, self._customer.known_user, credit, "a season", f"season-{self.seed}")

    def run(self, days: int, orders_a_day: int) -> None:
        for day in range(days):
            with clock.travel(DAY * day):
                self._sell(orders_a_day)
                with clock.travel(DAY / 2):
                    self._end_day()
                    if day % WEEK == WEEK - 1 or day == days - 1:
                        self._pay_out(day)

    # --- a day ----------------------------------------------------------------------------------------------

    def _sell(self, count: int) -> None:
        self._late: list[Payment] = []
        self._opened_with = len(self.orders)
        for _ in range(count):
            fate = self._draw(FATES)
            by_customer = fate == "with credit" or (fate in IN_PARTS and self._chance.random() < 0.5)
            order, holder = self._place(self._customer if by_customer else None)
            self.orders.append(order.id)
            self._count(fate)
            self._meet(fate, order, holder)
        deliver.all()
        with clock.travel(QR_IS_OVER):
            while payments.settle_due():
                deliver.all()

    def _place(self, buyer: Principal | None) -> tuple[Order, Principal]:
        key = f"season-{self.seed}-{len(self.orders)}"
        who = buyer or Principal(self.till.organization)
        wanted = self._chance.sample(["approved", "second", "mixed"], self._chance.choice((1, 1, 2, 3)))
        if buyer:
            carts.clear(buyer)  # what they ordered earlier on the day leaves it with the messages at its end
        hired = [Item("tools", "drill")] if self._chance.random() < 0.1 else []
        opened = carts.add(who, [*(Item("photos", self._shop.photos[name]) for name in wanted), *hired])
        who = who if buyer else replace(who, tokens={"cart": str(opened.token)})
        if code := self._draw(CODES):
            carts.take_code(who, code)
        order = orders.place_order(who, key, email=f"{key}@buyer.example", language="en", expected_total=None)
        return order, buyer or Principal(self.till.organization, tokens={"order": orders.token_of(order)})

    def _meet(self, fate: str, order: Order, holder: Principal) -> None:
        """What becomes of an order."""
        if fate == "with credit" or not order.total:
            payments.create_payment(holder, order.id, "credit")
            return
        if fate in IN_PARTS and not order.deposit and order.total > 1:
            self._pay_in_parts(order, holder, all_of_them=fate == "in parts")
            return
        payment = payments.create_payment(holder, order.id)
        match fate:
            case "paid" | "told ten times" | "in parts":
                self._pay(payment, notices=10 if fate == "told ten times" else 1)
            case "webhook lost":
                self.till.pay(payment)
            case "never paid" | "some of the parts":
                pass
            case "paid late":
                self._late.append(payment)
            case "paid twice":
                with clock.travel(QR_IS_OVER):
                    second = payments.create_payment(holder, order.id)
                self._pay(payment)
                self._pay(second)
            case "too little" | "too much":
                due = payment.payable or 0
                self._pay(payment, amount=due // 2 if fate == "too little" else due + 55_55)
            case "cancelled":
                orders.cancel(holder, order.id, None)
                if self._chance.random() < 0.3:
                    self._pay(payment)

    def _pay_in_parts(self, order: Order, holder: Principal, *, all_of_them: bool) -> None:
        """Credit or a QR code for a part, a card for the rest, which nobody is told of."""
        first = self._chance.randrange(1, order.total)
        part = payments.create_payment(holder, order.id, "credit" if order.owner else "paynoi", amount=first)
        rest = payments.create_payment(holder, order.id, "stripe", amount=order.total - first)
        if not order.owner:
            self._pay(part)
        if all_of_them:
            self.till.pay(rest)

    def _pay(self, payment: Payment, notices: int = 1, **otherwise: object) -> None:
        self.till.pay(payment, **otherwise)
        for _ in range(notices):
            assert self.till.send(self.till.notice(payment.transaction, payment.id)).status == 200

    def _end_day(self) -> None:
        """Orders expire, money comes late, people decide what waits for them, and some want theirs back."""
        while orders.expire_due():
            deliver.all()
        for payment in self._late:
            self._pay(payment)
        deliver.all()
        for payment in payments.list_under_review(self._admin, PageRequest(100)).items:
            self._decide(payment)
        deliver.all()
        for order in [orders.get(self.till.organization, id) for id in self.orders[self._opened_with :]]:
            if order.status is Status.COMPLETED:
                self._regret(order, self._draw(AFTERWARDS))
        deliver.all()
        for deposit in deposits.list_held(self._admin, PageRequest(100)).items:
            if deposit.order in self.orders[self._opened_with :] and deposit.outstanding:
                self._settle(deposit.id, self._draw(DEPOSITS))
        while deposits.release_due():
            deliver.all()
        deliver.all()

    # --- people decide --------------------------------------------------------------------------------------

    def _decide(self, payment: Payment) -> None:
        """Money that fits no order: what may still pay for one does, half of the time; else it goes back."""
        order = orders.get(payment.organization, payment.order)
        may_pay = payment.state is PaymentState.REVIEW and order.payment is None and payment.waiting >= order.deposit
        if may_pay and self._chance.random() < 0.5:
            self._count("cases accepted")
            desk.close_case(self._admin, payment.id, "accept", "near enough", None)
        else:
            self._count("cases sent back")
            desk.close_case(self._admin, payment.id, "refund", "does not fit", None)

    def _regret(self, order: Order, how: str) -> None:
        if not any(line.amount for line in order.lines):
            how = "nothing"  # that is what it cost
        kind = "disputes" if how.endswith(("won", "lost")) else "refunds"
        self._count(f"{kind}: {how}" if how != "nothing" else "kept")
        match how:
            case "all back":
                self._refund(order, None)
            case "some back":
                line = self._chance.choice(order.lines)
                if line.amount > 1:
                    self._refund(order, [Wanted(line.id, self._chance.randrange(1, line.amount))])
                    deliver.all()
                    self._refund(orders.get(order.organization, order.id), None)
            case "transferred":
                self._refund(order, None, Way.TRANSFER)
                for begun in refunds.of_order(order.organization, order.id):
                    self._transfer(begun)
            case "refused":
                self.till.world.bank.refund_state = "failed"
                self._refund(order, None)
                deliver.all()
                self.till.world.bank.refund_state = "settled"
            case "declined":
                holder = Principal(order.organization, tokens={"order": orders.token_of(order)})
                buyer = self._customer if order.owner else holder
                asked = refunds.request(buyer, str(order.payment), lines=None, reason="blurred", pay_to=None)
                refunds.decide(self._admin, order.id, asked.id, "decline", way=None, reason="sharp", reference=None)
            case "dispute won" | "dispute lost" | "part of it lost":
                self._dispute(payments.get(order.organization, str(order.payment)), how)

    def _transfer(self, begun: Refund) -> None:
        if begun.way is Way.TRANSFER and begun.state is RefundState.SUBMITTED:
            refunds.decide(self._admin, begun.order, begun.id, "transferred", way=None, reason="", reference=begun.id)
            refunds.decide(self._colleague, begun.order, begun.id, "confirm", way=None, reason="", reference=None)

    def _dispute(self, payment: Payment, how: str) -> None:
        """The buyer's bank takes the money, or a part of it, and decides."""
        if payment.transaction is None:
            return  # paid with credit, or nothing
        bank, reference = self.till.world.bank, f"dp_{payment.id}"
        amount = (payment.received or 0) // (2 if how == "part of it lost" else 1)
        steps: list[tuple[DisputeState, int]] = [("inquiry", 0), ("open", amount)]
        steps.append(("won", 0) if how == "dispute won" else ("lost", amount))
        for state, withdrawn in steps:
            bank.set_dispute(reference, payment.transaction, state, amount=amount, withdrawn=withdrawn)
            disputes.settle(payment.organization, payment.id, reference)
            deliver.all()

    def _settle(self, deposit: str, how: str) -> None:
        self._count(f"deposits {how}")
        if how == "given back":
            deposits.release(self._admin, deposit, None, f"back-{deposit}")
        elif how == "kept in part":
            deposits.release(self._admin, deposit, 300_00, f"back-{deposit}")
            deposits.forfeit(self._admin, deposit, 123_45, "broken", f"kept-{deposit}")

    def _refund(self, order: Order, lines: list[Wanted] | None, way: Way | None = None) -> Refund | None:
        """None where there is nothing to give back any more, or never was."""
        if not any(line.amount > line.refunded for line in order.lines):
            return None
        if payments.get(order.organization, str(order.payment)).gateway == "credit":
            way = None
        key = f"{order.id}-{len(refunds.of_order(order.organization, order.id))}"
        return refunds.begin(self._admin, order.id, key, lines=lines, reason="a season", way=way, pay_to="the buyer")

    def _pay_out(self, day: int) -> None:
        """What was earned goes out; some batches fail, and come again with the next."""
        with clock.travel(timedelta(hours=2)):
            until = clock.now() - timedelta(hours=1)
            batch = payouts.open_payout(self._colleague, until, f"season-{self.seed}-{day}")
            deliver.all()
            if payouts.get(self._admin, batch.id).state is not PayoutState.DRAFT:
                return
            payouts.approve(self._admin, batch.id)
            payouts.tell(self._admin, batch.id, Told(PayoutState.SENT, None))
            ending = self._chance.choice((PayoutState.SETTLED, PayoutState.SETTLED, PayoutState.FAILED))
            payouts.tell(self._admin, batch.id, Told(ending, "closed" if ending is PayoutState.FAILED else None))
            self._count(f"payouts {ending}")
            deliver.all()

    def _draw(self, weighted: Mapping[str, int]) -> str:
        (drawn,) = self._chance.choices(list(weighted), list(weighted.values()))
        return drawn

    def _count(self, what: str) -> None:
        self.happened[what] += 1
