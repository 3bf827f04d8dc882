from datetime import timedelta
from itertools import count

import pytest

from chalicelib.core import clock, storage, table
from chalicelib.core.errors import Conflict, Forbidden, NotFound
from chalicelib.core.table import PageRequest
from chalicelib.events import service as events
from chalicelib.events.model import EventStatus
from chalicelib.lines.photos import jobs, service, store
from chalicelib.lines.photos.model import FileOffer, FileState
from chalicelib.lines.photos.service import uploads
from chalicelib.organizations.service import DEFAULT
from tests import deliver
from tests.events.people import ADMIN, OTHER, VISITOR, caller, opened
from tests.lines.photos.conftest import put
from tests.lines.photos.pictures import broken, jpeg

PAGE = PageRequest(size=100)


def states(progress):
    return [file.state.value for file in progress.files]


def mine(world):
    return service.my_photos(world.photographer, world.event.id, PAGE).items


def assign(world, photographer):
    events.assign(ADMIN, world.event.id, photographer.known_user)
    return photographer


def test_each_new_file_gets_a_form_for_exactly_itself(world):
    progress = world.offer(jpeg(1), jpeg(2))

    assert states(progress) == ["awaiting", "awaiting"]
    for file, sent in zip(progress.files, (jpeg(1), jpeg(2)), strict=True):
        held = world.photo(file.photo)
        assert file.form.fields["key"] == f"uploads/{DEFAULT}/{world.event.id}/{file.photo}/1"
        assert file.form.fields["Content-Type"] == "image/jpeg"
        assert (held.sha256, held.size, held.filename) == (sent.sha256, len(sent.content), sent.name)
    assert [shown.photo.id for shown in mine(world)] == sorted((file.photo for file in progress.files), reverse=True)
    assert deliver.facts() == []


def test_a_hundred_files_fit_in_one_upload(world):
    offers = [FileOffer(f"{n}.jpg", 1000 + n, "image/jpeg", f"{n:064x}") for n in range(100)]

    progress = service.begin_upload(world.photographer, world.event.slug, offers)

    assert states(progress) == ["awaiting"] * 100
    assert [file.name for file in progress.files] == [offer.name for offer in offers]
    assert len(mine(world)) == 100
    assert service.read_upload(world.photographer, progress.id).files[99].name == "99.jpg"


def test_the_same_file_twice_in_an_upload_is_sent_once(world):
    progress = world.offer(jpeg(1), jpeg(2), jpeg(1))

    assert states(progress) == ["awaiting", "awaiting", "duplicate"]
    assert progress.files[0].photo == progress.files[2].photo
    assert progress.files[2].form is None


def test_a_file_that_is_here_is_a_duplicate_for_everybody(world, photographers):
    world.upload(jpeg(1))
    other = assign(world, photographers("lek"))

    assert states(world.offer(jpeg(1))) == ["duplicate"]
    assert states(world.offer(jpeg(1), by=other)) == ["duplicate"]
    assert len(mine(world)) == 1


def test_the_same_file_in_another_event_is_another_photo(world):
    photo = world.upload(jpeg(1))[0]
    world.event = events.assign(ADMIN, opened(name="Other").id, world.photographer.known_user)

    progress = world.offer(jpeg(1))

    assert states(progress) == ["awaiting"]
    assert progress.files[0].photo != photo.id


def test_an_interrupted_upload_resumes_with_fresh_forms(world):
    progress = world.offer(jpeg(1), jpeg(2))
    jobs.ingest(world.send(progress.files[0].form, jpeg(1).content))

    with clock.travel(timedelta(hours=1)):
        assert states(service.read_upload(world.photographer, progress.id)) == ["ready", "awaiting"]
        assert service.read_upload(world.photographer, progress.id).files[1].form is None
        resumed = service.resume_upload(world.photographer, progress.id)
        assert states(resumed) == ["ready", "awaiting"]
        assert resumed.files[0].form is None
        lasts = resumed.files[1].form.expires_at - clock.now()
        assert storage.UPLOAD_TIME - timedelta(minutes=1) < lasts <= storage.UPLOAD_TIME
        jobs.ingest(world.send(resumed.files[1].form, jpeg(2).content))

    assert states(service.read_upload(world.photographer, progress.id)) == ["ready", "ready"]


def test_offering_again_what_never_came_keeps_its_place(world):
    first = world.offer(jpeg(1)).files[0]

    second = world.offer(jpeg(1)).files[0]

    assert second.form.fields["key"] == first.form.fields["key"]
    assert world.photo(first.photo).attempt == 1
    assert len(mine(world)) == 1


