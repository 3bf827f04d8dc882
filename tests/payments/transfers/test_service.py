"""Bank transfers from the account's details to money in the books: a slip, two people, and what goes wrong."""

import base64
import hashlib
import secrets
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from moto.ses.models import ses_backends

from chalicelib.audit.store import AuditRecord
from chalicelib.configuration import service as configuration
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized, Unprocessable
from chalicelib.core.table import PageRequest
from chalicelib.ledger import service as ledger
from chalicelib.orders import service as orders
from chalicelib.orders.model import Status
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import BankAccount, PromptPayId, Proxy
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways, offering
from chalicelib.payments import service as payments
from chalicelib.payments.administration import service as desk
from chalicelib.payments.gateways import emvco
from chalicelib.payments.gateways.contract import Transfer as To
from chalicelib.payments.model import State as Paid
from chalicelib.payments.refunds import service as refunds
from chalicelib.payments.transfers import jobs, service, store
from chalicelib.payments.transfers.model import Slip, State
from tests import deliver
from tests.stack import ACCOUNT, ENVIRONMENT, REGION, client

assert jobs.mail_rejection, "importing the jobs registers their handlers"

MAY = frozenset({"order.read_all", "payment.read_all", "payment.manage"})
ONE, TWO = (Principal(DEFAULT, user=f"usr_01J0000000000000000000000{n}", permissions=MAY) for n in (8, 9))
PDF = b"%PDF-1.7 a slip"
NUMBER = f"123-4-{secrets.randbelow(10**5):05d}-0"
PRICE = 100_00


def slip_of(content=PDF, content_type="application/pdf"):
    return Slip(content_type, len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def shop(things):
    """Takes bank transfers."""
    account = BankAccount("KBANK", "ThePixStock", NUMBER)
    organizations.set_bank_account(TWO, version=0, account=account)
    configuration.change(TWO, "payments", 0, {"methods": [{"method": "bank_transfer"}], "transferDays": 2})


@pytest.fixture
def payment(shop, order, buyer):
    return payments.create_payment(buyer, order.id, "bank_transfer")


def send(payment, buyer, content=PDF, content_type="application/pdf"):
    """Announce a slip and post the file."""
    offered = service.offer_slip(buyer, payment.id, slip_of(content, content_type))
    bucket = ENVIRONMENT["PIX_DOCUMENTS_BUCKET"]
    client("s3").put_object(Bucket=bucket, Key=offered.form.fields["key"], Body=content)


def submit(payment, buyer, content=PDF):
    send(payment, buyer, content)
    return service.offer_slip(buyer, payment.id, slip_of(content))


def queue():
    return [(each.payment, each.state) for each in service.waiting(ONE, PageRequest()).items]


def balances():
    accounts = ("bank", "gateway:bank_transfer", "sales", "suspense")
    return {account: amount for account in accounts if (amount := ledger.balance(DEFAULT, account))}


def now(payment):
    deliver.all()
    return payments.get(DEFAULT, payment.id)


# --- how it is paid -----------------------------------------------------------------------------------------


def test_it_is_offered_by_choice_only(shop):
    assert [each.kind for each in offering.offered(DEFAULT, "THB")] == ["transfer"]

    configuration.change(TWO, "payments", 1, {"methods": []})

    assert "bank_transfer" not in [each.gateway for each in offering.offered(DEFAULT, "THB")]


def test_without_a_bank_account_there_is_nothing_to_offer(things):
    configuration.change(TWO, "payments", 0, {"methods": [{"method": "bank_transfer"}]})

    assert offering.offered(DEFAULT, "THB") == []
    with pytest.raises(Unprocessable, match="gateway_not_set_up"):
        gateways.account_of(DEFAULT, "bank_transfer")


@pytest.mark.parametrize(
    ("kind", "number", "field"),
    [
        (Proxy.PHONE, "0812345678", "01130066812345678"),
        (Proxy.NATIONAL_ID, "1101700230708", "02131101700230708"),
        (Proxy.EWALLET, "004999000012345", "0315004999000012345"),
    ],
)
def test_a_code_asks_for_it_where_promptpay_knows_the_account(things, order, buyer, kind, number, field):
    account = BankAccount("KBANK", "ThePixStock", NUMBER, PromptPayId(kind, number))
    organizations.set_bank_account(TWO, version=0, account=account)
    configuration.change(TWO, "payments", 0, {"methods": [{"method": "bank_transfer"}]})

    payment = payments.create_payment(buyer, order.id, "bank_transfer")

    told = emvco.scanned(payment.qr_text)
    assert told["29"] == f"0016{emvco.CREDIT_TRANSFER}{field}"
    assert (told["53"], told["54"], told["58"]) == (emvco.BAHT, "100.00", "TH")
    assert base64.b64decode(payment.qr_png).startswith(b"\x89PNG")
    assert payment.transfer_to.reference == payment.id[-8:]


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (Proxy.PHONE, "812345678"),
        (Proxy.PHONE, "0112345678"),
        (Proxy.PHONE, "+66812345678"),
        (Proxy.NATIONAL_ID, "1101700230707"),
        (Proxy.NATIONAL_ID, "110170023070"),
        (Proxy.EWALLET, "0049990000123456"),
    ],
)
def test_what_promptpay_gave_nobody_is_no_account(kind, number):
    with pytest.raises(Invalid, match="invalid_promptpay"):
        PromptPayId(kind, number)


