from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.money import Money, allocate

amounts = st.integers(-(10**12), 10**12)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=50).filter(any)


@given(amounts, amounts)
def test_money_adds_and_subtracts_exactly(one, other):
    assert Money(one, "THB") + Money(other, "THB") == Money(one + other, "THB")
    assert Money(one, "THB") + Money(other, "THB") - Money(other, "THB") == Money(one, "THB")


@given(amounts, st.integers(0, 1000))
def test_times(amount, times):
    assert Money(amount, "THB") * times == Money(amount * times, "THB")


@pytest.mark.parametrize("amount", [1.0, 0.1, True, "100", Decimal(100), None])
def test_money_is_whole_numbers_only(amount):
    with pytest.raises(TypeError, match="whole minor units"):
        Money(amount, "THB")


def test_a_product_with_a_float_is_no_money():
    with pytest.raises(TypeError):
        Money(100, "THB") * 1.07  # type: ignore[operator]


@pytest.mark.parametrize("combine", [Money.__add__, Money.__sub__])
def test_currencies_do_not_mix(combine):
    with pytest.raises(ValueError, match="THB and USD"):
        combine(Money(1, "THB"), Money(1, "USD"))


def test_amounts_of_currencies_have_no_order():
    with pytest.raises(TypeError):
        sorted([Money(1, "THB"), Money(1, "USD")])  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(29_900, "THB"), "299.00 THB"),
        (Money(5, "THB"), "0.05 THB"),
        (Money(0, "THB"), "0.00 THB"),
        (Money(-1, "THB"), "-0.01 THB"),
        (Money(123_456_789, "USD"), "1,234,567.89 USD"),
        (Money(1_200, "JPY"), "1,200 JPY"),
        (Money(-5, "KRW"), "-5 KRW"),
        (Money(0, "VND"), "0 VND"),
        (Money(1_234_567, "KWD"), "1,234.567 KWD"),
    ],
)
def test_money_in_words(money, text):
    assert str(money) == text


@pytest.mark.parametrize(
    ("total", "shares", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),  # equal remainders: the first comes first
        (100, [1, 2], [33, 67]),
        (-100, [1, 1, 1], [-34, -33, -33]),  # a refund takes back what was given
        (2, [1, 1, 1], [1, 1, 0]),
        (0, [3, 4], [0, 0]),
        (7, [5], [7]),
        (10, [0, 1, 0], [0, 10, 0]),
    ],
)
def test_allocation(total, shares, parts):
    assert allocate(total, shares) == parts


@given(amounts, weights)
def test_parts_always_sum_to_the_total(total, shares):
    assert sum(allocate(total, shares)) == total


@given(amounts, weights)
def test_no_part_is_a_unit_or_more_from_its_exact_share(total, shares):
    whole = sum(shares)

    for part, weight in zip(allocate(total, shares), shares, strict=True):
        assert abs(part * whole - total * weight) < whole


@given(amounts, weights)
def test_parts_are_whole_numbers(total, shares):
    assert {type(part) for part in allocate(total, shares)} == {int}


@given(amounts, weights)
def test_what_is_taken_back_is_what_was_given(total, shares):
    assert allocate(-total, shares) == [-part for part in allocate(total, shares)]


@pytest.mark.parametrize("shares", [[], [0], [0, 0], [-1], [3, -1]])
def test_weights_that_share_nothing_are_refused(shares):
    with pytest.raises(ValueError, match="weights"):
        allocate(100, shares)


@given(amounts, st.sampled_from(["THB", "JPY", "KWD", "CLF"]))
def test_whole_units_and_minor_units_are_the_same_money(amount, currency):
    money = Money(amount, currency)
    assert Money.of(money.decimal, currency) == money


@pytest.mark.parametrize(("units", "currency"), [("0.001", "THB"), ("0.5", "JPY"), ("1.0005", "KWD")])
def test_nothing_is_finer_than_its_currency(units, currency):
    with pytest.raises(ValueError, match="no amount of money"):
        Money.of(Decimal(units), currency)
