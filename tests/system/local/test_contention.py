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
from tests.system.local.race import race
from tests.system.local.shop import READY_MAIL

pytestmark = pytest.mark.system

ROUNDS = 5
"""A careless write may be lucky once; not that often."""


def requests_at_once(running, calls, **options):
    """Each of (method, path, body, person) as a client of its own, all at the same moment."""
    sends = [(method, running.url + path, body, person.headers) for method, path, body, person in calls]
    return race(clients.send, sends, running.environment, **options)


def statuses(answers):
    return Counter(answer["status"] for answer in answers)


def put(running, domain, **item):
    """Store an item past the application."""
    written = {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in item.items()}
    emulator_client("dynamodb", running.endpoint).put_item(TableName=f"thepixstock-local-{domain}", Item=written)


# --- ordering and paying ------------------------------------------------------------------------------------


def test_a_double_submit_is_one_order(running, photos, figure):
    guest = shop.guest_with(running, *photos)
    guest.headers["Idempotency-Key"] = f"key-{secrets.token_hex(8)}"
    body = {"email": "double@example.com", "language": "en"}

    answers = requests_at_once(running, [("POST", "/orders", body, guest)] * 10)

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
    figure("double submit: 10 requests, 1 order; another body: 422; no key: 400")


def test_payments_opened_at_once_are_one(running, photos, figure):
    purchase = shop.place(running, photos[0])
    call = ("POST", "/payments/create", {"orderId": purchase.order}, purchase.guest)

    answers = requests_at_once(running, [call] * 10)

    assert statuses(answers) == {200: 10}
    (id,) = {answer["data"]["id"] for answer in answers}
    (qr,) = {answer["data"]["qrImageBase64"] for answer in answers}
    (attempt,) = running.items("payments", order=purchase.order, sk="PAY#0001")
    assert (attempt["id"], attempt["qr_png"], attempt["state"]) == (id, qr, "pending")
    charges = shop.charges(running, {"id": id})
    assert [charge["trans_id"] for charge in charges if charge["status"] == "pending"] == [attempt["transaction"]]
    figure(f"payments opened: 10 requests, 1 attempt; {len(charges)} charges made, {len(charges) - 1} withdrawn")


def test_a_payment_settled_from_all_sides_counts_once(running, photos, figure):
    purchase = shop.place(running, *photos)
    payment = shop.open_payment(purchase)
    polling = [("GET", f"/payments/{payment['id']}/status", None, purchase.guest)] * 10

    def pay_and_sweep():
        shop.scan(running, payment, duplicates=9)
        for _ in range(3):
            running.fire("sweep_payments")

    with running.later(timedelta(seconds=40)):  # by then sweep and polling both ask
        answers = requests_at_once(running, polling, meanwhile=pay_and_sweep)
    running.soon(lambda: shop.charges(running, payment)[0]["webhook"]["accepted"] == 10 or None, "the webhooks")
    running.soon(lambda: running.mails_to(purchase.email, READY_MAIL) or None, "the mail")
    running.quiet()

    assert statuses(answers) == {200: 10}
    postings = running.items("ledger", order=purchase.order)
    assert sum(int(posting["amount"]) for posting in postings) == 0
    assert {posting["entry"] for posting in postings} == {f"capture#{payment['id']}"}
    assert [int(item["amount"]) for item in postings if item["account"] == "gateway:paynoi"] == [payment["payable"]]
    grants = [item for item in running.items("entitlements", order=purchase.order) if "remaining" in item]
    assert sorted(grant["resource"] for grant in grants) == sorted(photos)
    assert len(running.mails_to(purchase.email, READY_MAIL)) == 1
    order = purchase.guest.get(f"/orders/{purchase.order}")
    assert [step["status"] for step in order["history"]] == ["awaiting_payment", "paid", "completed"]
    figure(f"settled: 10 webhooks, 10 polls, 3 sweeps; 1 capture, 1 ledger entry, {len(grants)} grants, 1 mail")


def test_the_last_downloads_are_taken_once(running, figure):
    limit = 2
    _, (photo,) = shop.on_sale(running, 1, downloadLimit=limit)
    purchase = shop.buy(running, photo)
    call = ("POST", f"/downloads/{purchase.order}/photos/{photo}", None, purchase.guest)

    windows, answers = [], []
    for number in range(limit + 1):
        with running.later(number * timedelta(minutes=6)):
            answers.append(requests_at_once(running, [call] * 24))
        granted = [answer["data"] for answer in answers[-1] if answer["status"] == 200]
        windows.append({grant["expiresAt"] for grant in granted})
        assert {grant["remaining"] for grant in granted} <= {limit - 1 - number}

    assert [statuses(round) for round in answers] == [{200: 24}] * limit + [{403: 24}]
    assert [len(window) for window in windows] == [1] * limit + [0]
    assert len(set.union(*windows)) == limit
    assert {answer["code"] for answer in answers[-1]} == {"download_limit_reached"}
    figure(f"downloads: {24 * (limit + 1)} requests in {limit + 1} periods, {limit} downloads of {limit} taken")


# --- reviewing, accounts, limits ----------------------------------------------------------------------------


