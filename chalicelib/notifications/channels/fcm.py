"""Push messages through Firebase Cloud Messaging, HTTP v1: to Android, and to what else registered there.

FCM knows no idempotency key: every call that it accepts is a message. Its tag is the id of what it tells, so that one
which is sent twice takes its own place on the device.

Formats: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages,
https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from chalicelib.core import clock
from chalicelib.core.secrets import FirebaseSecret
from chalicelib.notifications.channels import Undeliverable
from chalicelib.notifications.channels.calls import TIMEOUT, Timeout, not_now, post
from chalicelib.notifications.channels.push import Push

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_HOUR = timedelta(hours=1)
_EARLY = timedelta(minutes=2)
"""Before its end a token is not used any more."""

_GONE = {"UNREGISTERED", "SENDER_ID_MISMATCH", "INVALID_ARGUMENT"}
"""What FCM says of a token that it will never take. Of a message that is no message it says so in another way."""


class Firebase:
    """One project. `timeout` is in seconds: to connect, and between two bytes of the answer."""

    def __init__(self, account: FirebaseSecret, *, timeout: Timeout = TIMEOUT) -> None:
        self._account = account
        self._timeout = timeout
        self._token: tuple[str, datetime] | None = None

    def send(self, token: str, push: Push) -> str:
        """See `PushService`."""
        status, answer = self._ask_to_send(token, push)
        if status == 401:  # the access token was taken back before its time
            self._token = None
            status, answer = self._ask_to_send(token, push)
        if status == 200 and isinstance(answer.get("name"), str):
            return str(answer["name"])
        if _error_code(answer) in _GONE:
            raise Undeliverable
        raise not_now("push")

    def _ask_to_send(self, token: str, push: Push) -> tuple[int, Mapping[str, Any]]:
        path = f"/v1/projects/{self._account.project_id}/messages:send"
        headers = {"Authorization": f"Bearer {self._access_token()}"}
        return self._post(f"{self._account.url}{path}", json=_message(token, push), headers=headers)

    def _access_token(self) -> str:
        now, held = clock.now(), self._token
        if held is None or held[1] <= now:
            self._token = held = self._ask_for_token(now)
        return held[0]

    def _ask_for_token(self, now: datetime) -> tuple[str, datetime]:
        import jwt

        claims = {
            "iss": self._account.client_email,
            "scope": SCOPE,
            "aud": self._account.token_url,
            "iat": clock.epoch(now),
            "exp": clock.epoch(now + _HOUR),
        }
        assertion = jwt.encode(claims, self._account.private_key.get_secret_value(), algorithm="RS256")
        status, answer = self._post(self._account.token_url, data={"grant_type": _GRANT, "assertion": assertion})
        token, lasts = answer.get("access_token"), answer.get("expires_in")
        if status != 200 or not isinstance(token, str) or not isinstance(lasts, int):
            raise not_now("push")
        return token, now + timedelta(seconds=lasts) - _EARLY

    def _post(self, url: str, **sent: Any) -> tuple[int, Mapping[str, Any]]:
        """Status and JSON object of an answer. Raises Unavailable where there is none."""
        try:
            answer = post(url, timeout=self._timeout, **sent)
            return answer.status, answer.fields()
        except (OSError, ValueError) as failure:
            raise not_now("push") from failure


@lru_cache(maxsize=4)
def firebase(account: FirebaseSecret) -> Firebase:
    """The same for the same account: it keeps its access token."""
    return Firebase(account)


def _message(token: str, push: Push) -> Mapping[str, Any]:
    data = {"id": push.id, "topic": push.topic} | ({"link": push.link} if push.link else {})
    return {
        "message": {
            "token": token,
            "notification": {"title": push.title, "body": push.text},
            "data": data,
            "android": {"notification": {"tag": push.id}},
            "apns": {"headers": {"apns-collapse-id": push.id}},
            "webpush": {"notification": {"tag": push.id}},
        }
    }


def _error_code(answer: Mapping[str, Any]) -> str | None:
    """What FCM itself says is wrong, beside what all of Google's services say."""
    error = answer.get("error")
    details = error.get("details") if isinstance(error, dict) else None
    found = (each for each in details or () if isinstance(each, dict))
    codes = (each.get("errorCode") for each in found if str(each.get("@type")).endswith("fcm.v1.FcmError"))
    return next((code for code in codes if isinstance(code, str)), None)
