"""Albums and locations: making them, filling them, finding photos by them, giving them up."""

import json
from datetime import timedelta

import pytest

from chalicelib.core.errors import Conflict, Forbidden, NotFound
from chalicelib.core.ids import new as new_id
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.albums import service
from chalicelib.lines.photos.albums.model import Kind
from chalicelib.lines.photos.model import FileOffer, Wanted
from infra.bench.meter import Usage, metered
from tests import deliver
from tests.events.people import ADMIN, OTHER, VISITOR, caller, opened
from tests.lines.photos.pictures import jpeg
from tests.stack import client

PHOTOS = "thepixstock-test-photos"

PAGE = PageRequest(size=20)


def made(world, name="Finish", kind=Kind.ALBUM, by=ADMIN):
    return service.add_album(by, world.event.id, kind, name)


def names(world, kind=None):
    return [album.name for album in service.list_albums(VISITOR, world.event.slug, kind, PAGE).items]


def found(world, request=PAGE, **wanted):
    return photos.event_photos(VISITOR, world.event.id, request, Wanted(**wanted))


def ids(page):
    return [shown.photo.id for shown in page.items]


def on_sale(world, *files):
    return [photos.approve_photo(ADMIN, photo.id).photo.id for photo in world.upload(*files)]


def moved(world, album, add=(), remove=(), by=ADMIN):
    return [each.error for each in service.move_photos(by, world.event.id, album.id, add, remove)]


# --- the albums ---


def test_staff_and_photographers_make_albums_and_locations_that_visitors_list(world):
    made(world, "Start", by=world.photographer)
    made(world, "km 21", Kind.LOCATION)
    made(world, "Finish")

    assert names(world, Kind.ALBUM) == ["Start", "Finish"]
    assert names(world, Kind.LOCATION) == ["km 21"]
    assert names(world) == ["Start", "Finish", "km 21"]


def test_who_does_not_photograph_an_event_makes_no_album_of_it(world):
    with pytest.raises(Forbidden, match="not_assigned"):
        made(world, by=caller("photographer"))
    with pytest.raises(NotFound, match="event_not_found"):
        made(world, by=caller("admin", organization=OTHER))

    assert names(world) == []


@pytest.mark.parametrize("again", ["Finish", "  finish", "FINISH ", "ｆｉｎｉｓｈ"])
def test_a_name_is_there_once_in_an_event_however_it_is_written(world, again):
    made(world, "Finish")

    with pytest.raises(Conflict, match="album_name_taken"):
        made(world, again)

    made(world, again, Kind.LOCATION)
    assert names(world, Kind.ALBUM) == ["Finish"]


def test_a_name_that_was_given_up_is_free_again(world):
    start, finish = made(world, "Start"), made(world, "Finish")

    renamed = service.rename_album(ADMIN, world.event.id, start.id, "Before", start.version)
    service.rename_album(ADMIN, world.event.id, start.id, "BEFORE", renamed.version)
    service.remove_album(ADMIN, world.event.id, finish.id)
    made(world, "Start")
    made(world, "Finish")

    assert names(world) == ["BEFORE", "Start", "Finish"]
    with pytest.raises(Conflict, match="version_conflict"):
        service.rename_album(ADMIN, world.event.id, start.id, "Old", start.version)
    with pytest.raises(Conflict, match="album_name_taken"):
        service.rename_album(ADMIN, world.event.id, start.id, "finish", renamed.version + 1)


def test_an_album_of_another_event_is_no_album(world):
    album = made(world)
    elsewhere = opened(name="Elsewhere")

    with pytest.raises(NotFound, match="album_not_found"):
        service.remove_album(ADMIN, elsewhere.id, album.id)
    with pytest.raises(NotFound, match="album_not_found"):
        service.move_photos(ADMIN, elsewhere.id, album.id, ["pho_x"], [])

    assert names(world) == ["Finish"]


# --- what is in them ---


def test_a_gallery_is_of_an_album_or_a_location_by_time(world):
    late, early, other = on_sale(
        world,
        jpeg(1, taken="2025:11:20 20:00:00"),
        jpeg(2, taken="2025:11:20 19:00:00"),
        jpeg(3, taken="2025:11:20 18:00:00"),
    )
    finish, half = made(world), made(world, "km 21", Kind.LOCATION)

    assert moved(world, finish, [late, early]) == [None, None]
    assert moved(world, half, [other, late]) == [None, None]

    assert ids(found(world, album=finish.id)) == [early, late]
    assert ids(found(world, album=finish.id, newest_first=True)) == [late, early]
    assert ids(found(world, location=half.id)) == [other, late]
    assert ids(found(world, album=finish.id, location=half.id)) == [late]
    at = photos.get(world.event.organization, late).taken_at
    assert ids(found(world, album=finish.id, since=at)) == [late]
    assert ids(found(world, album=finish.id, until=at)) == [early]
    assert ids(found(world, album=finish.id, photographer=world.photographer.user)) == [early, late]
    assert found(world, album=finish.id).total is None


def test_pages_of_an_album_are_full_whatever_else_is_in_it(world):
    waiting = [photo.id for photo in world.upload(*(jpeg(n, taken=f"2025:11:20 18:00:{n:02d}") for n in range(3)))]
    sold = on_sale(world, *(jpeg(10 + n, taken=f"2025:11:20 19:00:{n:02d}") for n in range(3)))
    album = made(world)
    moved(world, album, [*waiting, *sold])

    first = found(world, PageRequest(size=2), album=album.id)
    second = found(world, PageRequest(size=2, cursor=first.cursor), album=album.id)

    assert (ids(first), ids(second), second.cursor) == (sold[:2], sold[2:], None)


