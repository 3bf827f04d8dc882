"""Photos.

| access                                   | key                                                          |
|------------------------------------------|--------------------------------------------------------------|
| one photo                                | pk T#{org}#PHO#{id} / sk -                                   |
| the photos of one shelf of an event      | by_shelf  T#{org}#EVT#{event}#{shelf} / {time}#{id}          |
| a photographer's photos of an event      | by_shelf  T#{org}#EVT#{event}#by-{user} / {offered_at}#{id}  |
| the photos with a bib number             | by_shelf  T#{org}#EVT#{event}#bib-{number} / {time}#{id}     |
| one upload                               | pk T#{org}#UPL#{id} / sk -                                   |
| an event's counts                        | pk T#{org}#EVT#{event}#COUNTS / sk {shard}                   |
| an event's own packages                  | pk T#{org}#EVT#{event}#PACKAGES / sk -                       |

A photo's id is derived from its event and the file's SHA-256: the same file meets the same key. A shelf is
sorted by the time of arrival, that of photos on sale by the time they were taken. A photographer's list is
made of rows of its own (pk T#{org}#PHO#{id} / sk owner), one a photo; so is that of a number (sk bib#{number}), sorted
by the time that photos on sale are sorted by.
"""

from collections.abc import Iterable, Sequence

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.core import clock, ids
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
    PriceList,
    Processing,
    Shelf,
    Step,
    Upload,
    UploadFile,
    Wanted,
)
from chalicelib.lines.photos.pricing import Package
from chalicelib.media.service import Exif, Rendition

COUNT_SHARDS = 16


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
    reviewed_by = UnicodeAttribute(null=True)
    reviewed_at = Moment(null=True)
    rejection = UnicodeAttribute(null=True)
    correlation = UnicodeAttribute(null=True)
    upload = UnicodeAttribute(null=True)
    bibs = Several[str](str)
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


class CountRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#EVT#{}#COUNTS", "{}")

    pending = NumberAttribute(null=True)
    approved = NumberAttribute(null=True)
    rejected = NumberAttribute(null=True)


class PriceListRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#EVT#{}#PACKAGES", "-")
    model = PriceList

    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    packages = Typed[tuple[Package, ...]](tuple[Package, ...])


# --- photos -------------------------------------------------------------------------------------------------


def get(organization: str, photo_id: str) -> Photo:
    """Raises NotFound, for a foreign photo too."""
    record = PhotoRecord.fetch(_pk(organization, photo_id), "-")
    if record is None:
        raise NotFound("photo_not_found", "There is no such photo.")
    photo: Photo = record.value()
    return photo


def find(organization: str, photo_ids: Iterable[str]) -> dict[str, Photo]:
    """Those of the photos that exist, by id."""
    keys = [(_pk(organization, id), "-") for id in dict.fromkeys(photo_ids)]
    return {record.id: record.value() for record in PhotoRecord.batch_get(keys, consistent_read=True)}


def on_shelf(organization: str, event: str, shelf: Shelf, request: PageRequest) -> Page[Photo]:
    """A page of a shelf, earliest first."""
    pk = f"{_event_pk(organization, event)}#{shelf}"
    return page(PhotoRecord, PhotoRecord.by_shelf, pk, request).map(lambda record: record.value())


def on_sale(organization: str, event: str, wanted: Wanted, request: PageRequest) -> Page[Photo]:
    """A page of an event's photos on sale. Where several things are wanted, it may hold fewer than asked for."""
    pk = _event_pk(organization, event)
    rows: Page[BibRecord] | Page[OwnerRecord]
    if wanted.bib is not None:
        pk = f"{pk}#bib-{wanted.bib}"
        rows = page(BibRecord, BibRecord.by_shelf, pk, request, range_condition=_between(BibRecord, wanted))
    elif wanted.photographer is not None:
        pk = f"{pk}#by-{wanted.photographer}"
        rows = page(OwnerRecord, OwnerRecord.by_shelf, pk, request)
    else:
        pk = f"{pk}#{Shelf.APPROVED}"
        shelf = page(PhotoRecord, PhotoRecord.by_shelf, pk, request, range_condition=_between(PhotoRecord, wanted))
        return shelf.map(lambda record: record.value())
    listed = [row.photo for row in rows.items]
    photos = find(organization, listed)
    shown = [photos[id] for id in listed if id in photos and wanted.takes(photos[id])]
    return Page(shown, rows.size, rows.cursor, number=rows.number)


def _between(record: type[BibRecord] | type[PhotoRecord], wanted: Wanted) -> Condition | None:
    """Keys are a time and an id: one time is before all ids of it."""
    if wanted.taken_from is None and wanted.taken_until is None:
        return None
    start = clock.stamp(wanted.taken_from) if wanted.taken_from else "0"
    end = clock.stamp(wanted.taken_until) if wanted.taken_until else "9"
    return record.shelf_sk.between(start, end)


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
    stored = create(_record(photo)) if was is None else save(photo, was=was)
    return [stored, Write("put", owner)]


def save(photo: Photo, *, was: Photo) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_record(photo), was.version)


def remove(photo: Photo) -> list[Write]:
    """Writes that hold only while the photo is as it was read."""
    pk = _pk(photo.organization, photo.id)
    gone = Write("delete", PhotoRecord(pk, "-"), PhotoRecord.version == photo.version)
    return [gone, Write("delete", OwnerRecord(pk, "owner")), *_bib_changes(photo, ())]


def save_bibs(photo: Photo, *, was: Photo) -> list[Write]:
    return [save(photo, was=was), *_bib_changes(was, photo.bibs)]


def _bib_changes(photo: Photo, bibs: tuple[str, ...]) -> list[Write]:
    pk, event = _pk(photo.organization, photo.id), _event_pk(photo.organization, photo.event)
    shelved = f"{clock.stamp(photo.taken_at or photo.uploaded_at or photo.offered_at)}#{photo.id}"
    gone = [Write("delete", BibRecord(pk, f"bib#{bib}")) for bib in photo.bibs if bib not in bibs]
    rows = [
        BibRecord(pk, f"bib#{bib}", photo=photo.id, shelf_pk=f"{event}#bib-{bib}", shelf_sk=shelved)
        for bib in bibs
        if bib not in photo.bibs
    ]
    return gone + [Write("put", row) for row in rows]


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


def add_upload(upload: Upload) -> Write:
    return create(UploadRecord.of(upload, pk=_upload_pk(upload.organization, upload.id), sk="-"))


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


# --- packages -----------------------------------------------------------------------------------------------


def find_price_list(organization: str, event: str) -> PriceList | None:
    record = PriceListRecord.fetch(f"{_event_pk(organization, event)}#PACKAGES", "-")
    return record.value() if record else None


def save_price_list(prices: PriceList) -> Write:
    """A write that holds while the stored one is at `prices.version`, 0 meaning none."""
    record = PriceListRecord.of(prices, pk=f"{_event_pk(prices.organization, prices.event)}#PACKAGES", sk="-")
    if prices.version:
        return replace(record, prices.version)
    record.version = 1
    return create(record, Conflict("version_conflict", "Somebody set prices first. Load them again.", field="version"))


def _pk(organization: str, photo_id: str) -> str:
    return f"T#{organization}#PHO#{photo_id}"


def _event_pk(organization: str, event: str) -> str:
    return f"T#{organization}#EVT#{event}"


def _upload_pk(organization: str, upload_id: str) -> str:
    return f"T#{organization}#UPL#{upload_id}"