def test_the_buyer_is_told_where_to_send_it_and_the_order_waits_as_long(payment, order):
    assert payment.transfer_to == To("KBANK", NUMBER, "ThePixStock", payment.id[-8:])
    assert (payment.payable, payment.state, payment.qr_png) == (PRICE, Paid.PENDING, None)
    assert timedelta(hours=47) < payment.expires_at - clock.now() <= timedelta(days=2)
    assert orders.get(DEFAULT, order.id).expires_at == payment.expires_at


def test_it_expires_by_itself(payment):
    with clock.travel(timedelta(days=2, minutes=1)):
        payments.settle(DEFAULT, payment.id)
        orders.expire_due()

        assert now(payment).state is Paid.EXPIRED
        assert orders.get(DEFAULT, payment.order).status is Status.EXPIRED


def test_nothing_that_calls_itself_a_bank_is_believed(payment):
    for raw in (b"{}", b""):
        with pytest.raises(Unauthorized, match="invalid_signature"):
            payments.accept_webhook("bank_transfer", raw, {})


def test_a_name_of_no_transfer_is_refused(shop):
    gateway, account = gateways.of_name("bank_transfer"), gateways.account_of(DEFAULT, "bank_transfer")

    for call in (
        partial(gateway.check, account, "nobody"),
        partial(gateway.create, account, amount=1, currency="USD", reference="pay_1"),
        partial(gateway.refund, account, transaction_id="x", amount=1, currency="THB", key="k"),
        partial(gateway.describe_method, account, "tok"),
    ):
        with pytest.raises(Unprocessable):
            call()


def test_a_cancelled_order_wants_no_money_any_more(payment, order, buyer):
    orders.cancel(buyer, order.id, None)

    assert now(payment).state is Paid.EXPIRED


# --- the slip -----------------------------------------------------------------------------------------------


def test_a_slip_is_handed_in_once_its_file_is_there(payment, buyer):
    first = service.offer_slip(buyer, payment.id, slip_of())
    early = service.offer_slip(buyer, payment.id, slip_of())
    assert (first.state, early.state, early.form.fields["key"]) == (
        State.AWAITED,
        State.AWAITED,
        first.form.fields["key"],
    )
    assert queue() == []

    done = submit(payment, buyer)

    again = service.offer_slip(buyer, payment.id, slip_of())
    assert (done, again) == (service.Offered(State.SUBMITTED, None),) * 2
    assert queue() == [(payment.id, State.SUBMITTED)]


def test_a_file_that_is_something_else_is_not_taken(payment, buyer):
    send(payment, buyer, b"GIF89a", "image/png")

    with pytest.raises(Conflict, match="slip_type"):
        service.offer_slip(buyer, payment.id, slip_of(b"GIF89a", "image/png"))

    assert queue() == []


def test_another_slip_takes_the_place_of_the_one_before(payment, buyer):
    submit(payment, buyer)
    service.offer_slip(buyer, payment.id, slip_of(b"%PDF-1.7 another"))
    assert queue() == []

    submit(payment, buyer, b"%PDF-1.7 another")

    assert queue() == [(payment.id, State.SUBMITTED)]


def test_a_slip_is_the_buyers_alone(payment):
    for stranger in (ONE, Principal(DEFAULT), Principal(DEFAULT, user="usr_01J00000000000000000000007")):
        with pytest.raises(NotFound, match="payment_not_found"):
            service.offer_slip(stranger, payment.id, slip_of())


