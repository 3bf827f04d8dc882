"""What photographers and staff learn of photos and events, and what visitors find in a gallery."""

import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core import clock, storage
from chalicelib.core.errors import Forbidden, NotFound
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest
from chalicelib.entitlements.service import Sales
from chalicelib.events import service as events
from chalicelib.events.model import Access, EventStatus
from chalicelib.lines.photos import jobs, service, store
from chalicelib.lines.photos.line import LINE
from chalicelib.lines.photos.model import Wanted
from chalicelib.lines.photos.times import RATIO, STEPS, Times, step_of
from tests.events.people import ADMIN, OTHER, VISITOR, caller
from tests.lines.photos.pictures import jpeg
from tests.lines.photos.test_line import sold
from tests.lines.photos.test_routes import api, call  # noqa: F401 (fixtures)

PAGE = PageRequest(size=20)
TAKEN = "2025:11:20 {}"


def approved(world, *times, by=None):
    """Photos on sale, taken at these times of a day in Bangkok."""
    files = [jpeg(zlib.crc32(time.encode()) % 250, taken=TAKEN.format(time)) for time in times]
    return [service.approve_photo(ADMIN, photo.id).photo for photo in world.upload(*files, by=by)]


@pytest.fixture
def still(monkeypatch):
    """A clock that only moves when it is moved: how long something takes here is not the machine's."""
    at = clock.now()
    monkeypatch.setattr(clock, "now", lambda: at + clock._offset)


def named(found):
    return [shown.photo.id for shown in found]


# --- the way of a photo


def test_the_timeline_tells_when_a_photo_came_how_far(world):
    file = jpeg(1)
    (offered,) = world.offer(file).files
    notice = world.send(offered.form, file.content)
    stored_at = clock.now() - timedelta(seconds=30)
    notice["Records"][0]["eventTime"] = clock.stamp(stored_at)
    assert jobs.ingest(notice) is Outcome.SUCCESS
    before = service.metadata(world.photographer, offered.photo).timeline
    with clock.travel(timedelta(hours=1)):
        service.approve_photo(ADMIN, offered.photo)

    photo = world.photo(offered.photo)
    after = service.metadata(ADMIN, offered.photo).timeline
    assert (before["approved"], before["live"]) == (None, None)
    assert after == {
        "offered": photo.offered_at,
        "uploaded": stored_at,
        "received": photo.uploaded_at,
        "ready": photo.ready_at,
        "approved": photo.reviewed_at,
        "live": photo.reviewed_at,
    }
    assert photo.reviewed_at - photo.ready_at >= timedelta(minutes=59)


def test_a_photo_is_live_with_its_event_and_not_without(world):
    (photo,) = approved(world, "19:00:00")
    event = events.get(world.event.organization, world.event.id)
    hidden = events.move_event(ADMIN, event.id, EventStatus.REVIEWING, event.version)
    assert service.metadata(ADMIN, photo.id).timeline["live"] is None

    events.delete_event(ADMIN, hidden.id)
    assert service.metadata(ADMIN, photo.id).timeline["live"] is None
    assert service.metadata(ADMIN, photo.id).timeline["approved"] == photo.sellable_at


def test_metadata_is_for_its_photographer_and_staff(world):
    (photo,) = approved(world, "19:00:00")

    assert service.metadata(world.photographer, photo.id).photo.photo.id == photo.id
    for stranger in (VISITOR, caller("photographer"), replace(ADMIN, organization=OTHER)):
        with pytest.raises(NotFound):
            service.metadata(stranger, photo.id)


def test_metadata_over_http(world, call):  # noqa: F811
    (photo,) = approved(world, "19:00:00")

    told = call("GET", f"/photos/{photo.id}/timeline", by=world.photographer).json()["data"]

    assert told["photo"]["exif"]["make"] == "Canary Camera"
    assert list(told["timeline"]) == ["offered", "uploaded", "received", "ready", "approved", "live"]
    assert call("GET", f"/photos/{photo.id}/metadata").status == 401


