"""Photos.

| access                                   | key                                                          |
|------------------------------------------|--------------------------------------------------------------|
| one photo                                | pk T#{org}#PHO#{id} / sk -                                   |
| the photos of one shelf of an event      | by_shelf  T#{org}#EVT#{event}#{shelf} / {time}#{id}          |
| a photographer's photos of an event      | by_shelf  T#{org}#EVT#{event}#by-{user} / {offered_at}#{id}  |
| the photos with a bib number             | by_shelf  T#{org}#EVT#{event}#bib-{number} / {time}#{id}     |
| one upload                               | pk T#{org}#UPL#{id} / sk -                                   |
| a photographer's uploads                 | pk T#{org}#USR#{user}#UPLOADS / sk {upload}                  |
| an event's counts                        | pk T#{org}#EVT#{event}#COUNTS / sk {shard}                   |
| how long an event's photos took to sale  | pk T#{org}#EVT#{event}#TIMES / sk {step}#{shard}             |
| an event's own packages                  | pk T#{org}#EVT#{event}#PACKAGES / sk -                       |
| the organization's packages              | pk T#{org}#EVT#-#PACKAGES / sk -                             |

A photo's id is derived from its event and the file's SHA-256: the same file meets the same key. A shelf is
sorted by the time of arrival, that of photos on sale by the time they were taken. A photographer's list is
made of rows of its own (pk T#{org}#PHO#{id} / sk owner), one a photo; so is that of a number (sk bib#{number}), sorted
by the time that photos on sale are sorted by.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.core import clock, ids, tallies
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Several,
    Typed,
    Write,
    create,
    delete,
    each_gets,
    index,
    page,
    replace,
    table,
    update,
)
from chalicelib.lines.photos.model import (
    Approval,
    Counts,
    Faces,
    Failure,
    Photo,
    Processing,
    Shelf,
    Step,
    Upload,
    UploadFile,
    Wanted,
)
from chalicelib.lines.photos.pricing import Package, PriceList
from chalicelib.lines.photos.times import Times, step_of
from chalicelib.media.service import Exif, Quality, Rendition

KIND = "photos"
COUNT_SHARDS = 16
TIME_SHARDS = 8


class PhotoRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#PHO#{}", "-")
    model = Photo

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    photographer = UnicodeAttribute()
    filename = UnicodeAttribute()
    content_type = UnicodeAttribute()
    size = NumberAttribute()
    sha256 = UnicodeAttribute()
    offered_at = Moment()
    attempt = NumberAttribute()
    processing = Choice(Processing)
    thumbnail = Choice(Step)
    watermark = Choice(Step)
    faces = Choice(Faces)
    approval = Choice(Approval)
    uploaded_at = Moment(null=True)
    processing_at = Moment(null=True)
    object_version = UnicodeAttribute(null=True)
    failure = Typed[Failure](Failure, null=True)
    ready_at = Moment(null=True)
    width = NumberAttribute(null=True)
    height = NumberAttribute(null=True)
    exif = Typed[Exif](Exif, null=True)
    taken_at = Moment(null=True)
    delivered_sha256 = UnicodeAttribute(null=True)
    renditions = Typed[tuple[Rendition, ...]](tuple[Rendition, ...])
    placeholder = UnicodeAttribute(null=True)
    dhash = UnicodeAttribute(null=True)
    dominant = UnicodeAttribute(null=True)
    quality = Typed[Quality](Quality, null=True)
    reviewed_by = UnicodeAttribute(null=True)
    reviewed_at = Moment(null=True)
    rejection = UnicodeAttribute(null=True)
    correlation = UnicodeAttribute(null=True)
    upload = UnicodeAttribute(null=True)
    stored_at = Moment(null=True)
    sellable_at = Moment(null=True)
    bibs = Several[str](str)
    counted = BooleanAttribute(null=True)
    clock_offset = NumberAttribute(null=True)
    removed_at = Moment(null=True)
    tallied = BooleanAttribute(null=True)
    shelf_pk = UnicodeAttribute(null=True)
    shelf_sk = UnicodeAttribute(null=True)
    by_shelf = index("by_shelf")


class OwnerRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#PHO#{}", "owner")

    photo = UnicodeAttribute(null=True)
    shelf_pk = UnicodeAttribute(null=True)
    shelf_sk = UnicodeAttribute(null=True)
    by_shelf = index("by_shelf")


class BibRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#PHO#{}", "bib#{}")

    photo = UnicodeAttribute(null=True)
    shelf_pk = UnicodeAttribute(null=True)
    shelf_sk = UnicodeAttribute(null=True)
    by_shelf = index("by_shelf")


class UploadRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#UPL#{}", "-")
    model = Upload

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    photographer = UnicodeAttribute()
    files = Typed[tuple[UploadFile, ...]](tuple[UploadFile, ...])
    created_at = Moment()


class UploadListingRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#USR#{}#UPLOADS", "{}")

    upload = UnicodeAttribute()


class CountRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#EVT#{}#COUNTS", "{}")

    pending = NumberAttribute(null=True)
    approved = NumberAttribute(null=True)
    rejected = NumberAttribute(null=True)


class TimeRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#EVT#{}#TIMES", "{}#{}")

    n = NumberAttribute(null=True)


class PriceListRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#EVT#{}#PACKAGES", "-")
    model = PriceList
    upgrades = (each_gets("packages", extra=None, licence="personal", opens_at=None, closes_at=None),)

    organization = UnicodeAttribute()
    event = UnicodeAttribute(null=True)
    packages = Typed[tuple[Package, ...]](tuple[Package, ...])


# --- photos -------------------------------------------------------------------------------------------------


def get(organization: str, photo_id: str) -> Photo:
    """Raises NotFound, for a foreign photo too."""
    record = PhotoRecord.fetch(_pk(organization, photo_id), "-")
    if record is None or not _is_there(record):
        raise NotFound("photo_not_found", "There is no such photo.")
    photo: Photo = record.value()
    return photo


def find(organization: str, photo_ids: Iterable[str]) -> dict[str, Photo]:
    """Those of the photos that exist, by id."""
    keys = [(_pk(organization, id), "-") for id in dict.fromkeys(photo_ids)]
    found = PhotoRecord.batch_get(keys, consistent_read=True)
    return {record.id: record.value() for record in found if _is_there(record)}


def _is_there(record: PhotoRecord) -> bool:
    return record.removed_at is None


def on_shelf(
    organization: str,
    event: str,
    shelf: Shelf,
    request: PageRequest,
    *,
    newest_first: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Page[Photo]:
    """A page of a shelf, earliest first; of its photos from `since` to before `until` where these are given."""
    pk, within = f"{_event_pk(organization, event)}#{shelf}", _within(PhotoRecord, since, until)
    found = page(PhotoRecord, PhotoRecord.by_shelf, pk, request, newest_first=newest_first, range_condition=within)
    return found.map(lambda record: record.value())


def on_sale(organization: str, event: str, wanted: Wanted, request: PageRequest) -> Page[Photo]:
    """A page of an event's photos on sale. Where a list holds others, too, it may be short."""
    pk, since, until = _event_pk(organization, event), wanted.since, wanted.until
    rows: Page[BibRecord] | Page[OwnerRecord]
    if wanted.bib is not None:
        pk, within = f"{pk}#bib-{wanted.bib}", _within(BibRecord, since, until)
        newest = wanted.newest_first
        rows = page(BibRecord, BibRecord.by_shelf, pk, request, newest_first=newest, range_condition=within)
    elif wanted.photographer is not None:
        rows = page(OwnerRecord, OwnerRecord.by_shelf, f"{pk}#by-{wanted.photographer}", request, newest_first=True)
    else:
        newest = wanted.newest_first
        return on_shelf(organization, event, Shelf.APPROVED, request, newest_first=newest, since=since, until=until)
    photos = find(organization, [row.photo for row in rows.items])
    listed = [photos[row.photo] for row in rows.items if row.photo in photos]  # one may go while it is listed
    return Page([photo for photo in listed if wanted.takes(photo)], rows.size, rows.cursor, number=rows.number)


