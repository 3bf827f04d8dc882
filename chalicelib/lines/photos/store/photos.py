"""Photos, on their shelves and beside them."""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.core import clock, tallies
from chalicelib.core.errors import NotFound
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
    index,
    page,
    replace,
    table,
    update,
)
from chalicelib.lines.photos.albums.model import Kind
from chalicelib.lines.photos.model import Approval, Counts, Faces, Failure, Photo, Processing, Shelf, Step, Wanted
from chalicelib.lines.photos.store.counts import count, time
from chalicelib.lines.photos.store.keys import event_pk, photo_pk
from chalicelib.media.service import Exif, Quality, Rendition

KIND = "photos"
_KEPT = "#kept"
"""Ends the list of what is in an album and not on sale."""


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
    album = UnicodeAttribute(null=True)
    location = UnicodeAttribute(null=True)
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


class AlbumRowRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#PHO#{}", "in#{}")

    photo = UnicodeAttribute(null=True)
    shelf_pk = UnicodeAttribute(null=True)
    shelf_sk = UnicodeAttribute(null=True)
    by_shelf = index("by_shelf")


def get(organization: str, photo_id: str) -> Photo:
    """Raises NotFound, for a foreign photo too."""
    record = PhotoRecord.fetch(photo_pk(organization, photo_id), "-")
    if record is None or not _is_there(record):
        raise NotFound("photo_not_found", "There is no such photo.")
    photo: Photo = record.value()
    return photo


def find(organization: str, photo_ids: Iterable[str]) -> dict[str, Photo]:
    """Those of the photos that exist, by id."""
    keys = [(photo_pk(organization, id), "-") for id in dict.fromkeys(photo_ids)]
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
    pk, within = f"{event_pk(organization, event)}#{shelf}", _within(PhotoRecord, since, until)
    found = page(PhotoRecord, PhotoRecord.by_shelf, pk, request, newest_first=newest_first, range_condition=within)
    return found.map(lambda record: record.value())


def on_sale(organization: str, event: str, wanted: Wanted, request: PageRequest) -> Page[Photo]:
    """A page of an event's photos on sale. Where a list holds others, too, it may be short."""
    pk, since, until, newest = event_pk(organization, event), wanted.since, wanted.until, wanted.newest_first
    rows: Page[AlbumRowRecord] | Page[BibRecord] | Page[OwnerRecord]
    if wanted.bib is not None:
        pk, within = f"{pk}#bib-{wanted.bib}", _within(BibRecord, since, until)
        rows = page(BibRecord, BibRecord.by_shelf, pk, request, newest_first=newest, range_condition=within)
    elif album := wanted.album or wanted.location:
        pk, within = f"{pk}#{album}", _within(AlbumRowRecord, since, until)
        rows = page(AlbumRowRecord, AlbumRowRecord.by_shelf, pk, request, newest_first=newest, range_condition=within)
    elif wanted.photographer is not None:
        rows = page(OwnerRecord, OwnerRecord.by_shelf, f"{pk}#by-{wanted.photographer}", request, newest_first=True)
    else:
        return on_shelf(organization, event, Shelf.APPROVED, request, newest_first=newest, since=since, until=until)
    photos = find(organization, [row.photo for row in rows.items])
    listed = [photos[row.photo] for row in rows.items if row.photo in photos]  # one may go while it is listed
    return Page([photo for photo in listed if wanted.takes(photo)], rows.size, rows.cursor, number=rows.number)


def in_album(organization: str, event: str, album: str, most: int) -> list[str]:
    """Ids of some photos of an album: of those on sale, and where there are none of the others."""
    pk, request = f"{event_pk(organization, event)}#{album}", PageRequest(size=most)
    lists = (page(AlbumRowRecord, AlbumRowRecord.by_shelf, f"{pk}{end}", request) for end in ("", _KEPT))
    return next(([row.photo for row in found.items] for found in lists if found.items), [])


def _within(
    record: type[AlbumRowRecord] | type[BibRecord] | type[PhotoRecord], since: datetime | None, until: datetime | None
) -> Condition | None:
    """Keys are a time and an id: one time is before all ids of it."""
    if since is None and until is None:
        return None
    return record.shelf_sk.between(clock.stamp(since) if since else "0", clock.stamp(until) if until else "9")


def of_photographer(organization: str, event: str, user: str, request: PageRequest) -> Page[Photo]:
    """A page of what a photographer offered, newest first."""
    pk = f"{event_pk(organization, event)}#by-{user}"
    owned = page(OwnerRecord, OwnerRecord.by_shelf, pk, request, newest_first=True)
    photos = find(organization, [row.photo for row in owned.items])
    shown = [photos[row.photo] for row in owned.items if row.photo in photos]  # one may go while it is listed
    return Page(shown, owned.size, owned.cursor, number=owned.number)


def offer(photo: Photo, was: Photo | None) -> list[Write]:
    """The writes of a photo offered for the first time, or again."""
    owner = OwnerRecord(
        photo_pk(photo.organization, photo.id),
        "owner",
        photo=photo.id,
        shelf_pk=f"{event_pk(photo.organization, photo.event)}#by-{photo.photographer}",
        shelf_sk=f"{clock.stamp(photo.offered_at)}#{photo.id}",
    )
    stored = create(_record(tallied(photo))) if was is None else save(tallied(photo), was=was)
    return [stored, Write("put", owner), *_album_changes(was, photo)]


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
        *_album_changes(was, photo),
        *count(photo, Counts.moved(was, photo)),
        *time(was, photo),
        *counts,
    ]


