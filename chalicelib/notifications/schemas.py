"""Notification settings on the wire."""

from datetime import time
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import Field, StringConstraints

from chalicelib.core.errors import Invalid
from chalicelib.core.wire import Input, Output
from chalicelib.notifications.model import CHANNELS, Channel, Kind, Preferences
from chalicelib.notifications.quiet import model as quiet

Clock = Annotated[str, StringConstraints(max_length=5, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Kinds(Output):
    """What comes over one channel. `account` and `orders` always do."""

    account: bool
    orders: bool
    reminders: bool
    news: bool


class QuietHours(Output):
    start: str
    end: str
    zone: str

    @classmethod
    def of(cls, quiet: quiet.QuietHours) -> "QuietHours":
        return cls(start=f"{quiet.start:%H:%M}", end=f"{quiet.end:%H:%M}", zone=quiet.zone)


class Settings(Output):
    email: Kinds
    sms: Kinds
    inapp: Kinds
    push: Kinds
    line: Kinds
    quiet_hours: QuietHours | None

    @classmethod
    def of(cls, preferences: Preferences) -> "Settings":
        by_channel = {
            channel: Kinds(**{kind.value: preferences.wants(channel, kind) for kind in Kind}) for channel in CHANNELS
        }
        return cls(**by_channel, quiet_hours=QuietHours.of(preferences.quiet) if preferences.quiet else None)


class ChosenKinds(Input):
    reminders: bool = True
    news: bool = False


class ChosenHours(Input):
    """Pushes and texts that are not urgent wait till `end`."""

    start: Clock = Field(description="As clocks show it: `22:00`.")
    end: Clock = Field(description="On the next day, where it is before `start`.")
    zone: Annotated[str, StringConstraints(max_length=64)] = Field(description="An IANA zone: `Asia/Bangkok`.")

    def quiet(self) -> quiet.QuietHours:
        """Raises Invalid."""
        if self.zone not in available_timezones():
            raise Invalid("invalid_zone", "There is no such time zone.", field="quietHours.zone")
        if self.start == self.end:
            raise Invalid("invalid_quiet_hours", "Quiet hours begin and end at different times.", field="quietHours")
        return quiet.QuietHours(time.fromisoformat(self.start), time.fromisoformat(self.end), self.zone)


class Choice(Input):
    """Only what is to change."""

    email: ChosenKinds = ChosenKinds()
    sms: ChosenKinds = ChosenKinds()
    inapp: ChosenKinds = ChosenKinds()
    push: ChosenKinds = ChosenKinds()
    line: ChosenKinds = ChosenKinds()
    quiet_hours: ChosenHours | None = Field(None, description="Null ends them.")

    def quiet(self, held: quiet.QuietHours | None) -> quiet.QuietHours | None:
        """As they are to be, where they are as they are `held`. Raises Invalid."""
        if "quiet_hours" not in self.model_fields_set:
            return held
        return self.quiet_hours.quiet() if self.quiet_hours else None

    def told(self) -> dict[Channel, dict[Kind, bool]]:
        """What was sent."""
        return {
            channel: {Kind(name): getattr(chosen, name) for name in chosen.model_fields_set}
            for channel in CHANNELS
            if (chosen := getattr(self, channel)).model_fields_set
        }
