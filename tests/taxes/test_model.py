"""The worked examples of docs/pricing.md, and what holds of all others."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, Invalid
from chalicelib.lines.contract import Part, Quote, QuoteLine, percent
from chalicelib.revenue.model import shared
from chalicelib.revenue.model import taken_back as shares_taken_back
from chalicelib.taxes.model import WHOLE, Rate, Rounding, TaxTable, taken_back, taxed

DOCUMENT = Path(__file__).parents[2] / "docs" / "pricing.md"
TODAY = date(2026, 11, 21)
SOON = TODAY + timedelta(days=1)


def worked_examples():
    table = DOCUMENT.read_text().partition("| case | rate |")[2].partition("\n\n")[0]
    for row in table.splitlines()[2:]:
        case, rate, where, rounding, prices, tax, paid = (cell.strip() for cell in row.strip("|").split("|"))
        inclusive = {"in the price": True, "on top": False}[where]
        how = Rate("photos", "VAT", int(Decimal(rate) * 1000), inclusive), Rounding(rounding)
        yield pytest.param(*how, minor(prices), minor(tax), minor(paid)[0], id=case)


def minor(texts):
    return [int(text.replace(".", "")) for text in texts.split()]


def line(amount, tax_class="photos"):
    return QuoteLine("photos", "evt_1", "-", ("pho_1",), (Part("one", "-", 1, amount),), amount, amount, "-",
                     tax_class=tax_class)  # fmt: skip


def quote(amounts, rate, rounding):
    return Quote(taxed([line(amount) for amount in amounts], {"photos": rate}, rounding))


def vat(rate, valid_from=date.min, tax_class="photos"):
    return Rate(tax_class, "VAT", rate, True, valid_from)


@pytest.mark.parametrize(("rate", "rounding", "prices", "tax", "paid"), list(worked_examples()))
def test_a_worked_example(rate, rounding, prices, tax, paid):
    sold = quote(prices, rate, rounding)

    assert [line.tax.amount for line in sold.lines] == tax
    assert sold.total == paid
    (summed,) = sold.taxes
    assert (summed.name, summed.rate, summed.inclusive) == ("VAT", rate.rate, rate.inclusive)
    assert (summed.base, summed.amount) == (paid - sum(tax), sum(tax))


def test_there_are_worked_examples():
    assert len(list(worked_examples())) >= 12


def test_a_rate_holds_from_its_day_until_the_next_one_of_its_class():
    """Kazakhstan's 12 % became 16 % with the year 2026."""
    table = TaxTable("org_1", (vat(16_000, date(2026, 1, 1)), vat(12_000, date(2009, 1, 1)), vat(0, TODAY, "licences")))

    assert table.on(date(2008, 12, 31)) == {}
    assert table.on(date(2025, 12, 31))["photos"].rate == 12_000
    assert table.on(date(2026, 1, 1))["photos"].rate == 16_000
    assert table.on(TODAY)["licences"].rate == 0


def test_what_no_rate_is_for_has_no_tax_and_a_rate_of_nothing_is_named():
    untaxed, free = taxed([line(100_00, "licences"), line(100_00)], {"photos": vat(0)}, Rounding.LINE)

    assert untaxed == line(100_00, "licences")
    assert (free.amount, free.tax.amount, Quote((untaxed, free)).taxes[0].base) == (100_00, 0, 100_00)


def test_rates_are_summed_up_apart():
    rates = {"photos": vat(7_000), "licences": Rate("licences", "VAT", 7_000, False)}
    quote = Quote(taxed([line(107_00), line(100_00, "licences"), line(214_00)], rates, Rounding.ORDER))

    assert [(tax.inclusive, tax.base, tax.amount) for tax in quote.taxes] == [
        (True, 300_00, 21_00),
        (False, 100_00, 7_00),
    ]
    assert (quote.total, quote.saved) == (428_00, 0)


@pytest.mark.parametrize(("rate", "text"), [(7_000, "7"), (8_875, "8.875"), (100_000, "100"), (0, "0")])
def test_a_rate_for_people(rate, text):
    assert percent(rate) == text


# --- the table ----------------------------------------------------------------------------------------------

