"""Push messages through Apple's service, over HTTP/2. Written after its public reference, *not verified live*.

APNs knows no idempotency key: a message whose answer is lost goes again. It carries the id of what it tells as its
collapse id, so that the second takes the place of the first on the device.

Formats: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns,
https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chalicelib.core import clock
from chalicelib.core.secrets import ApnsSecret
from chalicelib.notifications.channels import Undeliverable
from chalicelib.notifications.channels.calls import TIMEOUT, Timeout, not_now
from chalicelib.notifications.channels.push import Push

if TYPE_CHECKING:
    from httpx import Client, Response

_SIGNED_FOR = timedelta(minutes=45)
"""Apple takes a token for an hour, and none that is made anew within twenty minutes of the one before."""

_GONE = {"BadDeviceToken", "DeviceTokenNotForTopic", "ExpiredToken", "Unregistered"}
_SIGNED_WRONG = {"ExpiredProviderToken", "InvalidProviderToken"}
_IDLE = 50
"""Seconds after which a connection is not used again: a function that slept finds it closed."""


class Apns:
    """One app. `timeout` is in seconds: to connect, and between two bytes of the answer."""

    def __init__(self, account: ApnsSecret, *, timeout: Timeout = TIMEOUT) -> None:
        self._account = account
        self._timeout = timeout
        self._token: tuple[str, datetime] | None = None
        self._client: Client | None = None

    def send(self, token: str, push: Push) -> str:
        """See `PushService`. The id is one that we give, and the same for the same push."""
        status, reason = self._ask(token, push)
        if status == 403 and reason in _SIGNED_WRONG:
            self._token = None
            status, reason = self._ask(token, push)
        if status == 200:
            return str(push.key_for(token))
        if status == 410 or reason in _GONE:
            raise Undeliverable
        raise not_now("push")

    def close(self) -> None:
        """End the connection. The next message makes another."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ask(self, token: str, push: Push) -> tuple[int, str]:
        """Status and reason. Raises Unavailable where there is no answer."""
        import httpx

        headers = {
            "authorization": f"bearer {self._provider_token()}",
            "apns-id": str(push.key_for(token)),
            "apns-topic": self._account.topic,
            "apns-push-type": "alert",
            "apns-collapse-id": push.id,
        }
        path = f"/3/device/{quote(token, safe='')}"
        try:
            answer = self._connected().post(f"{self._account.url}{path}", headers=headers, json=_payload(push))
        except (httpx.HTTPError, OSError) as failure:
            raise not_now("push") from failure
        return answer.status_code, _reason(answer)

    def _connected(self) -> "Client":
        """Loaded by the first push to an Apple device, and kept: Apple wants few connections that live long."""
        import httpx

        if self._client is None:
            connect, read = self._timeout
            self._client = httpx.Client(
                http1=False,
                http2=True,
                trust_env=False,
                timeout=httpx.Timeout(read, connect=connect),
                limits=httpx.Limits(keepalive_expiry=_IDLE),
            )
        return self._client

    def _provider_token(self) -> str:
        import jwt

        now, held = clock.now(), self._token
        if held is None or held[1] <= now:
            key = self._account.private_key.get_secret_value()
            claims = {"iss": self._account.team_id, "iat": clock.epoch(now)}
            signed = jwt.encode(claims, key, algorithm="ES256", headers={"kid": self._account.key_id})
            self._token = held = (signed, now + _SIGNED_FOR)
        return held[0]


@lru_cache(maxsize=4)
def apns(account: ApnsSecret) -> Apns:
    """The same for the same account: it keeps its connection and its token."""
    return Apns(account)


def _payload(push: Push) -> dict[str, Any]:
    told = {"id": push.id, "topic": push.topic} | ({"link": push.link} if push.link else {})
    return {"aps": {"alert": {"title": push.title, "body": push.text}, "sound": "default"}, **told}


def _reason(answer: "Response") -> str:
    """What Apple says is wrong, in a word."""
    try:
        told = answer.json()
    except ValueError:
        return ""
    return str(told.get("reason", "")) if isinstance(told, dict) else ""
