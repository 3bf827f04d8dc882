"""The links of mails and texts: one that confirms, with the code in it, and those that end something, which are signed.

One ends the news of an event, another a kind of notice on a channel (`notifications.muting`). All show a page with a
button: programs that scan mail follow links.
"""

from dataclasses import dataclass
from typing import Literal

from chalicelib.core.errors import NotFound
from chalicelib.core.secrets import is_signature, sign
from chalicelib.notifications import service as notifications
from chalicelib.notifications.muting import Muting
from chalicelib.organizations import service as organizations

Act = Literal["confirm", "unsubscribe", "mute"]
_ACTS: dict[str, Literal["confirm", "unsubscribe"]] = {"c": "confirm", "u": "unsubscribe"}


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link is for. `proof` is the code of one that confirms."""

    act: Literal["confirm", "unsubscribe"]
    event: str
    follower: str
    proof: str


def confirm_link(organization: str, event: str, follower: str, code: str) -> str:
    return _link(organization, "c", event, follower, code)


def unsubscribe_link(organization: str, event: str, follower: str) -> str:
    return _link(organization, "u", event, follower, sign(*_signed(organization, event, follower)))


def open_link(organization: str, token: str) -> Opened | Muting:
    """What a link is for; nothing changes. Raises NotFound for what is none, and for a forged end."""
    if (muting := notifications.open_mute_link(organization, token)) is not None:
        return muting
    parts = token.split(".")
    if len(parts) != 4 or parts[0] not in _ACTS:
        raise over()
    opened = Opened(_ACTS[parts[0]], *parts[1:])
    signed = _signed(organization, opened.event, opened.follower)
    if opened.act == "unsubscribe" and not is_signature(opened.proof, *signed):
        raise over()
    return opened


def over() -> NotFound:
    return NotFound("link_over", "This link has been used, or it has expired.")


def _signed(organization: str, event: str, follower: str) -> tuple[str, ...]:
    return "unsubscribe", organization, event, follower


def _link(organization: str, *parts: str) -> str:
    return f"{organizations.url_of(organization)}/notices?token={'.'.join(parts)}"
