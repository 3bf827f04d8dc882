from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import clock

moments = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 (Hypothesis adds the zone)
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def test_now_is_utc_to_the_millisecond():
    now = clock.now()

    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0


def test_now_lies_between_two_looks_at_the_systems_clock():
    before = datetime.now(UTC)
    now = clock.now()
    after = datetime.now(UTC)

    assert before - timedelta(milliseconds=1) < now <= after


def test_travel_shifts_now_and_comes_back():
    before = clock.now()

    with clock.travel(timedelta(days=30)):
        assert clock.now() >= before + timedelta(days=30)
    assert clock.now() < before + timedelta(days=29)


def test_journeys_add_up():
    before = clock.now()

    with clock.travel(timedelta(days=2)), clock.travel(timedelta(days=-1)):
        there = clock.now()

    assert timedelta(days=1) <= there - before < timedelta(days=2)


def test_travel_comes_back_after_an_error():
    before = clock.now()

    with pytest.raises(KeyError), clock.travel(timedelta(days=30)):
        raise KeyError

    assert clock.now() < before + timedelta(days=29)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 20, 8, 5, 3, 7_999, UTC), "2026-11-20T08:05:03.007Z"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00.000Z"),
        (datetime(2026, 1, 2, 3, 0, 0, 0, timezone(timedelta(hours=7))), "2026-01-01T20:00:00.000Z"),
    ],
)
def test_stamp(moment, text):
    assert clock.stamp(moment) == text


@given(st.lists(moments, min_size=2))
def test_stamps_sort_like_the_moments(many):
    cut = [moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in many]

    assert [clock.stamp(moment) for moment in sorted(cut)] == sorted(clock.stamp(moment) for moment in cut)


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(2026, 11, 20, 0, 0, 0, 999_000, UTC), 1_795_132_800),
    ],
)
def test_epoch_counts_whole_seconds(moment, seconds):
    assert clock.epoch(moment) == seconds
