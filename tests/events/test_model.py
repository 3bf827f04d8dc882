from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, Invalid
from chalicelib.events.model import (
    LONGEST_SLUG,
    MOST_PHOTOGRAPHERS,
    MOVES,
    Details,
    Event,
    EventStatus,
    slug_of,
)

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

ALLOWED = {
    "planning": {"shooting", "uploading", "processing", "reviewing", "live"},
    "shooting": {"uploading", "processing", "reviewing", "live"},
    "uploading": {"processing", "reviewing", "live"},
    "processing": {"uploading", "reviewing", "live"},
    "reviewing": {"uploading", "live"},
    "live": {"reviewing", "closed"},
    "closed": {"live"},
}


def event(**changes: object) -> Event:
    details = Details(name="Run", date=date(2026, 11, 20))
    plain = Event(id="evt_1", organization="org_1", slug="run", created_at=AT, updated_at=AT, **details.fields())
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("to", EventStatus)
@pytest.mark.parametrize("start", EventStatus)
def test_an_event_moves_only_as_the_table_says(start, to):
    before = event(status=start)

    if to.value in ALLOWED[start.value]:
        live_at = AT + HOUR if to is EventStatus.LIVE else None
        assert before.moved(to, AT + HOUR) == event(status=to, live_at=live_at, updated_at=AT + HOUR)
    else:
        with pytest.raises(Conflict, match="status_not_allowed"):
            before.moved(to, AT + HOUR)


def test_every_status_is_left_and_reached():
    assert set(MOVES) == set(EventStatus)
    assert set().union(*MOVES.values()) == set(EventStatus) - {EventStatus.PLANNING}


@pytest.mark.parametrize(
    ("status", "opens", "closes", "sells"),
    [
        ("live", None, None, True),
        ("live", AT, None, True),
        ("live", AT + HOUR, None, False),
        ("live", None, AT + HOUR, True),
        ("live", None, AT, False),
        ("live", AT - HOUR, AT + HOUR, True),
        ("reviewing", None, None, False),
        ("closed", None, None, False),
        ("planning", AT - HOUR, AT + HOUR, False),
    ],
)
def test_an_event_sells_while_it_is_live_within_its_window(status, opens, closes, sells):
    there = event(status=EventStatus(status), sale_opens_at=opens, sale_closes_at=closes)

    if sells:
        there.must_sell(AT)
    else:
        with pytest.raises(Conflict, match="sale_closed"):
            there.must_sell(AT)


@pytest.mark.parametrize("status", EventStatus)
def test_only_a_closed_event_takes_no_photos(status):
    if status is EventStatus.CLOSED:
        with pytest.raises(Conflict, match="event_closed"):
            event(status=status).must_take_uploads()
    else:
        event(status=status).must_take_uploads()


@pytest.mark.parametrize("zone", ["Bangkok", "", "../../etc/passwd", "Asia", "Asia/Bangkok\x00"])
def test_a_zone_that_is_none_is_refused(zone):
    with pytest.raises(Invalid, match="unknown_timezone") as refused:
        Details(name="Run", date=date(2026, 1, 1), timezone=zone)
    assert refused.value.field == "timezone"


def test_sales_must_open_before_they_close():
    with pytest.raises(Invalid, match="sale_window"):
        Details(name="Run", date=date(2026, 1, 1), sale_opens_at=AT, sale_closes_at=AT)


def test_photographers_are_assigned_once_and_up_to_a_limit():
    full = event()
    for number in range(MOST_PHOTOGRAPHERS):
        full = full.assigned(f"usr_{number}", AT)

    assert full.assigned("usr_3", AT) is full
    with pytest.raises(Conflict, match="too_many_photographers"):
        full.assigned("usr_new", AT)
    assert full.unassigned("usr_3", AT).photographers == tuple(
        f"usr_{number}" for number in range(MOST_PHOTOGRAPHERS) if number != 3
    )
    assert full.unassigned("usr_new", AT) is full


def test_an_event_that_sold_is_never_deleted():
    sold = event().sold(AT)

    assert sold.sold_at == AT
    assert sold.sold(AT + HOUR) is sold
    with pytest.raises(Conflict, match="event_sold"):
        sold.deleted(AT + HOUR)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Bangkok Night Run 2026", "bangkok-night-run-2026"),
        ("  Été à Paris!  ", "ete-a-paris"),
        ("งานวิ่งกรุงเทพ", "event-x7k2p9"),
        ("วิ่ง 2026", "event-2026-x7k2p9"),
        ("...", "event-x7k2p9"),
        ("งาน Run", "run"),
    ],
)
def test_a_slug_is_made_from_the_name(name, slug):
    assert slug_of(name, "x7k2p9") == slug


@given(st.text(max_size=300))
def test_a_slug_is_always_an_address(name):
    slug = slug_of(name, "x7k2p9")

    assert 0 < len(slug) <= LONGEST_SLUG
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not slug.startswith("-")
    assert not slug.endswith("-")