def _within(
    record: type[BibRecord] | type[PhotoRecord], since: datetime | None, until: datetime | None
) -> Condition | None:
    """Keys are a time and an id: one time is before all ids of it."""
    if since is None and until is None:
        return None
    return record.shelf_sk.between(clock.stamp(since) if since else "0", clock.stamp(until) if until else "9")


def of_photographer(organization: str, event: str, user: str, request: PageRequest) -> Page[Photo]:
    """A page of what a photographer offered, newest first."""
    pk = f"{_event_pk(organization, event)}#by-{user}"
    owned = page(OwnerRecord, OwnerRecord.by_shelf, pk, request, newest_first=True)
    photos = find(organization, [row.photo for row in owned.items])
    shown = [photos[row.photo] for row in owned.items if row.photo in photos]  # one may go while it is listed
    return Page(shown, owned.size, owned.cursor, number=owned.number)


def offer(photo: Photo, was: Photo | None) -> list[Write]:
    """The writes of a photo offered for the first time, or again."""
    owner = OwnerRecord(
        _pk(photo.organization, photo.id),
        "owner",
        photo=photo.id,
        shelf_pk=f"{_event_pk(photo.organization, photo.event)}#by-{photo.photographer}",
        shelf_sk=f"{clock.stamp(photo.offered_at)}#{photo.id}",
    )
    stored = create(_record(tallied(photo))) if was is None else save(tallied(photo), was=was)
    return [stored, Write("put", owner)]


