"""What rings a device, whoever carries it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from chalicelib.core.errors import Unprocessable
from chalicelib.core.secrets import secrets


class Platform(StrEnum):
    FCM = "fcm"
    APNS = "apns"
    WEBPUSH = "webpush"


@dataclass(frozen=True, slots=True)
class Push:
    """`id` is the same whenever the same is told. `topic` says what it tells: `refunded`."""

    id: str
    topic: str
    title: str
    text: str
    link: str | None


class PushService(Protocol):
    def send(self, token: str, push: Push) -> str:
        """Hand a message over for one device; returns the service's id of it.

        Raises Undeliverable for a device that takes none any more, Unavailable where the service does not take it now.
        """


def of_platform(platform: Platform) -> PushService:
    """Raises Unprocessable `platform_not_supported` for one that this stage has no account at."""
    from chalicelib.notifications.channels.fcm import firebase

    account = secrets().firebase
    if platform is not Platform.FCM or account is None:
        raise Unprocessable("platform_not_supported", "Devices of this platform can not be rung.", field="platform")
    return firebase(account)
