"""What rings a device, whoever carries it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import NAMESPACE_URL, UUID, uuid5

from chalicelib.core.errors import Unprocessable
from chalicelib.core.secrets import secrets


class Platform(StrEnum):
    """Whose token it is. People link LINE; the others are registered by apps and browsers."""

    FCM = "fcm"
    APNS = "apns"
    WEBPUSH = "webpush"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Push:
    """`id` is the same whenever the same is told. `topic` says what it tells: `refunded`."""

    id: str
    topic: str
    title: str
    text: str
    link: str | None

    def key_for(self, token: str) -> UUID:
        """The same for the same push to the same device, and for nothing else."""
        return uuid5(NAMESPACE_URL, f"{self.id}#{token}")


class PushService(Protocol):
    def send(self, token: str, push: Push) -> str:
        """Hand a message over for one device; returns the service's id of it.

        Raises Undeliverable for a device that takes none any more, Unavailable where the service does not take it now.
        """


def of_platform(platform: Platform, organization: str) -> PushService:
    """Raises Unprocessable `platform_not_supported` for one that this stage has no account at."""
    held = secrets()
    if platform is Platform.FCM and held.firebase is not None:
        from chalicelib.notifications.channels.fcm import firebase

        return firebase(held.firebase)
    if platform is Platform.APNS and held.apns is not None:
        from chalicelib.notifications.channels.apns import apns

        return apns(held.apns)
    if platform is Platform.WEBPUSH and held.webpush is not None:
        from chalicelib.notifications.channels.webpush import WebPush

        return WebPush(held.webpush)
    if platform is Platform.LINE and (account := held.line_of_organizations.get(organization)) is not None:
        from chalicelib.notifications.channels.line import Line

        return Line(account)
    raise Unprocessable("platform_not_supported", "Devices of this platform can not be rung.", field="platform")