def test_staff_looks_at_it_and_that_is_kept(payment, buyer):
    with pytest.raises(NotFound, match="transfer_not_found"):
        service.open_slip(ONE, payment.id)
    service.offer_slip(buyer, payment.id, slip_of())
    assert service.open_slip(ONE, payment.id).url is None

    submit(payment, buyer)

    assert slip_of().sha256 in service.open_slip(ONE, payment.id).url
    assert [entry.action for entry in AuditRecord.scan() if "slip" in entry.action] == ["slip.opened"]


# --- two people ---------------------------------------------------------------------------------------------


def test_two_people_who_say_the_same_book_the_money(payment, order, buyer):
    submit(payment, buyer)

    proposed = service.confirm(ONE, payment.id, PRICE, "T-1")
    assert (proposed.state, proposed.proposed_by, now(payment).state) == (State.PROPOSED, ONE.user, Paid.PENDING)
    confirmed = service.confirm(TWO, payment.id, PRICE, None)

    assert (confirmed.state, confirmed.decided_by, confirmed.reference) == (State.CONFIRMED, TWO.user, "T-1")
    assert (now(payment).state, now(payment).received) == (Paid.CAPTURED, PRICE)
    assert orders.get(DEFAULT, order.id).status is Status.COMPLETED
    assert balances() == {"bank": PRICE, "sales": -PRICE}
    assert queue() == []
    assert sorted(entry.action for entry in AuditRecord.scan() if entry.entity_id == payment.id) == [
        "transfer.confirmed",
        "transfer.proposed",
    ]


def test_one_person_alone_books_nothing(payment, buyer):
    submit(payment, buyer)
    service.confirm(ONE, payment.id, PRICE, None)

    with pytest.raises(Forbidden, match="second_person"):
        service.confirm(ONE, payment.id, PRICE, "T-2")

    assert now(payment).state is Paid.PENDING
    assert balances() == {}


def test_no_slip_is_needed(payment):
    service.confirm(ONE, payment.id, PRICE, None)
    assert queue() == [(payment.id, State.PROPOSED)]

    service.confirm(TWO, payment.id, PRICE, None)

    assert now(payment).state is Paid.CAPTURED


def test_another_amount_is_another_word(payment):
    service.confirm(ONE, payment.id, PRICE, None)

    other = service.confirm(TWO, payment.id, PRICE - 1, None)
    with pytest.raises(Forbidden, match="second_person"):
        service.confirm(TWO, payment.id, PRICE - 1, None)
    service.confirm(TWO, payment.id, PRICE, None)
    service.confirm(ONE, payment.id, PRICE, None)

    assert (other.state, other.proposed_by) == (State.PROPOSED, TWO.user)
    assert now(payment).received == PRICE


@pytest.mark.parametrize("received", [PRICE - 1, PRICE + 1, 1])
def test_what_came_otherwise_than_asked_for_waits_for_a_decision(payment, order, received):
    service.confirm(ONE, payment.id, received, None)
    service.confirm(TWO, payment.id, received, None)

    case = now(payment)
    assert (case.state, case.review_reason, case.waiting) == (Paid.REVIEW, "wrong_amount", received)
    assert balances() == {"bank": received, "suspense": -received}
    assert orders.get(DEFAULT, order.id).status is Status.AWAITING_PAYMENT


def test_money_that_was_agreed_on_can_be_taken_or_given_back_by_transfer(payment, order):
    for person in (ONE, TWO):
        service.confirm(person, payment.id, PRICE + 5_00, None)

    desk.close_case(TWO, payment.id, "accept", "as agreed", "KBANK 1")
    deliver.all()
    refund = refunds.of_order(DEFAULT, order.id)[0]
    refunds.decide(ONE, order.id, refund.id, "transferred", way=None, reason="x", reference="R-1")
    refunds.decide(TWO, order.id, refund.id, "confirm", way=None, reason="x", reference=None)

    assert balances() == {"bank": PRICE, "sales": -PRICE}


def test_money_that_came_late_makes_the_order_late(payment, order):
    with clock.travel(timedelta(days=3)):
        payments.settle(DEFAULT, payment.id)
        orders.expire_due()
        for person in (ONE, TWO):
            service.confirm(person, payment.id, PRICE, None)

        assert now(payment).state is Paid.CAPTURED
        assert [step.status for step in orders.get(DEFAULT, order.id).history][-4:] == [
            Status.EXPIRED,
            Status.PAID_LATE,
            Status.PAID,
            Status.COMPLETED,
        ]


def test_confirming_again_changes_nothing(payment):
    for person in (ONE, TWO):
        service.confirm(person, payment.id, PRICE, None)

    confirmed = service.confirm(TWO, payment.id, PRICE, None)
    with pytest.raises(Conflict, match="payment_settled"):
        service.confirm(ONE, payment.id, PRICE, None)
    assert confirmed.state is State.CONFIRMED
    assert balances() == {"bank": PRICE, "sales": -PRICE}


