"""Entries of an inbox, and how many of them were not read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

from chalicelib.core import ids
from chalicelib.notifications.model import Kind

KEPT_DAYS = 90
_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was told. `topic` is the notice it came as, `page` the path of the site where one sees more.

    `broadcast` is the one that it was told by.
    """

    id: str
    organization: str
    user: str
    kind: Kind
    topic: str
    title: str
    text: str
    page: str | None = None
    read_at: datetime | None = None
    broadcast: str | None = None

    @property
    def at(self) -> datetime:
        return ids.moment_of(self.id)


@dataclass(frozen=True, slots=True)
class Inbox:
    """The state of an inbox; `version` 0 is one that nothing came to yet.

    Ids rise with each entry: what came up to `read_to` is read, what came up to `cleared_to` is gone. `unread` counts
    by the day (UTC) on which entries came. Those of a day expire together, so that the sum of the kept days is exact.
    """

    organization: str
    user: str
    newest: str = ""
    read_to: str = ""
    cleared_to: str = ""
    unread: Mapping[date, int] = field(default_factory=dict)
    version: int = 0

    def next_id(self, now: datetime) -> str:
        """Higher than every one before, whatever the clocks of two functions say."""
        return ids.new_at("ntf", max(now, ids.moment_of(self.newest) + _TICK) if self.newest else now)

    def received(self, entry: Entry, today: date) -> Self:
        return replace(self._moved(entry, 1, today), newest=entry.id)

    def has_read(self, entry: Entry) -> bool:
        return entry.read_at is not None or entry.id <= self.read_to

    def without(self, entry: Entry, today: date) -> Self:
        """One that is not unread any more: because it was read, or is gone."""
        return self if self.has_read(entry) else self._moved(entry, -1, today)

    def all_read(self) -> Self:
        return replace(self, read_to=self.newest, unread={})

    def cleared(self) -> Self:
        return replace(self.all_read(), cleared_to=self.newest)

    def unread_on(self, today: date) -> int:
        return sum(count for day, count in self.unread.items() if day >= first_day(today))

    def floor(self, today: date) -> str:
        """What is shown comes after it."""
        return max(self.cleared_to, ids.earliest("ntf", _begin(first_day(today))))

    def _moved(self, entry: Entry, by: int, today: date) -> Self:
        day = entry.at.date()
        kept = {known: count for known, count in self.unread.items() if known >= first_day(today)}
        return replace(self, unread=kept | {day: kept.get(day, 0) + by})


def first_day(today: date) -> date:
    """The oldest day whose entries are shown."""
    return today - timedelta(days=KEPT_DAYS - 1)


def gone_at(entry: Entry) -> datetime:
    """The end of the day on which it is shown last."""
    return _begin(entry.at.date() + timedelta(days=KEPT_DAYS))


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
