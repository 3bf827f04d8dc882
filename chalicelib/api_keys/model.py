"""An API key: what it may, until when, and on whose word. Its secret comes in as a digest."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

PREFIX = "pix"

GRANTABLE = frozenset(
    {
        "event.assign",
        "event.manage",
        "operations.read",
        "order.read_all",
        "payment.read_all",
        "photo.read_all",
        "photo.review",
        "photo.upload",
    }
)
"""What a key may be given: nothing that gives rights to anybody, and so never another key."""

LONGEST_DAYS = 365
SEEN_EVERY = timedelta(hours=1)
"""How exactly a key tells when it was used last: a write an hour, not one a request."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`hint` are the last signs of its secret, to tell keys apart. It may what it was given and its maker still may."""

    id: str
    organization: str
    name: str
    secret_digest: str = field(repr=False)
    hint: str
    permissions: frozenset[str]
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None
    version: int

    def lives(self, at: datetime) -> bool:
        return self.revoked_at is None and at < self.expires_at

    def revoke(self, at: datetime) -> Self:
        return replace(self, revoked_at=at, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key and its token, which is shown only now."""

    key: ApiKey
    token: str = field(repr=False)


def token_of(key_id: str, secret: str) -> str:
    return f"{PREFIX}_{key_id.removeprefix('key_')}_{secret}"


def parts_of(token: str) -> tuple[str, str]:
    """Id and secret of a token; whatever they are of, when it is none."""
    id, _, secret = token.removeprefix(f"{PREFIX}_").partition("_")
    return f"key_{id}", secret
