"""Devices on the wire."""

from typing import Annotated

from pydantic import Field, StringConstraints

from chalicelib.core.wire import Input
from chalicelib.notifications.channels.push import Platform

Token = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{8,4096}$")]


class PushToken(Input):
    token: Token = Field(description="What the push service gave to this device.")
    platform: Platform = Field(Platform.FCM, strict=False, description="Whose token it is.")


class OldToken(Input):
    token: Token | None = Field(None, description="Null: all devices of the caller.")
