"""Lists to share."""

from dataclasses import replace
from datetime import timedelta

import boto3
import pytest

from chalicelib.core import clock, ids
from chalicelib.core.errors import Conflict, Forbidden, NotFound, Unprocessable
from chalicelib.events import service as events
from chalicelib.events.model import Access
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.lists import service
from tests.events.people import ADMIN, OTHER, VISITOR, opened
from tests.lines.photos.pictures import jpeg


@pytest.fixture
def on_sale(world):
    offered = world.upload(*(jpeg(number) for number in range(3)))
    return [photos.approve_photo(ADMIN, photo.id).photo.id for photo in offered]


def test_a_list_shows_its_photos_in_order_to_who_has_the_address(world, on_sale):
    third, first = on_sale[2], on_sale[0]

    shared = service.share(VISITOR, [third, first, third])
    opened = service.open_list(VISITOR, shared.slug)

    assert [shown.photo.id for shown in opened.items] == [third, first]
    assert (opened.event, len(shared.slug)) == (world.event.id, 43)
    stored = str(boto3.client("dynamodb").scan(TableName="thepixstock-test-photos")["Items"])
    assert shared.slug not in stored
    assert ids.digest(shared.slug) in stored


def test_what_went_off_sale_is_left_out(world, on_sale):
    shared = service.share(VISITOR, on_sale)
    photos.reject_photo(ADMIN, on_sale[1], "no")

    assert [shown.photo.id for shown in service.open_list(VISITOR, shared.slug).items] == [on_sale[0], on_sale[2]]


def test_a_list_ends_after_ninety_days(on_sale):
    shared = service.share(VISITOR, on_sale)

    with clock.travel(timedelta(days=90, seconds=1)), pytest.raises(NotFound, match="list_not_found"):
        service.open_list(VISITOR, shared.slug)


def test_what_can_not_be_shared(world, on_sale, monkeypatch):
    (pending,) = world.upload(jpeg(9))
    with pytest.raises(Conflict, match="photo_not_for_sale"):
        service.share(VISITOR, [pending.id])
    with pytest.raises(NotFound, match="photo_not_found"):
        service.share(replace(VISITOR, organization=OTHER), on_sale)
    found = photos.for_sale(world.event.organization, on_sale)
    monkeypatch.setattr(photos, "for_sale", lambda *of: [found[0], replace(found[1], event=opened().id)])
    with pytest.raises(Unprocessable, match="several_events"):
        service.share(VISITOR, on_sale)


def test_an_event_with_a_code_keeps_it(world, on_sale):
    shared = service.share(VISITOR, on_sale)
    event = events.get(world.event.organization, world.event.id)
    coded = events.restrict(ADMIN, event.id, Access.CODE, "mango rice", event.version)

    with pytest.raises(Forbidden, match="access_code_required"):
        service.open_list(VISITOR, shared.slug)
    with pytest.raises(Forbidden, match="access_code_required"):
        service.share(VISITOR, on_sale)
    events.restrict(ADMIN, event.id, Access.PRIVATE, None, coded.version)
    with pytest.raises(NotFound, match="list_not_found"):
        service.open_list(VISITOR, shared.slug)
    with pytest.raises(NotFound, match="list_not_found"):
        service.open_list(replace(VISITOR, organization=OTHER), shared.slug)
