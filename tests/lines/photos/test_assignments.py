"""What the terms of an assignment do to photos: quota, permission, clock."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core.errors import Forbidden
from chalicelib.core.table import PageRequest
from chalicelib.events import service as events
from chalicelib.events.assignments import service as assignments
from chalicelib.lines.photos import jobs, service, store
from chalicelib.lines.photos.service import clocks
from chalicelib.organizations.service import DEFAULT
from tests import deliver
from tests.events.people import ADMIN
from tests.lines.photos.pictures import broken, jpeg

PAGE = PageRequest(20)
TAKEN = datetime(2025, 11, 20, 12, 30, tzinfo=UTC)
"""What `2025:11:20 19:30:00` on a camera in Bangkok means."""


def assign(world, user=None, **told):
    events.assign(ADMIN, world.event.id, (user or world.photographer).known_user, told)


def used(world, user=None):
    return assignments.of(world.event, (user or world.photographer).known_user).used


def picture(seed, minutes=30):
    return jpeg(seed, taken=f"2025:11:20 19:{minutes:02}:00")


def gallery(world):
    found = service.event_photos(ADMIN, world.event.id, PAGE).items
    return [(shown.photo.id, shown.photo.taken_at) for shown in found]


# --- quota --------------------------------------------------------------------------------------------------


def test_new_files_count_once_and_never_beyond_the_quota(world):
    assign(world, quota=2)
    world.offer(jpeg(1), jpeg(1))
    world.offer(jpeg(1))

    with pytest.raises(Forbidden, match="quota_reached"):
        world.offer(jpeg(2), jpeg(3))
    assert used(world) == 1
    world.offer(jpeg(2))

    with pytest.raises(Forbidden, match="quota_reached"):
        world.offer(jpeg(3))
    world.offer(jpeg(1), jpeg(2))  # what is there already needs no room
    assert used(world) == 2


def test_two_offers_at_once_do_not_both_get_the_last_place(world, monkeypatch):
    assign(world, quota=1)
    stale = assignments.of(world.event, world.photographer.known_user)
    world.offer(jpeg(1))
    read, answers = assignments.of, [stale]
    monkeypatch.setattr(assignments, "of", lambda *names: answers.pop() if answers else read(*names))

    with pytest.raises(Forbidden, match="quota_reached"):
        world.offer(jpeg(2))

    assert (used(world), len(service.my_photos(world.photographer, world.event.id, PAGE).items)) == (1, 1)


def test_a_failed_file_offered_by_a_colleague_counts_for_the_colleague(world, photographers):
    ann = photographers("ann")
    assign(world, ann, quota=1)
    world.upload(broken())

    world.offer(broken(), by=ann)

    assert (used(world), used(world, ann)) == (0, 1)


def test_who_may_not_upload_gets_no_forms(world):
    upload = world.offer(jpeg(1))
    assign(world, may_upload=False)

    with pytest.raises(Forbidden, match="upload_not_allowed"):
        world.offer(jpeg(2))
    with pytest.raises(Forbidden, match="upload_not_allowed"):
        service.resume_upload(world.photographer, upload.id)
    assert used(world) == 1


# --- clock --------------------------------------------------------------------------------------------------


def test_photos_that_are_there_move_and_later_ones_come_right(world, photographers):
    ann = photographers("ann")
    assign(world, ann)
    (early,) = world.upload(picture(1, 30))
    (between,) = world.upload(picture(2, 31), by=ann)
    for photo in (early, between):
        service.approve_photo(ADMIN, photo.id)
    assert gallery(world) == [(early.id, TAKEN), (between.id, TAKEN + timedelta(minutes=1))]

    assign(world, clock_offset=120)
    deliver.all()
    (late,) = world.upload(picture(3, 28))
    service.approve_photo(ADMIN, late.id)

    assert gallery(world) == [
        (late.id, TAKEN),
        (between.id, TAKEN + timedelta(minutes=1)),
        (early.id, TAKEN + timedelta(minutes=2)),
    ]


def test_an_offset_replaces_the_one_before(world):
    (photo,) = world.upload(picture(1))
    for offset in (3600, -60, 0):
        assign(world, clock_offset=offset)
        deliver.all()
        assert world.photo(photo.id).taken_at == TAKEN + timedelta(seconds=offset)
    assert world.photo(photo.id).clock_offset is None


def test_a_clock_that_was_never_set_can_be_put_right(world):
    (photo,) = world.upload(jpeg(1, taken="1980:01:01 00:00:00"))
    assert photo.taken_at is None

    assign(world, clock_offset=int((TAKEN - datetime(1979, 12, 31, 17, tzinfo=UTC)).total_seconds()))
    deliver.all()

    assert world.photo(photo.id).taken_at == TAKEN


def test_many_photos_move_page_by_page_and_again_changes_nothing(world, monkeypatch):
    monkeypatch.setattr(clocks, "_AT_ONCE", 1)
    photos = world.upload(picture(1), picture(2), picture(3))
    assign(world, clock_offset=5)
    deliver.all()

    moved = [world.photo(photo.id) for photo in photos]
    assert {photo.taken_at for photo in moved} == {TAKEN + timedelta(seconds=5)}
    service.set_clock(DEFAULT, world.event.id, world.photographer.known_user)
    assert [world.photo(photo.id) for photo in photos] == moved


def test_a_photo_moves_in_the_list_of_its_number_too(world):
    (photo,) = world.upload(picture(1))
    service.approve_photo(ADMIN, photo.id)
    service.note_bibs(DEFAULT, photo.id, ("417",))

    assign(world, clock_offset=3600)
    deliver.all()

    (row,) = store.BibRecord.by_shelf.query(f"T#{DEFAULT}#EVT#{world.event.id}#bib-417")
    assert row.shelf_sk == f"2025-11-20T13:30:00.000Z#{photo.id}"


def test_an_offset_set_while_a_photo_is_processed_is_the_one_it_gets(world, monkeypatch):
    """The job finds the photo in the works; what was decided on the old offset is refused and decided anew."""
    (file,) = world.offer(picture(1)).files
    read, sets = assignments.offset_of, [120]

    def read_then_set(*names):
        offset = read(*names)
        if sets:
            assign(world, clock_offset=sets.pop())
            service.set_clock(DEFAULT, world.event.id, world.photographer.known_user)
        return offset

    with monkeypatch.context() as patch:
        patch.setattr(assignments, "offset_of", read_then_set)
        jobs.ingest(world.send(file.form, picture(1).content))

    assert world.photo(file.photo).taken_at == TAKEN + timedelta(seconds=120)
