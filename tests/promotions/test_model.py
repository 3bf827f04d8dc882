from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Invalid
from chalicelib.lines.contract import Part, Quote, QuoteLine
from chalicelib.promotions.model import Kind, Promotion, discounted, normal_code

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def line(amount=100_00, *, kind="photos", subject="evt_1", count=4, prepaid=False):
    refs = tuple(f"{subject}-{number}" for number in range(count))
    part = Part("all", "All", 1, amount)
    return QuoteLine(kind, subject, "Photos", refs, (part,), amount, amount, "one price", prepaid=prepaid)


def promotion(kind=Kind.PERCENT, **terms):
    usual: dict[Kind, dict[str, Any]] = {
        Kind.PERCENT: {"percent": 10},
        Kind.AMOUNT: {"amount": 30_00},
        Kind.FREE_ITEMS: {"buy": 3, "free": 1},
    }
    made: dict[str, Any] = {"id": "prm_1", "organization": "org_1", "code": "RIVER", "name": "River", "created_at": NOW}
    return Promotion(kind=kind, **made | usual[kind] | terms)


def taken_off(promotion, *lines):
    return discounted(Quote(tuple(lines)), [promotion]).discounts[0].amount


@pytest.mark.parametrize(
    ("wanted", "amounts", "off"),
    [
        (promotion(percent=10), [100_00], 10_00),
        (promotion(percent=33), [1_00, 99], 65),
        (promotion(percent=100), [100_00, 1], 100_01),
        (promotion(Kind.AMOUNT, amount=30_00), [100_00], 30_00),
        (promotion(Kind.AMOUNT, amount=500_00), [100_00, 50_00], 150_00),
        (promotion(Kind.FREE_ITEMS), [100_00, 80_00], 45_00),
        (promotion(Kind.FREE_ITEMS, buy=4, free=1), [100_00], 0),
    ],
)
def test_what_a_code_takes_off(wanted, amounts, off):
    assert taken_off(wanted, *(line(amount, subject=f"evt_{n}") for n, amount in enumerate(amounts))) == off


def test_a_code_is_for_what_it_names():
    lines = line(100_00, subject="evt_1"), line(100_00, subject="evt_2"), line(100_00, kind="credits", prepaid=True)

    assert taken_off(promotion(), *lines) == 20_00
    assert taken_off(promotion(subjects=("evt_2",)), *lines) == 10_00
    assert taken_off(promotion(kinds=("credits",)), *lines) == 10_00
    assert taken_off(promotion(kinds=("things",)), *lines) == 0


@pytest.mark.parametrize(
    ("terms", "lines", "problem"),
    [
        ({"active": False}, [line()], "promo_off"),
        ({"starts_at": NOW + timedelta(seconds=1)}, [line()], "promo_not_yet"),
        ({"ends_at": NOW}, [line()], "promo_over"),
        ({"minimum": 100_01}, [line(100_00)], "promo_minimum"),
        ({"minimum": 100_00}, [line(100_00)], None),
        ({"minimum": 60_00, "subjects": ("evt_2",)}, [line(100_00), line(50_00, subject="evt_2")], "promo_minimum"),
        ({"kinds": ("things",)}, [line()], "promo_nothing_fits"),
        ({"starts_at": NOW, "ends_at": NOW + timedelta(seconds=1)}, [line()], None),
    ],
)
def test_what_speaks_against_a_code(terms, lines, problem):
    wanted = promotion(**terms)

    found = wanted.why_not(NOW) or wanted.why_not_for(lines, "THB")

    assert (found.code if found else None) == problem


@pytest.mark.parametrize(
    ("kind", "terms"),
    [
        (Kind.PERCENT, {"percent": 0}),
        (Kind.PERCENT, {"amount": 5}),
        (Kind.FREE_ITEMS, {"buy": 0}),
        (Kind.AMOUNT, {"starts_at": NOW, "ends_at": NOW}),
    ],
)
def test_terms_that_make_no_sense_are_refused(kind, terms):
    with pytest.raises(Invalid, match="promotion_terms"):
        promotion(kind, **terms)


def test_codes_are_the_same_however_they_are_typed():
    assert normal_code(" river-10 ") == "RIVER-10"


amounts = st.integers(0, 10**7)
lines_of = st.lists(st.builds(line, amounts, subject=st.sampled_from(["evt_1", "evt_2", "evt_3"])), min_size=1)
promotions = st.lists(
    st.one_of(
        st.builds(promotion, st.just(Kind.PERCENT), percent=st.integers(1, 100)),
        st.builds(promotion, st.just(Kind.AMOUNT), amount=st.integers(1, 10**7)),
        st.builds(
            promotion,
            st.just(Kind.FREE_ITEMS),
            buy=st.integers(1, 5),
            free=st.integers(1, 5),
            subjects=st.sampled_from([(), ("evt_1",)]),
        ),
    ),
    max_size=3,
)


@given(lines_of, promotions)
def test_every_discount_is_taken_off_some_line_and_none_gets_below_nothing(lines, codes):
    quote = Quote(tuple(lines))

    less = discounted(quote, codes)

    assert less.total == quote.total - sum(each.amount for each in less.discounts)
    assert less.discount == sum(each.amount for each in less.discounts)
    assert all(0 <= now.amount == was.amount - now.discount for was, now in zip(lines, less.lines, strict=True))
    assert all(sum(part.amount for part in now.parts) == now.amount + now.discount for now in less.lines)


@given(lines_of, promotions)
def test_the_order_in_which_codes_were_typed_does_not_matter(lines, codes):
    named = [replace(each, code=f"CODE-{number}") for number, each in enumerate(codes)]

    assert discounted(Quote(tuple(lines)), named) == discounted(Quote(tuple(lines)), named[::-1])
