"""Standard Webhooks: how a call proves whose it is, and when it was made.

Format: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable
from datetime import datetime

from chalicelib.core import clock

PREFIX = "whsec_"
_LENGTH = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(os.urandom(_LENGTH)).decode()


def headers(id: str, at: datetime, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """What goes along with `body`: one signature of each secret, the newest first."""
    timestamp = str(clock.epoch(at))
    signed = b".".join((id.encode(), timestamp.encode(), body))
    signatures = (f"v1,{_signature(secret, signed)}" for secret in secrets)
    return {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
