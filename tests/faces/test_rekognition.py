"""What is asked of Amazon Rekognition, as it travels."""

import pytest

from chalicelib.core import aws as services
from chalicelib.faces.engines.contract import Index, Word
from chalicelib.faces.engines.rekognition import Rekognition
from tests import rekognition as stand_in
from tests.faces.conftest import SELFIE

INDEX = Index("org_one", "evt_one", "fix_one", has_blocks=True)
COLLECTION = "thepixstock-test-fix_one"


def test_every_call_names_the_collection_and_filters_by_quality(rekognition):
    engine = Rekognition()
    engine.open(INDEX)
    (face,) = engine.index(INDEX, "pho_one", SELFIE[1])
    engine.search(INDEX, SELFIE[1])
    engine.forget(INDEX, "pho_one", [face.id])
    engine.drop(INDEX)

    assert rekognition.asked == [
        ("CreateCollection", {"CollectionId": COLLECTION}),
        (
            "IndexFaces",
            {
                "CollectionId": COLLECTION,
                "ExternalImageId": "pho_one",
                "DetectionAttributes": ["DEFAULT"],
                "MaxFaces": 100,
                "QualityFilter": "AUTO",
            },
        ),
        (
            "SearchFaces",
            {"CollectionId": COLLECTION, "FaceId": face.id, "MaxFaces": 1000, "FaceMatchThreshold": 90.0},
        ),
        (
            "SearchFacesByImage",
            {"CollectionId": COLLECTION, "MaxFaces": 1000, "FaceMatchThreshold": 90.0, "QualityFilter": "AUTO"},
        ),
        ("DeleteFaces", {"CollectionId": COLLECTION, "FaceIds": [face.id]}),
        ("DeleteCollection", {"CollectionId": COLLECTION}),
    ]


def test_faces_are_listed_to_the_last_page(rekognition, monkeypatch):
    pages = iter(
        [
            {"Faces": [{"FaceId": "one", "ExternalImageId": "pho_one"}], "NextToken": "more"},
            {
                "Faces": [
                    {"FaceId": "two", "ExternalImageId": "pho_two"},
                    {"FaceId": "three", "ExternalImageId": "pho_one"},
                ]
            },
        ]
    )
    monkeypatch.setattr(stand_in.Rekognition, "_ListFaces", lambda service, told: next(pages))
    Rekognition().open(INDEX)

    Rekognition().forget(INDEX, "pho_one")

    assert [told.get("NextToken") for operation, told in rekognition.asked if operation == "ListFaces"] == [
        None,
        "more",
    ]
    assert rekognition.asked[-1] == ("DeleteFaces", {"CollectionId": COLLECTION, "FaceIds": ["one", "three"]})


def test_words_are_read_and_lines_are_not(rekognition):
    rekognition.texts = [("417", 99.5), ("FINISH", 80.25)]

    assert Rekognition().words(SELFIE[1]) == [Word("417", 99.5), Word("FINISH", 80.25)]


def test_a_box_that_reaches_beyond_the_picture_ends_at_its_edge(rekognition, monkeypatch):
    monkeypatch.setattr(stand_in, "_BOX", {"Left": -0.1, "Top": 0.8, "Width": 0.4, "Height": 0.5})
    Rekognition().open(INDEX)

    (face,) = Rekognition().index(INDEX, "pho_one", SELFIE[1])

    assert (face.box.left, face.box.top, face.box.width, face.box.height) == (0.0, 0.8, 0.3, 0.2)


def test_another_refusal_is_no_missing_face(rekognition):
    with pytest.raises(services.client("rekognition").exceptions.ResourceNotFoundException):
        Rekognition().search(INDEX, SELFIE[1])
