"""Downloads on the wire."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from chalicelib.core.wire import Input, Output, Query
from chalicelib.entitlements.model import Size

SIZES = "`web` is a JPEG of 2,048 pixels at most on its longer side, `small` one of 1,024."


class DownloadableFile(Output):
    """`remaining` of `limit` downloads can still be begun, until `expiresAt`."""

    resource: str
    title: str
    filename: str
    content_type: str
    limit: int
    remaining: int
    expires_at: datetime
    revoked: bool


class Renewals(Output):
    """How often the downloads were granted anew, and how often they may be."""

    used: int
    cap: int


class Downloads(Output):
    """The files of one order."""

    order: str
    files: list[DownloadableFile]
    renewals: Renewals


class NewCap(Input):
    cap: int = Field(ge=0, le=100, description="All renewals so far included.")


class Fetch(Input):
    size: Size = Field(Size.ORIGINAL, strict=False, description=SIZES)
    licensed: bool = Field(False, description="A copy of the original JPEG with its licence in it, as XMP.")

    @model_validator(mode="after")
    def _licenses_the_original(self) -> Self:
        if self.licensed and self.size is not Size.ORIGINAL:
            raise ValueError("the licence goes into the original only")
        return self


class Bought(Query):
    order: str | None = Field(
        None, max_length=64, description="Left out: the last one that the caller bought the photo with."
    )
    size: Size = Field(Size.ORIGINAL, description=SIZES)


class Receiving(Input):
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True)] = Field(
        description="Of all bytes that came, in hex."
    )


class Receipt(Output):
    """`receipt` is a signed document: check it with `/licenses/verify`, or without us by docs/verify_license.py."""

    receipt: dict[str, Any]


class Download(Output):
    """Fetch `url` with a plain GET before `expiresAt`; `sha256` (hex) is that of the file."""

    url: str
    filename: str
    content_type: str
    sha256: str | None
    remaining: int
    expires_at: datetime
