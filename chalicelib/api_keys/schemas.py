"""API keys on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from chalicelib.api_keys.model import LONGEST_DAYS
from chalicelib.core.wire import Input, Output

Permission = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class Create(Input):
    name: Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
    permissions: list[Permission] = Field(min_length=1, max_length=20)
    days: int = Field(90, ge=1, le=LONGEST_DAYS)


class ApiKey(Output):
    """`hint` are the last four signs of its token."""

    id: str
    name: str
    hint: str
    permissions: Annotated[list[str], BeforeValidator(sorted)]
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None


class NewApiKey(ApiKey):
    """`token` is shown only here. Send it as `Authorization: Bearer pix_...`."""

    token: str
