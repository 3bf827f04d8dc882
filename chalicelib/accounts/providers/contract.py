"""What an identity provider does for us, and what it may be believed."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol


class Proof(IntEnum):
    """How much a provider knows of an e-mail address.

    `VERIFIED` was proven to it at some time, perhaps by an owner before. `OWNED` is a mailbox that the provider keeps
    itself: only its account can read it.
    """

    NONE = 0
    VERIFIED = 1
    OWNED = 2


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as a provider knows them. `subject` never changes and is never given to somebody else."""

    provider: str
    subject: str
    email: str | None
    proof: Proof
    name: str | None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a browser or an app brings back from a provider: a code, or an ID token, made for `nonce`.

    `verifier` is the secret of PKCE (RFC 7636) that the code was asked for with.
    """

    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    code: str | None = field(default=None, repr=False)
    redirect_uri: str | None = None
    id_token: str | None = field(default=None, repr=False)


class IdentityProvider(Protocol):
    @property
    def name(self) -> str: ...

    def authorize_url(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where to send the browser."""

    def identify(self, grant: Grant) -> Identity:
        """Who the grant is about.

        Raises Unauthorized for one that is not provably for us and for `nonce`, Unavailable where the provider does
        not answer.
        """
