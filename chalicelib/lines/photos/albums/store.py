"""Albums.

| access                     | key                                                               |
|----------------------------|-------------------------------------------------------------------|
| an event's albums          | pk T#{org}#EVT#{event}#ALBUMS / sk {album}                        |
| who has a name of an event | pk T#{org}#EVT#{event}#ALBUM-NAMES / sk {kind}#{digest of called} |

The ids of a kind begin alike, so one kind is a range of the list. What is in an album is in `photos.store`.
"""

import hashlib

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Write,
    check,
    create,
    page,
    replace,
    table,
)
from chalicelib.lines.photos.albums.model import Album, Kind


class AlbumRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#EVT#{}#ALBUMS", "{}")
    model = Album

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    kind = Choice(Kind)
    name = UnicodeAttribute()
    created_at = Moment()


class AlbumNameRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#EVT#{}#ALBUM-NAMES", "{}#{}")

    album = UnicodeAttribute()


class NameTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("album_name_taken", "This event has one of this name already.", field="name")


class NoAlbum(NotFound):
    def __init__(self) -> None:
        super().__init__("album_not_found", "There is no such album.")


def get(organization: str, event: str, album: str) -> Album:
    """Raises NotFound, for one of another event too."""
    record = AlbumRecord.fetch(_pk(organization, event), album)
    if record is None:
        raise NoAlbum
    found: Album = record.value()
    return found


def of_event(organization: str, event: str, kind: Kind | None, request: PageRequest) -> Page[Album]:
    """The oldest first, or all of one kind."""
    one_kind = AlbumRecord.sk.startswith(f"{kind.prefix}_") if kind else None
    found = page(AlbumRecord, AlbumRecord, _pk(organization, event), request, range_condition=one_kind)
    return found.map(lambda record: record.value())


def add(album: Album) -> tuple[Write, Write]:
    """Refused with `album_name_taken`."""
    return create(_record(album)), _take_name(album)


def rename(album: Album, was: Album) -> tuple[Write, ...]:
    saved = replace(_record(album), was.version)
    return (saved,) if album.called == was.called else (saved, _take_name(album), Write("delete", _name(was)))


def remove(album: Album) -> tuple[Write, Write]:
    """Refused with `version_conflict` where somebody renamed it or was faster."""
    same = AlbumRecord.version == album.version
    refused = Conflict("version_conflict", "Somebody else changed this first. Load it again.")
    return Write("delete", _record(album), same, refused=refused), Write("delete", _name(album))


def still_there(album: Album) -> Write:
    """Holds only while there is such an album; else NotFound."""
    key = AlbumRecord(_pk(album.organization, album.event), album.id)
    return check(key, AlbumRecord.pk.exists(), NoAlbum())


def _take_name(album: Album) -> Write:
    return create(_name(album), NameTaken())


def _name(album: Album) -> AlbumNameRecord:
    pk = f"T#{album.organization}#EVT#{album.event}#ALBUM-NAMES"
    digest = hashlib.sha256(album.called.encode()).hexdigest()  # as a text it may be longer than a key
    return AlbumNameRecord(pk, f"{album.kind}#{digest}", album=album.id)


def _record(album: Album) -> AlbumRecord:
    return AlbumRecord.of(album, pk=_pk(album.organization, album.event), sk=album.id)


def _pk(organization: str, event: str) -> str:
    return f"T#{organization}#EVT#{event}#ALBUMS"