def tallied(photo: Photo) -> Photo:
    return dataclasses.replace(photo, tallied=True)


def shelf_counted(was: Photo | None) -> Shelf | None:
    """Where the organization's counts have a photo; nowhere those of earlier releases that have not moved since."""
    return was.shelf if was is not None and was.tallied else None


def moved(organization: str, event: str, moves: Iterable[tuple[Shelf | None, Shelf]]) -> list[Write]:
    """The writes that count several photos of an event at once."""
    steps: Counter[Shelf] = Counter()
    for was, now in moves:
        steps[now] += 1
        if was is not None:
            steps[was] -= 1
    found = (tallies.moved(organization, KIND, event, was=None, now=shelf, by=n) for shelf, n in steps.items() if n)
    return [write for writes in found for write in writes]


def move(photo: Photo, *, was: Photo) -> list[Write]:
    """As `save`, of a photo that may stand elsewhere from now on: all counts move along."""
    counts = tallies.moved(photo.organization, KIND, photo.id, was=shelf_counted(was), now=photo.shelf)
    return [
        save(tallied(photo), was=was),
        *count(photo, Counts.moved(was, photo)),
        *time(was, photo),
        *counts,
    ]


def save(photo: Photo, *, was: Photo) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_record(photo), was.version)


def disown(photo: Photo, *, was: Photo) -> tuple[Write, Write]:
    """A photo that is nobody's any more, and leaves the list of its photographer."""
    owner = OwnerRecord(_pk(was.organization, was.id), "owner")
    return save(photo, was=was), delete(owner)


def take_off(photo: Photo, at: datetime) -> list[Write]:
    """Takes a photo from all lists, while it is as it was read. What is left of it is for `find_removed` alone."""
    pk = _pk(photo.organization, photo.id)
    record = _record(dataclasses.replace(photo, removed_at=at))
    record.shelf_pk = record.shelf_sk = None
    return [
        replace(record, photo.version),
        Write("delete", OwnerRecord(pk, "owner")),
        *_bib_changes(photo, ()),
        *count(photo, Counts.gone(photo)),
        *tallies.moved(photo.organization, KIND, photo.id, was=shelf_counted(photo), now=None),
    ]


