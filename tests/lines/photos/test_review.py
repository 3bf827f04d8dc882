import random
from dataclasses import replace

import pytest

from chalicelib.core.errors import AppError, Conflict, NotFound
from chalicelib.core.table import PageRequest, transact
from chalicelib.events import service as events
from chalicelib.lines.photos import jobs, service, store
from chalicelib.lines.photos.messages import PhotoApproved, PhotoReady, PhotoReconsidered, PhotoRejected
from chalicelib.lines.photos.model import Counts, Decision, Processing, Shelf, Verdict
from chalicelib.media.service import Quality
from chalicelib.organizations.service import DEFAULT
from tests import deliver
from tests.events.people import ADMIN, OTHER, caller, details, opened
from tests.lines.photos.pictures import broken, jpeg

PAGE = PageRequest(size=100)
FOREIGN = caller("admin", organization=OTHER)


def shelf(world, name):
    return [shown.photo.id for shown in service.review_shelf(ADMIN, world.event.id, Shelf(name), PAGE).items]


def counted(world):
    return service.counts_of(ADMIN, world.event.id)


def recounted(world):
    return Counts(*(len(shelf(world, name)) for name in ("pending", "approved", "rejected")))


def test_an_approved_photo_is_on_sale_and_counted(world):
    photo = world.upload(jpeg(1))[0]

    shown = service.approve_photo(ADMIN, photo.id)

    assert shown.photo.for_sale
    assert (shown.photo.reviewed_by, shelf(world, "approved")) == (ADMIN.user, [photo.id])
    assert counted(world) == Counts(approved=1)
    assert deliver.facts()[1:] == [PhotoApproved(organization=DEFAULT, event=world.event.id, photo=photo.id)]


def test_a_rejected_photo_leaves_the_sale_with_a_reason(world):
    photo = world.upload(jpeg(1))[0]
    service.approve_photo(ADMIN, photo.id)

    shown = service.reject_photo(ADMIN, photo.id, "Eyes closed")

    assert (shown.photo.rejection, shelf(world, "rejected")) == ("Eyes closed", [photo.id])
    assert counted(world) == Counts(rejected=1)
    assert deliver.facts()[-1] == PhotoRejected(
        organization=DEFAULT,
        event=world.event.id,
        photo=photo.id,
        photographer=world.photographer.user,
    )


def test_the_same_decision_twice_is_told_once(world):
    photo = world.upload(jpeg(1))[0]

    first = service.approve_photo(ADMIN, photo.id)
    second = service.approve_photo(ADMIN, photo.id)

    assert (second.photo.reviewed_at, counted(world)) == (first.photo.reviewed_at, Counts(approved=1))
    assert len(deliver.facts()) == 2


def test_many_are_decided_at_once_and_each_for_itself(world):
    one, two, three = (world.upload(jpeg(number))[0] for number in (1, 2, 3))
    waiting = world.offer(jpeg(4)).files[0].photo
    service.approve_photo(ADMIN, three.id)

    became = service.decide(
        ADMIN,
        world.event.id,
        [
            Decision(one.id, Verdict.APPROVE),
            Decision(two.id, Verdict.REJECT, "Eyes closed"),
            Decision(three.id, Verdict.RECONSIDER),
            Decision(waiting, Verdict.APPROVE),
            Decision("pho_none", Verdict.APPROVE),
        ],
    )

    assert [each.approval for each in became] == ["approved", "rejected", "pending", None, None]
    assert [each.error for each in became] == [None, None, None, "photo_not_ready", "photo_not_found"]
    assert deliver.facts()[-1] == PhotoReconsidered(organization=DEFAULT, event=world.event.id, photo=three.id)
    assert counted(world) == Counts(pending=1, approved=1, rejected=1)


def test_photos_of_another_event_are_not_decided_on(world):
    elsewhere = opened()
    photo = world.upload(jpeg(1))[0]

    (became,) = service.decide(ADMIN, elsewhere.id, [Decision(photo.id, Verdict.APPROVE)])

    assert became.error == "photo_not_found"
    assert not world.photo(photo.id).for_sale


def test_lookalikes_of_a_shelf_are_told_with_the_sharpest(world):
    one = world.upload(jpeg(1))[0]
    transact(store.save(replace(one, quality=Quality(1.0, 0.0, 0.0)), was=one))
    two = world.upload(jpeg(1, taken="2026:11:20 19:30:01"))[0]

    (group,) = service.review_lookalikes(ADMIN, world.event.id, Shelf.PENDING, PAGE).items

    assert {photo.id for photo in group.photos} == {one.id, two.id}
    assert group.best.id == two.id


