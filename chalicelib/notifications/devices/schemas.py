"""Devices on the wire."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib.core.errors import Invalid
from chalicelib.core.wire import Input, Output
from chalicelib.notifications.channels.push import Platform
from chalicelib.notifications.channels.webpush import Subscription
from chalicelib.notifications.devices import model

Token = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{8,4096}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{16,128}={0,2}$")]


class Keys(Input):
    """Of a browser's subscription, as base64url."""

    p256dh: Key
    auth: Key


class PushToken(Input):
    token: Token = Field(description="What the push service gave to this device; of a browser the `endpoint`.")
    platform: Literal["fcm", "apns", "webpush"] = Field("fcm", description="Whose token it is.")
    keys: Keys | None = Field(None, description="For `webpush` alone: those of the subscription.")

    def known_by(self) -> tuple[Platform, str]:
        """The platform, and all that it takes to ring there. Raises Invalid."""
        platform = Platform(self.platform)
        if platform is not Platform.WEBPUSH:
            return platform, self.token
        if self.keys is None:
            raise Invalid("required", "Send the keys of the subscription.", field="keys")
        subscription = Subscription(self.token, self.keys.p256dh, self.keys.auth)
        subscription.check()
        return platform, subscription.token


class OldToken(Input):
    token: Token | None = Field(None, description="Null: all devices of the caller.")


class Device(Output):
    platform: Platform
    seen_at: datetime = Field(description="When it was registered last.")


class Devices(Output):
    items: list[Device]
    web_push_key: str | None = Field(description="What browsers subscribe with: the `applicationServerKey`.")

    @classmethod
    def of(cls, held: model.Devices, key: str | None) -> Self:
        return cls(items=[Device.model_validate(device) for device in held.devices], web_push_key=key)