def test_a_photo_comes_and_goes_with_its_approval(world):
    album = made(world)
    photo = world.upload(jpeg(1))[0].id
    moved(world, album, [photo])
    assert ids(found(world, album=album.id)) == []

    photos.approve_photo(ADMIN, photo)
    assert ids(found(world, album=album.id)) == [photo]

    photos.reject_photo(ADMIN, photo, "no")
    assert ids(found(world, album=album.id)) == []


def test_a_photo_is_in_one_album_and_leaves_it_when_it_is_taken_out_or_removed(world):
    first, second, third = on_sale(world, jpeg(1), jpeg(2), jpeg(3))
    start, finish = made(world, "Start"), made(world)
    moved(world, start, [first, second, third])

    assert moved(world, finish, [first], [second]) == [None, None]
    assert moved(world, start, [], [second]) == [None]
    photos.remove_photo(ADMIN, third)

    assert ids(found(world, album=start.id)) == []
    assert ids(found(world, album=finish.id)) == [first]
    assert photos.get(world.event.organization, second).album is None


def test_photographers_move_their_own_photos_and_each_refusal_stands_alone(world, photographers):
    (mine,) = on_sale(world, jpeg(1))
    album = made(world)

    assert moved(world, album, [mine, "pho_missing"], by=photographers("ann")) == ["photo_not_found"] * 2
    assert moved(world, album, ["pho_missing", mine], by=world.photographer) == ["photo_not_found", None]

    assert ids(found(world, album=album.id)) == [mine]


def test_a_batch_comes_into_its_album_and_location(world):
    album, place = made(world), made(world, "km 21", Kind.LOCATION)
    files = [jpeg(n) for n in range(2)]
    offers = [FileOffer(file.name, len(file.content), file.type, file.sha256) for file in files]

    begun = photos.begin_upload(world.photographer, world.event.id, offers, [album.id, place.id])
    for progress in begun.files:
        photos.process_object(photos.Arrival(world.event.organization, progress.photo, 1, None))
        assert photos.get(world.event.organization, progress.photo).album == album.id
    again = world.upload(*files)
    for photo in again:
        photos.approve_photo(ADMIN, photo.id)

    assert {photo.location for photo in again} == {place.id}
    assert set(ids(found(world, album=album.id))) == {photo.id for photo in again}
    with pytest.raises(NotFound, match="album_not_found"):
        photos.begin_upload(world.photographer, world.event.id, offers, ["alb_" + "0" * 26])


def test_a_full_batch_into_albums_fits_its_transactions(world):
    album, place = made(world), made(world, "km 21", Kind.LOCATION)
    offers = [FileOffer(f"{n}.jpg", 1000, "image/jpeg", f"{n:064x}") for n in range(100)]

    begun = photos.begin_upload(world.photographer, world.event.id, offers, [album.id, place.id])

    held = photos.find(world.event.organization, [file.photo for file in begun.files])
    assert {(photo.album, photo.location) for photo in held.values()} == {(album.id, place.id)}
    assert len(held) == 100


def test_a_clock_that_is_put_right_moves_photos_within_their_album(world, monkeypatch):
    early, late = on_sale(world, jpeg(1, taken="2025:11:20 19:00:00"), jpeg(2, taken="2025:11:20 20:00:00"))
    album = made(world)
    moved(world, album, [early, late])
    monkeypatch.setattr(photos.clocks.assignments, "offset_of", lambda *_: 3600)

    photos.set_clock(world.event.organization, world.event.id, world.photographer.known_user)

    shown = found(world, album=album.id).items
    assert [each.photo.id for each in shown] == [early, late]
    since = shown[1].photo.taken_at - timedelta(seconds=1)
    assert ids(found(world, album=album.id, since=since)) == [late]


def test_the_photos_of_an_album_that_is_given_up_stay_and_are_in_none(world, monkeypatch):
    monkeypatch.setattr(service, "_AT_ONCE", 2)
    sold, waiting = on_sale(world, jpeg(1), jpeg(2), jpeg(3)), world.upload(jpeg(4))[0].id
    album = made(world)
    moved(world, album, [*sold, waiting])
    deliver.forget()

    service.remove_album(ADMIN, world.event.id, album.id)
    deliver.all()

    assert ids(found(world, album=album.id)) == []
    left = photos.find(world.event.organization, [*sold, waiting])
    assert [photo.album for photo in left.values()] == [None] * 4
    assert set(ids(found(world))) == set(sold)
    assert service.clear(world.event.organization, world.event.id, album.id) is Outcome.SKIPPED
    with pytest.raises(NotFound, match="album_not_found"):
        moved(world, album, sold)


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_page_of_an_album_costs_what_it_cost_in_a_small_event(world, newest_first):
    first, *others = on_sale(world, *(jpeg(n, taken=f"2025:11:20 19:00:{n:02d}") for n in range(3)))
    album = made(world)
    moved(world, album, [first, *others])
    few = cost_of_a_page(world, album=album.id, newest_first=newest_first)

    clone(first, times=60)

    assert cost_of_a_page(world, album=album.id, newest_first=newest_first) == few
    assert len(found(world, PageRequest(size=50), album=album.id).items) == 50


def cost_of_a_page(world, **wanted):
    usage = Usage()
    with metered(lambda: usage):
        shown = found(world, PageRequest(size=2), **wanted)
    assert len(shown.items) == 2
    return usage.calls, usage.items


def clone(photo, times):
    """Further photos like it, in its album and on its shelf."""
    items = [item for item in client("dynamodb").scan(TableName=PHOTOS)["Items"] if photo in item["pk"]["S"]]
    for _ in range(times):
        fresh = json.loads(json.dumps(items).replace(photo, new_id("pho")))
        client("dynamodb").batch_write_item(RequestItems={PHOTOS: [{"PutRequest": {"Item": item}} for item in fresh]})
