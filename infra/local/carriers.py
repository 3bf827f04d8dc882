"""The stand-ins for those who ring devices, together."""

from contextlib import ExitStack
from typing import Any, Self

from chalicelib.organizations.service import DEFAULT
from infra.local.apns import ApnsSandbox
from infra.local.firebase import FirebaseSandbox
from infra.local.line import LineSandbox
from infra.local.webpush import WebPushSandbox


class Carriers:
    """Use as a context."""

    def __init__(self) -> None:
        self.firebase, self.apns = FirebaseSandbox(), ApnsSandbox()
        self.webpush, self.line = WebPushSandbox(), LineSandbox()
        self._running = ExitStack()

    def __enter__(self) -> Self:
        for sandbox in (self.firebase, self.apns, self.webpush, self.line):
            self._running.enter_context(sandbox)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def accounts(self) -> dict[str, Any]:
        """As the application's secret holds them."""
        return {
            "firebase": self.firebase.account,
            "apns": self.apns.account,
            "webpush": self.webpush.account,
            "line_of_organizations": {DEFAULT: self.line.account},
        }

    def urls(self) -> dict[str, str]:
        """For a person to look at."""
        return {
            "Firebase sandbox": self.firebase.url,
            "APNs sandbox": self.apns.url,
            "Web push sandbox": self.webpush.url,
            "LINE sandbox": self.line.url,
        }
