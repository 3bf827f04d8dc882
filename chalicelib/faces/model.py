"""Where faces and numbers are looked for, what was found, and who looks for themselves."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from chalicelib.faces.engines.contract import Box, Word

SELFIE_LASTS = timedelta(minutes=10)
"""A search takes seconds and deletes its picture. One whose function died is tried again within this, once; then the
sweep deletes the picture."""

SEARCH_LASTS = timedelta(days=1)
TOLD_LASTS = timedelta(days=14)
"""What somebody was told of, where the index lasts as long."""

TOLD_AT_MOST_EVERY = timedelta(days=1)
_ROUND = 30 * 60
MOST_BIBS = 20
_BIB = re.compile(r"[A-Z]{0,2}-?[0-9]{2,6}")
_SURE = 80.0


# --- an event -----------------------------------------------------------------------------------------------


class LegalBasis(StrEnum):
    """Under which the organizer lets faces be looked for, in the words of the PDPA and the GDPR."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGITIMATE_INTEREST = "legitimate_interest"


@dataclass(frozen=True, slots=True)
class Attestation:
    """What the organizer answers for. `statement` says it in their words.

    Where there are minors, faces are looked for only with `guardians`: that their consent was asked.
    """

    basis: LegalBasis
    statement: str
    minors: bool
    guardians: bool
    by: str
    at: datetime

    @property
    def suffices(self) -> bool:
        return self.guardians or not self.minors


@dataclass(frozen=True, slots=True)
class Recognition:
    """What is recognized in an event's photos. Version 0: nothing was ever said about it.

    `index` names everything that was found, and changes when faces are given up: the former one is then forgotten.
    `key` is what its vectors are sealed with, itself sealed. `keep_until` is when all of it goes. `blocks` counts those
    who do not want to be found.
    """

    organization: str
    event: str
    attestation: Attestation | None = None
    bibs: bool = False
    index: str | None = None
    key: str | None = field(default=None, repr=False)
    keep_until: datetime | None = None
    blocks: int = 0
    version: int = 0

    @property
    def has_faces(self) -> bool:
        return self.index is not None and self.attestation is not None and self.attestation.suffices

    def told(self, attestation: Attestation | None, bibs: bool, keep_until: datetime | None) -> Self:
        return replace(self, attestation=attestation, bibs=bibs, keep_until=keep_until)

    def opened(self, index: str, key: str) -> Self:
        return replace(self, index=index, key=key, blocks=0)

    def closed(self) -> Self:
        return replace(self, attestation=None, bibs=False, index=None, key=None, keep_until=None, blocks=0)


# --- a photo ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeenFace:
    id: str
    box: Box
    quality: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What was recognized in a photo: `faces` and `bibs` are None until they were looked for.

    `begun` is set before an engine takes its faces in: who finds it alone was preceded by a run that was cut off.
    """

    organization: str
    index: str
    photo: str
    begun: bool = False
    faces: tuple[SeenFace, ...] | None = None
    bibs: tuple[str, ...] | None = None
    version: int = 1

    def without(self, faces: Iterable[str]) -> Self:
        gone = set(faces)
        return replace(self, faces=tuple(face for face in self.faces or () if face.id not in gone))


def bibs_of(words: Iterable[Word]) -> tuple[str, ...]:
    """The words that may be bib numbers: two to six digits, up to two letters before them; each once."""
    told = (word.text.strip(".,:;#").upper() for word in words if word.confidence >= _SURE)
    return tuple(dict.fromkeys(text for text in told if _BIB.fullmatch(text)))[:MOST_BIBS]


# --- a search -----------------------------------------------------------------------------------------------


class Purpose(StrEnum):
    SEARCH = "search"
    BLOCK = "block"
    WATCH = "watch"


class SearchState(StrEnum):
    """Waiting for its picture to be stored; asked; over."""

    WAITING = "waiting"
    ASKED = "asked"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Search:
    """Somebody looks for themselves, or wants not to be found. `wording` names the text that they consented to.

    A visitor proves with a token, of which the digest is kept, that it is theirs. `found` counts photos. At `due_at`
    the picture is gone, however the search went.
    """

    id: str
    organization: str
    event: str
    index: str
    purpose: Purpose
    user: str | None
    token_digest: str | None
    wording: str
    consented_at: datetime
    expires_at: datetime
    due_at: datetime | None
    state: SearchState = SearchState.WAITING
    failure: str | None = None
    found: int = 0
    version: int = 1

    @property
    def selfie_key(self) -> str:
        return f"selfies/{self.organization}/{self.id}"

    @property
    def block(self) -> str:
        return f"blk{self.id[3:]}"

    @property
    def watch(self) -> str:
        return f"wch{self.id[3:]}"

    @property
    def is_open(self) -> bool:
        return self.state in (SearchState.WAITING, SearchState.ASKED)

    def asked(self) -> Self:
        return replace(self, state=SearchState.ASKED)

    def done(self, found: int) -> Self:
        return replace(self, state=SearchState.DONE, found=found)

    def failed(self, code: str) -> Self:
        return replace(self, state=SearchState.FAILED, failure=code)

    def without_selfie(self) -> Self:
        over = self.failed("search_timed_out") if self.is_open else self
        return replace(over, due_at=None)


@dataclass(frozen=True, slots=True)
class Opened:
    """A search as it was asked for. `token` is its visitor's, told this once."""

    search: Search
    token: str | None


class BlockState(StrEnum):
    ASKED = "asked"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Block:
    """Somebody who does not want to be found. `face` is what the engine calls it, once it has it.

    `photos` counts those that showed the face when the engine was first asked.
    """

    id: str
    organization: str
    event: str
    index: str
    user: str
    at: datetime
    face: str | None = None
    photos: int | None = None
    version: int = 1

    @property
    def state(self) -> BlockState:
        return BlockState.BLOCKED if self.face else BlockState.ASKED


# --- a watch ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Watch:
    """Somebody who is told when photos that show them come on sale. `face` is what the engine calls theirs.

    `begun` is set before the engine is asked to keep the face. `told` are the photos that they were told of.
    """

    id: str
    organization: str
    event: str
    index: str
    wording: str
    consented_at: datetime
    begun: bool = False
    face: str | None = None
    told: tuple[str, ...] = ()
    told_at: datetime | None = None
    version: int = 1

    @property
    def silent_until(self) -> datetime | None:
        """They were told, and are told no more before."""
        return self.told_at and self.told_at + TOLD_AT_MOST_EVERY

    def told_of(self, photos: Iterable[str], at: datetime) -> Self:
        return replace(self, told=(*self.told, *photos), told_at=at)


def round_after(moment: datetime) -> datetime:
    """When photos of `moment` are looked through: half an hour to an hour later, together with others."""
    return datetime.fromtimestamp((int(moment.timestamp()) // _ROUND + 2) * _ROUND, UTC)


# --- a group ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Member:
    face: str
    photo: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Group:
    """Faces that look like one. `members` are None until they were looked for. Staff says whether it is one person."""

    id: str
    organization: str
    event: str
    index: str
    photo: str
    face: str
    asked_at: datetime
    members: tuple[Member, ...] | None = None
    verified: bool | None = None
    verified_by: str | None = None
    verified_at: datetime | None = None
    version: int = 1
