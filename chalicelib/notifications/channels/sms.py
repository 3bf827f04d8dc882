"""Texts to one phone each, whoever carries them."""

from typing import Protocol

from chalicelib.core.secrets import secrets
from chalicelib.core.settings import settings


class TextService(Protocol):
    def send(self, text: str, *, to: str) -> str:
        """Hand `text` over for the number `to` (E.164); returns the carrier's id of it.

        Raises Undeliverable for a number that never gets one, anything else where the carrier does not take it now.
        No carrier that we know takes an idempotency key: each call that it accepts is a text, and costs one.
        """


def service() -> TextService:
    """The one that the stage's settings name."""
    from chalicelib.notifications.channels import mobizon, sns, twilio

    provider = settings().sms_provider
    if provider == "sns":
        return sns.Sns()
    if provider == "twilio":
        by_twilio = secrets().twilio
        assert by_twilio is not None  # the secret is not taken without it
        return twilio.Twilio(by_twilio)
    by_mobizon = secrets().mobizon
    assert by_mobizon is not None
    return mobizon.Mobizon(by_mobizon)


def send(text: str, *, to: str) -> str:
    """See `TextService`."""
    return service().send(text, to=to)
