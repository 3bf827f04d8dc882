from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.core import clock, storage
from chalicelib.core.errors import NotFound
from chalicelib.core.table import PageRequest
from chalicelib.events import service as events
from chalicelib.events.model import EventStatus
from chalicelib.lines.photos import service
from chalicelib.lines.photos.model import Wanted
from tests.events.people import ADMIN, OTHER, VISITOR, caller
from tests.lines.photos.conftest import PREVIEWS
from tests.lines.photos.pictures import jpeg

PAGE = PageRequest(size=20)


def approved(world, *files):
    photos = world.upload(*files)
    return [service.approve_photo(ADMIN, photo.id).photo for photo in photos]


def gallery(world, request=PAGE, who=VISITOR):
    return service.event_photos(who, world.event.slug, Wanted(), request)


def ids(page):
    return [shown.photo.id for shown in page.items]


def test_a_gallery_shows_photos_on_sale_by_the_time_they_were_taken(world):
    late, early, zoned = approved(
        world,
        jpeg(1, taken="2025:11:20 20:00:00"),
        jpeg(2, taken="2025:11:20 19:00:00"),
        jpeg(3, taken="2025:11:20 12:30:00", offset="+00:00"),
    )
    rejected = approved(world, jpeg(4))[0]
    service.reject_photo(ADMIN, rejected.id, "no")
    world.upload(jpeg(5))

    page = gallery(world)

    assert ids(page) == [early.id, zoned.id, late.id]
    assert page.total == 3


def test_pages_hold_each_photo_once_and_tell_the_total(world):
    photos = approved(world, *(jpeg(n, taken=f"2025:11:20 19:00:{n:02d}") for n in range(5)))

    first = gallery(world, PageRequest(size=2))
    second = gallery(world, PageRequest(size=2, cursor=first.cursor))
    third = gallery(world, PageRequest(size=2, number=3))

    assert ids(first) + ids(second) + ids(third) == [photo.id for photo in photos]
    assert (first.total, third.total, third.cursor) == (5, 5, None)


def test_a_photo_shows_every_size_through_an_address_that_ends(world):
    photo = approved(world, jpeg(1))[0]

    sizes = gallery(world).items[0].sizes

    assert set(sizes) == {"thumb", "small", "medium", "preview"}
    for name, image in sizes.items():
        address = urlsplit(image.url)
        assert address.path == f"/{PREVIEWS}/{photo.rendition_key(name)}"
        assert int(parse_qs(address.query)["X-Amz-Expires"][0]) <= storage.LONGEST_READ.total_seconds()
    assert (sizes["thumb"].width, sizes["thumb"].height) == (150, 112)


def test_addresses_stay_for_a_while_and_are_renewed_long_before_they_end(world, monkeypatch):
    approved(world, jpeg(1))
    signed = []
    sign = storage.read_url

    def noted(bucket, key, lasts):
        signed.append(lasts)
        return sign(bucket, key, lasts=lasts)

    monkeypatch.setattr(storage, "read_url", noted)

    for minutes in (10, 10, 12, 14):
        with clock.travel(timedelta(minutes=minutes)):
            gallery(world)

    assert len(signed) == 3 * 4
    assert all(timedelta(minutes=3) < lasts <= timedelta(minutes=5) for lasts in signed)


def test_a_photo_before_its_approval_is_seen_by_staff_and_its_photographer(world):
    photo = world.upload(jpeg(1))[0]

    for insider in (ADMIN, world.photographer):
        assert service.show_photo(insider, photo.id).photo == photo
    for stranger in (VISITOR, caller("customer"), caller("photographer")):
        with pytest.raises(NotFound, match="photo_not_found"):
            service.show_photo(stranger, photo.id)

    service.approve_photo(ADMIN, photo.id)
    assert service.show_photo(VISITOR, photo.id).photo.for_sale


def test_a_photo_that_was_never_sent_is_seen_by_nobody(world):
    id = world.offer(jpeg(1)).files[0].photo

    for anybody in (ADMIN, world.photographer, VISITOR):
        with pytest.raises(NotFound, match="photo_not_found"):
            service.show_photo(anybody, id)


def test_photos_of_a_hidden_event_are_hidden(world):
    photo = approved(world, jpeg(1))[0]
    events.move_event(ADMIN, world.event.id, EventStatus.REVIEWING, world.event.version)

    with pytest.raises(NotFound, match="photo_not_found"):
        service.show_photo(VISITOR, photo.id)
    with pytest.raises(NotFound, match="event_not_found"):
        gallery(world)
    assert ids(gallery(world, who=ADMIN)) == [photo.id]
    assert ids(gallery(world, who=world.photographer)) == [photo.id]


def test_a_foreign_gallery_is_a_missing_one(world):
    approved(world, jpeg(1))

    with pytest.raises(NotFound, match="event_not_found"):
        gallery(world, who=caller("admin", organization=OTHER))
