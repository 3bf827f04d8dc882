"""Texts through Twilio's Messages API. Written after its public reference, *not verified live*.

A form under the account's own address, authenticated as Basic. What is accepted is *queued*; whether it arrived is told
later, to who asks. What is refused has a code of Twilio's beside the status.

Format: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
"""

from chalicelib.core.secrets import TwilioSecret
from chalicelib.notifications.channels import Undeliverable
from chalicelib.notifications.channels.calls import TIMEOUT, Answer, Timeout, not_now, post

_NEVER = {21211, 21214, 21217, 21265, 21610, 21614, 30003, 30004, 30005, 30006}
"""No number; no phone for texts; one that asked Twilio to be left alone; unreachable, blocked, unknown, a landline."""

_REFUSED = {"failed", "undelivered", "canceled"}


class Twilio:
    def __init__(self, account: TwilioSecret, *, timeout: Timeout = TIMEOUT) -> None:
        self._account = account
        self._timeout = timeout

    def send(self, text: str, *, to: str) -> str:
        """See `TextService`."""
        held = self._account
        sender = "MessagingServiceSid" if held.sender.startswith("MG") else "From"
        try:
            answer = post(
                f"{held.url}/2010-04-01/Accounts/{held.account_sid}/Messages.json",
                timeout=self._timeout,
                data={"To": to, sender: held.sender, "Body": text},
                auth=(held.user, held.password.get_secret_value()),
            )
            return _accepted(answer)
        except (OSError, ValueError) as failure:
            raise not_now("sms") from failure


def _accepted(answer: Answer) -> str:
    """The id of the text. Raises ValueError for what is none."""
    told = answer.fields()
    code = told.get("error_code") if answer.status == 201 else told.get("code")
    if code in _NEVER:
        raise Undeliverable
    id = told.get("sid")
    if answer.status != 201 or told.get("status") in _REFUSED or not isinstance(id, str):
        raise ValueError("not taken")
    return id
