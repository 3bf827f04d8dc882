"""Quiet hours, and what waits for their end."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from chalicelib.core import ids


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` on the clocks of `zone`, each day; `end` may be on the next."""

    start: time
    end: time
    zone: str

    def ending(self, now: datetime) -> datetime | None:
        """When they are over, None outside of them."""
        local = now.astimezone(ZoneInfo(self.zone))
        past = local.time() >= self.end
        if (past or local.time() < self.start) if self.start < self.end else (past and local.time() < self.start):
            return None
        day = local.date() + timedelta(days=past)
        return max(now, datetime.combine(day, self.end, local.tzinfo).astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A push, which is about an `entry` of the inbox, or a text: its `notice` is sealed."""

    id: str
    organization: str
    user: str
    due_at: datetime
    entry: str | None = None
    notice: str | None = field(default=None, repr=False)


def waiting_id(channel: str, occasion: str) -> str:
    """The same for the same occasion: what is told twice waits once."""
    return ids.digest(f"{channel}#{occasion}")
