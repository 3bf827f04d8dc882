"""What is counted of notices, and how much of it is shown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Self

from chalicelib.notifications.model import CHANNELS, Channel

ENOUGH = 100
"""Messages that a rate is told of; of fewer it would tell of a few people."""

CROWD = 20
"""Messages of a day that what people did with them is told of."""

WHOLE = 10_000
"""All of them, in hundredths of a percent."""

_STEP = 5


class Figure(StrEnum):
    """What became of a notice. `LINKED` is a mail whose link counts, `CLICKED` one whose link was followed."""

    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    OPENED = "opened"
    LINKED = "linked"
    CLICKED = "clicked"


FED_BACK = frozenset({Figure.DELIVERED, Figure.BOUNCED, Figure.COMPLAINED})
"""What a carrier of mails says, if it says anything."""

_KNOWN: Mapping[Channel, frozenset[Figure]] = {
    "email": FED_BACK | {Figure.LINKED, Figure.CLICKED},
    "inapp": frozenset({Figure.OPENED}),
}


@dataclass(frozen=True, slots=True)
class Fives:
    """What people did, told so roughly that no single one of them is seen in it: 12 is from 10 to below 15.

    Nobody is told that all of them did it: the uppermost range begins before the last five.
    """

    at_least: int
    below: int

    @classmethod
    def of(cls, count: int, among: int) -> Self | None:
        """None where it is `among` so few that they are known."""
        if among < CROWD:
            return None
        last = among - among % _STEP - _STEP
        if count >= last:
            return cls(last, among + 1)
        floor = count - count % _STEP
        return cls(floor, floor + _STEP)

    def __add__(self, other: "Fives") -> "Fives":
        return Fives(self.at_least + other.at_least, self.below + other.below - 1)


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of one notice on one channel, day by day. None is what nobody tells us of.

    What people did is rounded for each day, so that no two periods can be subtracted to less than a day's range.
    """

    notice: str
    channel: Channel
    days: Sequence[Mapping[Figure, int]]
    fed_back: bool = True

    @property
    def counts(self) -> Mapping[Figure, int]:
        return sum((Counter(day) for day in self.days), Counter[Figure]())

    @property
    def sent(self) -> int:
        return self.counts.get(Figure.SENT, 0)

    @property
    def delivered(self) -> int | None:
        return self._count(Figure.DELIVERED)

    @property
    def bounced(self) -> int | None:
        return self._count(Figure.BOUNCED)

    @property
    def complained(self) -> int | None:
        return self._count(Figure.COMPLAINED)

    @property
    def opened(self) -> Fives | None:
        return self._fives(Figure.OPENED)

    @property
    def linked(self) -> Fives | None:
        return self._fives(Figure.LINKED)

    @property
    def clicked(self) -> Fives | None:
        return self._fives(Figure.CLICKED)

    @property
    def delivered_rate(self) -> int | None:
        return rate(self.delivered, self.sent)

    @property
    def bounced_rate(self) -> int | None:
        return rate(self.bounced, self.sent)

    @property
    def complained_rate(self) -> int | None:
        return rate(self.complained, self.sent)

    @property
    def opened_rate(self) -> int | None:
        """Of those that were sent on days of which it is told."""
        return rate(_floor(self.opened), sum(sent for day in self.days if (sent := _sent(day)) >= CROWD))

    @property
    def clicked_rate(self) -> int | None:
        """Of those whose link counts."""
        return rate(_floor(self.clicked), _floor(self.linked) or 0)

    def _count(self, figure: Figure) -> int | None:
        return self.counts.get(figure, 0) if self._knows(figure) else None

    def _fives(self, figure: Figure) -> Fives | None:
        told = [Fives.of(day.get(figure, 0), _sent(day)) for day in self.days]
        known = [fives for fives in told if fives is not None]
        return sum(known[1:], known[0]) if known and self._knows(figure) else None

    def _knows(self, figure: Figure) -> bool:
        return figure in _KNOWN.get(self.channel, ()) and (self.fed_back or figure not in FED_BACK)


@dataclass(frozen=True, slots=True)
class Report:
    """Of what was sent from the `first` day to the `last` (UTC), whenever it arrived or was opened."""

    first: date
    last: date
    figures: tuple[Figures, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """What one counter counts: the notices of a kind that went over a channel on a day, and became `figure`."""

    day: date
    channel: Channel
    notice: str
    figure: Figure

    @property
    def name(self) -> str:
        return "/".join((self.day.isoformat(), self.channel, self.notice, self.figure))

    @classmethod
    def named(cls, name: str) -> Self:
        """Raises ValueError for what a later release counts."""
        day, channel, notice, figure = name.split("/")
        return cls(date.fromisoformat(day), CHANNELS[CHANNELS.index(channel)], notice, Figure(figure))


def rate(part: int | None, whole: int) -> int | None:
    """In hundredths of a percent; None where `whole` is too little to tell of."""
    if part is None or whole < ENOUGH:
        return None
    return min(part * WHOLE // whole, WHOLE)


def _sent(day: Mapping[Figure, int]) -> int:
    return day.get(Figure.SENT, 0)


def _floor(told: Fives | None) -> int | None:
    return told.at_least if told else None
