"""The signed link with which somebody ends a kind of notice on a channel, without logging in (RFC 8058)."""

from dataclasses import dataclass
from typing import Literal, get_args

from chalicelib.core.errors import NotFound
from chalicelib.core.secrets import is_signature, sign
from chalicelib.notifications.model import Channel, Kind
from chalicelib.organizations import service as organizations

_ACT = "p"
"""What its token begins with, among those of `/notices`."""

_CHANNELS: dict[str, Channel] = {name: name for name in get_args(Channel)}


@dataclass(frozen=True, slots=True)
class Muting:
    """What a link is for."""

    user: str
    channel: Channel
    kind: Kind
    act: Literal["mute"] = "mute"


def mute_link(organization: str, user: str, channel: Channel, kind: Kind) -> str:
    """The same each time, and good as long as the key that signed it is accepted."""
    signature = sign(*_signed(organization, user, channel, kind))
    token = ".".join((_ACT, user, channel, kind, signature))
    return f"{organizations.url_of(organization)}/notices?token={token}"


def opened(organization: str, token: str) -> Muting | None:
    """What a link is for, None for one of another sort; nothing changes. Raises NotFound for a forged one."""
    act, _, rest = token.partition(".")
    if act != _ACT:
        return None
    parts = rest.split(".")
    if len(parts) != 4 or not is_signature(parts[-1], *_signed(organization, *parts[:-1])):
        raise NotFound("link_over", "This link has been used, or it has expired.")
    user, channel, kind, _ = parts
    return Muting(user, _CHANNELS[channel], Kind(kind))


def _signed(organization: str, *parts: str) -> tuple[str, ...]:
    return "mute", organization, *parts
