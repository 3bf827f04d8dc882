import csv
import hashlib
import io
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.carts import service as carts
from chalicelib.core import clock, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, NotFound
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest
from chalicelib.ledger import service as ledger
from chalicelib.lines.contract import Item
from chalicelib.orders import service as orders
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways
from chalicelib.payments import service as payments
from chalicelib.payments.gateways.terms import Terms
from chalicelib.payments.reconciliations import comparing, jobs, service
from chalicelib.payments.reconciliations.model import Kind, State, Totals
from chalicelib.payments.reconciliations.statements import FORMATS, Format, What, read
from chalicelib.payments.refunds import service as refunds
from tests import deliver, selling
from tests.stack import ENVIRONMENT, client

pytestmark = pytest.mark.usefixtures("things")
assert jobs.compare, "importing the jobs registers their handlers"

MAY = frozenset({"order.read_all", "order.manage", "payment.read_all", "payment.manage"})
STAFF = Principal(DEFAULT, user="usr_01J00000000000000000000009", permissions=MAY)
STRANGER = Principal("org_01J00000000000000000000002", user="usr_01J00000000000000000000009", permissions=MAY)
ALL = PageRequest(size=100)
BY_HAND = Format(("Order ref",), "payment", "Amount", "Fee", "Currency")
HEAD = "Order ref,Amount,Fee,Currency"


@pytest.fixture
def sell(gateway, things, buyer):
    """A paid payment, one for each call."""

    def sold(**changes):
        carts.add(buyer, [Item("things", f"thing-{len(gateway.charges)}")])
        order = orders.place_order(
            buyer, f"checkout-{len(gateway.charges)}", email="a@example.com", language="en", expected_total=None
        )
        payment = payments.create_payment(buyer, order.id)
        gateway.set(payment.transaction, "captured", **changes)
        payments.settle(DEFAULT, payment.id)
        deliver.all()
        return payments.get(DEFAULT, payment.id)

    return sold


def announced(text, format=BY_HAND, gateway="paynoi", **more):
    content = text if isinstance(text, bytes) else text.encode()
    at = clock.now()
    asked = {"since": at - timedelta(days=2), "until": at - timedelta(hours=1)} | more
    digest = hashlib.sha256(content).hexdigest()
    return content, service.Statement(gateway, format, digest, len(content), **asked)


def put(held, content):
    client("s3").put_object(Bucket=ENVIRONMENT["PIX_DOCUMENTS_BUCKET"], Key=held.key, Body=content)


def reconcile(text, *args, **more):
    """As two hours later, so that the bookings are of the period."""
    with clock.travel(timedelta(hours=2)):
        content, statement = announced(text, *args, **more)
        put(service.offer(STAFF, statement).reconciliation, content)
        held = service.offer(STAFF, statement).reconciliation
        for _ in range(5):
            deliver.all()
        return service.get(STAFF, held.id)


def found(held):
    return [(each.number, each.kind, each.theirs, each.ours) for each in service.differences(STAFF, held.id, ALL).items]


def test_what_agrees_is_matched_and_an_unknown_fee_is_booked(sell):
    first, second = sell(), sell()

    held = reconcile(f'{HEAD}\n{first.id},50.24,1.50,THB\n{second.id},"50.24",,THB\n')

    assert (held.state, held.rows, held.counts) == (State.DONE, 2, {"matched": 2, "fees_booked": 1})
    assert found(held) == []
    assert held.totals == {"THB": Totals(100_48, 100_48, 0, 0, 1_50, 1_50)}
    assert payments.get(DEFAULT, first.id).fee == 1_50
    assert [ledger.balance(DEFAULT, name) for name in ("gateway:paynoi", "gateway-fees")] == [98_98, 1_50]
    assert storage.peek("documents", held.key, 1) is None, "nobody needs the file any more"


def test_every_difference_is_told_by_its_row(sell):
    wrong, dear, twice, ours = sell(), sell(fee=2_00), sell(), sell()
    text = "\n".join([
        HEAD,
        f"{wrong.id},50.00,,THB",
        f"{dear.id},50.24,3.00,THB",
        f"{twice.id},50.24,,THB",
        f"{twice.id},50.24,,THB",
        "pay_01J00000000000000000000001,9.99,,THB",
        f"{ours.id},much,,THB",
        f"{ours.id}",
    ])  # fmt: skip

    held = reconcile(text)

    assert found(held) == [
        (1, Kind.AMOUNT, 50_00, 50_24),
        (2, Kind.FEE, 3_00, 2_00),
        (4, Kind.TWICE, 50_24, None),
        (5, Kind.MISSING_HERE, 9_99, None),
        (6, Kind.UNREADABLE, None, None),
        (7, Kind.UNREADABLE, None, None),
    ]
    assert held.counts == {
        "amount": 1, "fee": 1, "matched": 1, "twice": 1, "missing_here": 1, "unreadable": 2, "fees_booked": 0,
    }  # fmt: skip
    assert payments.get(DEFAULT, dear.id).fee == 2_00


