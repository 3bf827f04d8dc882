"""On which terms somebody photographs at an event. Pure rules."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from chalicelib.core.errors import Forbidden

MOST_QUOTA = 1_000_000
MOST_OFFSET = 50 * 366 * 24 * 3600
"""Seconds: a camera without a battery begins again in the year its maker chose."""


class Role(StrEnum):
    PRIMARY = "primary"
    SECONDARY = "secondary"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Assignment:
    """`quota` is how many photos may be offered, None any number; `used` is how many were and are still there.

    `clock_offset` is how many seconds the camera's clock is behind true time; negative where it runs ahead.
    """

    organization: str
    event: str
    user: str
    role: Role = Role.SECONDARY
    may_upload: bool = True
    quota: int | None = None
    clock_offset: int = 0
    used: int = 0

    @property
    def left(self) -> int | None:
        return None if self.quota is None else max(0, self.quota - self.used)

    @property
    def terms(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("role", "may_upload", "quota", "clock_offset")}

    def changed(self, told: Mapping[str, Any]) -> "Assignment":
        return replace(self, **told)

    def must_take(self, photos: int) -> None:
        """Raises Forbidden `upload_not_allowed`, `quota_reached`."""
        if not self.may_upload:
            raise Forbidden("upload_not_allowed", "Your uploads to this event are switched off.")
        if self.left is not None and photos > self.left:
            raise Forbidden("quota_reached", f"You may offer {self.left} more photos to this event.", field="files")
