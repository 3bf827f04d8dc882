import hashlib
import io
import json
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import permutations

import boto3
import pytest
from PIL import Image

from chalicelib.core import clock, log, queues, storage
from chalicelib.core.errors import Conflict, Unavailable
from chalicelib.core.outbox import OutboxRecord
from chalicelib.core.queues import Outcome
from chalicelib.events import service as events
from chalicelib.events.model import EventStatus
from chalicelib.lines.photos import jobs, service, store
from chalicelib.lines.photos.messages import PhotoApproved, PhotoFailed, PhotoReady, PhotoRemoved, PhotoRetryRequested
from chalicelib.lines.photos.model import Counts, Faces, Shelf, Step
from chalicelib.lines.photos.service import ingest as use_case
from chalicelib.media import service as media
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT
from tests import deliver, logged
from tests.events.people import ADMIN, caller, details, opened
from tests.lines.photos.conftest import ORIGINALS, PREVIEWS, content, keys, put, told
from tests.lines.photos.pictures import File, broken, jpeg

SIZES = ["medium", "preview", "small", "thumb"]


def sent(world, file, content=None):
    """The photo's id, and the notification of its file."""
    progress = world.offer(file).files[0]
    return progress.photo, world.send(progress.form, file.content if content is None else content)


def counted(world):
    return service.counts_of(ADMIN, world.event.id)


