"""Texts through Mobizon, the usual carrier in Kazakhstan. Written after its public reference, *not verified live*.

Whatever becomes of a call, its answer is 200 with a `code`: 0 is taken, 1 a field that is not valid, which `data`
names; the rest is about the account, or about Mobizon itself.

Format: https://mobizon.kz/help/api-docs/message#SendSmsMessage
"""

from chalicelib.core.secrets import MobizonSecret
from chalicelib.notifications.channels import Undeliverable
from chalicelib.notifications.channels.calls import TIMEOUT, Answer, Timeout, not_now, post

_TAKEN, _INVALID = 0, 1


class Mobizon:
    def __init__(self, account: MobizonSecret, *, timeout: Timeout = TIMEOUT) -> None:
        self._account = account
        self._timeout = timeout

    def send(self, text: str, *, to: str) -> str:
        """See `TextService`. The key goes into the body, for addresses end up in logs."""
        held = self._account
        form = {"apiKey": held.api_key.get_secret_value(), "recipient": to.removeprefix("+"), "text": text}
        try:
            answer = post(
                f"{held.url}/service/message/sendsmsmessage",
                timeout=self._timeout,
                params={"output": "json", "api": "v1"},
                data=form | ({"from": held.sender} if held.sender else {}),
            )
            return _accepted(answer)
        except (OSError, ValueError) as failure:
            raise not_now("sms") from failure


def _accepted(answer: Answer) -> str:
    """The id of the text. Raises ValueError for what is none."""
    told = answer.fields()
    code, data = told.get("code"), told.get("data")
    if answer.status != 200 or not isinstance(data, dict):
        raise ValueError("not taken")
    if code == _INVALID and "recipient" in data:
        raise Undeliverable
    if code != _TAKEN or "messageId" not in data:
        raise ValueError("not taken")
    return str(data["messageId"])
