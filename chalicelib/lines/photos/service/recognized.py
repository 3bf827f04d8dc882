"""What others found in a photo, as far as it is the photo's own."""

from collections.abc import Callable
from contextlib import suppress

from chalicelib.core.errors import Conflict
from chalicelib.core.table import transact
from chalicelib.lines.photos import store
from chalicelib.lines.photos.model import Faces, Photo

_TRIES = 8


def note_bibs(organization: str, photo_id: str, bibs: tuple[str, ...]) -> None:
    """From now on the photo is found by these numbers. One that is gone needs none."""
    _change(organization, photo_id, lambda photo: photo.with_bibs(bibs))


def note_faces(organization: str, photo_id: str, faces: Faces) -> None:
    """How far looking for its faces is."""
    _change(organization, photo_id, lambda photo: photo.with_faces(faces))


def _change(organization: str, photo_id: str, change: Callable[[Photo], Photo]) -> None:
    for _ in range(_TRIES):
        was = store.find(organization, [photo_id]).get(photo_id)
        if was is None or change(was) == was:
            return
        with suppress(Conflict):
            transact(*store.save_bibs(change(was), was=was))
            return
    raise Conflict("changed_meanwhile", "The photo keeps changing.")
