from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from chalicelib.core.errors import Conflict, Invalid
from chalicelib.lines.photos.model import (
    STUCK_AFTER,
    Approval,
    Counts,
    Failure,
    FileOffer,
    FileState,
    Flag,
    Photo,
    Processing,
    Shelf,
    Step,
    Upload,
    UploadFile,
    lookalikes,
    taken_at,
)
from chalicelib.lines.photos.pricing import Package, PriceList, default_packages
from chalicelib.media.service import Exif, Inspection, Quality, Rendering, Rendition

USUAL = default_packages("THB")
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
FORM = timedelta(minutes=10)
SHARP = Quality(sharpness=12.0, dark=0.1, bright=0.1)
FAULT = Failure("truncated", "Copy it again.")
OFFER = FileOffer("again.jpg", 10, "image/jpeg", "ab" * 32)


def camera(*parts: int) -> datetime:
    """A time as a camera without a zone writes it."""
    return datetime(*parts)  # type: ignore[arg-type,misc]  # noqa: DTZ001


def photo(**changes: object) -> Photo:
    plain = Photo(
        id="pho_0123456789ABCDEFGH01234567",
        organization="org_1",
        event="evt_1",
        photographer="usr_1",
        filename="a.jpg",
        content_type="image/jpeg",
        size=10,
        sha256="ab" * 32,
        offered_at=AT,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def ready(approval: Approval = Approval.PENDING, **changes: object) -> Photo:
    return photo(processing=Processing.READY, approval=approval, uploaded_at=AT, **changes)


@pytest.mark.parametrize("approval", Approval)
@pytest.mark.parametrize("processing", Processing)
def test_a_photo_stands_on_one_shelf_and_sells_from_one(processing, approval):
    there = photo(processing=processing, approval=approval)

    expected = approval.value if processing is Processing.READY else processing.value
    assert there.shelf is Shelf(expected)
    assert there.for_sale == (expected == "approved")


def test_photos_on_sale_are_sorted_by_when_they_were_taken():
    taken = AT - timedelta(days=1)

    assert ready(Approval.APPROVED, taken_at=taken).shelved_at == taken
    assert ready(Approval.APPROVED).shelved_at == AT
    assert ready(Approval.PENDING, taken_at=taken).shelved_at == AT
    assert photo().shelved_at == AT


# --- offered again ---


@pytest.mark.parametrize(
    ("held", "by", "later", "attempt"),
    [
        (photo(), "usr_1", timedelta(), 1),
        (photo(), "usr_1", timedelta(days=1), 1),
        (photo(), "usr_2", timedelta(), None),
        (photo(), "usr_2", FORM, 2),
        (photo(processing=Processing.FAILED, failure=FAULT), "usr_1", timedelta(), 2),
        (photo(processing=Processing.FAILED, failure=FAULT), "usr_2", timedelta(), 2),
        (photo(processing=Processing.PROCESSING, processing_at=AT), "usr_1", timedelta(), None),
        (photo(processing=Processing.PROCESSING, processing_at=AT), "usr_1", STUCK_AFTER, 2),
        (ready(), "usr_1", timedelta(days=1), None),
        (ready(Approval.REJECTED), "usr_1", timedelta(days=1), None),
    ],
)
def test_what_failed_or_never_came_may_be_offered_again(held, by, later, attempt):
    again = held.reoffered(OFFER, by, "upl_2", FORM, AT + later, "req-2")

    if attempt is None:
        assert again is None
    else:
        assert (again.attempt, again.photographer, again.filename) == (attempt, by, "again.jpg")
        assert (again.processing, again.failure) == (Processing.AWAITING, None)
        assert (again.id, again.version) == (held.id, held.version)


# --- arriving ---


@pytest.mark.parametrize(
    ("held", "attempt", "version", "news"),
    [
        (photo(), 1, "v1", True),
        (photo(attempt=2), 1, "v1", False),
        (photo(), 2, "v1", False),
        (photo(processing=Processing.PROCESSING, object_version="v1"), 1, "v1", True),
        (photo(processing=Processing.PROCESSING, object_version="v1"), 1, "v2", True),
        (photo(processing=Processing.FAILED, object_version="v1"), 1, "v1", False),
        (photo(processing=Processing.FAILED, object_version="v1"), 1, "v2", True),
        (ready(object_version="v1"), 1, "v1", False),
        (ready(object_version="v1"), 1, "v2", False),
    ],
)
def test_an_object_is_news_once(held, attempt, version, news):
    assert held.takes(attempt, version) is news


def test_a_photo_goes_from_arrival_to_ready():
    found = Inspection("jpeg", "image/jpeg", 400, 300, Exif(taken_at=camera(2026, 11, 20, 9)))
    made = Rendering(
        (Rendition("thumb", 150, 112, 5, "cd" * 32, b"bytes"),), "LEHV6nWB2yk8", "0f" * 8, "#102030", SHARP
    )

    arrived = photo().arrived("v1", AT)
    done = arrived.ready(found, made, "ef" * 32, "v1", "Asia/Bangkok", approve=False, at=AT)

    assert (arrived.shelf, arrived.uploaded_at, arrived.object_version) == (Shelf.PROCESSING, AT, "v1")
    assert (done.shelf, done.thumbnail, done.watermark) == (Shelf.PENDING, Step.DONE, Step.DONE)
    assert done.taken_at == datetime(2026, 11, 20, 2, tzinfo=UTC)
    assert done.renditions[0].content == b""
    assert (done.width, done.height, done.delivered_sha256) == (400, 300, "ef" * 32)
    assert arrived.ready(found, made, "ef" * 32, "v1", "UTC", approve=True, at=AT).for_sale


def test_a_failure_is_told_and_tried_again():
    failed = photo().arrived("v1", AT).failed(FAULT, "v1")

    assert (failed.shelf, failed.failure, failed.thumbnail) == (Shelf.FAILED, FAULT, Step.FAILED)
    again = failed.retried(AT + FORM, "req-2")
    assert (again.shelf, again.failure, again.object_version) == (Shelf.PROCESSING, None, "v1")
    assert again.uploaded_at == AT


@pytest.mark.parametrize("held", [photo(), photo().arrived("v1", AT), ready()])
def test_only_what_failed_is_tried_again(held):
    with pytest.raises(Conflict, match="photo_not_failed"):
        held.retried(AT, "req-2")


def test_what_is_stuck_is_tried_again():
    assert photo().arrived("v1", AT).retried(AT + STUCK_AFTER, "req-2").processing_at == AT + STUCK_AFTER


@pytest.mark.parametrize(
    ("told", "zone", "expected"),
    [
        (None, "Asia/Bangkok", None),
        (camera(2026, 11, 20, 9), "Asia/Bangkok", datetime(2026, 11, 20, 2, tzinfo=UTC)),
        (camera(2026, 11, 20, 9), "UTC", datetime(2026, 11, 20, 9, tzinfo=UTC)),
        (
            datetime(2026, 11, 20, 9, tzinfo=timezone(timedelta(hours=-5))),
            "Asia/Bangkok",
            datetime(2026, 11, 20, 14, tzinfo=UTC),
        ),
        (camera(2026, 11, 20, 9, 0, 0, 123456), "UTC", datetime(2026, 11, 20, 9, 0, 0, 123000, tzinfo=UTC)),
        (camera(1, 1, 1), "Asia/Bangkok", None),
        (camera(1980, 1, 1), "UTC", None),
        (camera(9999, 12, 31, 23, 59), "America/New_York", None),
        (camera(2026, 11, 23), "UTC", None),
    ],
)
def test_the_cameras_time_is_read_in_the_events_zone(told, zone, expected):
    assert taken_at(Exif(taken_at=told), zone, AT) == expected


# --- reviewing ---


@pytest.mark.parametrize(
    ("quality", "flags"),
    [
        (None, []),
        (SHARP, []),
        (Quality(2.9, 0.1, 0.1), [Flag.BLURRED]),
        (Quality(9.0, 0.7, 0.1), [Flag.TOO_DARK]),
        (Quality(9.0, 0.1, 0.4), [Flag.BLOWN_OUT]),
        (Quality(1.0, 0.7, 0.1), [Flag.BLURRED, Flag.TOO_DARK]),
    ],
)
def test_what_is_probably_wrong_is_flagged(quality, flags):
    assert ready(quality=quality).flags == flags


def burst(*seconds: int, photographer: str = "usr_1") -> list[Photo]:
    """Photos that look nearly alike, taken at these seconds; the later, the sharper."""
    return [
        ready(
            id=f"pho_{at}",
            dhash=f"{1 << number:016x}",
            taken_at=AT + timedelta(seconds=at),
            quality=Quality(10.0 + number, 0, 0),
            photographer=photographer,
        )
        for number, at in enumerate(seconds)
    ]


def test_a_burst_is_one_group_whose_sharpest_is_proposed():
    (group,) = lookalikes(burst(0, 8, 16))

    assert [photo.id for photo in group.photos] == ["pho_0", "pho_8", "pho_16"]
    assert group.best.id == "pho_16"


@pytest.mark.parametrize(
    "photos",
    [
        burst(0, 11),
        [*burst(0), *burst(1, photographer="usr_other")],
        [*burst(0), ready(id="pho_9", dhash="f" * 16, taken_at=AT)],
        [ready(id="pho_1", dhash=None), ready(id="pho_2", dhash=None)],
    ],
)
def test_alone_is_what_was_taken_later_by_somebody_else_or_looks_otherwise(photos):
    assert lookalikes(photos) == []


def test_a_photo_between_two_groups_makes_them_one():
    first, second, third = burst(0, 8, 16)

    assert [len(group.photos) for group in lookalikes([first, third, second])] == [3]


@pytest.mark.parametrize("start", Approval)
def test_a_ready_photo_is_approved_or_rejected_from_any_approval(start):
    held = ready(start)

    assert held.approved("usr_9", AT).shelf is Shelf.APPROVED
    rejected = held.rejected("blurred", "usr_9", AT)
    assert (rejected.shelf, rejected.rejection, rejected.reviewed_by) == (Shelf.REJECTED, "blurred", "usr_9")
    assert rejected.approved("usr_9", AT).rejection is None


def test_the_same_decision_twice_is_one():
    approved = ready().approved("usr_9", AT)
    rejected = ready().rejected("blurred", "usr_9", AT)

    assert approved.approved("usr_8", AT + FORM) is approved
    assert rejected.rejected("blurred", "usr_8", AT + FORM) is rejected


@pytest.mark.parametrize("processing", [Processing.AWAITING, Processing.PROCESSING, Processing.FAILED])
def test_what_is_not_ready_is_not_reviewed(processing):
    with pytest.raises(Conflict, match="photo_not_ready"):
        photo(processing=processing).approved("usr_9", AT)
    with pytest.raises(Conflict, match="photo_not_ready"):
        photo(processing=processing).rejected("no", "usr_9", AT)


@pytest.mark.parametrize(
    ("was", "now", "change"),
    [
        (photo(), photo(processing=Processing.PROCESSING), Counts()),
        (photo(processing=Processing.PROCESSING), ready(), Counts(pending=1)),
        (photo(processing=Processing.PROCESSING), ready(Approval.APPROVED), Counts(approved=1)),
        (ready(), ready(Approval.APPROVED), Counts(pending=-1, approved=1)),
        (ready(Approval.APPROVED), ready(Approval.REJECTED), Counts(approved=-1, rejected=1)),
        (ready(), ready(), Counts()),
    ],
)
def test_counts_follow_each_change(was, now, change):
    assert Counts.moved(was, now) == change


# --- uploads and packages ---


def test_a_file_of_an_upload_is_as_far_as_its_photo():
    file = UploadFile("pho_1", "a.jpg", duplicate=False)
    upload = Upload("upl_1", "org_1", "evt_1", "usr_1", (file,), AT)

    for processing in Processing:
        assert upload.state_of(file, photo(processing=processing)) == processing.value
    assert upload.state_of(file, photo(photographer="usr_2")) is FileState.DUPLICATE
    assert upload.state_of(replace(file, duplicate=True), photo()) is FileState.DUPLICATE


def test_a_delivery_name_tells_the_event_and_is_its_own():
    assert photo().delivery_name("night-run") == "night-run-01234567.jpg"
    assert photo(content_type="image/heic").delivery_name("night-run") == "night-run-01234567.heic"


@pytest.mark.parametrize(
    ("packages", "code"),
    [
        ((Package("a", "A", 1, 100), Package("a", "B", 5, 400)), "package_codes"),
        ((Package("five", "5", 5, 400), Package("all", "All", None, 900)), "single_price_missing"),
    ],
)
def test_packages_that_can_not_price_every_cart_are_refused(packages, code):
    with pytest.raises(Invalid, match=code):
        PriceList("org_1", "evt_1", packages)
    assert PriceList("org_1", "evt_1", USUAL).version == 0
