"""The links of mails and texts: one that confirms, with the code in it, and one that ends the news, which is signed.

Both show a page with a button: programs that scan mail follow links.
"""

from dataclasses import dataclass
from typing import Literal

from chalicelib.core.errors import NotFound
from chalicelib.core.secrets import is_signature, sign
from chalicelib.organizations import service as organizations

Act = Literal["confirm", "unsubscribe"]
_ACTS: dict[str, Act] = {"c": "confirm", "u": "unsubscribe"}


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link is for. `proof` is the code of one that confirms."""

    act: Act
    event: str
    follower: str
    proof: str


def confirm_link(organization: str, event: str, follower: str, code: str) -> str:
    return _link(organization, "c", event, follower, code)


def unsubscribe_link(organization: str, event: str, follower: str) -> str:
    return _link(organization, "u", event, follower, sign(*_signed(organization, event, follower)))


def open_link(organization: str, token: str) -> Opened:
    """What a link is for; nothing changes. Raises NotFound for what is no link, and for a forged one that ends news."""
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
