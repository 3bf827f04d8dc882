"""Many at once against the emulator, from threads of several processes. Each figure is printed.

The races that a careless write loses, at the end, show that the others are won by the conditions and not by luck.
"""

import secrets
from collections import Counter
from datetime import timedelta

import pytest

from chalicelib.core import ids
from chalicelib.organizations.service import DEFAULT
from infra.local.stack import emulator_client
from tests.system.local import clients, contenders, shop
from tests.system.local.clients import at_once, statuses
from tests.system.local.race import race
from tests.system.local.shop import READY_MAIL

pytestmark = pytest.mark.system

CONTROL = "control: what is written without a condition loses the race"
ROUNDS = 5
"""A careless write may be lucky once; not that often."""


def put(running, domain, **item):
    """Store an item past the application."""
    written = {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in item.items()}
    emulator_client("dynamodb", running.endpoint).put_item(TableName=f"thepixstock-local-{domain}", Item=written)


# --- ordering and paying ------------------------------------------------------------------------------------


def test_a_double_submit_is_one_order(running, photos, figure):
    guest = shop.guest_with(running, *photos)
    guest.headers["Idempotency-Key"] = f"key-{secrets.token_hex(8)}"
    body = {"email": "double@example.com", "language": "en"}

    answers = at_once(running, [("POST", "/orders", body, guest)] * 10)

    assert statuses(answers) == {201: 10}
    (order,) = {answer["data"]["id"] for answer in answers}
    cart = guest.get("/cart")["id"]
    assert [item["id"] for item in running.items("orders", cart=cart)] == [order]
    other = clients.send("POST", f"{running.url}/orders", body | {"email": "other@example.com"}, guest.headers)
    assert (other["status"], other["code"]) == (422, "idempotency_key_reused")
    del guest.headers["Idempotency-Key"]
    keyless = clients.send("POST", f"{running.url}/orders", body, guest.headers)
    assert (keyless["status"], keyless["code"]) == (400, "idempotency_key_required")
    assert len(running.items("orders", cart=cart)) == 1
    promise = "a submit sent ten times at once is one order"
    figure("contention", promise, "10 requests, 1 order; the key with another body: 422; no key: 400")


def test_payments_opened_at_once_are_one(running, photos, figure):
    purchase = shop.place(running, photos[0])
    call = ("POST", "/payments/create", {"orderId": purchase.order}, purchase.guest)

    answers = at_once(running, [call] * 10)

    assert statuses(answers) == {200: 10}
    (id,) = {answer["data"]["id"] for answer in answers}
    (qr,) = {answer["data"]["qrImageBase64"] for answer in answers}
    (attempt,) = running.items("payments", order=purchase.order, sk="PAY#0001")
    assert (attempt["id"], attempt["qr_png"], attempt["state"]) == (id, qr, "pending")
    charges = shop.charges(running, {"id": id})
    assert [charge["trans_id"] for charge in charges if charge["status"] == "pending"] == [attempt["transaction"]]
    text = f"10 requests, 1 attempt; {len(charges)} charges made, {len(charges) - 1} withdrawn"
    figure("contention", "a payment opened from all sides is one attempt with one live charge", text)


def test_a_payment_settled_from_all_sides_counts_once(running, photos, figure):
    purchase = shop.place(running, *photos)
    payment = shop.open_payment(purchase)
    polling = [("GET", f"/payments/{payment['id']}/status", None, purchase.guest)] * 10

    def pay_and_sweep():
        shop.scan(running, payment, duplicates=9)
        for _ in range(3):
            running.fire("sweep_payments")

    with running.later(timedelta(seconds=40)):  # by then sweep and polling both ask
        answers = at_once(running, polling, meanwhile=pay_and_sweep)
    running.soon(lambda: shop.charges(running, payment)[0]["webhook"]["accepted"] == 10 or None, "the webhooks")
    running.soon(lambda: running.mails_to(purchase.email, READY_MAIL) or None, "the mail")
    running.quiet()

    assert statuses(answers) == {200: 10}
    postings = running.items("ledger", order=purchase.order)
    assert sum(int(posting["amount"]) for posting in postings) == 0
    shares = {f"share#{purchase.order}#line-1#1-1"}
    assert {posting["entry"] for posting in postings} == {f"capture#{payment['id']}"} | shares
    assert [int(item["amount"]) for item in postings if item["account"] == "gateway:paynoi"] == [payment["payable"]]
    grants = [item for item in running.items("entitlements", order=purchase.order) if "remaining" in item]
    assert sorted(grant["resource"] for grant in grants) == sorted(photos)
    assert len(running.mails_to(purchase.email, READY_MAIL)) == 1
    order = purchase.guest.get(f"/orders/{purchase.order}")
    assert [step["status"] for step in order["history"]] == ["awaiting_payment", "paid", "completed"]
    text = f"10 webhooks, 10 polls, 3 sweeps: 1 capture, 1 ledger entry, {len(grants)} of {len(photos)} grants, 1 mail"
    figure("contention", "a payment settled from all sides counts once", text)