def test_counters_survive_decisions_made_at_once(running, figure):
    event = shop.plan(running)
    photos = shop.upload(running, event["id"], *(shop.photo() for _ in range(4)))
    shop.processed(running, *photos)
    admin = running.person("admin")
    approvals = [("PUT", f"/photos/{photo}/approve", None, admin) for photo in photos]
    rejections = [("PUT", f"/photos/{photo}/reject", {"reason": "blurred"}, admin) for photo in photos]

    answers = requests_at_once(running, (approvals + rejections) * 6)

    counts = admin.get(f"/events/{event['id']}/counts")
    recount = Counter(item["approval"] for item in running.items("photos", event=event["id"]) if "approval" in item)
    assert statuses(answers).keys() <= {200, 409}
    assert counts == {"total": 4, "pending": 0, "approved": recount["approved"], "rejected": recount["rejected"]}
    figure(f"review: {len(answers)} decisions at once, {statuses(answers)[200]} counted; counters equal the recount")


def test_a_refresh_token_has_one_successor(running, figure):
    known = running.people["customer"]
    tokens = running.stranger().post("/auth/login", {"email": known["email"], "password": known["password"]})
    call = ("POST", "/auth/refresh", {"refreshToken": tokens["refreshToken"]}, running.stranger())

    answers = requests_at_once(running, [call] * 20)

    assert statuses(answers) == {200: 20}
    (successor,) = {answer["data"]["refreshToken"] for answer in answers}
    assert successor != tokens["refreshToken"]
    following = running.stranger().post("/auth/refresh", {"refreshToken": successor})
    running.stranger().holding(following).get("/auth/me")
    figure("refresh: 20 requests with one token, 1 successor")


def test_an_address_belongs_to_one(running, figure):
    admin, slug = running.person("admin"), f"contested-{secrets.token_hex(4)}"
    body = {"name": "Contested", "date": "2026-04-13", "slug": slug}
    events = requests_at_once(running, [("POST", "/events", body, admin)] * 10)

    email = f"contested-{secrets.token_hex(4)}@example.com"
    users = race(contenders.create_user, [(DEFAULT, email)] * 10, running.environment, rehearsal=(DEFAULT, ""))

    assert statuses(events) == {201: 1, 409: 9}
    assert {answer["code"] for answer in events if answer["status"] == 409} == {"slug_taken"}
    assert [item["slug"] for item in running.items("events", slug=slug)] == [slug]
    assert Counter(users)["email_taken"] == 9
    assert len(running.items("accounts", email=email)) == 1
    figure("addresses: 10 events at one slug, 1 made; 10 users at one e-mail address, 1 made")


def test_registering_at_once_makes_one_user_and_mails_codes_that_work(running, figure):
    email = f"eager-{secrets.token_hex(4)}@example.com"
    body = {"email": email, "password": secrets.token_urlsafe(12), "name": "Eager", "language": "en"}

    with running.later(running.until_a_fresh(timedelta(hours=1))):
        answers = requests_at_once(running, [("POST", "/auth/register", body, running.stranger())] * 8)
        running.quiet()

    assert statuses(answers) == {202: 5, 429: 3}, "five codes an hour"
    assert len(running.items("accounts", email=email)) == 1
    assert 1 <= len(running.mails_to(email)) <= 5
    figure(f"registering: 8 requests, 5 let through, 1 user, {len(running.mails_to(email))} mails")


def test_a_limit_lets_through_exactly_as_many(running, figure):
    calls = [(DEFAULT, secrets.token_hex(8), 100)] * 300
    other = (DEFAULT, "rehearsal", 100)

    answers = Counter(race(contenders.take, calls, running.environment, processes=3, rehearsal=other))

    assert answers == {"passed": 100, "too_many_requests": 200}
    figure("rate limit: 300 at once at a limit of 100, 100 passed")


def test_a_limit_over_http_counts_the_address_a_request_comes_from(running, figure):
    """/payments/create lets 60 requests a minute through. The addresses a client invents do not count."""
    people = [running.stranger(**{"X-Forwarded-For": f"10.0.0.{number}"}) for number in range(90)]
    calls = [("POST", "/payments/create", {"orderId": "ord_none"}, person) for person in people]

    unused = running.until_a_fresh(timedelta(minutes=1)) + timedelta(hours=1)

    with running.later(unused):
        answers = statuses(requests_at_once(running, calls, processes=3))

    assert answers == {404: 60, 429: 30}
    figure("rate limit over HTTP: 90 at once with forged addresses at a limit of 60, 60 passed")


# --- a stock ------------------------------------------------------------------------------------------------


def test_a_stock_sells_out_and_no_further(running, figure):
    shop_id = f"shop-{secrets.token_hex(4)}"
    put(running, "claims", pk=shop_id, sk="-", left=10)
    calls = [(shop_id, f"buyer-{number}") for number in range(200)]

    answers = Counter(race(contenders.sell, calls, running.environment, processes=3, rehearsal=("none", "-")))

    (stock,) = running.items("claims", pk=shop_id)
    sales = [item for item in running.items("claims") if item["pk"].startswith(f"{shop_id}#")]
    assert answers == {"sold": 10, "sold_out": 190}
    assert (int(stock["left"]), int(stock["taken"]), len(sales)) == (0, 10, 10)
    figure("stock: 200 buyers, 10 units, 10 sold, 0 orphans")


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
    figure("orders of a stock: 24 carts with the same thing twice, 5 units, 5 orders")


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
    figure(f"control: 10 units sold carelessly to {sales} of 60 buyers, {counted} of them counted")


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
    figure(f"control: {passed} of 40 passed a careless check that should let {most} through")


def test_a_claim_is_taken_by_one(running, figure):
    key = secrets.token_hex(8)

    calls = [(DEFAULT, key, f"ord_{number}") for number in range(40)]
    answers = race(contenders.claim, calls, running.environment, rehearsal=(DEFAULT, "rehearsal", "ord_0"))

    assert Counter(answers)["claimed_already"] == 39
    figure("claim: 40 at once, 1 taken")