def test_what_only_we_know_of_is_told_too(sell):
    theirs, ours = sell(), sell()

    held = reconcile(f"{HEAD}\n{theirs.id},50.24,,THB\n")

    ((_, kind, amount_theirs, amount_ours),) = found(held)
    assert (kind, amount_theirs, amount_ours) == (Kind.MISSING_THERE, None, 50_24)
    (told,) = service.differences(STAFF, held.id, ALL).items
    assert told.payment == ours.id


def test_what_was_booked_outside_of_the_period_is_not_missed(sell):
    sell()
    at = clock.now()

    held = reconcile(f"{HEAD}\n", since=at - timedelta(days=9), until=at - timedelta(days=1))

    assert (held.state, found(held)) == (State.DONE, [])


def test_the_same_file_is_compared_once(sell):
    text = f"{HEAD}\n{sell().id},50.24,1.50,THB\n"

    first, again = reconcile(text), reconcile(text)

    assert (again.id, again.counts, again.made_at) == (first.id, first.counts, first.made_at)
    assert ledger.balance(DEFAULT, "gateway-fees") == 1_50
    assert len(service.listed(STAFF, ALL).items) == 1


def test_it_goes_on_page_by_page_wherever_it_was_cut_off(sell, monkeypatch):
    monkeypatch.setattr(comparing, "PAGE", 2)
    monkeypatch.setattr(comparing, "BUDGET", 0.0)
    rows = [f"{sell().id},50.24,1.00,THB" for _ in range(3)] + ["nobody,1.00,,THB"] * 2
    with clock.travel(timedelta(hours=2)):
        content, statement = announced("\n".join([HEAD, *rows]))
        put(service.offer(STAFF, statement).reconciliation, content)
        held = service.offer(STAFF, statement).reconciliation
        deliver.forget()
        steps = []
        while (now := service.get(STAFF, held.id)).state is State.RUNNING:
            comparing.go_on(DEFAULT, held.id)
            steps.append(now.row)

    assert steps[:1] == [0]
    done = service.get(STAFF, held.id)
    assert (done.row, done.counts["matched"], done.counts["fees_booked"]) == (5, 3, 3)
    assert (done.counts["missing_here"], done.counts["twice"]) == (1, 1)
    assert comparing.go_on(DEFAULT, held.id) is Outcome.SKIPPED


def test_of_two_runs_at_once_one_counts(sell, monkeypatch):
    text = f"{HEAD}\n{sell().id},50.24,1.00,THB\n"
    with clock.travel(timedelta(hours=2)):
        content, statement = announced(text)
        put(service.offer(STAFF, statement).reconciliation, content)
        held = service.offer(STAFF, statement).reconciliation
        looked_up, inside = comparing._looked_up, []

        def slow(*args):
            if not inside:
                inside.append(held)
                comparing.go_on(DEFAULT, held.id)
            return looked_up(*args)

        monkeypatch.setattr(comparing, "_looked_up", slow)
        with pytest.raises(Conflict):
            comparing.go_on(DEFAULT, held.id)

    assert service.get(STAFF, held.id).counts == {"matched": 1, "fees_booked": 1}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe\x00", "no CSV in UTF-8"),
        (b'Order ref,Amount,Fee,Currency\n"a', "no CSV in UTF-8"),
        (b"Order,Amount,Fee\n1,2,3\n", "no column Currency, Order ref"),
        (b"", "no column Amount, Currency, Order ref"),
        (b"Order ref,Amount,Fee,Currency\n" + b"a,1,,THB\n" * 20_001, "up to 20000 rows"),
    ],
)
def test_what_can_not_be_read_fails_and_says_why(things, content, reason):
    held = reconcile(content or b"\n")

    assert held.state is State.FAILED
    assert reason in held.reason
    assert service.differences(STAFF, held.id, ALL).items == []


def test_until_the_file_is_there_it_is_waited_for(things):
    content, statement = announced(f"{HEAD}\n")

    first, second = service.offer(STAFF, statement), service.offer(STAFF, statement)

    assert (first.reconciliation.state, second.reconciliation.state) == (State.AWAITED, State.AWAITED)
    assert first.form.fields["key"] == second.form.fields["key"]
    put(first.reconciliation, content)
    third = service.offer(STAFF, statement)
    assert (third.reconciliation.state, third.form) == (State.RUNNING, None)


def test_what_makes_no_sense_is_refused(things):
    at = clock.now()
    for more in (
        {"until": at},
        {"since": at, "until": at - timedelta(days=1)},
        {"gateway": "nobody"},
        {"format": "of_nobody"},
    ):
        with pytest.raises(Invalid):
            service.offer(STAFF, announced(HEAD, **more)[1])
    assert service.listed(STAFF, ALL).items == []


