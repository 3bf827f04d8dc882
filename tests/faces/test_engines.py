"""One suite for every engine: what `FaceEngine` promises, of both that there are."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from PIL import Image, ImageOps

from chalicelib.core import ids
from chalicelib.faces.engines.contract import FaceEngine, Index, NoFace, new_key
from chalicelib.faces.engines.rekognition import Rekognition
from tests.faces import labelled
from tests.faces.conftest import stored
from tests.lines.photos import pictures


@dataclass(frozen=True)
class Lab:
    """An engine, an open index, and three pictures: two of one person, one of another."""

    engine: FaceEngine
    index: Index
    one: bytes
    one_again: bytes
    another: bytes
    nobody: bytes

    def found(self, picture: bytes) -> list[str]:
        return [match.photo for match in self.engine.search(self.index, picture)]


def fresh() -> Index:
    id = ids.new("fix")
    return Index("org_one", "evt_one", id, new_key("org_one", id))


def embedded() -> Iterator[Lab]:
    """dlib looks at people."""
    from chalicelib.faces.engines import embedded as engine

    if not (engine.is_installed() and labelled.is_there()):
        pytest.skip("the embedded engine is not installed: python3 -m infra faces")
    people = labelled.portraits()
    pictures = [people["a"][0], people["a"][2], people["c"][0], Image.new("RGB", (320, 240), "navy")]
    yield Lab(engine.Embedded(), fresh(), *map(labelled.jpeg, pictures))


def amazon() -> Iterator[Lab]:
    """What Rekognition would see in them, its stand-in sees in coloured squares."""
    one, another = (Image.open(io.BytesIO(pictures.jpeg(seed).content)) for seed in (1, 2))
    shown = [one, ImageOps.mirror(one).resize((160, 120)), another, Image.new("RGB", (320, 240), "navy")]
    yield Lab(Rekognition(), fresh(), *map(labelled.jpeg, shown))


LABS: dict[str, Callable[[], Iterator[Lab]]] = {"embedded": embedded, "rekognition": amazon}


@pytest.fixture(params=LABS)
def lab(aws, request) -> Iterator[Lab]:
    for made in LABS[request.param]():
        made.engine.open(made.index)
        yield made


def test_a_person_is_found_on_their_photos_and_on_no_other(lab):
    lab.engine.index(lab.index, "pho_one", lab.one)
    lab.engine.index(lab.index, "pho_other", lab.another)

    assert lab.found(lab.one_again) == ["pho_one"]
    assert lab.found(lab.another) == ["pho_other"]


def test_a_face_is_told_with_its_place_and_quality(lab):
    (face,) = lab.engine.index(lab.index, "pho_one", lab.one)
    (found,) = lab.engine.search(lab.index, lab.one_again)

    assert (found.face, found.photo) == (face.id, "pho_one")
    assert 50 <= found.similarity <= 100
    assert 0 < face.quality <= 100
    assert 0 <= face.box.left < face.box.left + face.box.width <= 1
    assert 0 <= face.box.top < face.box.top + face.box.height <= 1


def test_the_most_alike_comes_first(lab):
    for photo, picture in (("pho_again", lab.one_again), ("pho_one", lab.one)):
        lab.engine.index(lab.index, photo, picture)

    found = lab.engine.search(lab.index, lab.one)

    assert [match.photo for match in found] == ["pho_one", "pho_again"]
    assert found[0].similarity >= found[1].similarity


def test_a_picture_of_nobody_has_no_faces(lab):
    assert lab.engine.index(lab.index, "pho_empty", lab.nobody) == []
    with pytest.raises(NoFace):
        lab.engine.search(lab.index, lab.nobody)
    with pytest.raises(NoFace):
        lab.engine.block(lab.index, "blk_nobody", lab.nobody)
    with pytest.raises(NoFace):
        lab.engine.watch(lab.index, "wch_nobody", lab.nobody)


def test_an_index_that_is_opened_twice_is_one(lab):
    lab.engine.index(lab.index, "pho_one", lab.one)

    lab.engine.open(lab.index)

    assert lab.found(lab.one_again) == ["pho_one"]


def test_indexes_know_nothing_of_each_other(lab):
    lab.engine.index(lab.index, "pho_one", lab.one)
    other = fresh()
    lab.engine.open(other)

    assert lab.engine.search(other, lab.one) == []


def test_a_photo_is_forgotten(lab):
    for photo in ("pho_one", "pho_two"):
        lab.engine.index(lab.index, photo, lab.one)

    lab.engine.forget(lab.index, "pho_one")
    lab.engine.forget(lab.index, "pho_one")

    assert lab.found(lab.one_again) == ["pho_two"]


def test_a_face_is_forgotten_by_its_name(lab):
    (face,) = lab.engine.index(lab.index, "pho_one", lab.one)

    lab.engine.forget(lab.index, "pho_one", [face.id])

    assert lab.found(lab.one_again) == []


def test_faces_like_one_of_the_index_are_found_with_it(lab):
    (face,) = lab.engine.index(lab.index, "pho_one", lab.one)
    lab.engine.index(lab.index, "pho_again", lab.one_again)
    lab.engine.index(lab.index, "pho_other", lab.another)

    found = lab.engine.alike(lab.index, "pho_one", face.id)

    assert [match.photo for match in found] == ["pho_one", "pho_again"]
    assert found[0].face == face.id
    assert lab.engine.alike(lab.index, "pho_one", "11111111-2222-3333-4444-555555555555") == []


def test_who_is_blocked_is_not_found(lab):
    (face,) = lab.engine.index(lab.index, "pho_one", lab.one)
    lab.engine.index(lab.index, "pho_other", lab.another)

    blocked = lab.engine.block(lab.index, "blk_one", lab.one_again)

    assert [(match.face, match.photo) for match in blocked.found] == [(face.id, "pho_one")]
    assert lab.found(lab.one) == []
    assert lab.found(lab.another) == ["pho_other"]


def test_who_is_blocked_is_not_taken_in_until_they_are_not(lab):
    blocked = lab.engine.block(lab.index, "blk_one", lab.one)
    guarded = replace(lab.index, has_blocks=True)

    assert lab.engine.index(guarded, "pho_later", lab.one_again) == []
    lab.engine.unblock(lab.index, "blk_one", blocked.face)

    assert lab.found(lab.one) == []
    assert len(lab.engine.index(lab.index, "pho_after", lab.one_again)) == 1
    assert lab.found(lab.one) == ["pho_after"]


def test_blocking_again_is_once(lab):
    lab.engine.block(lab.index, "blk_one", lab.one)
    blocked = lab.engine.block(lab.index, "blk_one", lab.one)
    lab.engine.unblock(lab.index, "blk_one", blocked.face)

    lab.engine.index(lab.index, "pho_one", lab.one)

    assert lab.found(lab.one_again) == ["pho_one"]


def test_a_face_that_is_watched_for_is_found_by_nobody_and_finds_its_photos(lab):
    face = lab.engine.watch(lab.index, "wch_one", lab.one_again)
    taken = lab.engine.index(lab.index, "pho_one", lab.one)
    lab.engine.index(lab.index, "pho_other", lab.another)

    assert [match.photo for match in lab.engine.watched(lab.index, "wch_one", face)] == ["pho_one"]
    assert lab.found(lab.one_again) == ["pho_one"]
    assert [match.photo for match in lab.engine.alike(lab.index, "pho_one", taken[0].id)] == ["pho_one"]


def test_a_face_is_watched_for_until_it_is_not(lab):
    lab.engine.index(lab.index, "pho_one", lab.one)
    first = lab.engine.watch(lab.index, "wch_one", lab.one)
    lost = lab.engine.watch(lab.index, "wch_two", lab.one)

    lab.engine.unwatch(lab.index, "wch_one", first)
    lab.engine.unwatch(lab.index, "wch_two", None)  # by a run that does not know what it was named

    assert lab.engine.watched(lab.index, "wch_one", first) == lab.engine.watched(lab.index, "wch_two", lost) == []
    assert lab.found(lab.one) == ["pho_one"]


def test_who_is_blocked_waits_in_vain(lab):
    face = lab.engine.watch(lab.index, "wch_one", lab.one)
    lab.engine.index(lab.index, "pho_one", lab.one_again)

    blocked = lab.engine.block(lab.index, "blk_one", lab.one)

    assert [match.photo for match in blocked.found] == ["pho_one"]
    assert lab.engine.watched(lab.index, "wch_one", face) == []


def test_a_dropped_index_is_empty(lab):
    lab.engine.index(lab.index, "pho_one", lab.one)
    lab.engine.watch(lab.index, "wch_one", lab.one)

    lab.engine.drop(lab.index)
    lab.engine.drop(lab.index)
    lab.engine.open(lab.index)

    assert lab.found(lab.one) == []
    assert stored("faces/") == []
