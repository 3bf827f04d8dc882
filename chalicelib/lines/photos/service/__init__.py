"""Photos, use case by use case: uploads, ingest, review, gallery, selling."""

from chalicelib.lines.photos.service.gallery import event_photos, on_sale, show_photo, shown
from chalicelib.lines.photos.service.ingest import Arrival, process_object
from chalicelib.lines.photos.service.privacy import erase_person, personal_data
from chalicelib.lines.photos.service.recognized import note_bibs, note_faces
from chalicelib.lines.photos.service.review import (
    approve_photo,
    counts_of,
    reject_photo,
    retry_photo,
    review_shelf,
)
from chalicelib.lines.photos.service.selling import (
    delivery_file,
    find,
    for_sale,
    get,
    packages_of,
    price_list,
    set_packages,
)
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
    "UploadProgress",
    "approve_photo",
    "begin_upload",
    "counts_of",
    "delivery_file",
    "erase_person",
    "event_photos",
    "find",
    "for_sale",
    "get",
    "my_photos",
    "note_bibs",
    "note_faces",
    "on_sale",
    "packages_of",
    "personal_data",
    "price_list",
    "process_object",
    "progress_of",
    "read_upload",
    "reject_photo",
    "resume_upload",
    "retry_photo",
    "review_shelf",
    "set_packages",
    "show_photo",
    "shown",
]
