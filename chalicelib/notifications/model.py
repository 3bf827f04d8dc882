"""Which notices there are, who gets them, and who wants them; text as it is fit for one."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, Self

from chalicelib.notifications.quiet.model import QuietHours

Channel = Literal["email", "sms", "inapp", "push", "line"]
CHANNELS: tuple[Channel, ...] = ("email", "sms", "inapp", "push", "line")

_LONGEST_LINE = 200
_LONGEST_NAME = 60
_BREAKS = {"Cc", "Zl", "Zp"}
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINK_LIKE = re.compile(r"[/\\:@]|\.\w{2}")


def one_line(text: str, longest: int = _LONGEST_LINE) -> str:
    """`text` without line breaks, control characters and marks that turn the reading direction, cut to `longest`."""
    plain = (" " if unicodedata.category(sign) in _BREAKS or sign in _DIRECTION_MARKS else sign for sign in text)
    return " ".join("".join(plain).split())[:longest]


def plain_lines(text: str) -> str:
    """`text` with its line breaks, and otherwise as `one_line` has it. Of empty lines one is left between others."""
    lines = "\n".join(one_line(line, len(line)) for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def greeted_name(text: str) -> str:
    """A name fit for a greeting, or nothing: anybody may sign up a stranger's address and name it a link."""
    name = one_line(text)
    return "" if len(name) > _LONGEST_NAME or _LINK_LIKE.search(name) else name


class Kind(StrEnum):
    """What a notice is about. Those of a `NECESSARY` kind come whatever somebody has chosen."""

    ACCOUNT = "account"
    ORDERS = "orders"
    REMINDERS = "reminders"
    NEWS = "news"


NECESSARY = frozenset({Kind.ACCOUNT, Kind.ORDERS})
UNASKED: Mapping[Channel, frozenset[Kind]] = {
    "email": frozenset({Kind.REMINDERS}),
    "sms": frozenset({Kind.REMINDERS}),
    "inapp": frozenset({Kind.REMINDERS, Kind.NEWS}),
    "push": frozenset({Kind.REMINDERS}),
    "line": frozenset({Kind.REMINDERS}),
}
"""What comes until somebody chooses otherwise; anything else that is not necessary has to be asked for. An inbox
disturbs nobody: it is looked at when there is time.
"""


@dataclass(frozen=True, slots=True)
class Reader:
    """The account that a notice is for: it lands in its inbox, too, once for an `occasion`.

    `page` is the path of the site where one sees more. Who `asked` for it has chosen, whatever else they chose.
    `at_own_address` says that nobody but they gets it: the account has proven the address that it goes to.
    """

    user: str
    page: str | None = None
    occasion: str | None = None
    asked: bool = False
    at_own_address: bool = False


@dataclass(frozen=True, slots=True)
class Preferences:
    """Which notices somebody wants, and when. `chosen` is by channel and kind; `version` 0 is one never stored."""

    organization: str
    user: str
    chosen: Mapping[Channel, Mapping[Kind, bool]] = field(default_factory=dict)
    version: int = 0
    quiet: QuietHours | None = None

    def wants(self, channel: Channel, kind: Kind) -> bool:
        return kind in NECESSARY or self.chosen.get(channel, {}).get(kind, kind in UNASKED[channel])

    def changed(self, told: Mapping[Channel, Mapping[Kind, bool]]) -> Self:
        """What was not told of stays."""
        chosen = {channel: {**self.chosen.get(channel, {}), **told.get(channel, {})} for channel in CHANNELS}
        return replace(self, chosen=chosen, version=self.version + 1)