HELD = TaxTable("org_1", (vat(12_000, date(2025, 1, 1)), vat(16_000, SOON)), version=3)


def test_what_is_to_come_may_change_and_what_is_in_force_may_end():
    changed = HELD.changed([vat(12_000, date(2025, 1, 1)), vat(13_000, TODAY)], Rounding.ORDER, 3, TODAY)

    assert [rate.rate for rate in changed.rates] == [12_000, 13_000]
    assert (changed.rounding, changed.version) == (Rounding.ORDER, 3)


@pytest.mark.parametrize(
    ("rates", "error", "code"),
    [
        ([vat(11_000, date(2025, 1, 1))], Conflict, "tax_in_force"),
        ([vat(12_000, date(2024, 1, 1))], Conflict, "tax_in_force"),
        ([], Conflict, "tax_in_force"),
        ([*HELD.rates, vat(7_000, TODAY - timedelta(days=1))], Invalid, "tax_in_past"),
        ([*HELD.rates, vat(7_000, SOON)], Invalid, "tax_twice"),
    ],
)
def test_the_past_stays(rates, error, code):
    with pytest.raises(error, match=code):
        HELD.changed(rates, Rounding.LINE, 3, TODAY)


# --- whatever the amounts -----------------------------------------------------------------------------------

amounts = st.lists(st.integers(0, 10_000_000), min_size=1, max_size=12)
rates = st.builds(Rate, st.just("photos"), st.just("VAT"), st.integers(0, WHOLE), st.booleans())


@given(amounts, rates, st.sampled_from(Rounding))
def test_the_parts_come_to_the_whole(amounts, rate, rounding):
    sold = quote(amounts, rate, rounding)

    assert sold.total == sum(line.amount for line in sold.lines)
    assert sold.saved == 0
    for line, price in zip(sold.lines, amounts, strict=True):
        assert 0 <= line.tax.amount <= line.amount
        assert line.amount - line.tax.added == price == sum(part.amount for part in line.parts)
    (summed,) = sold.taxes
    assert summed.amount == sum(line.tax.amount for line in sold.lines)
    assert summed.base + summed.amount == sold.total


@given(amounts, rates)
def test_rounding_per_order_rounds_once_and_moves_a_line_by_a_minor_unit_at_most(amounts, rate):
    by_line, by_order = (quote(amounts, rate, rounding) for rounding in Rounding)

    assert by_order.taxes[0].amount == rate.of(sum(amounts))
    for one, other in zip(by_line.lines, by_order.lines, strict=True):
        assert abs(one.tax.amount - other.tax.amount) <= 1


@given(st.integers(1, 10_000_000), rates)
def test_tax_is_right_to_half_a_minor_unit(amount, rate):
    exact = Decimal(amount * rate.rate) / (WHOLE + rate.rate if rate.inclusive else WHOLE)

    assert Decimal("-0.5") < rate.of(amount) - exact <= Decimal("0.5")


@given(st.data(), st.integers(1, 1_000_000), rates, st.integers(1, 5))
def test_refunds_in_any_steps_take_back_all_of_tax_and_shares_and_no_more(data, price, rate, things):
    (sold,) = quote([price], rate, Rounding.LINE).lines
    refs = [f"pho_{number}" for number in range(things)]
    makers = [data.draw(st.sampled_from(["usr_1", "usr_2"])) for _ in refs]
    shares = shared(sold.net, refs, makers, "evt_1", {})
    line_left, tax_left, returned = sold.amount, sold.tax.amount, []
    while line_left:
        amount = data.draw(st.integers(1, line_left) if len(returned) < 6 else st.just(line_left))
        tax = taken_back(amount, line_left, tax_left)
        earlier = [[each[number] for each in returned] for number in range(len(shares))]
        back = shares_taken_back(shares, earlier, amount - tax, whole=amount == line_left)
        returned.append(back)

        assert 0 <= tax <= tax_left
        assert abs(tax * line_left - amount * tax_left) * 2 <= line_left
        assert sum(thing.gross for things in back for thing in things) == amount - tax
        line_left, tax_left = line_left - amount, tax_left - tax

    assert tax_left == 0