def missing_in_tally(photo: Photo) -> list[Write]:
    """For a photo of an earlier release, as long as it has not moved."""
    record = PhotoRecord(_pk(photo.organization, photo.id), "-")
    same = (PhotoRecord.version == photo.version) & PhotoRecord.tallied.does_not_exist()
    marked = update(record, PhotoRecord.tallied.set(True), PhotoRecord.version.add(1), condition=same)
    return [marked, *tallies.moved(photo.organization, KIND, photo.id, was=None, now=photo.shelf)]


def find_removed(organization: str, photo_id: str) -> Photo | None:
    record = PhotoRecord.fetch(_pk(organization, photo_id), "-")
    return record.value() if record is not None and not _is_there(record) else None


def drop(photo: Photo) -> Write:
    """Forgets a photo that was removed, and nothing that came in its place."""
    record = PhotoRecord(_pk(photo.organization, photo.id), "-")
    return Write("delete", record, PhotoRecord.pk.does_not_exist() | (PhotoRecord.version == photo.version))


def save_bibs(photo: Photo, *, was: Photo) -> list[Write]:
    return [save(photo, was=was), *_bib_changes(was, photo.bibs)]


def save_clock(photo: Photo, *, was: Photo) -> list[Write]:
    """As `save`, of a photo that was taken at another time: the rows of its numbers move along."""
    return [save(photo, was=was), *(Write("put", _bib_row(photo, bib)) for bib in photo.bibs)]


def _bib_changes(photo: Photo, bibs: tuple[str, ...]) -> list[Write]:
    pk = _pk(photo.organization, photo.id)
    gone = [Write("delete", BibRecord(pk, f"bib#{bib}")) for bib in photo.bibs if bib not in bibs]
    return gone + [Write("put", _bib_row(photo, bib)) for bib in bibs if bib not in photo.bibs]


def _bib_row(photo: Photo, bib: str) -> BibRecord:
    return BibRecord(
        _pk(photo.organization, photo.id),
        f"bib#{bib}",
        photo=photo.id,
        shelf_pk=f"{_event_pk(photo.organization, photo.event)}#bib-{bib}",
        shelf_sk=f"{clock.stamp(photo.taken_at or photo.uploaded_at or photo.offered_at)}#{photo.id}",
    )


def _record(photo: Photo) -> PhotoRecord:
    return PhotoRecord.of(
        photo,
        pk=_pk(photo.organization, photo.id),
        sk="-",
        shelf_pk=f"{_event_pk(photo.organization, photo.event)}#{photo.shelf}",
        shelf_sk=f"{clock.stamp(photo.shelved_at)}#{photo.id}",
    )


# --- uploads ------------------------------------------------------------------------------------------------


def get_upload(organization: str, upload_id: str) -> Upload:
    """Raises NotFound."""
    record = UploadRecord.fetch(_upload_pk(organization, upload_id), "-")
    if record is None:
        raise NotFound("upload_not_found", "There is no such upload.")
    upload: Upload = record.value()
    return upload


def add_upload(upload: Upload) -> tuple[Write, Write]:
    stored = UploadRecord.of(upload, pk=_upload_pk(upload.organization, upload.id), sk="-")
    return create(stored), list_upload(upload)


def list_upload(upload: Upload) -> Write:
    """Puts it among its photographer's; again is the same."""
    pk = _uploads_pk(upload.organization, upload.photographer)
    return Write("put", UploadListingRecord(pk, upload.id, upload=upload.id))


def is_listed(upload: Upload) -> bool:
    return UploadListingRecord.fetch(_uploads_pk(upload.organization, upload.photographer), upload.id) is not None


