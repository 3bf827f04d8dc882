"""Faces on the wire. Boxes are shares of a photo's width and height, similarities and qualities go from 0 to 100."""

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from chalicelib.core.errors import Invalid
from chalicelib.core.wire import Input, Output
from chalicelib.faces.model import BlockState, LegalBasis, Opened, Search, SearchState
from chalicelib.faces.service import Basis, Found
from chalicelib.lines.photos.schemas import Photo

MOST_SELFIE = 700 * 1024
"""Bytes: what fits into a body of 1 MB as base64. A portrait of 1,600 pixels has half of it."""

_LONGEST_KEPT = 730
AnyVersion = Annotated[int, Field(ge=0, le=1 << 31, description="As it was read; another one answers 409.")]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$", max_length=64)]


# --- an event -----------------------------------------------------------------------------------------------


class Attested(Input):
    """What the organizer answers for. With minors nobody is looked for until `guardians`: their consent was asked."""

    basis: LegalBasis = Field(strict=False)
    statement: Annotated[str, StringConstraints(strip_whitespace=True, min_length=20, max_length=2000)]
    minors: bool
    guardians: bool = False


class NewRecognition(Input):
    """`faces` null: none is looked for, and what was found is forgotten. All goes after `keepDays`."""

    faces: Attested | None
    bibs: bool = False
    keep_days: int = Field(90, ge=1, le=_LONGEST_KEPT)
    version: AnyVersion

    def basis(self) -> Basis | None:
        told = self.faces
        return Basis(told.basis, told.statement, told.minors, told.guardians) if told else None


class Attestation(Output):
    basis: LegalBasis
    statement: str
    minors: bool
    guardians: bool
    by: str
    at: datetime


class Recognition(Output):
    event_id: str = Field(validation_alias="event")
    has_faces: bool = Field(description="Whether faces are looked for now.")
    attestation: Attestation | None
    bibs: bool
    keep_until: datetime | None
    blocks: int = Field(description="How many people do not want to be found.")
    version: int = Field(description="0 while nothing was said.")


# --- a search -----------------------------------------------------------------------------------------------


class Consent(Input):
    """`wording` names the text that the person agreed to, as the frontend versions it."""

    granted: bool
    wording: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,40}$", max_length=40)]


class Selfie(Input):
    """`image` is a JPEG, PNG, WebP or HEIC of at most 700 KB, in base64."""

    image: str = Field(min_length=100, max_length=-(-MOST_SELFIE * 4 // 3) + 4)
    consent: Consent

    def picture(self) -> bytes:
        """Raises Invalid."""
        if not self.consent.granted:
            raise Invalid("consent_required", "Nobody is looked for without their consent.", field="consent.granted")
        try:
            return base64.b64decode(self.image, validate=True)
        except (binascii.Error, ValueError) as failure:
            raise Invalid("not_base64", "Send the picture in base64.", field="image") from failure


class NewSearch(Selfie):
    event_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,80}$", max_length=80)] = Field(
        description="The event's id or slug."
    )


class SearchStatus(Output):
    id: str
    event_id: str = Field(validation_alias="event")
    status: SearchState = Field(validation_alias="state")
    failure: str | None
    found: int = Field(description="Photos.")
    expires_at: datetime


class OpenedSearch(SearchStatus):
    token: str | None = Field(description="A visitor's: send it as X-Search-Token. Told this once.")

    @model_validator(mode="before")
    @classmethod
    def _flatten(cls, given: Any) -> Any:
        return _fields(given.search) | {"token": given.token} if isinstance(given, Opened) else given


class OpenedBlock(SearchStatus):
    """Taken back by `block`."""

    block: str

    @model_validator(mode="before")
    @classmethod
    def _flatten(cls, given: Any) -> Any:
        return _fields(given.search) | {"block": given.search.block} if isinstance(given, Opened) else given


def _fields(search: Search) -> dict[str, Any]:
    return {name: getattr(search, name) for name in search.__dataclass_fields__}


class FoundPhoto(Output):
    similarity: float
    photo: Photo

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        return {"similarity": given.similarity, "photo": given.photo} if isinstance(given, Found) else given


class Feedback(Input):
    search_id: Id
    photo_id: Id
    correct: bool


# --- staff --------------------------------------------------------------------------------------------------


class Box(Output):
    left: float
    top: float
    width: float
    height: float


class Face(Output):
    id: str
    box: Box
    quality: float


class PhotoFaces(Output):
    photo_id: str = Field(validation_alias="photo")
    faces: list[Face] | None = Field(description="Null while they were not looked for.")
    bibs: list[str] | None = Field(description="Null while they were not looked for.")


class NewGroup(Input):
    photo_id: Id
    face_id: Id


class Member(Output):
    face_id: str = Field(validation_alias="face")
    photo_id: str = Field(validation_alias="photo")
    similarity: float


class Group(Output):
    id: str
    event_id: str = Field(validation_alias="event")
    photo_id: str = Field(validation_alias="photo")
    face_id: str = Field(validation_alias="face")
    members: list[Member] | None = Field(description="Null while they are looked for.")
    verified: bool | None = Field(description="Whether staff says that it is one person; null until it does.")
    verified_by: str | None
    verified_at: datetime | None


class Verdict(Input):
    verified: bool


class Block(Output):
    """`asked`: the face is being taken out of the index; `blocked`: it is, and is kept out."""

    id: str
    at: datetime
    state: BlockState
