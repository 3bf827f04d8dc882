"""What others found in a photo, as far as it is the photo's own."""

from chalicelib.lines.photos.model import Faces
from chalicelib.lines.photos.service.changing import change


def note_bibs(organization: str, photo_id: str, bibs: tuple[str, ...]) -> None:
    """From now on the photo is found by these numbers. One that is gone needs none."""
    change(organization, photo_id, lambda photo: photo.with_bibs(bibs))


def note_faces(organization: str, photo_id: str, faces: Faces) -> None:
    """How far looking for its faces is."""
    change(organization, photo_id, lambda photo: photo.with_faces(faces))
