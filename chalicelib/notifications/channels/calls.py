"""A call of a carrier over HTTPS: short, straight, and read up to a limit."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.core.errors import Unavailable

ANSWER_LIMIT = 64 * 1024
TIMEOUT = (2, 5)
"""Seconds: to connect, and between two bytes of the answer."""

Timeout = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    raw: bytes
    headers: Mapping[str, str]

    def fields(self) -> Mapping[str, Any]:
        """Its JSON object. Raises ValueError for anything else."""
        try:
            found = json.loads(self.raw)
        except RecursionError as failure:
            raise ValueError("nested too deeply") from failure
        if not isinstance(found, dict):
            raise ValueError("no object")
        return found


def post(url: str, *, timeout: Timeout = TIMEOUT, **sent: Any) -> Answer:
    """Raises OSError where there is no answer; its time-out leaves open whether the carrier took what was sent."""
    from requests import Session  # what a cold start of the API need not load
    from urllib3.exceptions import HTTPError

    with Session() as session:
        session.trust_env = False  # neither a proxy nor a .netrc of the machine gets to see a key
        with session.post(url, timeout=timeout, allow_redirects=False, stream=True, **sent) as response:
            try:
                raw = response.raw.read(ANSWER_LIMIT + 1, decode_content=True)
            except HTTPError as failure:
                raise OSError("the answer broke off") from failure
            return Answer(response.status_code, raw, response.headers)


def not_now(channel: str) -> Unavailable:
    """The queue tries again. `channel` is `push`, `sms` or `email`."""
    return Unavailable(f"{channel}_unavailable", "The service that carries this does not take it now.", retry_after=30)