def test_two_reviewers_who_press_at_once_count_once(world, monkeypatch):
    photo = world.upload(jpeg(1))[0]
    service.approve_photo(ADMIN, photo.id)
    monkeypatch.setattr(store, "get", lambda organization, id: photo)

    with pytest.raises(Conflict, match="version_conflict"):
        service.reject_photo(caller("admin"), photo.id, "no")

    monkeypatch.undo()
    assert counted(world) == Counts(approved=1)
    assert world.photo(photo.id).for_sale


def test_what_is_not_ready_stays_as_it_is(world):
    waiting = world.offer(jpeg(1)).files[0].photo
    failed = world.upload(broken())[0].id

    for id in (waiting, failed):
        before, facts = world.photo(id), deliver.facts()
        with pytest.raises(Conflict, match="photo_not_ready"):
            service.approve_photo(ADMIN, id)
        with pytest.raises(Conflict, match="photo_not_ready"):
            service.reject_photo(ADMIN, id, "no")
        assert (world.photo(id), deliver.facts()) == (before, facts)


def test_each_photo_stands_on_one_shelf_oldest_first(world):
    first, second = world.upload(jpeg(1))[0], world.upload(jpeg(2))[0]
    failed = world.upload(broken())[0]
    waiting = world.offer(jpeg(3)).files[0].photo

    assert shelf(world, "pending") == [first.id, second.id]
    assert shelf(world, "failed") == [failed.id]
    assert shelf(world, "awaiting") == [waiting]
    assert shelf(world, "approved") == shelf(world, "rejected") == shelf(world, "processing") == []


def test_a_failed_photo_is_retried_by_its_photographer_or_staff_only(world, photographers):
    failed = world.upload(broken())[0]
    other = photographers("lek")
    events.assign(ADMIN, world.event.id, other.known_user)

    for stranger in (other, FOREIGN):
        with pytest.raises(NotFound, match="photo_not_found"):
            service.retry_photo(stranger, failed.id)
    assert world.photo(failed.id) == failed

    assert service.retry_photo(world.photographer, failed.id).photo.processing is Processing.PROCESSING
    deliver.all()
    assert world.photo(failed.id).failure == failed.failure
    assert service.retry_photo(ADMIN, failed.id).photo.processing is Processing.PROCESSING


def test_only_a_failed_photo_is_retried(world):
    photo = world.upload(jpeg(1))[0]

    with pytest.raises(Conflict, match="photo_not_failed"):
        service.retry_photo(world.photographer, photo.id)


def test_a_foreign_photo_is_a_missing_one(world):
    photo = world.upload(jpeg(1))[0]

    for act in (
        lambda: service.approve_photo(FOREIGN, photo.id),
        lambda: service.reject_photo(FOREIGN, photo.id, "no"),
        lambda: service.retry_photo(FOREIGN, photo.id),
        lambda: service.show_photo(FOREIGN, photo.id),
        lambda: service.get(OTHER, photo.id),
    ):
        with pytest.raises(NotFound, match="photo_not_found"):
            act()
    with pytest.raises(NotFound, match="event_not_found"):
        service.counts_of(FOREIGN, world.event.id)
    with pytest.raises(NotFound, match="event_not_found"):
        service.review_shelf(FOREIGN, world.event.id, Shelf.PENDING, PAGE)
    assert world.photo(photo.id) == photo


@pytest.mark.parametrize("seed", range(3))
def test_counts_equal_a_recount_after_anything(world, seed):
    """Uploads, redeliveries, reviews, retries and changes of the event, in any order, some of them refused."""
    chance = random.Random(seed)
    files = [*(jpeg(number) for number in range(4)), broken()]
    told = []

    def upload():
        file = chance.choice(files)
        progress = world.offer(file).files[0]
        if progress.form:
            told.append(world.send(progress.form, file.content))
            jobs.ingest(told[-1])

    def photo():
        return chance.choice(world.offer(*files).files).photo

    acts = [
        upload,
        lambda: told and jobs.ingest(chance.choice(told)),
        lambda: service.approve_photo(ADMIN, photo()),
        lambda: service.reject_photo(ADMIN, photo(), chance.choice(["dark", "blurred"])),
        lambda: service.retry_photo(ADMIN, photo()),
        lambda: events.edit_event(
            ADMIN,
            world.event.id,
            details(auto_approve=chance.random() < 0.5),
            None,
            events.get(DEFAULT, world.event.id).version,
        ),
    ]

    refused = set()
    for _ in range(40):
        try:
            chance.choice(acts)()
        except AppError as refusal:
            refused.add(refusal.code)
        assert counted(world) == recounted(world)

    ready = [fact for fact in deliver.facts() if isinstance(fact, PhotoReady)]
    assert counted(world).total == len(ready) == len({fact.photo for fact in ready}) > 0
    assert {"photo_not_failed"} <= refused <= {"photo_not_ready", "photo_not_failed"}
