"""Taxes from the table to the order, and on to the books."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from chalicelib import lines
from chalicelib.audit import service as audit
from chalicelib.audit.model import Search
from chalicelib.carts import service as carts
from chalicelib.carts.schemas import Summary
from chalicelib.core import clock
from chalicelib.core.errors import Conflict, Invalid
from chalicelib.core.table import PageRequest
from chalicelib.core.wire import encoded
from chalicelib.ledger import service as ledger
from chalicelib.lines.contract import Item, LineTax, Quote, QuoteLine
from chalicelib.orders import service as orders
from chalicelib.orders.model import Status
from chalicelib.orders.schemas import Order
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import TaxProfile
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import service as payments
from chalicelib.payments.refunds import service as refunds
from chalicelib.payments.refunds.model import Wanted
from chalicelib.revenue import service as revenue
from chalicelib.taxes import schemas, service, sheet
from chalicelib.taxes.model import Rate, Rounding
from tests import deliver, selling
from tests.events.people import ADMIN
from tests.payments.refunds.test_service import begin

pytestmark = pytest.mark.usefixtures("things")

TAX, ORGANIZER = f"tax:{DEFAULT}", f"organizer:{DEFAULT}"
ACCOUNTS = ("gateway:paynoi", "payment-tails", "sales", "revenue-shares", "platform", ORGANIZER, TAX)


def today():
    return clock.now().astimezone(ZoneInfo("Asia/Bangkok")).date()


def rate(rate=7_000, *, inclusive=True, valid_from=None, tax_class="things"):
    return Rate(tax_class, "VAT", rate, inclusive, valid_from or today())


def set_rates(*rates, rounding=Rounding.LINE, version=0):
    return service.set_table(ADMIN, rates, rounding, version)


def set_profile(**changes):
    profile = TaxProfile("ThePixStock Ltd", "0105561000000", "TH", "Bangkok", 700, included=True)
    version = organizations.get(DEFAULT).version
    organizations.update(DEFAULT, version=version, by=ADMIN, tax=replace(profile, **changes))


def quoted(buyer):
    return carts.add(buyer, [Item("things", "a"), Item("things", "b")]).quote


def place(buyer, key="checkout-1"):
    return orders.place_order(buyer, key, email="buyer@example.com", language="en", expected_total=None)


def balances():
    return {account: amount for account in ACCOUNTS if (amount := ledger.balance(DEFAULT, account))}


def give_back(order, *lines, key="refund-1"):
    refund = begin(order, *lines, key=key)
    deliver.all()
    return refunds.get(DEFAULT, order.id, refund.id)


@pytest.fixture
def taxed(things):
    return set_rates(rate())


@pytest.fixture
def paid(taxed, payment, gateway):
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)
    deliver.all()
    return orders.get(DEFAULT, payment.order)


# --- the table ----------------------------------------------------------------------------------------------


def test_a_table_is_stored_and_audited(taxed):
    assert service.table_of(DEFAULT) == taxed
    assert (taxed.version, service.classes()) == (1, ["things"])
    (told,) = audit.find(DEFAULT, Search(("tax_table", DEFAULT)), PageRequest()).items
    assert (told.actor, told.action, told.before) == (ADMIN.user, "tax_table.set", {"rates": []})
    assert [each["rate"] for each in told.after["rates"]] == [7_000]


def test_a_table_that_somebody_changed_first_is_refused(taxed):
    for version in (0, 2):
        with pytest.raises(Conflict, match="version_conflict"):
            set_rates(rate(), rate(10_000, valid_from=today() + timedelta(days=1)), version=version)

    assert service.table_of(DEFAULT) == taxed


def test_a_class_that_nobody_sells_is_refused(things):
    with pytest.raises(Invalid, match="unknown_tax_class"):
        set_rates(rate(tax_class="thing"))

    assert service.table_of(DEFAULT).version == 0


def test_a_rate_of_what_is_sold_no_more_stays(taxed, monkeypatch):
    monkeypatch.setattr(lines, "discover", dict)

    assert set_rates(*taxed.rates, rounding=Rounding.ORDER, version=1).rates == taxed.rates


def test_a_day_begins_where_the_organization_is(things, buyer):
    organizations.update(DEFAULT, version=organizations.get(DEFAULT).version, timezone="Pacific/Kiritimati")  # UTC+14
    tomorrow = clock.now().astimezone(ZoneInfo("Pacific/Kiritimati")).date() + timedelta(days=1)
    set_rates(rate(12_000, valid_from=tomorrow - timedelta(days=1)), rate(16_000, valid_from=tomorrow))
    begins = clock.now().replace(hour=10, minute=0, second=0, microsecond=0)  # UTC, of midnight there
    wait = (begins - clock.now()) % timedelta(days=1)

    with clock.travel(wait - timedelta(seconds=30)):
        assert quoted(buyer).taxes[0].rate == 12_000
    with clock.travel(wait + timedelta(seconds=1)):
        assert quoted(buyer).taxes[0].rate == 16_000


# --- a quote, an order --------------------------------------------------------------------------------------


def test_nobody_who_set_nothing_has_any_tax(buyer):
    quote = quoted(buyer)
    order = place(buyer)

    assert (quote.taxes, quote.lines[0].tax, quote.total) == ((), None, 100_00)
    assert (order.taxes, order.lines[0].tax) == ((), None)
    assert sum(share.takings.gross for share in order.lines[0].shares) == 100_00


def test_the_profiles_rate_is_for_what_has_none_of_its_own(buyer):
    set_profile()
    assert quoted(buyer).lines[0].tax == LineTax("things", "VAT", 7_000, True, 6_54)

    set_rates(rate(10_000))
    assert quoted(buyer).lines[0].tax.amount == 9_09


def test_a_profile_of_no_percent_is_no_tax(buyer):
    set_profile(rate=0)

    assert quoted(buyer).taxes == ()


def test_tax_on_top_is_paid_and_is_no_loss_against_the_list(buyer):
    set_rates(rate(8_875, inclusive=False))

    quote = quoted(buyer)

    assert (quote.total, quote.list_total, quote.saved) == (108_88, 100_00, 0)
    (said,) = Summary.of(carts.open_cart(buyer)).lines
    assert said.words[-1] == "VAT of 8.875 % is added: 8.88 THB."
    assert place(buyer).total == 108_88


def test_tax_in_the_price_is_told_of(buyer, taxed):
    quoted(buyer)

    summary = Summary.of(carts.open_cart(buyer))

    assert (summary.total, summary.lines[0].words[-1]) == (100_00, "VAT of 7 % is in it: 6.54 THB.")
    assert [(tax.base, tax.amount) for tax in summary.taxes] == [(93_46, 6_54)]


def test_an_order_keeps_its_tax(buyer, taxed):
    quoted(buyer)
    order = place(buyer)
    with clock.travel(timedelta(days=1)):
        set_rates(*taxed.rates, rate(16_000), version=1)
        assert quoted(buyer).taxes[0].rate == 16_000

    stored = orders.get(DEFAULT, order.id)
    assert stored == order
    assert stored.lines[0].tax == LineTax("things", "VAT", 7_000, True, 6_54)
    wire = Order.model_validate(stored).model_dump()
    assert wire["taxes"] == [{"name": "VAT", "rate": 7_000, "inclusive": True, "base": 93_46, "amount": 6_54}]
    assert wire["lines"][0]["tax"]["taxClass"] == "things"


def test_what_is_prepaid_is_not_taxed(taxed):
    pack = QuoteLine("credits", "credits", "500", ("pck_1",), (), 450_00, 500_00, "-", prepaid=True)

    assert service.apply(DEFAULT, Quote((pack,))).lines == (pack,)


# --- the books ----------------------------------------------------------------------------------------------


def test_tax_is_owed_to_nobody_who_shares(paid):
    assert balances() == {
        "gateway:paynoi": 100_24, "payment-tails": -24, "sales": -93_46,
        "revenue-shares": 93_46, "platform": -28_04, ORGANIZER: -65_42, TAX: -6_54,
    }  # fmt: skip
    assert revenue.summary(DEFAULT).gross == 93_46


def test_it_is_booked_once(paid):
    tax = paid.lines[0].tax
    assert not service.book(DEFAULT, order=paid.id, line="line-1", tax=tax, base=93_46, currency="THB")

    assert ledger.balance(DEFAULT, TAX) == -6_54


def test_refunds_take_it_back_by_parts_until_nothing_is_left(paid):
    first = give_back(paid, Wanted("line-1", 33_33))
    assert (first.parts[0].tax, ledger.balance(DEFAULT, TAX)) == (2_18, -4_36)
    assert revenue.summary(DEFAULT).gross == 93_46 - 31_15

    second = give_back(paid, Wanted("line-1", 33_33), key="refund-2")
    last = give_back(paid, key="refund-3")

    assert [each.parts[0].tax for each in (second, last)] == [2_18, 2_18]
    assert orders.get(DEFAULT, paid.id).status is Status.REFUNDED
    assert balances() == {}
    assert revenue.summary(DEFAULT).gross == 0


def test_a_refund_that_is_told_of_twice_takes_it_back_once(paid):
    refund = give_back(paid, Wanted("line-1", 50_00))

    refunds.take_back(DEFAULT, paid.id, refund.id)

    assert ledger.balance(DEFAULT, TAX) == -3_27


def test_nothing_is_owed_of_what_was_never_delivered(taxed, payment, gateway, order):
    with clock.travel(timedelta(days=2)):
        orders.expire_due()
    selling.stock(DEFAULT, 0)
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)
    assert orders.get(DEFAULT, order.id).status is Status.PAID_LATE

    refund = give_back(order)

    assert (refund.amount, refund.parts[0].tax) == (100_24, 0)
    assert balances() == {}


# --- the report ---------------------------------------------------------------------------------------------


def reported(first=None, last=None):
    return service.report(DEFAULT, first or today(), last or today())


def test_a_report_says_what_was_taxed_and_what_went_back_by_rate(paid):
    give_back(paid, Wanted("line-1", 33_33))

    (total,) = reported().totals

    assert (total.tax_class, total.name, total.rate, total.inclusive) == ("things", "VAT", 7_000, True)
    assert (total.base, total.tax, total.base_back, total.tax_back) == (93_46, 6_54, 31_15, 2_18)
    assert reported().due == -ledger.balance(DEFAULT, TAX) == 4_36
    told = encoded(schemas.Report, reported())
    assert (told["from"], told["to"], told["due"]) == (f"{today()}", f"{today()}", 4_36)
    assert (told["items"][0]["reversedBase"], told["items"][0]["reversedTax"]) == (31_15, 2_18)


def test_the_report_of_any_days_is_what_the_ledger_booked_in_them(paid, buyer, gateway):
    zone, begins = ZoneInfo("Asia/Bangkok"), today()
    with clock.travel(timedelta(days=1)):
        give_back(paid, Wanted("line-1", 20_00))
    with clock.travel(timedelta(days=2)):
        set_rates(rate(valid_from=begins), rate(10_000, inclusive=False), version=1)
        carts.add(buyer, [Item("things", "c")])
        second = payments.create_payment(buyer, place(buyer, key="checkout-2").id)
        gateway.set(second.transaction, "captured")
        payments.settle(DEFAULT, second.id)
        deliver.all()
        give_back(paid, key="refund-2")

    for first in range(3):
        for last in range(first, 3):
            days = [begins + timedelta(days=number) for number in range(first, last + 1)]
            booked = [
                -movement.amount
                for movement in ledger.movements(DEFAULT, TAX, PageRequest(100)).items
                if movement.at.astimezone(zone).date() in days
            ]
            assert reported(days[0], days[-1]).due == sum(booked)
    assert [(total.rate, total.due > 0) for total in reported(begins, begins + timedelta(days=2)).totals] == [
        (7_000, False),
        (10_000, True),
    ]


def test_what_is_sold_without_tax_has_its_base_in_the_report(things, buyer, gateway):
    set_rates(rate(0))
    carts.add(buyer, [Item("things", "a")])
    payment = payments.create_payment(buyer, place(buyer).id)
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)
    deliver.all()
    give_back(orders.get(DEFAULT, payment.order), Wanted("line-1", 10_00))

    (total,) = reported().totals

    assert (total.base, total.tax, total.base_back, total.tax_back) == (50_00, 0, 10_00, 0)


def test_a_report_as_a_table(paid):
    lines = sheet.written(replace(reported(), totals=(replace(reported().totals[0], name="=VAT"),))).splitlines()

    day = today().isoformat()
    assert lines[0].startswith("from,to,class,name,percent,inclusive,base,tax")
    assert lines[1:] == [f"{day},{day},things,'=VAT,7,yes,93.46,6.54,0.00,0.00,6.54,THB"]


def test_a_report_is_of_last_month_or_of_a_year_at_most(paid):
    found = service.report(DEFAULT, None, None)
    assert (found.first.day, found.last + timedelta(days=1), found.totals) == (1, today().replace(day=1), ())

    with pytest.raises(Invalid, match="period_ends_first"):
        reported(today(), today() - timedelta(days=1))
    with pytest.raises(Invalid, match="period_too_long"):
        reported(today() - timedelta(days=366), today())
    assert reported(today() - timedelta(days=365), today()).due == 6_54
