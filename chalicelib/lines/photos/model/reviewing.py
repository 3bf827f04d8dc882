"""What reviewers say of photos, and which look alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.lines.photos.model.photo import Photo
from chalicelib.lines.photos.model.states import Approval


class Verdict(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    RECONSIDER = "reconsider"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer says of one photo."""

    photo: str
    verdict: Verdict
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of it: where the photo stands now, or the code of the refusal."""

    photo: str
    approval: Approval | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Lookalikes:
    """Photos of which one is probably enough, in the order of their shelf; `best` is the sharpest."""

    photos: tuple[Photo, ...]

    @property
    def best(self) -> Photo:
        return max(self.photos, key=lambda photo: photo.quality.sharpness if photo.quality else 0.0)


def lookalikes(photos: Sequence[Photo]) -> list[Lookalikes]:
    """Groups of two and more. Who is near to any of a group belongs to it."""
    groups: list[list[Photo]] = []
    for photo in photos:
        near = [group for group in groups if any(photo.is_near(other) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([*(other for group in near for other in group), photo])
    places = {photo.id: place for place, photo in enumerate(photos)}
    found = [sorted(group, key=lambda photo: places[photo.id]) for group in groups if len(group) > 1]
    return [Lookalikes(tuple(group)) for group in sorted(found, key=lambda group: places[group[0].id])]
