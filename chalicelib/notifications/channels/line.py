"""Messages to people on LINE, through the Messaging API. Written after its public reference, *not verified live*.

LINE takes an idempotency key: of calls with the same `X-Line-Retry-Key` it sends one, for 24 hours, and answers the
others 409. A call that comes again later than that, redriven by an operator, sends again.

Format: https://developers.line.biz/en/reference/messaging-api/#send-push-message
"""

import base64
import hashlib
import hmac

from chalicelib.core.secrets import LineSecret
from chalicelib.notifications.channels import Undeliverable
from chalicelib.notifications.channels.calls import TIMEOUT, Answer, Timeout, not_now, post
from chalicelib.notifications.channels.push import Push

_NEVER = ("'to'", "Failed to send messages")
"""What the message of a 400 says of somebody who can not be written to: no such person, or not a friend."""

_TAKEN, _TAKEN_BEFORE = 200, 409


class Line:
    def __init__(self, account: LineSecret, *, timeout: Timeout = TIMEOUT) -> None:
        self._account = account
        self._timeout = timeout

    def send(self, token: str, push: Push) -> str:
        """See `PushService`. `token` is what LINE knows somebody by, as a friend of this account."""
        text = "\n".join(part for part in (push.title, push.text, push.link) if part)
        key = str(push.key_for(token))
        headers = {
            "Authorization": f"Bearer {self._account.access_token.get_secret_value()}",
            "X-Line-Retry-Key": key,
        }
        body = {"to": token, "messages": [{"type": "text", "text": text}]}
        try:
            answer = post(f"{self._account.url}/v2/bot/message/push", timeout=self._timeout, json=body, headers=headers)
        except OSError as failure:
            raise not_now("push") from failure
        if answer.status in (_TAKEN, _TAKEN_BEFORE):
            return key
        if answer.status == 400 and any(word in _message(answer) for word in _NEVER):
            raise Undeliverable
        raise not_now("push")


def is_signed(account: LineSecret, body: bytes, signature: str) -> bool:
    """Whether LINE sent these bytes to this account's webhook."""
    mac = hmac.new(account.channel_secret.get_secret_value().encode(), body, hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(mac), signature.encode())


def _message(answer: Answer) -> str:
    try:
        return str(answer.fields().get("message"))
    except ValueError:
        return ""