@pytest.fixture(autouse=True)
def no_file_stays_behind(aws, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert list(tmp_path.iterdir()) == []


def test_an_uploaded_photo_becomes_ready(world):
    file = jpeg(1, taken="2025:11:20 19:30:00")
    id, message = sent(world, file)

    assert jobs.ingest(message) is Outcome.SUCCESS

    photo = world.photo(id)
    folder = f"{DEFAULT}/{world.event.id}/{id}/1"
    assert (photo.shelf, photo.thumbnail, photo.watermark) == (Shelf.PENDING, Step.DONE, Step.DONE)
    assert photo.faces is Faces.NOT_REQUESTED
    assert (photo.width, photo.height) == (320, 240)
    assert (photo.exif.make, photo.exif.gps is not None) == ("Canary Camera", True)
    assert photo.taken_at == datetime(2025, 11, 20, 12, 30, tzinfo=UTC)
    assert keys(PREVIEWS) == [f"previews/{folder}/{name}.jpg" for name in SIZES]
    assert keys(ORIGINALS) == [f"deliveries/{folder}", f"uploads/{folder}"]
    assert counted(world) == Counts(pending=1)
    assert deliver.facts() == [PhotoReady(organization=DEFAULT, event=world.event.id, photo=id, approved=False)]


def test_the_delivered_file_is_what_was_hashed_and_tells_no_place(world):
    photo = world.upload(jpeg(1))[0]

    delivered = content(ORIGINALS, photo.delivery_key)

    assert hashlib.sha256(delivered).hexdigest() == photo.delivered_sha256 != photo.sha256
    assert b"CANARY" not in delivered
    assert not Image.open(io.BytesIO(delivered)).getexif().get_ifd(0x8825)


def test_an_organization_may_deliver_the_original_itself(world):
    policy = organizations.create("Kept", strip_gps=False)
    admin = caller("admin", organization=policy.id)
    world.event, world.photographer = opened(admin), admin
    file = jpeg(1)
    id, message = sent(world, file)

    assert jobs.ingest(message) is Outcome.SUCCESS

    photo = world.photo(id)
    assert photo.delivered_sha256 == file.sha256
    assert content(ORIGINALS, photo.delivery_key) == file.content


def test_every_rendition_is_as_large_and_as_marked_as_it_says(world):
    photo = world.upload(jpeg(1, size=(900, 600)))[0]

    for made in photo.renditions:
        shown = content(PREVIEWS, photo.rendition_key(made.name))
        assert Image.open(io.BytesIO(shown)).size == (made.width, made.height)
        assert hashlib.sha256(shown).hexdigest() == made.sha256
        assert b"CANARY" not in shown
    assert {made.name: made.width for made in photo.renditions} == {
        "preview": 900,
        "medium": 800,
        "small": 300,
        "thumb": 150,
    }


def test_an_event_may_put_photos_on_sale_at_once(world):
    events.edit_event(ADMIN, world.event.id, details(auto_approve=True), None, world.event.version)
    id, message = sent(world, jpeg(1))

    jobs.ingest(message)

    names = {"organization": DEFAULT, "event": world.event.id, "photo": id}
    assert world.photo(id).for_sale
    assert counted(world) == Counts(approved=1)
    assert sorted(deliver.facts(), key=str) == sorted(
        [PhotoReady(**names, approved=True), PhotoApproved(**names)], key=str
    )


# --- twice, late, out of order ---


def test_a_redelivered_message_changes_nothing(world):
    id, message = sent(world, jpeg(1))
    jobs.ingest(message)
    before, files, facts = world.photo(id), keys(PREVIEWS), deliver.facts()

    with clock.travel(timedelta(days=1)):
        assert jobs.ingest(message) is Outcome.SKIPPED

    assert (world.photo(id), keys(PREVIEWS), deliver.facts()) == (before, files, facts)
    assert counted(world) == Counts(pending=1)


def test_two_functions_at_once_make_one_photo(world, monkeypatch):
    """The other one does the whole work while this one has the picture open."""
    id, message = sent(world, jpeg(1))
    render = media.render

    def overtaken(*arguments):
        monkeypatch.setattr(media, "render", render)
        assert jobs.ingest(message) is Outcome.SUCCESS
        return render(*arguments)

    monkeypatch.setattr(media, "render", overtaken)

    assert jobs.ingest(message) is Outcome.SKIPPED
    assert counted(world) == Counts(pending=1)
    assert len(deliver.facts()) == 1
    assert world.photo(id).shelf is Shelf.PENDING


def test_a_run_that_was_killed_is_completed_by_the_next(world, monkeypatch):
    id, message = sent(world, jpeg(1))

    def killed(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, "upload", killed)
    with pytest.raises(KeyboardInterrupt):
        jobs.ingest(message)
    assert world.photo(id).shelf is Shelf.PROCESSING
    assert counted(world) == Counts()

    monkeypatch.undo()
    assert jobs.ingest(message) is Outcome.SUCCESS
    assert counted(world) == Counts(pending=1)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_any_good_version_wins_in_whatever_order_versions_are_told(world, order):
    file = jpeg(1)
    id, good = sent(world, file)
    key = world.photo(id).upload_key
    messages = [put(key, b"x" * len(file.content)), good, put(key, b"y" * len(file.content))]

    for number in order:
        jobs.ingest(messages[number])
        jobs.ingest(messages[number])

    assert world.photo(id).shelf is Shelf.PENDING
    assert counted(world) == Counts(pending=1)


def test_a_bad_version_that_overtakes_a_good_one_does_not_stop_it(world, monkeypatch):
    file = jpeg(1)
    id, good = sent(world, file)
    bad = put(world.photo(id).upload_key, b"x" * len(file.content))
    render = media.render

    def overtaken(*arguments):
        assert jobs.ingest(bad) is Outcome.SUCCESS
        assert world.photo(id).shelf is Shelf.FAILED
        return render(*arguments)

    monkeypatch.setattr(media, "render", overtaken)

    assert jobs.ingest(good) is Outcome.SUCCESS
    assert world.photo(id).shelf is Shelf.PENDING
    assert world.photo(id).failure is None


def test_an_object_of_another_attempt_changes_nothing(world):
    file = jpeg(1)
    id, late = sent(world, file, content=b"?" * len(file.content))
    jobs.ingest(late)
    again = world.offer(file).files[0]
    before = world.photo(id)

    assert jobs.ingest(told(before.upload_key.removesuffix("/2") + "/1", "another version")) is Outcome.SKIPPED
    assert world.photo(id) == before
    assert jobs.ingest(world.send(again.form, file.content)) is Outcome.SUCCESS
    assert world.photo(id).shelf is Shelf.PENDING


@pytest.mark.parametrize(
    "message",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "thepixstock-test-originals"},
        {"Records": []},
        told("uploads/org_1/evt_1/pho_1/0", "v1"),
        told("uploads/../../etc/passwd", "v1"),
        told("deliveries/org_1/evt_1/pho_1/1", "v1"),
    ],
)
def test_what_is_no_upload_of_ours_is_skipped(world, message):
    assert jobs.ingest(message) is Outcome.SKIPPED
    assert deliver.facts() == []


def test_a_file_for_a_photo_that_is_not_there_is_to_be_deleted(world):
    assert jobs.ingest(told("uploads/org_1/evt_1/pho_1/1", "v1")) is Outcome.SKIPPED
    assert deliver.facts() == [PhotoRemoved(organization="org_1", event="evt_1", photo="pho_1")]


