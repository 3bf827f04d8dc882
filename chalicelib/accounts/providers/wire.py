"""HTTP with identity providers."""

import json
from typing import Any

from chalicelib.core.errors import Unauthorized, Unavailable

TIMEOUT = (2, 8)
"""Seconds: to connect, and between two bytes of the answer."""

_LARGEST = 256 * 1024
Json = dict[str, Any]


def refused() -> Unauthorized:
    return Unauthorized("identity_refused", "The provider's answer proves nothing. Start again.")


def ask(method: str, url: str, **options: Any) -> Json:
    """The JSON object that a provider answers. Raises Unauthorized for a refusal, Unavailable for any other answer."""
    return fetch(method, url, **options)[0]


def fetch(method: str, url: str, **options: Any) -> tuple[Json, str]:
    """The JSON object and the Cache-Control that came with it; raises like `ask`."""
    import requests

    away = Unavailable("provider_unavailable", "The provider does not answer. Try again shortly.", retry_after=5)
    try:
        with requests.request(method, url, timeout=TIMEOUT, allow_redirects=False, stream=True, **options) as answer:
            content = answer.raw.read(_LARGEST + 1, decode_content=True)
            if answer.status_code in (400, 401, 403):
                raise refused()
            if answer.status_code != 200 or len(content) > _LARGEST:
                raise away
            told = json.loads(content)
    except (requests.RequestException, OSError, ValueError) as failure:
        raise away from failure
    if not isinstance(told, dict):
        raise away
    return told, answer.headers.get("Cache-Control", "")
