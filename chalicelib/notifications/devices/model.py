"""The devices of a person."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from chalicelib.core import ids
from chalicelib.notifications.channels.push import Platform

MOST = 10
"""Devices of one person. Another one takes the place of the one that was heard of least recently."""


@dataclass(frozen=True, slots=True)
class Device:
    """`id` is a digest of what its service knows it by, `token`, which is sealed."""

    id: str
    platform: Platform
    token: str = field(repr=False)
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Devices:
    """Those of a person, the one that was heard of last at the end. `version` 0 is somebody who never had one."""

    organization: str
    user: str
    devices: tuple[Device, ...] = ()
    version: int = 0

    def having(self, device: Device) -> Self:
        others = self.without(device.id).devices
        return replace(self, devices=(*others, device)[-MOST:])

    def without(self, *gone: str) -> Self:
        return replace(self, devices=tuple(device for device in self.devices if device.id not in gone))

    def lost(self, later: "Devices") -> list[str]:
        """Ids of what is here, and not there any more."""
        return [device.id for device in self.devices if device.id not in {kept.id for kept in later.devices}]


def device_id(platform: Platform, token: str) -> str:
    """By what a service knows it: of a browser the address, whatever its keys are now."""
    known = json.loads(token)["endpoint"] if platform is Platform.WEBPUSH else token
    return ids.digest(f"{platform}:{known}")