# --- an event in figures


def test_statistics_are_counted_as_things_happen(world, still):
    first, second, _ = approved(world, "19:00:00", "19:00:01", "19:00:02")
    LINE.fulfil(sold(world, first, second))
    LINE.fulfil(sold(world, first, second))

    found = service.statistics(ADMIN, world.event.slug)

    assert (found.photos.approved, found.photos.total) == (3, 3)
    assert found.sales == Sales(orders=1, files=2, amount=100_00, downloads=0)
    assert (found.times.total, found.times.within(0.5)) == (3, 1.0)


def test_a_photo_is_timed_when_it_comes_on_sale_first(world, still):
    (photo,) = approved(world, "19:00:00")
    service.reject_photo(ADMIN, photo.id, "no")
    with clock.travel(timedelta(hours=5)):
        service.approve_photo(ADMIN, photo.id)

    assert service.statistics(ADMIN, world.event.id).times.counts == {0: 1}
    assert store.times(OTHER, world.event.id).total == 0


def test_what_an_event_approves_by_itself_is_timed_too(world):
    event = events.get(world.event.organization, world.event.id)
    events.edit_event(ADMIN, event.id, replace(event.details, auto_approve=True), None, event.version)

    (photo,) = world.upload(jpeg(3))

    assert photo.sellable_at == photo.ready_at
    assert service.statistics(ADMIN, event.id).times.total == 1


def test_statistics_over_http(world, call, still):  # noqa: F811
    approved(world, "19:00:00")
    path = f"/events/{world.event.slug}/statistics"

    told = call("GET", path, by=ADMIN).json()["data"]

    assert told["photos"]["approved"] == 1
    assert told["uploadToSale"] == {"photos": 1, "p50Seconds": 1.0, "p95Seconds": 1.0}
    assert told["sales"] == {"orders": 0, "photos": 0, "amount": 0, "currency": "THB", "downloads": 0}
    assert [call("GET", path, role=role).status for role in (None, "photographer")] == [401, 403]


@pytest.mark.parametrize("seconds", [0, 0.2, 1, 1.01, 7, 59, 3600, 86_400.5])
def test_a_step_is_at_most_a_quarter_too_long(seconds):
    end = RATIO ** step_of(seconds)

    assert seconds <= end <= max(1, seconds * RATIO)


def test_shares_of_times():
    times = Times({step_of(n): 1 for n in (1, 10, 100, 1000)} | {STEPS - 1: 1})

    assert Times({}).within(0.5) is None
    assert [round(times.within(share)) for share in (0.2, 0.4, 0.5, 0.8)] == [1, 12, 108, 1010]
    assert step_of(10**9) == STEPS - 1


# --- galleries


def test_a_gallery_is_sorted_and_cut_by_time(world):
    one, two, three = approved(world, "19:00:00", "19:10:00", "19:20:00")
    at = datetime(2025, 11, 20, 12, 10, tzinfo=UTC)  # 19:10 in Bangkok

    def found(**wanted):
        return service.event_photos(VISITOR, world.event.slug, PAGE, Wanted(**wanted))

    assert named(found().items) == [one.id, two.id, three.id]
    assert named(found(newest_first=True).items) == [three.id, two.id, one.id]
    assert named(found(since=at).items) == [two.id, three.id]
    assert named(found(until=at).items) == [one.id]
    assert named(found(since=at, until=at + timedelta(minutes=10), newest_first=True).items) == [two.id]
    assert (found().total, found(since=at).total) == (3, None)


def test_a_gallery_of_one_photographer(world, photographers):
    mai = photographers("mai")
    events.assign(ADMIN, world.event.id, mai.known_user)
    mine = approved(world, "19:00:00", "19:10:00", by=mai)
    approved(world, "19:05:00")
    (pending,) = world.upload(jpeg(200), by=mai)

    def found(**wanted):
        hers = Wanted(photographer=mai.known_user, **wanted)
        return set(named(service.event_photos(VISITOR, world.event.slug, PAGE, hers).items))

    assert found() == {photo.id for photo in mine}
    assert found(until=mine[1].taken_at) == {mine[0].id}
    assert pending.id not in found()


