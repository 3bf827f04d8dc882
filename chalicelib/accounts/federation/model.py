"""An account elsewhere that opens one here, and the ticket of an attempt to sign in with it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

TICKET_LASTS = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Link:
    """That `subject` of `provider` is `user` here. The subject is kept as its digest: it says nothing to a reader."""

    organization: str
    provider: str
    subject_digest: str
    user: str
    linked_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a browser needs to sign in elsewhere.

    `ticket` stays with who began and comes back with the provider's answer; `state` goes along with the browser. An
    app that asks the provider itself gives it `nonce`.
    """

    ticket: str = field(repr=False)
    state: str
    nonce: str
    url: str
    expires_in: int
