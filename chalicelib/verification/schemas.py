"""Verification on the wire."""

import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chalicelib.core.wire import Input, Output
from chalicelib.verification.model import LARGEST, Kind, Level, State

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class DocumentOffer(Input):
    """`size` in bytes, `sha256` in hex, of the file as it will be sent."""

    kind: Kind
    content_type: Literal["application/pdf", "image/jpeg", "image/png"]
    size: int = Field(ge=1, le=LARGEST)
    sha256: Sha256


class Approval(Input):
    """The last day on which the document is valid, where it names one."""

    valid_until: datetime.date | None = None


class Rejection(Input):
    reason: Reason


class Document(Output):
    id: str
    user: str
    kind: Kind
    content_type: str
    state: State
    created_at: datetime.datetime
    submitted_at: datetime.datetime | None
    reviewed_at: datetime.datetime | None
    reason: str | None
    valid_until: datetime.datetime | None


class UploadForm(Output):
    """Post `fields`, then the file as `file`, as multipart/form-data to `url`."""

    url: str
    fields: dict[str, str]
    expires_at: datetime.datetime


class Offered(Output):
    document: Document
    form: UploadForm | None


class Opened(Output):
    document: Document
    url: str | None


class Standing(Output):
    level: Level
    missing: list[Level]
    documents: list[Document]
