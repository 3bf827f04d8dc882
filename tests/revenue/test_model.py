"""Splitting to the last satang, whatever is split."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Invalid
from chalicelib.revenue.model import Rule, Split, Takings, scope_of, scopes, shared, taken_back

EVENT, ANNA, BEN = "evt_1", "usr_anna", "usr_ben"
DAY = datetime(2026, 11, 21, tzinfo=UTC)


def rule(event=None, photographer=None, *, split, version=1):
    return Rule("org_1", event, photographer, split, DAY, None, version)


def by_scope(*rules):
    return {rule.scope: rule for rule in rules}


@st.composite
def splits(draw):
    platform = draw(st.integers(0, 10_000))
    photographer = draw(st.integers(0, 10_000 - platform))
    return Split(platform, photographer, 10_000 - platform - photographer)


def test_thirty_fifty_twenty_to_the_last_satang():
    (share,) = shared(1_499_01, ("a", "b", "c"), (ANNA,) * 3, EVENT, {})

    assert share.takings == Takings(3, platform=449_70, photographer=749_51, organizer=299_80)
    assert (share.rule, share.split) == ("default", Split(3_000, 5_000, 2_000))


@given(
    st.integers(0, 10**8),
    st.lists(st.sampled_from([ANNA, BEN, "usr_c"]), min_size=1, max_size=40),
    st.dictionaries(st.sampled_from([None, ANNA, BEN]), splits(), max_size=3),
)
def test_parts_come_to_the_amount_and_those_of_the_photos_to_the_parts(amount, makers, agreed):
    refs = tuple(f"pho_{number}" for number in range(len(makers)))
    rules = by_scope(*(rule(None, whose, split=split) for whose, split in agreed.items()))

    shares = shared(amount, refs, makers, EVENT, rules)

    assert sum(share.takings.gross for share in shares) == amount
    assert sorted(ref for share in shares for ref in share.refs) == sorted(refs)
    for share in shares:
        takings, split = share.takings, share.split
        parts = (takings.platform, split.platform), (takings.photographer, split.photographer)
        for part, points in (*parts, (takings.organizer, split.organizer)):
            assert abs(part * 10_000 - takings.gross * points) < 10_000, "within one satang of the rule"
        each = dict(share.by_ref())
        assert sum(each.values(), Takings()) == takings
        assert all(min(one.platform, one.photographer, one.organizer) >= 0 for one in each.values())


def test_things_of_nobody_leave_the_photographers_part_to_the_organizer():
    (share,) = shared(100_00, ("seat",), (), EVENT, {})

    assert share.photographer is None
    assert share.takings == Takings(1, platform=30_00, photographer=0, organizer=70_00)


def test_the_most_specific_rule_wins():
    of = {
        (None, None): Split(1_000, 1_000, 8_000),
        (EVENT, None): Split(2_000, 2_000, 6_000),
        (None, ANNA): Split(3_000, 3_000, 4_000),
        (EVENT, ANNA): Split(4_000, 4_000, 2_000),
    }
    rules = by_scope(*(rule(*whose, split=split) for whose, split in of.items()))
    won = []
    for scope in scopes(EVENT, ANNA):
        won.append(shared(100, ("a",), (ANNA,), EVENT, rules)[0].split.platform)
        del rules[scope]

    assert won == [4_000, 3_000, 2_000, 1_000]
    assert shared(100, ("a",), (ANNA,), EVENT, rules)[0].rule == "default"


def test_each_photographer_is_split_by_the_rule_of_their_own():
    rules = by_scope(rule(None, BEN, split=Split(0, 10_000, 0), version=7))

    anna, ben = shared(100_01, ("a", "b"), (ANNA, BEN), EVENT, rules)

    assert anna.takings == Takings(1, platform=15_00, photographer=25_01, organizer=10_00)
    assert ben.takings == Takings(1, photographer=50_00)
    assert ben.rule == f"{scope_of(None, BEN)}@7"


def test_parts_that_are_not_the_whole_are_refused():
    with pytest.raises(Invalid, match="split_incomplete"):
        Split(3_000, 5_000, 1_999)


# --- what a refund takes back -------------------------------------------------------------------------------


@st.composite
def refunded_lines(draw):
    """A line's shares, and amounts that add up to all of it."""
    count = draw(st.integers(1, 12))
    refs = [f"pho_{n}" for n in range(count)]
    makers = [draw(st.sampled_from(["a", "b", "c"])) for _ in refs]
    amount = draw(st.integers(0, 40_000))
    cuts = sorted(draw(st.lists(st.integers(0, amount), max_size=6)))
    steps = [after - before for before, after in zip([0, *cuts], [*cuts, amount], strict=True)]
    return shared(amount, refs, makers, "evt_1", {}), steps


@given(refunded_lines())
def test_any_sequence_of_refunds_takes_back_exactly_what_everybody_got(line):
    shares, steps = line
    earlier = [[] for _ in shares]

    for number, step in enumerate(steps, start=1):
        returns = taken_back(shares, earlier, step, whole=number == len(steps))
        assert sum(takings.gross for things in returns for takings in things) == step
        for share, before, things in zip(shares, earlier, returns, strict=True):
            whole = share.takings
            share_now = sum(things, Takings())
            for party in ("platform", "photographer", "organizer"):
                left = getattr(whole, party) - sum(getattr(thing, party) for each in before for thing in each)
                assert 0 <= getattr(share_now, party) <= left
        for before, things in zip(earlier, returns, strict=True):
            before.append(things)

    for share, before in zip(shares, earlier, strict=True):
        for position, (_, got) in enumerate(share.by_ref()):
            assert sum((each[position] for each in before), Takings()) == got


@given(refunded_lines())
def test_a_partial_refund_is_borne_by_everybody_in_proportion(line):
    shares, steps = line
    total = sum(share.takings.gross for share in shares)

    returns = taken_back(shares, [[] for _ in shares], steps[0], whole=False)

    for share, things in zip(shares, returns, strict=True):
        back = sum(things, Takings())
        for party in ("platform", "photographer", "organizer"):
            fair = getattr(share.takings, party) * steps[0] / total if total else 0
            assert abs(getattr(back, party) - fair) < 1