def uploads_by(organization: str, user: str) -> Iterator[Upload]:
    """A photographer's uploads, the oldest first."""
    for listed in UploadListingRecord.query(_uploads_pk(organization, user), consistent_read=True):
        if record := UploadRecord.fetch(_upload_pk(organization, listed.upload), "-"):
            yield record.value()


def remove_upload(upload: Upload) -> tuple[Write, Write]:
    listed = UploadListingRecord(_uploads_pk(upload.organization, upload.photographer), upload.id)
    return delete(UploadRecord(_upload_pk(upload.organization, upload.id), "-")), delete(listed)


# --- counts -------------------------------------------------------------------------------------------------


def counts(organization: str, event: str) -> Counts:
    shards = CountRecord.query(f"{_event_pk(organization, event)}#COUNTS", consistent_read=True)
    return sum(
        (Counts(int(row.pending or 0), int(row.approved or 0), int(row.rejected or 0)) for row in shards),
        Counts(),
    )


def count(photo: Photo, change: Counts) -> Sequence[Write]:
    """The write that moves the counts of a photo's event; none where nothing changes."""
    row = CountRecord(
        f"{_event_pk(photo.organization, photo.event)}#COUNTS", f"{ids.shard_of(photo.id, COUNT_SHARDS):02d}"
    )
    steps = (
        (CountRecord.pending, change.pending),
        (CountRecord.approved, change.approved),
        (CountRecord.rejected, change.rejected),
    )
    actions = [attribute.add(step) for attribute, step in steps if step]
    return [update(row, *actions)] if actions else []


# --- times --------------------------------------------------------------------------------------------------


def times(organization: str, event: str) -> Times:
    """How long the photos of an event took to come on sale."""
    found: Counter[int] = Counter()
    for row in TimeRecord.query(f"{_event_pk(organization, event)}#TIMES", consistent_read=True):
        found[int(row.sk.partition("#")[0])] += int(row.n or 0)
    return Times(found)


def time(was: Photo, now: Photo) -> Sequence[Write]:
    """The write that counts how long a photo took, when it comes on sale for the first time; else none."""
    if was.sellable_at is not None or now.sellable_at is None:
        return []
    began = now.stored_at or now.uploaded_at or now.offered_at
    step = step_of((now.sellable_at - began).total_seconds())
    row = TimeRecord(
        f"{_event_pk(now.organization, now.event)}#TIMES", f"{step:02d}#{ids.shard_of(now.id, TIME_SHARDS):02d}"
    )
    return [update(row, TimeRecord.n.add(1))]


# --- packages -----------------------------------------------------------------------------------------------


def price_lists(organization: str, event: str | None) -> dict[str | None, PriceList]:
    """By event, what is stored of an event's own packages and of the organization's, which have none."""
    keys = [(_packages_pk(organization, whose), "-") for whose in {event, None}]
    return {record.event: record.value() for record in PriceListRecord.batch_get(keys, consistent_read=True)}


def save_price_list(prices: PriceList) -> Write:
    """A write that holds while the stored one is at `prices.version`, 0 meaning none."""
    record = PriceListRecord.of(prices, pk=_packages_pk(prices.organization, prices.event), sk="-")
    if prices.version:
        return replace(record, prices.version)
    record.version = 1
    return create(record, Conflict("version_conflict", "Somebody set prices first. Load them again.", field="version"))


def _pk(organization: str, photo_id: str) -> str:
    return f"T#{organization}#PHO#{photo_id}"


def _event_pk(organization: str, event: str) -> str:
    return f"T#{organization}#EVT#{event}"


def _uploads_pk(organization: str, user: str) -> str:
    return f"T#{organization}#USR#{user}#UPLOADS"


def _packages_pk(organization: str, event: str | None) -> str:
    return f"{_event_pk(organization, event or '-')}#PACKAGES"


def _upload_pk(organization: str, upload_id: str) -> str:
    return f"T#{organization}#UPL#{upload_id}"