def test_others_do_not_see_it(sell):
    held = reconcile(f"{HEAD}\n")

    for look in (service.get, service.export):
        with pytest.raises(NotFound):
            look(STRANGER, held.id)
    assert service.listed(STRANGER, ALL).items == []


def test_a_payment_of_somebody_else_is_none_of_theirs(sell):
    payment, other = sell(), replace(STRANGER, organization=organizations.create("Other").id)
    with clock.travel(timedelta(hours=2)):
        content, statement = announced(f"{HEAD}\n{payment.id},50.24,1.00,THB\n")
        put(service.offer(other, statement).reconciliation, content)
        held = service.offer(other, statement).reconciliation
        deliver.all()

    assert service.get(other, held.id).counts == {"missing_here": 1, "fees_booked": 0}
    assert payments.get(DEFAULT, payment.id).fee is None


def test_no_cell_of_the_export_is_a_formula(sell):
    held = reconcile(f'{HEAD}\n"=HYPERLINK(""http://evil.example"")",1.00,,THB\n@SUM(A1),1.00,,=1\n')

    rows = list(csv.DictReader(io.StringIO(service.export(STAFF, held.id))))

    assert [row["key"] for row in rows] == ['\'=HYPERLINK("http://evil.example")', "'@SUM(A1)"]
    assert [(row["difference"], row["theirs"], row["currency"]) for row in rows] == [
        ("missing_here", "100", "THB"),
        ("missing_here", "100", "'=1"),
    ]


# --- formats ------------------------------------------------------------------------------------------------

STRIPE = "balance_transaction_id,payment_intent_id,source_id,reporting_category,currency,gross,fee,net," + (
    "customer_facing_amount,customer_facing_currency"
)


def test_stripes_balance_report_is_read_as_it_is(sell, gateway, monkeypatch):
    monkeypatch.setattr(gateways, "knows_disputes", lambda name: True)
    gateway.tail = 0
    paid = sell()
    refund = refunds.begin(STAFF, paid.order, "refund-1", lines=None, reason="blurred", way=None, pay_to=None)
    deliver.all()
    refund = refunds.get(DEFAULT, paid.order, refund.id)
    known = FORMATS["stripe_balance"]
    text = "\n".join([
        STRIPE,
        f"txn_1,{paid.transaction},ch_1,charge,thb,50.00,2.83,47.17,50.00,thb",
        f"txn_2,{paid.transaction},{refund.reference},refund,thb,-50.00,0.00,-50.00,-50.00,thb",
        f"txn_3,{paid.transaction},re_unknown,refund,thb,-1.00,0.00,-1.00,-1.00,thb",
        "txn_4,,,payout,thb,-47.17,0.00,-47.17,,",
    ])  # fmt: skip

    held = reconcile(text, known.format)

    assert held.counts == {"matched": 2, "missing_here": 1, "other": 1, "fees_booked": 1}
    assert held.totals == {"THB": Totals(50_00, 50_00, 51_00, 50_00, 2_83, 2_83)}


def test_what_was_settled_in_another_currency_is_compared_as_it_was_paid():
    text = f"{STRIPE}\ntxn_1,pi_1,ch_1,charge,thb,3600.00,120.00,3480.00,100.00,usd\n"

    (row,) = read(text.encode(), FORMATS["stripe_balance"].format, "THB")

    assert (row.amount, row.currency, row.paid, row.paid_currency) == (3600_00, "THB", 100_00, "USD")


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1,234.50", "THB", 1234_50),
        ("-7", "USD", 7_00),
        ("100", "JPY", 100),
        ("1.234", "KWD", 1234),
        ("1.001", "THB", None),
        ("1e9", "THB", None),
        ("NaN", "THB", None),
        ("", "THB", None),
        ("9" * 14, "THB", None),
    ],
)
def test_amounts_are_exact_or_none(text, currency, minor):
    (row,) = read(f'{HEAD}\nkey,"{text}",,{currency}\n'.encode(), BY_HAND, "THB")

    assert (row.amount, row.what) == (minor, What.CAPTURE)


def test_promptpay_is_found_by_both_references(sell, gateway):
    payment = sell()
    terms = Terms(payment.id, clock.now() + timedelta(days=1), 50_00)
    format, (first, second) = FORMATS["promptpay_biller"].format, terms.halves
    text = f"Reference 1,Reference 2,Amount,Fee\n{first},{second},50.24,1.00\n{first},0000000,50.24,1.00\n"

    held = reconcile(text, format)

    assert held.counts["missing_here"] == 2, "that is not how this payment was agreed on"
    assert {known.gateway for known in FORMATS.values()} <= gateways.NAMES
    assert selling.PRICE == 50_00
