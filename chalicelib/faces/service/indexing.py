"""A photo on sale is looked at once: its faces go into the event's index, its numbers to the photo."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.core import log, outbox, storage
from chalicelib.core.errors import Conflict
from chalicelib.core.table import transact
from chalicelib.faces import engines, store
from chalicelib.faces.engines.contract import LONG_SIDE
from chalicelib.faces.messages import PhotoToRecognize
from chalicelib.faces.model import Recognition, Seen, SeenFace, bibs_of
from chalicelib.faces.service import watching
from chalicelib.faces.service.recognition import index_of
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.model import Faces, Photo
from chalicelib.media import service as media


def look_at(organization: str, event: str, photo_id: str) -> bool:
    """Recognize what is to be recognized in a photo; False where there is nothing to do. May run twice, and at once."""
    wanted = store.recognition(organization, event)
    if wanted.index is None:
        return False
    photo = photos.find(organization, [photo_id]).get(photo_id)
    was = store.find_seen(organization, wanted.index, photo_id)
    seen = was or Seen(organization, wanted.index, photo_id)
    has_faces, has_bibs = wanted.has_faces and seen.faces is None, wanted.bibs and seen.bibs is None
    if photo is None or not photo.for_sale or not (has_faces or has_bibs):
        return False
    picture = _picture_of(photo)
    if has_faces:
        seen = _begun(seen, was, wanted, cut_off=seen.begun)
        seen = replace(seen, faces=_faces_of(wanted, photo_id, picture))
    if has_bibs:
        seen = replace(seen, bibs=bibs_of(engines.text_reader().words(picture)))
        photos.note_bibs(organization, photo_id, seen.bibs or ())
    if has_faces:
        photos.note_faces(organization, photo_id, Faces.DONE)
    try:
        looked_for = watching.came_on_sale(wanted) if seen.faces else []
        transact(store.save_seen(seen, was=seen if has_faces else was), store.still(wanted), *looked_for)
    except Conflict as refused:
        if refused.code != "faces_off":
            raise
        _forget(wanted, seen)  # it was given up meanwhile
        return False
    log.info("photo recognized", organization=organization, event=event, photo=photo_id, count=len(seen.faces or ()))
    return True


def forget_photo(organization: str, event: str, photo: str) -> bool:
    """Take the faces of a photo that is on sale no more out of its event's index; False where there are none.

    One that came back meanwhile is looked at again: facts come in any order. May run again where it was cut off.
    """
    held = store.recognition(organization, event)
    seen = store.find_seen(organization, held.index, photo) if held.index else None
    forgotten = seen is not None and not _is_on_sale(organization, photo)
    if seen is not None and forgotten:
        _forget(held, seen)
        transact(store.remove_seen(seen))
    if held.index and _is_on_sale(organization, photo):
        transact(outbox.publish(PhotoToRecognize(organization=organization, event=event, photo=photo)))
    return forgotten


def _is_on_sale(organization: str, photo: str) -> bool:
    held = photos.find(organization, [photo])
    return photo in held and held[photo].for_sale


def picture_in(path: Path) -> bytes:
    """What an engine is shown of a file. Raises Rejected."""
    return media.upright(path, media.inspect(path), LONG_SIDE)


def _begun(seen: Seen, was: Seen | None, wanted: Recognition, *, cut_off: bool) -> Seen:
    """Noted before an engine is asked, so that what a run leaves in the index is known to be there."""
    if cut_off:
        engines.face_engine().forget(index_of(wanted), seen.photo)
        return seen
    begun = replace(seen, begun=True)
    transact(store.save_seen(begun, was=was))
    return replace(begun, version=was.version + 1 if was else 1)


def _faces_of(wanted: Recognition, photo: str, picture: bytes) -> tuple[SeenFace, ...]:
    found = engines.face_engine().index(index_of(wanted), photo, picture)
    return tuple(SeenFace(face.id, face.box, face.quality) for face in found)


def _forget(held: Recognition, seen: Seen) -> None:
    if seen.begun and held.key is not None:
        faces = [face.id for face in seen.faces] if seen.faces is not None else None
        engines.face_engine().forget(index_of(held), seen.photo, faces)


def _picture_of(photo: Photo) -> bytes:
    with TemporaryDirectory(prefix="faces-") as folder:
        path = Path(folder) / "photo"
        if not storage.download("originals", photo.delivery_key, path):
            raise LookupError(f"the file of {photo.id} is not there")
        return picture_in(path)