def test_photos_of_a_deleted_event_are_not_made(world):
    _, message = sent(world, jpeg(1))
    events.delete_event(ADMIN, world.event.id)
    told = deliver.facts()

    assert jobs.ingest(message) is Outcome.SKIPPED
    assert deliver.facts() == told


def test_a_photo_on_its_way_into_a_closed_event_still_arrives(world):
    id, message = sent(world, jpeg(1))
    events.move_event(ADMIN, world.event.id, EventStatus.CLOSED, world.event.version)

    assert jobs.ingest(message) is Outcome.SUCCESS
    assert world.photo(id).shelf is Shelf.PENDING


# --- bad files ---


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (broken(), "truncated"),
        (File("a.jpg", b"GIF89a" + bytes(100)), "unsupported_format"),
        (File("a.png", jpeg(1).content, "image/png"), "type_mismatch"),
        (jpeg(2, size=(50, 50)), "too_small"),
    ],
)
def test_a_bad_file_fails_with_advice_and_disturbs_nothing_else(world, file, code):
    good = world.upload(jpeg(7))[0]
    id, message = sent(world, file)

    assert jobs.ingest(message) is Outcome.SUCCESS

    photo = world.photo(id)
    assert (photo.shelf, photo.failure.code, photo.thumbnail) == (Shelf.FAILED, code, Step.FAILED)
    assert photo.failure.message == media.ADVICE[code]
    assert counted(world) == Counts(pending=1)
    assert keys(PREVIEWS, f"previews/{DEFAULT}/{world.event.id}/{id}") == []
    assert [fact for fact in deliver.facts() if isinstance(fact, PhotoFailed)] == [
        PhotoFailed(
            organization=DEFAULT,
            event=world.event.id,
            photo=id,
            photographer=world.photographer.user,
            code=code,
        )
    ]
    assert world.photo(good.id) == good


@pytest.mark.parametrize("change", [lambda held: held[:-1] + b"!", lambda held: held + b"!"])
def test_bytes_that_were_not_promised_are_refused(world, change):
    file = jpeg(1)
    id, message = sent(world, file, content=change(file.content))

    jobs.ingest(message)

    assert world.photo(id).failure.code == "hash_mismatch"
    assert jobs.ingest(message) is Outcome.SKIPPED
    assert keys(PREVIEWS) == []


def test_a_file_that_is_gone_says_so(world):
    id, _ = sent(world, jpeg(1))
    boto3.client("s3").delete_object(Bucket=ORIGINALS, Key=world.photo(id).upload_key)

    jobs.ingest(told(world.photo(id).upload_key, None))

    assert world.photo(id).failure.code == "file_missing"


def test_an_accident_of_ours_is_no_fault_of_the_file(world, monkeypatch):
    id, message = sent(world, jpeg(1))

    def unwell(*arguments):
        raise RuntimeError("a bug")

    monkeypatch.setattr(media, "render", unwell)
    with pytest.raises(RuntimeError):
        jobs.ingest(message)

    assert world.photo(id).shelf is Shelf.PROCESSING
    assert world.photo(id).failure is None


def test_a_photo_that_changes_all_the_time_is_left_to_a_later_try(world, monkeypatch):
    _, message = sent(world, jpeg(1))

    def refused(*writes):
        raise Conflict("version_conflict", "Somebody was faster.")

    monkeypatch.setattr(use_case, "transact", refused)

    with pytest.raises(Unavailable, match="busy"):
        jobs.ingest(message)


def test_any_other_conflict_is_an_accident(world, monkeypatch):
    _, message = sent(world, jpeg(1))

    def refused(*writes):
        raise Conflict("already_exists", "A fact with this id.")

    monkeypatch.setattr(use_case, "transact", refused)

    with pytest.raises(Conflict, match="already_exists"):
        jobs.ingest(message)


# --- trying again ---


def test_a_failed_photo_is_processed_again_on_request(world, monkeypatch):
    """The first time our own software could not read it."""
    id, message = sent(world, jpeg(1))

    def not_understood(*arguments):
        raise media.Rejected("data_corrupt")

    monkeypatch.setattr(media, "inspect", not_understood)
    jobs.ingest(message)
    assert world.photo(id).shelf is Shelf.FAILED
    monkeypatch.undo()

    shown = service.retry_photo(world.photographer, id)
    assert shown.photo.shelf is Shelf.PROCESSING
    assert isinstance(deliver.facts()[-1], PhotoRetryRequested)
    deliver.all()

    assert world.photo(id).shelf is Shelf.PENDING
    assert counted(world) == Counts(pending=1)