def test_a_program_is_not_a_person(payment):
    program = Principal(DEFAULT, permissions=MAY)

    for call in (
        partial(service.confirm, program, payment.id, PRICE, None),
        partial(service.reject, program, payment.id, "no"),
    ):
        with pytest.raises(Forbidden, match="second_person"):
            call()


def test_nobody_decides_about_their_own_payment(payment, buyer):
    boss = replace(buyer, permissions=MAY)
    service.confirm(ONE, payment.id, PRICE, None)

    for call in (
        partial(service.confirm, boss, payment.id, PRICE, None),
        partial(service.reject, boss, payment.id, "no"),
    ):
        with pytest.raises(Conflict, match="own_payment"):
            call()

    assert now(payment).state is Paid.PENDING


def test_what_is_paid_otherwise_is_no_transfer(things, gateway, order, buyer):
    scanned = payments.create_payment(buyer, order.id)

    for call in (
        partial(service.confirm, ONE, scanned.id, PRICE, None),
        partial(service.reject, ONE, scanned.id, "no"),
        partial(service.offer_slip, buyer, scanned.id, slip_of()),
    ):
        with pytest.raises(Conflict, match="not_a_transfer"):
            call()


def test_another_organization_sees_nothing_of_it(payment, buyer):
    submit(payment, buyer)
    elsewhere = replace(ONE, organization="org_01J00000000000000000000000")

    for call in (
        partial(service.open_slip, elsewhere, payment.id),
        partial(service.confirm, elsewhere, payment.id, PRICE, None),
        partial(service.reject, elsewhere, payment.id, "no"),
    ):
        with pytest.raises(NotFound, match="payment_not_found"):
            call()
    assert service.waiting(elsewhere, PageRequest()).items == []


# --- rejecting ----------------------------------------------------------------------------------------------


def test_a_rejected_buyer_is_mailed_and_may_send_another_slip(payment, buyer):
    submit(payment, buyer)
    service.confirm(ONE, payment.id, PRICE, "T-1")

    rejected = service.reject(TWO, payment.id, "That is last year's.")

    deliver.all()
    assert (rejected.state, rejected.reason, rejected.received) == (State.REJECTED, "That is last year's.", None)
    assert queue() == []
    (mail,) = ses_backends[ACCOUNT][REGION].sent_messages
    assert mail.destinations["ToAddresses"] == ["buyer@example.com"]
    assert "That is last year&#39;s." in mail.body or "That is last year's." in mail.body
    with pytest.raises(Conflict, match="slip_rejected"):
        service.offer_slip(buyer, payment.id, slip_of())
    submit(payment, buyer, b"%PDF-1.7 another")
    assert queue() == [(payment.id, State.SUBMITTED)]


def test_what_nobody_handed_in_is_not_rejected(payment, buyer):
    with pytest.raises(Conflict, match="transfer_status"):
        service.reject(ONE, payment.id, "no")
    service.offer_slip(buyer, payment.id, slip_of())
    with pytest.raises(Conflict, match="transfer_status"):
        service.reject(ONE, payment.id, "no")


def test_while_it_is_confirmed_no_slip_takes_its_place(payment, buyer):
    service.confirm(ONE, payment.id, PRICE, None)

    with pytest.raises(Conflict, match="transfer_under_way"):
        service.offer_slip(buyer, payment.id, slip_of())


def test_what_is_settled_is_over(payment, buyer):
    for person in (ONE, TWO):
        service.confirm(person, payment.id, PRICE, None)

    for call in (
        partial(service.reject, ONE, payment.id, "no"),
        partial(service.offer_slip, buyer, payment.id, slip_of()),
    ):
        with pytest.raises(Conflict, match="payment_settled"):
            call()


# --- privacy ------------------------------------------------------------------------------------------------


def test_slips_go_with_their_owner(payment, buyer):
    submit(payment, buyer)

    told, files = service.personal_data(DEFAULT, buyer.user), service.own_files(DEFAULT, buyer.user)
    service.erase_person(DEFAULT, buyer.known_user)

    assert [(each["state"], each["slip"]) for each in told] == [(State.SUBMITTED, slip_of())]
    assert [each.key for each in files] == [store.find(payment).key]
    assert "Contents" not in client("s3").list_objects_v2(Bucket=ENVIRONMENT["PIX_DOCUMENTS_BUCKET"], Prefix="slips/")