def save(photo: Photo, *, was: Photo) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_record(photo), was.version)


def disown(photo: Photo, *, was: Photo) -> tuple[Write, Write]:
    """A photo that is nobody's any more, and leaves the list of its photographer."""
    owner = OwnerRecord(photo_pk(was.organization, was.id), "owner")
    return save(photo, was=was), delete(owner)


def take_off(photo: Photo, at: datetime) -> list[Write]:
    """Takes a photo from all lists, while it is as it was read. What is left of it is for `find_removed` alone."""
    pk = photo_pk(photo.organization, photo.id)
    record = _record(dataclasses.replace(photo, removed_at=at))
    record.shelf_pk = record.shelf_sk = None
    return [
        replace(record, photo.version),
        Write("delete", OwnerRecord(pk, "owner")),
        *_bib_changes(photo, ()),
        *_album_changes(photo, dataclasses.replace(photo, album=None, location=None)),
        *count(photo, Counts.gone(photo)),
        *tallies.moved(photo.organization, KIND, photo.id, was=shelf_counted(photo), now=None),
    ]


def missing_in_tally(photo: Photo) -> list[Write]:
    """For a photo of an earlier release, as long as it has not moved."""
    record = PhotoRecord(photo_pk(photo.organization, photo.id), "-")
    same = (PhotoRecord.version == photo.version) & PhotoRecord.tallied.does_not_exist()
    marked = update(record, PhotoRecord.tallied.set(True), PhotoRecord.version.add(1), condition=same)
    return [marked, *tallies.moved(photo.organization, KIND, photo.id, was=None, now=photo.shelf)]


def find_removed(organization: str, photo_id: str) -> Photo | None:
    record = PhotoRecord.fetch(photo_pk(organization, photo_id), "-")
    return record.value() if record is not None and not _is_there(record) else None


def drop(photo: Photo) -> Write:
    """Forgets a photo that was removed, and nothing that came in its place."""
    record = PhotoRecord(photo_pk(photo.organization, photo.id), "-")
    return Write("delete", record, PhotoRecord.pk.does_not_exist() | (PhotoRecord.version == photo.version))


def save_listed(photo: Photo, *, was: Photo) -> list[Write]:
    """As `save`, of a photo that others may find elsewhere from now on: by its numbers, in its albums."""
    return [save(photo, was=was), *_bib_changes(was, photo.bibs), *_album_changes(was, photo)]


def save_clock(photo: Photo, *, was: Photo) -> list[Write]:
    """As `save`, of a photo that was taken at another time: the rows of its numbers and albums move along."""
    bibs = (Write("put", _bib_row(photo, bib)) for bib in photo.bibs)
    return [save(photo, was=was), *bibs, *_album_changes(was, photo)]


def _bib_changes(photo: Photo, bibs: tuple[str, ...]) -> list[Write]:
    pk = photo_pk(photo.organization, photo.id)
    gone = [Write("delete", BibRecord(pk, f"bib#{bib}")) for bib in photo.bibs if bib not in bibs]
    return gone + [Write("put", _bib_row(photo, bib)) for bib in bibs if bib not in photo.bibs]


def _bib_row(photo: Photo, bib: str) -> BibRecord:
    return BibRecord(
        photo_pk(photo.organization, photo.id),
        f"bib#{bib}",
        photo=photo.id,
        shelf_pk=f"{event_pk(photo.organization, photo.event)}#bib-{bib}",
        shelf_sk=f"{clock.stamp(photo.taken_at or photo.uploaded_at or photo.offered_at)}#{photo.id}",
    )


def _album_changes(was: Photo | None, photo: Photo) -> list[Write]:
    pk = photo_pk(photo.organization, photo.id)
    before, after = _album_rows(was) if was else {}, _album_rows(photo)
    gone = [Write("delete", AlbumRowRecord(pk, f"in#{kind}")) for kind in before.keys() - after.keys()]
    moved = [kind for kind, keys in after.items() if before.get(kind) != keys]
    rows = (
        AlbumRowRecord(pk, f"in#{kind}", photo=photo.id, shelf_pk=after[kind][0], shelf_sk=after[kind][1])
        for kind in moved
    )
    return gone + [Write("put", row) for row in rows]


def _album_rows(photo: Photo) -> dict[Kind, tuple[str, str]]:
    """Where a photo is listed in its albums: those on sale by themselves, so that visitors' pages are full."""
    pk, end = event_pk(photo.organization, photo.event), "" if photo.for_sale else _KEPT
    held = {Kind.ALBUM: photo.album, Kind.LOCATION: photo.location}
    sk = f"{clock.stamp(photo.shelved_at)}#{photo.id}"
    return {kind: (f"{pk}#{album}{end}", sk) for kind, album in held.items() if album is not None}


def _record(photo: Photo) -> PhotoRecord:
    return PhotoRecord.of(
        photo,
        pk=photo_pk(photo.organization, photo.id),
        sk="-",
        shelf_pk=f"{event_pk(photo.organization, photo.event)}#{photo.shelf}",
        shelf_sk=f"{clock.stamp(photo.shelved_at)}#{photo.id}",
    )