def test_a_failed_photo_offered_again_is_a_new_attempt(world):
    world.upload(broken())

    progress = world.offer(broken())

    assert states(progress) == ["awaiting"]
    assert progress.files[0].form.fields["key"].endswith("/2")


def test_another_photographer_takes_over_what_was_never_sent(world, photographers):
    progress = world.offer(jpeg(1))
    other = assign(world, photographers("lek"))

    assert states(world.offer(jpeg(1), by=other)) == ["duplicate"]
    with clock.travel(storage.UPLOAD_TIME):
        taken = world.offer(jpeg(1), by=other)

    assert states(taken) == ["awaiting"]
    assert taken.files[0].form.fields["key"].endswith("/2")
    assert states(service.read_upload(world.photographer, progress.id)) == ["duplicate"]
    assert mine(world) == []
    assert [item.photo.id for item in service.my_photos(other, world.event.id, PAGE).items] == [taken.files[0].photo]


def test_a_file_offered_twice_at_once_is_one_photo(world, monkeypatch):
    read, calls = store.find, count()

    def find_late(organization, ids):
        held = read(organization, ids)
        if next(calls) == 0:
            world.offer(jpeg(1))
        return held

    monkeypatch.setattr(store, "find", find_late)
    progress = world.offer(jpeg(1))

    assert states(progress) == ["awaiting"]
    assert len(mine(world)) == 1


def test_an_offer_gives_up_when_others_are_always_faster(world, monkeypatch):
    world.offer(jpeg(1))
    monkeypatch.setattr(store, "find", lambda organization, ids: {})

    with pytest.raises(Conflict, match="already_exists"):
        world.offer(jpeg(1))


def test_an_offer_that_breaks_off_in_the_middle_is_completed_by_the_next(world, monkeypatch):
    """The transactions before the break stay; nothing of them is lost or doubled."""
    offers = [FileOffer(f"{n}.jpg", 1000, "image/jpeg", f"{n:064x}") for n in range(60)]
    commit, calls = table.transact, count()

    def broken_off(*writes):
        if next(calls) == 1:
            raise ConnectionError
        commit(*writes)

    monkeypatch.setattr(uploads, "transact", broken_off)
    with pytest.raises(ConnectionError):
        service.begin_upload(world.photographer, world.event.id, offers)
    assert 0 < len(mine(world)) < 60

    monkeypatch.undo()
    progress = service.begin_upload(world.photographer, world.event.id, offers)

    assert states(progress) == ["awaiting"] * 60
    assert len(mine(world)) == 60


# --- refusals ---


def test_a_closed_event_takes_no_files(world):
    progress = world.offer(jpeg(1))
    events.move_event(ADMIN, world.event.id, EventStatus.CLOSED, world.event.version)

    with pytest.raises(Conflict, match="event_closed"):
        world.offer(jpeg(2))
    with pytest.raises(Conflict, match="event_closed"):
        service.resume_upload(world.photographer, progress.id)

    assert len(mine(world)) == 1


@pytest.mark.parametrize("who", [caller("photographer"), caller("customer"), VISITOR])
def test_who_is_not_assigned_offers_nothing(world, who):
    with pytest.raises(Forbidden, match="not_assigned"):
        world.offer(jpeg(1), by=who)

    assert mine(world) == []


def test_an_upload_is_its_photographers_own(world, photographers):
    progress = world.offer(jpeg(1))
    other = assign(world, photographers("lek"))

    for stranger in (other, caller("admin", organization=OTHER)):
        with pytest.raises(NotFound, match="upload_not_found"):
            service.read_upload(stranger, progress.id)
        with pytest.raises(NotFound, match="upload_not_found"):
            service.resume_upload(stranger, progress.id)
    assert states(service.read_upload(ADMIN, progress.id)) == ["awaiting"]
    assert service.my_photos(other, world.event.id, PAGE).items == []


def test_a_photographer_taken_off_the_event_can_not_resume(world):
    progress = world.offer(jpeg(1))
    events.unassign(ADMIN, world.event.id, world.photographer.known_user)

    with pytest.raises(Forbidden, match="not_assigned"):
        service.resume_upload(world.photographer, progress.id)


def test_a_form_is_for_what_was_promised_last(world):
    """The first offer named the wrong type: the form of the second asks for the right one."""
    sent = jpeg(1)
    service.begin_upload(
        world.photographer, world.event.id, [FileOffer("a.png", len(sent.content), "image/png", sent.sha256)]
    )

    file = world.offer(sent).files[0]

    assert file.form.fields["Content-Type"] == "image/jpeg"
    assert jobs.ingest(put(file.form.fields["key"], sent.content)) == "success"
    assert service.read_upload(ADMIN, world.offer(sent).id).files[0].state is FileState.DUPLICATE