def test_an_order_paid_in_parts_from_all_sides_is_paid_once(running, photos, figure):
    purchase = shop.place(running, *photos)
    total = purchase.guest.get(f"/orders/{purchase.order}")["total"]
    parts = [total // 3, total - total // 3]
    paid = [pay_from_all_sides(running, purchase, amount) for amount in parts]
    running.soon(lambda: running.mails_to(purchase.email, READY_MAIL) or None, "the mail")
    running.quiet()

    order = purchase.guest.get(f"/orders/{purchase.order}")
    assert [each["amount"] for each in order["instalments"]] == parts
    assert len(set(paid)) == len(parts)
    assert [step["status"] for step in order["history"]].count("paid") == 1
    postings = running.items("ledger", order=purchase.order)
    assert sum(int(posting["amount"]) for posting in postings) == 0
    assert sum(int(each["amount"]) for each in postings if each["account"] == "instalments") == 0
    assert len(running.mails_to(purchase.email, READY_MAIL)) == 1
    text = f"{len(parts)} parts, each opened 10 times, with 10 webhooks, 10 polls, 3 sweeps: 1 sale of {total} satang"
    figure("contention", "an order paid in parts from all sides is paid once", text)


def pay_from_all_sides(running, purchase, amount):
    """Open a part ten times at once, and pay it, told of and asked for by everybody; its payment."""
    call = ("POST", "/payments/create", {"orderId": purchase.order, "amount": amount}, purchase.guest)
    answers = at_once(running, [call] * 10)
    assert statuses(answers) == {200: 10}
    payment = answers[0]["data"]
    assert {answer["data"]["id"] for answer in answers} == {payment["id"]}

    def pay_and_sweep():
        shop.scan(running, payment, duplicates=9)
        for _ in range(3):
            running.fire("sweep_payments")

    status = f"/payments/{payment['id']}/status"
    with running.later(timedelta(seconds=40)):
        assert statuses(at_once(running, [("GET", status, None, purchase.guest)] * 10, meanwhile=pay_and_sweep)) == {
            200: 10
        }
    running.soon(lambda: purchase.guest.get(status)["status"] == "captured" or None, "the part")
    return payment["id"]


# --- reviewing, accounts, limits ----------------------------------------------------------------------------


def test_counters_survive_decisions_made_at_once(running, figure):
    event = shop.plan(running)
    photos = shop.upload(running, event["id"], *(shop.photo() for _ in range(4)))
    shop.processed(running, *photos)
    admin = running.person("admin")
    approvals = [("PUT", f"/photos/{photo}/approve", None, admin) for photo in photos]
    rejections = [("PUT", f"/photos/{photo}/reject", {"reason": "blurred"}, admin) for photo in photos]

    answers = at_once(running, (approvals + rejections) * 6)

    counts = admin.get(f"/events/{event['id']}/counts")
    recount = Counter(item["approval"] for item in running.items("photos", event=event["id"]) if "approval" in item)
    assert statuses(answers).keys() <= {200, 409}
    assert counts == {"total": 4, "pending": 0, "approved": recount["approved"], "rejected": recount["rejected"]}
    text = f"{len(answers)} decisions at once, {statuses(answers)[200]} counted, difference to the recount 0"
    figure("contention", "counters equal a recount after decisions made at once", text)


def test_an_address_belongs_to_one(running, figure):
    admin, slug = running.person("admin"), f"contested-{secrets.token_hex(4)}"
    body = {"name": "Contested", "date": "2026-04-13", "slug": slug}
    events = at_once(running, [("POST", "/events", body, admin)] * 10)

    email = f"contested-{secrets.token_hex(4)}@example.com"
    users = race(contenders.create_user, [(DEFAULT, email)] * 10, running.environment, rehearsal=(DEFAULT, ""))

    assert statuses(events) == {201: 1, 409: 9}
    assert {answer["code"] for answer in events if answer["status"] == 409} == {"slug_taken"}
    assert [item["slug"] for item in running.items("events", slug=slug)] == [slug]
    assert Counter(users)["email_taken"] == 9
    assert len(running.items("accounts", email=email)) == 1
    text = "10 events at one slug: 1 made; 10 users at one e-mail address: 1 made"
    figure("contention", "an address belongs to one", text)


# --- a stock ------------------------------------------------------------------------------------------------


def test_a_stock_sells_out_and_no_further(running, figure, full):
    sold = orphans = 0
    rounds = 50 if full else 1
    for _ in range(rounds):
        shop_id = f"shop-{secrets.token_hex(4)}"
        put(running, "claims", pk=shop_id, sk="-", left=10)
        calls = [(shop_id, f"buyer-{number}") for number in range(200)]

        answers = Counter(race(contenders.sell, calls, running.environment, processes=3, rehearsal=("none", "-")))

        (stock,) = running.items("claims", pk=shop_id)
        sales = [item for item in running.items("claims") if item["pk"].startswith(f"{shop_id}#")]
        assert answers == {"sold": 10, "sold_out": 190}
        assert (int(stock["left"]), int(stock["taken"]), len(sales)) == (0, 10, 10)
        sold, orphans = sold + len(sales), orphans + abs(len(sales) - int(stock["taken"]))
    text = f"{rounds} x 200 buyers, 10 units: {sold} sold, {orphans} orphans"
    figure("contention", "of ten units exactly ten are sold", text)


def test_whole_orders_do_not_oversell_a_stock(running, figure):
    put(running, "events", pk=f"T#{DEFAULT}#STOCK", sk="-", left=5)
    buyers = [ids.new("usr") for _ in range(24)]

    calls = [(DEFAULT, buyer) for buyer in buyers]
    answers = race(
        contenders.order_thing, calls, running.environment, processes=3, rehearsal=("org_other", "usr_other")
    )

    placed = [answer for answer in answers if answer.startswith("ord_")]
    stored = [item["id"] for buyer in buyers for item in running.items("orders", owner=buyer)]
    assert Counter(answers)["sold_out"] == 19, Counter(answers)
    assert sorted(placed) == sorted(stored)
    assert len(placed) == 5
    assert int(running.items("events", pk=f"T#{DEFAULT}#STOCK")[0]["left"]) == 0
    text = "24 carts with the same thing twice, 5 units: 5 orders, 0 left"
    figure("contention", "whole orders do not oversell a stock", text)


def test_receipts_issued_at_once_are_numbered_without_a_gap(running, figure):
    put(running, "events", pk=f"T#{DEFAULT}#STOCK", sk="-", left=100)
    calls = [(DEFAULT, ids.new("usr")) for _ in range(50)]

    answers = race(contenders.buy_thing, calls, running.environment, processes=3, rehearsal=("org_other", "usr_other"))

    (series,) = (item for item in running.items("orders", kind="receipt") if "last" in item)
    issued = sorted(item["number"] for item in running.items("orders", kind="receipt") if "number" in item)
    assert issued == [f"R-{int(series['year'])}-{count:06d}" for count in range(1, int(series["last"]) + 1)]
    assert (len(set(answers)), set(answers) <= set(issued)) == (50, True), Counter(answers)
    figure("contention", "receipts issued at once are numbered without a gap", "50 orders, 50 numbers, no gap")


# --- what happens without a condition -----------------------------------------------------------------------


def test_control_a_careless_sale_oversells(running, figure):
    def sell():
        shop_id = f"careless-{secrets.token_hex(4)}"
        put(running, "claims", pk=shop_id, sk="-", left=10)
        calls = [(shop_id, f"buyer-{number}") for number in range(60)]
        answers = race(contenders.sell_carelessly, calls, running.environment, rehearsal=(shop_id, "-"))
        return answers.count("sold"), int(running.items("claims", pk=shop_id)[0]["taken"])

    sales = counted = 0
    for _ in range(ROUNDS):
        sales, counted = sell()
        if sales > 10 and counted < sales:
            break

    assert sales > 10, "the harness does not see overselling"
    assert counted < sales, "the harness does not see lost updates"
    figure("contention", CONTROL, f"10 units sold carelessly to {sales} of 60 buyers, {counted} of them counted")


@pytest.mark.parametrize(
    ("function", "extra", "most"),
    [(contenders.claim_carelessly, None, 1), (contenders.take_carelessly, 10, 10)],
    ids=["claim", "limit"],
)
def test_control_a_careless_check_lets_too_many_through(running, figure, function, extra, most):
    def let_through():
        key = secrets.token_hex(8)
        calls = [(DEFAULT, key, extra or f"ord_{number}") for number in range(40)]
        answers = race(function, calls, running.environment, rehearsal=(DEFAULT, "rehearsal", extra or "ord_0"))
        return sum(answer not in ("claimed_already", "too_many_requests") for answer in answers)

    passed = 0
    for _ in range(ROUNDS):
        passed = let_through()
        if passed > most:
            break

    assert passed > most, "the harness does not see this race"
    figure("contention", CONTROL, f"a careless check that should let {most} of 40 through let {passed} through")


def test_a_claim_is_taken_by_one(running, figure):
    key = secrets.token_hex(8)

    calls = [(DEFAULT, key, f"ord_{number}") for number in range(40)]
    answers = race(contenders.claim, calls, running.environment, rehearsal=(DEFAULT, "rehearsal", "ord_0"))

    assert Counter(answers)["claimed_already"] == 39
    figure("contention", "an idempotency key is claimed by one", "40 at once, 1 taken")
