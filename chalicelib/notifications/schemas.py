"""Notification settings on the wire."""

from chalicelib.core.wire import Input, Output
from chalicelib.notifications.model import CHANNELS, Channel, Kind, Preferences


class Kinds(Output):
    """What comes over one channel. `account` and `orders` always do."""

    account: bool
    orders: bool
    reminders: bool
    news: bool


class Settings(Output):
    email: Kinds
    sms: Kinds
    inapp: Kinds
    push: Kinds

    @classmethod
    def of(cls, preferences: Preferences) -> "Settings":
        by_channel = {
            channel: Kinds(**{kind.value: preferences.wants(channel, kind) for kind in Kind}) for channel in CHANNELS
        }
        return cls(**by_channel)


class ChosenKinds(Input):
    reminders: bool = True
    news: bool = False


class Choice(Input):
    """Only what is to change."""

    email: ChosenKinds = ChosenKinds()
    sms: ChosenKinds = ChosenKinds()
    inapp: ChosenKinds = ChosenKinds()
    push: ChosenKinds = ChosenKinds()

    def told(self) -> dict[Channel, dict[Kind, bool]]:
        """What was sent."""
        return {
            channel: {Kind(name): getattr(chosen, name) for name in chosen.model_fields_set}
            for channel in CHANNELS
            if (chosen := getattr(self, channel)).model_fields_set
        }
