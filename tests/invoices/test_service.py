"""Receipts of paid orders and credit notes of their refunds: once each, and numbered without a gap."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pypdf import PdfReader

from chalicelib.carts import service as carts
from chalicelib.core import clock, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, NotFound, Unavailable
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest, transact
from chalicelib.core.wire import Request
from chalicelib.invoices import page, schemas, service, store
from chalicelib.invoices.model import Billing, Buyer, Kind, Seller
from chalicelib.lines.contract import Item
from chalicelib.orders import service as orders
from chalicelib.orders.model import PAYABLE_FOR
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import TaxProfile
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import service as payments
from chalicelib.payments.refunds import service as refunds
from chalicelib.payments.refunds.model import Wanted
from tests import deliver
from tests.payments.refunds.test_service import STAFF, begin

pytestmark = pytest.mark.usefixtures("things")

TAXED = TaxProfile("บริษัท รันโฟโต้ จำกัด", "0105561000001", "TH", "1 ถนนสุขุมวิท\nกรุงเทพฯ", 700, included=True)
COMPANY = {"name": "ООО «Бег»", "address": "Москва, ул. Мира, 1", "tax_number": "7700000001"}
STRANGER = Principal(DEFAULT, user="usr_01J00000000000000000000002")
ONLY_LOOKS = replace(STAFF, permissions=frozenset({"order.read_all"}))


@pytest.fixture
def taxed(aws):
    organizations.update(DEFAULT, version=organizations.get(DEFAULT).version, tax=TAXED)


def year():
    return clock.now().astimezone(UTC).year


def receipt(order):
    found = store.find(DEFAULT, order.id)
    assert found is not None
    return found


def paid_order(buyer, key):
    """Paid past the gateway."""
    carts.add(buyer, [Item("things", key)])
    order = orders.place_order(buyer, f"checkout-{key}", email="buyer@example.com", language="th", expected_total=None)
    transact(*orders.pay(order, "pay_elsewhere"))
    return order


def numbers(kind=Kind.RECEIPT):
    return [each.number for each in service.find(DEFAULT, kind, None, None, None, PageRequest()).items]


def text(drawn):
    key = drawn.url.partition("?")[0].partition("/invoices/")[2]
    pages = PdfReader(io.BytesIO(storage.read("documents", f"invoices/{key}"))).pages
    return "\n".join(page.extract_text() for page in pages)


# --- receipts -----------------------------------------------------------------------------------------------


def test_a_paid_order_has_one_receipt_of_what_was_agreed(taxed, paid, order, buyer):
    found = service.draw_receipt(buyer, order.id).document

    assert (found.number, found.kind, found.code) == (f"R-{year()}-000001", Kind.RECEIPT, order.code)
    assert found.seller == Seller(TAXED.name, TAXED.number, TAXED.address)
    assert found.buyer == Buyer(email="buyer@example.com")
    assert (found.total, found.tail, found.paid, found.method) == (100_00, 24, 100_24, "paynoi")
    assert [(tax.name, tax.base, tax.amount) for tax in found.taxes] == [("VAT", 93_46, 6_54)]
    assert found.taxes == orders.get(DEFAULT, order.id).taxes
    assert service.issue_receipt(DEFAULT, order.id) is Outcome.SKIPPED
    assert service.of_order(buyer, order.id) == [found]


def test_it_stays_as_it_was_issued(taxed, paid, order, buyer):
    before = text(service.draw_receipt(buyer, order.id))
    version = organizations.get(DEFAULT).version
    organizations.update(DEFAULT, version=version, tax=replace(TAXED, name="Another Co.", number="999"))

    assert text(service.draw_receipt(buyer, order.id)) == before


def test_the_file_says_all_of_it(taxed, order, buyer, gateway):
    service.set_billing(buyer, order.id, **COMPANY)
    payment = payments.create_payment(buyer, order.id)
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)
    deliver.all()

    said = text(service.draw_receipt(buyer, order.id))

    assert said.startswith("Receipt / Tax invoice\n")
    for part in (
        f"R-{year()}-000001",
        order.code,
        TAXED.number,
        *COMPANY.values(),
        "100.00",
        "VAT 7 % of 93.46",
        "6.54",
    ):
        assert part in said
    assert "0.24" in said
    assert "100.24" in said
    assert "buyer@example.com" not in said


def test_without_tax_it_is_a_receipt_of_the_organization(paid, order, buyer):
    said = text(service.draw_receipt(buyer, order.id))

    assert said.startswith("Receipt\n")
    assert organizations.get(DEFAULT).name in said
    assert "buyer@example.com" in said


def test_before_the_payment_there_is_none_and_what_cost_nothing_has_none(order, buyer):
    with pytest.raises(NotFound, match="document_not_found"):
        service.draw_receipt(buyer, order.id)
    assert service.issue_receipt(DEFAULT, order.id) is Outcome.SKIPPED
    assert service.of_order(buyer, order.id) == []


def test_nobody_else_learns_of_it(paid, order, buyer):
    number = receipt(order).number
    guest = Principal(DEFAULT, tokens={"order": orders.token_of(order)})

    assert service.draw(guest, order.id, number).document == service.draw_receipt(ONLY_LOOKS, order.id).document
    for ask in (service.draw_receipt, service.of_order):
        with pytest.raises(NotFound, match="order_not_found"):
            ask(STRANGER, order.id)
    with pytest.raises(NotFound, match="document_not_found"):
        service.draw(guest, order.id, "R-2020-000001")


# --- whom it is for -----------------------------------------------------------------------------------------


def test_billing_details_stand_on_the_receipt_and_are_closed_with_it(order, buyer, payment, gateway):
    service.set_billing(buyer, order.id, name="Anna", address=None, tax_number=None)
    told = service.set_billing(buyer, order.id, **COMPANY)
    assert schemas.Billing.of(DEFAULT, order.id, told).tax_number == "••••••0001"
    assert COMPANY["tax_number"] not in f"{store.billing(DEFAULT, order.id).tax_number} {told}"
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)
    deliver.all()

    found = receipt(order).buyer
    assert (found.name, found.address, found.email) == (COMPANY["name"], COMPANY["address"], "buyer@example.com")
    assert service.open_tax_number(DEFAULT, order.id, found.tax_number) == COMPANY["tax_number"]
    with pytest.raises(Conflict, match="receipt_issued"):
        service.set_billing(buyer, order.id, name="Boris", address=None, tax_number=None)


def test_billing_details_are_told_by_the_buyer_or_whoever_manages_orders(order):
    with pytest.raises(NotFound, match="order_not_found"):
        service.set_billing(STRANGER, order.id, **COMPANY)
    with pytest.raises(Forbidden):
        service.set_billing(ONLY_LOOKS, order.id, **COMPANY)
    assert service.set_billing(STAFF, order.id, **COMPANY).name == COMPANY["name"]


def test_a_number_of_a_lost_key_is_left_out(order, buyer):
    sealed = service.set_billing(buyer, order.id, **COMPANY).tax_number

    assert service.open_tax_number(DEFAULT, "ord_other", sealed) is None


# --- numbers ------------------------------------------------------------------------------------------------


def test_who_loses_a_number_takes_the_next(buyer, monkeypatch):
    first, second = paid_order(buyer, "a"), paid_order(buyer, "b")
    stale = [store.series(DEFAULT, Kind.RECEIPT, year())]
    service.issue_receipt(DEFAULT, first.id)
    read = store.series
    monkeypatch.setattr(store, "series", lambda *of: stale.pop() if stale else read(*of))

    assert service.issue_receipt(DEFAULT, second.id) is Outcome.SUCCESS

    assert numbers() == [f"R-{year()}-000002", f"R-{year()}-000001"]


def test_details_that_come_while_it_is_issued_stand_on_it(buyer, monkeypatch):
    order = paid_order(buyer, "a")
    read, told = store.billing, []

    def overtaken(*of):
        found = read(*of)
        if not told:
            told.append(True)
            service.set_billing(buyer, order.id, **COMPANY)
        return found

    monkeypatch.setattr(store, "billing", overtaken)

    assert service.issue_receipt(DEFAULT, order.id) is Outcome.SUCCESS
    assert receipt(order).buyer.name == COMPANY["name"]
    assert numbers() == [f"R-{year()}-000001"]


def test_a_fact_told_twice_at_once_is_one_document(buyer, monkeypatch):
    order = paid_order(buyer, "a")
    found = store.find
    monkeypatch.setattr(store, "find", lambda *of: None)

    service.issue_receipt(DEFAULT, order.id)
    with pytest.raises(Unavailable):
        service.issue_receipt(DEFAULT, order.id)

    monkeypatch.setattr(store, "find", found)
    assert numbers() == [f"R-{year()}-000001"]
    assert store.series(DEFAULT, Kind.RECEIPT, year()).last == 1


def test_numbers_begin_anew_with_the_year_of_the_zone(buyer, monkeypatch):
    turn = datetime(2026, 12, 31, 17, tzinfo=UTC)
    issued = []
    for moment in (turn - timedelta(minutes=1), turn, turn - timedelta(seconds=5)):
        order = paid_order(buyer, f"{len(issued)}")
        with monkeypatch.context() as then:
            then.setattr(clock, "now", lambda moment=moment: moment)
            service.issue_receipt(DEFAULT, order.id)
        issued.append((receipt(order).number, receipt(order).day.isoformat()))

    assert issued == [("R-2026-000001", "2026-12-31"), ("R-2027-000001", "2027-01-01"), ("R-2026-000002", "2026-12-31")]


def test_a_clock_that_is_behind_does_not_date_a_document_before_the_last(buyer, monkeypatch):
    first, second = paid_order(buyer, "a"), paid_order(buyer, "b")
    service.issue_receipt(DEFAULT, first.id)
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now - timedelta(hours=1))

    service.issue_receipt(DEFAULT, second.id)

    assert receipt(second).issued_at >= receipt(first).issued_at


# --- credit notes -------------------------------------------------------------------------------------------


def test_each_refund_has_a_credit_note_and_they_take_all_of_the_tax_back(taxed, paid, order, buyer):
    for number, wanted in enumerate(([Wanted("line-1", 33_33)], [Wanted("line-1", 33_33)], []), start=1):
        begin(order, *wanted, key=f"refund-{number}")
        deliver.all()

    first, *notes = service.of_order(buyer, order.id)

    assert [note.number for note in notes] == [f"C-{year()}-{number:06d}" for number in (1, 2, 3)]
    assert {(note.corrects, note.kind) for note in notes} == {(first.number, Kind.CREDIT_NOTE)}
    assert [(note.total, note.tail) for note in notes] == [(33_33, 0), (33_33, 0), (33_34, 24)]
    assert sum(note.taxes[0].amount for note in notes) == first.taxes[0].amount
    assert sum(note.taxes[0].base for note in notes) == first.taxes[0].base
    said = text(service.draw(buyer, order.id, notes[2].number))
    assert said.startswith("Credit note\n")
    assert all(part in said for part in (first.number, "33.34", "33.58", "Given back"))
    assert numbers(Kind.CREDIT_NOTE) == [note.number for note in reversed(notes)]


def test_a_credit_note_comes_behind_the_receipt_that_it_corrects(paid, order, gateway, monkeypatch):
    refund = begin(order)
    deliver.queue("payments")
    for record in list(store.InvoiceRecord.query(f"T#{DEFAULT}#PAPERS#{order.id}")):
        record.delete()
    refunds.submit(DEFAULT, order.id, refund.id)

    assert service.issue_credit_note(DEFAULT, order.id, refund.id) is Outcome.SUCCESS
    assert service.issue_credit_note(DEFAULT, order.id, refund.id) is Outcome.SKIPPED
    assert [each.kind for each in store.of_order(DEFAULT, order.id)] == [Kind.RECEIPT, Kind.CREDIT_NOTE]


def test_an_order_that_was_never_more_than_paid_late_has_no_documents(order, payment, gateway):
    gateway.set(payment.transaction, "captured")
    with clock.travel(PAYABLE_FOR):
        orders.expire_due()
        payments.settle(DEFAULT, payment.id)
        refund = begin(order)
        refunds.submit(DEFAULT, order.id, refund.id)

    assert service.issue_credit_note(DEFAULT, order.id, refund.id) is Outcome.SKIPPED
    assert store.of_order(DEFAULT, order.id) == []


def test_the_link_of_the_mail_leads_to_the_receipt_and_says_when_there_is_none(buyer):
    order = paid_order(buyer, "a")
    guest = Principal(DEFAULT, tokens={"order": orders.token_of(order)})
    asked = Request("1", "GET", "/d", {"accept-language": "en"}, {}, b"", "a.example", "127.0.0.1")

    before = page.receipt(guest, asked, order.id)
    service.issue_receipt(DEFAULT, order.id)
    after = page.receipt(guest, asked, order.id)

    assert (before.status, "no such receipt" in before.body) == (404, True)
    assert (after.status, f"{receipt(order).number}.pdf" in after.headers["Location"]) == (303, True)
    assert page.receipt(Principal(DEFAULT, tokens={"order": "x"}), asked, order.id).status == 404


# --- who is forgotten ---------------------------------------------------------------------------------------


def test_accounting_keeps_the_documents_of_who_is_forgotten(paid, order, buyer):
    begin(order, Wanted("line-1", 30_00))
    deliver.all()
    service.draw_receipt(buyer, order.id)
    (kept,) = service.personal_data(DEFAULT, buyer.user)
    assert [each["number"][0] for each in kept["documents"]] == ["R", "C"]

    for _ in range(2):
        service.erase_person(DEFAULT, buyer.user)

    found = store.of_order(DEFAULT, order.id)
    assert [(each.buyer, each.total) for each in found] == [(Buyer(), 100_00), (Buyer(), 30_00)]
    assert storage.keys("documents", "invoices/") == []
    assert "buyer@example.com" not in text(service.draw_receipt(STAFF, order.id))


def test_a_receipt_that_is_issued_after_its_buyer_was_forgotten_does_not_name_them(buyer):
    order = paid_order(buyer, "a")
    service.set_billing(buyer, order.id, **COMPANY)

    service.erase_person(DEFAULT, buyer.user)
    service.issue_receipt(DEFAULT, order.id)

    assert receipt(order).buyer == Buyer()
    assert store.billing(DEFAULT, order.id) == Billing(DEFAULT, order.id, erased=True, version=2)


# --- what staff see -----------------------------------------------------------------------------------------


def test_staff_find_documents_by_kind_time_and_number(buyer):
    first, second = paid_order(buyer, "a"), paid_order(buyer, "b")
    service.issue_receipt(DEFAULT, first.id)
    between = clock.now() + timedelta(seconds=1)
    with clock.travel(timedelta(seconds=2)):
        service.issue_receipt(DEFAULT, second.id)

    def found(kind=Kind.RECEIPT, number=None, since=None, until=None):
        return [each.order for each in service.find(DEFAULT, kind, number, since, until, PageRequest()).items]

    assert found() == [second.id, first.id]
    assert (found(since=between), found(until=between)) == ([second.id], [first.id])
    assert found(Kind.CREDIT_NOTE) == []
    assert found(number=receipt(first).number) == [first.id]
    assert found(number="R-2020-000001") == []
    other = organizations.create("Trail").id
    assert service.find(other, Kind.RECEIPT, receipt(first).number, None, None, PageRequest()).items == []
