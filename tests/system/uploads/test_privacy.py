"""What a camera, a phone or an editor writes about people and places: none of it leaves with a picture."""

from collections.abc import Mapping
from typing import Any

from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.model import FileOffer, Processing
from chalicelib.media.model import CONTENT_TYPES
from tests.figures import Show
from tests.lines.photos.pictures import File
from tests.media.canaries import CANARY, private_photo
from tests.media.photos import FORMATS
from tests.stack import ENVIRONMENT, client
from tests.system.world import World, deliver_file


def test_nothing_private_leaves_with_a_picture(world: World, figure: Show):
    """Every place of every format holds the canary: EXIF, XMP, IPTC, comments, thumbnails, second pictures, tails."""
    event, photographer = world.a.events["mixed"].id, world.a.people["photographer"].principal
    files = [File(f"photo.{form}", private_photo(form), CONTENT_TYPES[form]) for form in FORMATS]
    offers = [FileOffer(file.name, len(file.content), file.type, file.sha256) for file in files]
    upload = photos.begin_upload(photographer, event, offers)
    for file, progress in zip(files, upload.files, strict=True):
        assert progress.form is not None
        deliver_file(progress.form.fields["key"], file.content)

    made = {}
    for progress in upload.files:
        photo = photos.get(world.a.organization, progress.photo)
        assert photo.processing is Processing.READY
        shown = world.call("GET", f"/photos/{photo.id}").json()["data"]
        keys = [photo.rendition_key(size) for size in shown["sizes"]]
        made |= {key: _stored("previews", key) for key in keys}
        made[photo.delivery_key] = _stored("originals", photo.delivery_key)
        made[f"answer about {photo.id}"] = _answer(shown)

    hidden = sum(file.content.count(CANARY) for file in files)
    left = sum(content.count(CANARY) for content in made.values())
    text = f"{hidden} canaries in {len(files)} formats: {left} in {len(made)} previews, delivered files and answers"
    figure("image privacy", "what metadata tells of people and places stays behind", text)
    assert left == 0
    assert len(made) == len(files) * 6
    assert not any(b"18.788" in content or b"98.985" in content for content in made.values()), "where it was taken"


def _stored(bucket: str, key: str) -> bytes:
    found: bytes = client("s3").get_object(Bucket=ENVIRONMENT[f"PIX_{bucket.upper()}_BUCKET"], Key=key)["Body"].read()
    return found


def _answer(shown: Mapping[str, Any]) -> bytes:
    return repr(shown).encode()
