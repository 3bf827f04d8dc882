"""Licences on the wire."""

from typing import Any

from pydantic import Field

from chalicelib.core.wire import Input, Output


class Licences(Output):
    """Signed documents, one a photo: keep them as they are."""

    licenses: list[dict[str, Any]]


class Claim(Input):
    document: str = Field(max_length=200_000, description="A licence or a delivery receipt, as JSON text.")


class Verdict(Output):
    """`reason` is `malformed`, `unknown_key`, `altered`, `broken_chain` or `revoked`; null for a valid one."""

    valid: bool
    reason: str | None
