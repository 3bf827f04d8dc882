"""Photos.

| access                                   | key                                                          |
|------------------------------------------|--------------------------------------------------------------|
| one photo                                | pk T#{org}#PHO#{id} / sk -                                   |
| the photos of one shelf of an event      | by_shelf  T#{org}#EVT#{event}#{shelf} / {time}#{id}          |
| a photographer's photos of an event      | by_shelf  T#{org}#EVT#{event}#by-{user} / {offered_at}#{id}  |
| the photos with a bib number             | by_shelf  T#{org}#EVT#{event}#bib-{number} / {time}#{id}     |
| the photos on sale of an album           | by_shelf  T#{org}#EVT#{event}#{album} / {time}#{id}          |
| the other photos of an album             | by_shelf  T#{org}#EVT#{event}#{album}#kept / {time}#{id}     |
| one upload                               | pk T#{org}#UPL#{id} / sk -                                   |
| a photographer's uploads                 | pk T#{org}#USR#{user}#UPLOADS / sk {upload}                  |
| an event's counts                        | pk T#{org}#EVT#{event}#COUNTS / sk {shard}                   |
| how long an event's photos took to sale  | pk T#{org}#EVT#{event}#TIMES / sk {step}#{shard}             |
| an event's own packages                  | pk T#{org}#EVT#{event}#PACKAGES / sk -                       |
| the organization's packages              | pk T#{org}#EVT#-#PACKAGES / sk -                             |

A photo's id is derived from its event and the file's SHA-256: the same file meets the same key. A shelf is
sorted by the time of arrival, that of photos on sale by the time they were taken. A photographer's list is
made of rows of its own (pk T#{org}#PHO#{id} / sk owner), one a photo; so is that of a number (sk bib#{number}), sorted
by the time that photos on sale are sorted by. A photo is in one album and one location at most (sk in#{kind}); their
rows change lists when the photo comes on sale.
"""

from chalicelib.lines.photos.store.counts import CountRecord, TimeRecord, count, counts, time, times
from chalicelib.lines.photos.store.photos import (
    AlbumRowRecord,
    BibRecord,
    OwnerRecord,
    PhotoRecord,
    disown,
    drop,
    find,
    find_removed,
    get,
    in_album,
    missing_in_tally,
    move,
    moved,
    of_photographer,
    offer,
    on_sale,
    on_shelf,
    save,
    save_clock,
    save_listed,
    shelf_counted,
    take_off,
    tallied,
)
from chalicelib.lines.photos.store.prices import PriceListRecord, price_lists, save_price_list
from chalicelib.lines.photos.store.uploads import (
    UploadListingRecord,
    UploadRecord,
    add_upload,
    get_upload,
    is_listed,
    list_upload,
    remove_upload,
    uploads_by,
)

__all__ = [
    "AlbumRowRecord",
    "BibRecord",
    "CountRecord",
    "OwnerRecord",
    "PhotoRecord",
    "PriceListRecord",
    "TimeRecord",
    "UploadListingRecord",
    "UploadRecord",
    "add_upload",
    "count",
    "counts",
    "disown",
    "drop",
    "find",
    "find_removed",
    "get",
    "get_upload",
    "in_album",
    "is_listed",
    "list_upload",
    "missing_in_tally",
    "move",
    "moved",
    "of_photographer",
    "offer",
    "on_sale",
    "on_shelf",
    "price_lists",
    "remove_upload",
    "save",
    "save_clock",
    "save_listed",
    "save_price_list",
    "shelf_counted",
    "take_off",
    "tallied",
    "time",
    "times",
    "uploads_by",
]