def test_a_gallery_over_http(world, call):  # noqa: F811
    one, two = approved(world, "19:00:00", "19:10:00")
    path = f"/events/{world.event.slug}/photos"

    def asked(query):
        return [item["id"] for item in call("GET", f"{path}?{query}").json()["data"]["items"]]

    assert asked("sort=newest") == [two.id, one.id]
    assert asked("since=2025-11-20T19:05:00%2B07:00") == [two.id]
    assert set(asked(f"photographer={world.photographer.user}")) == {one.id, two.id}
    assert call("GET", f"{path}?since=yesterday").status == 400


def test_related_are_of_the_same_burst(world, photographers):
    mai = photographers("mai")
    events.assign(ADMIN, world.event.id, mai.known_user)
    one, two, late = approved(world, "19:00:00", "19:00:08", "19:00:31")
    approved(world, "19:00:03", by=mai)

    assert named(service.related_photos(VISITOR, one.id, PAGE).items) == [two.id]
    assert named(service.related_photos(VISITOR, late.id, PAGE).items) == []
    (pending,) = world.upload(jpeg(9))
    with pytest.raises(NotFound):
        service.related_photos(VISITOR, pending.id, PAGE)


def test_photos_of_an_event_with_a_code_are_for_who_has_it(world):
    (photo,) = approved(world, "19:00:00")
    event = events.get(world.event.organization, world.event.id)
    coded = events.restrict(ADMIN, event.id, Access.CODE, "mango rice", event.version)

    for look in (service.show_photo, lambda who, id: service.related_photos(who, id, PAGE)):
        with pytest.raises(Forbidden, match="access_code_required"):
            look(VISITOR, photo.id)
    events.restrict(ADMIN, event.id, Access.PRIVATE, None, coded.version)
    with pytest.raises(NotFound, match="photo_not_found"):
        service.show_photo(VISITOR, photo.id)


# --- to be shared, on screens and on walls


def test_a_photo_has_a_page_that_other_sites_can_show(world, call):  # noqa: F811
    (photo,) = approved(world, "19:00:00")

    answer = call("GET", f"/photos/{photo.id}/share")

    text = answer.body.decode()
    told = dict(re.findall(r'<meta property="og:([a-z_:]+)" content="([^"]*)">', text))
    preview = told["image"].replace("&amp;", "&")
    assert (told["title"], told["type"]) == (world.event.name, "website")
    assert told["url"].endswith(f"/photos/{photo.id}/share")
    assert "/previews/" in preview
    assert "deliveries" not in text
    assert f"img-src {preview.split('/thepixstock')[0]}" in answer.header("Content-Security-Policy")
    assert "<script" not in text
    (pending,) = world.upload(jpeg(9))
    assert call("GET", f"/photos/{pending.id}/share").status == 404


def test_a_poster_is_a_page_of_a4(world, call):  # noqa: F811
    event = events.get(world.event.organization, world.event.id)
    coded = events.restrict(ADMIN, event.id, Access.CODE, "mango rice", event.version)
    details = replace(coded.details, name="งานวิ่งกลางคืน กรุงเทพมหานคร ครั้งที่ 12 Bangkok Night Run")
    events.edit_event(ADMIN, event.id, details, None, coded.version)

    told = call("POST", f"/events/{event.slug}/poster", by=ADMIN).json()["data"]

    drawn = storage.read("previews", f"posters/{event.organization}/{event.id}.pdf")
    assert drawn.startswith(b"%PDF-1.")
    assert b"/MediaBox [ 0 0 595.2 841.92 ]" in drawn
    assert len(drawn) < 200_000
    assert f"{event.slug}.pdf" in told["url"]
    assert call("POST", f"/events/{event.slug}/poster", role="photographer").status == 403