def test_a_late_retry_changes_nothing(world):
    photo = world.upload(jpeg(1))[0]
    late = PhotoRetryRequested(
        organization=DEFAULT,
        event=photo.event,
        photo=photo.id,
        attempt=photo.attempt,
        object_version=photo.object_version,
    )

    assert jobs.process_again(late) is Outcome.SKIPPED
    assert store.get(DEFAULT, photo.id) == photo


# --- what is counted and under which correlation ------------------------------------------------------------


def handle(*messages):
    """S3's notices as the queue delivers them."""
    records = [{"messageId": str(n), "body": json.dumps(message)} for n, message in enumerate(messages)]
    assert queues.consume({"Records": records}, foreign=jobs.ingest) == {"batchItemFailures": []}


def test_a_photo_is_counted_once_with_the_time_since_its_offer(world):
    _, message = sent(world, jpeg(1))

    with logged.lines() as told, clock.travel(timedelta(seconds=30)):
        handle(message, message)

    counts = logged.measured(told())
    assert counts["PhotosIngested"] == 1
    assert 30_000 <= counts["TimeToReady"] < 30_000 + 60_000
    assert [line["outcome"] for line in told() if line["message"] == "handled"] == ["success", "skipped"]


def test_of_two_functions_at_once_one_counts(world, monkeypatch):
    _, message = sent(world, jpeg(1))
    real = use_case._make

    def overtaken(*args):
        made = real(*args)
        monkeypatch.setattr(use_case, "_make", real)
        assert jobs.ingest(message) is Outcome.SUCCESS
        return made

    monkeypatch.setattr(use_case, "_make", overtaken)
    with logged.lines() as told:
        assert jobs.ingest(message) is Outcome.SKIPPED

    assert logged.measured(told())["PhotosIngested"] == 1


def test_a_failed_photo_is_counted_once_and_told_by_its_code(world):
    id, message = sent(world, broken())

    with logged.lines() as told:
        handle(message, message)

    assert logged.measured(told()) == {"PhotosFailed": 1}
    [line] = [line for line in told() if line["message"] == "photo failed"]
    assert (line["photo"], line["event"], line["code"]) == (id, world.event.id, world.photo(id).failure.code)


def test_an_accident_counts_nothing(world, monkeypatch):
    _, message = sent(world, jpeg(1))
    monkeypatch.setattr(media, "render", lambda *_: 1 / 0)

    with logged.lines() as told, pytest.raises(ZeroDivisionError):
        jobs.ingest(message)

    assert logged.measured(told()) == {}


def test_a_photo_keeps_the_correlation_of_its_offer(world):
    with log.correlated("req-offer"):
        _, message = sent(world, jpeg(1))

    with logged.lines() as told:
        handle(message, message)

    assert {line["correlation"] for line in told()} == {"req-offer"}
    assert {record.correlation for record in OutboxRecord.scan()} == {"req-offer"}


def test_a_retry_goes_on_under_the_correlation_of_its_request(world, monkeypatch):
    with log.correlated("req-offer"):
        id, message = sent(world, broken())
    handle(message)
    deliver.all()

    with logged.lines() as told:
        with log.correlated("req-retry"):
            service.retry_photo(world.photographer, id)
        deliver.all()

    assert {line["correlation"] for line in told()} == {"req-retry"}
    assert world.photo(id).correlation == "req-retry"


def test_a_file_offered_again_after_a_failure_is_correlated_by_the_new_offer(world):
    file = broken()
    with log.correlated("req-1"):
        id, message = sent(world, file)
    handle(message)

    with log.correlated("req-2"):
        world.offer(file)

    assert world.photo(id).correlation == "req-2"


def test_a_photo_of_an_earlier_release_is_processed_without_a_correlation_of_its_own(world):
    id, message = sent(world, jpeg(1))
    record = next(store.PhotoRecord.scan(store.PhotoRecord.id == id))
    record.update(actions=[store.PhotoRecord.correlation.remove()])

    with logged.lines() as told:
        handle(message)

    [correlation] = {line["correlation"] for line in told()}
    assert correlation.startswith("cor_")
