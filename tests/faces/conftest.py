"""An event whose faces are looked for, and people who look for theirs."""

import base64
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest

from chalicelib.core.auth import Principal
from chalicelib.core.table import PageRequest
from chalicelib.events.model import Event
from chalicelib.faces import service
from chalicelib.faces.model import LegalBasis, Opened, Purpose, Recognition
from chalicelib.faces.service import Basis
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.model import Photo
from tests import deliver
from tests.events.people import ADMIN, caller
from tests.lines.photos.conftest import World as Studio
from tests.lines.photos.conftest import photographers, world
from tests.lines.photos.pictures import jpeg
from tests.rekognition import Rekognition, here
from tests.stack import ENVIRONMENT

__all__ = ["photographers", "world"]

PAGE = PageRequest(size=20)
DOCUMENTS = ENVIRONMENT["PIX_DOCUMENTS_BUCKET"]
BASIS = Basis(LegalBasis.CONSENT, "Runners agree when they sign up.", minors=False, guardians=False)
SELFIE = {who: jpeg(who).content for who in (1, 2)}
"""Of people with these numbers, who look the same on their photos."""


@pytest.fixture
def rekognition(aws) -> Rekognition:
    here().texts = [("417", 99.0), ("B-22", 95.0), ("START", 99.9), ("88", 30.0), ("7", 99.0)]
    return here()


@dataclass
class Race:
    """An event that is live, with a photographer, whose photos go on sale one by one."""

    studio: Studio
    taken: int = 0

    @property
    def event(self) -> Event:
        return self.studio.event

    def attest(self, basis: Basis | None = BASIS, *, bibs: bool = False, **more: Any) -> Recognition:
        held = service.recognition_of(ADMIN, self.event.id)
        keep = {"keep_days": 90, "version": held.version} | more
        told = service.recognize(ADMIN, self.event.id, basis, bibs=bibs, **keep)
        deliver.all()
        return told

    def sell(self, *people: int) -> list[Photo]:
        """A photo of each of these people comes on sale, every time another one."""
        self.taken += len(people)
        files = [jpeg(who, f"2026:11:20 06:00:{self.taken - place:02d}") for place, who in enumerate(people)]
        taken = self.studio.upload(*files)
        for photo in taken:
            photos.approve_photo(ADMIN, photo.id)
        deliver.all()
        return [self.studio.photo(photo.id) for photo in taken]

    def ask(self, who: Principal, seed: int, purpose: Purpose = Purpose.SEARCH) -> Opened:
        opened = service.ask(who, self.event.id, purpose, picture=SELFIE[seed], wording="2026-11")
        deliver.all()
        return opened

    def find(self, who: Principal, seed: int) -> list[str]:
        """The ids of the photos that a search finds."""
        opened = self.ask(who, seed)
        found = service.results(holder(who, opened), opened.search.id, PAGE)
        return [each.photo.photo.id for each in found.items]


def holder(who: Principal, opened: Opened) -> Principal:
    return replace(who, tokens={"search": opened.token}) if opened.token else who


def stored(prefix: str) -> list[str]:
    held = boto3.client("s3").list_objects_v2(Bucket=DOCUMENTS, Prefix=prefix).get("Contents", [])
    return [item["Key"] for item in held]


def coded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture
def race(rekognition, world) -> Race:
    return Race(world)


@pytest.fixture
def anna() -> Principal:
    return caller("customer")
