"""Photos, use case by use case: uploads, ingest, review, gallery, selling."""

from chalicelib.lines.photos.service.clocks import set_clock
from chalicelib.lines.photos.service.gallery import event_photos, on_sale, related_photos, show_photo, shown
from chalicelib.lines.photos.service.ingest import Arrival, process_object
from chalicelib.lines.photos.service.insight import Metadata, Statistics, metadata, statistics
from chalicelib.lines.photos.service.packages import (
    add_package,
    change_package,
    drop_package,
    list_packages,
    packages_of,
    price_list,
    select_package,
    set_packages,
)
from chalicelib.lines.photos.service.posters import Poster, poster
from chalicelib.lines.photos.service.privacy import erase_person, personal_data
from chalicelib.lines.photos.service.recognized import note_bibs, note_faces
from chalicelib.lines.photos.service.removal import finish as finish_removal
from chalicelib.lines.photos.service.removal import hold, keep, mark_sold, release, remove_photo
from chalicelib.lines.photos.service.review import (
    approve_photo,
    counts_of,
    decide,
    reject_photo,
    retry_photo,
    review_lookalikes,
    review_shelf,
)
from chalicelib.lines.photos.service.selling import delivery_file, find, for_sale, get
from chalicelib.lines.photos.service.uploads import (
    UploadProgress,
    begin_upload,
    my_photos,
    progress_of,
    read_upload,
    resume_upload,
)

__all__ = [
    "Arrival",
    "Metadata",
    "Poster",
    "Statistics",
    "UploadProgress",
    "add_package",
    "approve_photo",
    "begin_upload",
    "change_package",
    "counts_of",
    "decide",
    "delivery_file",
    "drop_package",
    "erase_person",
    "event_photos",
    "find",
    "finish_removal",
    "for_sale",
    "get",
    "hold",
    "keep",
    "list_packages",
    "mark_sold",
    "metadata",
    "my_photos",
    "note_bibs",
    "note_faces",
    "on_sale",
    "packages_of",
    "personal_data",
    "poster",
    "price_list",
    "process_object",
    "progress_of",
    "read_upload",
    "reject_photo",
    "related_photos",
    "release",
    "remove_photo",
    "resume_upload",
    "retry_photo",
    "review_lookalikes",
    "review_shelf",
    "select_package",
    "set_clock",
    "set_packages",
    "show_photo",
    "shown",
    "statistics",
]
