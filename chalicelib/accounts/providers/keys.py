"""A provider's public keys (JWKS, RFC 7517), held by the process."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from chalicelib.accounts.providers import wire
from chalicelib.core import clock

_SHORTEST, _LONGEST = timedelta(minutes=5), timedelta(hours=24)
_PATIENCE = timedelta(minutes=1)
"""How soon an unknown key makes us ask again: right after a rotation, and not for every forgery."""


class Keys:
    def __init__(self, url: str) -> None:
        self._url = url
        self._held: dict[str, Any] = {}
        self._asked_at = self._fresh_until = datetime.min.replace(tzinfo=UTC)

    def find(self, kid: str) -> Any:
        """The RSA key of that id, None where the provider has none. Raises Unavailable."""
        now = clock.now()
        is_fresh = self._asked_at <= now < self._fresh_until
        if not is_fresh or (kid not in self._held and now - self._asked_at >= _PATIENCE):
            self._ask(now)
        return self._held.get(kid)

    def _ask(self, now: datetime) -> None:
        from jwt import PyJWK
        from jwt.exceptions import PyJWTError

        told, caching = wire.fetch("GET", self._url)
        found: dict[str, Any] = {}
        for key in told.get("keys", []):
            if isinstance(key, dict) and key.get("kty") == "RSA" and key.get("use", "sig") == "sig" and "kid" in key:
                try:
                    found[str(key["kid"])] = PyJWK(key, algorithm="RS256").key
                except PyJWTError:
                    continue  # a key of a form that we do not know proves nothing to us
        age = re.search(r"max-age=(\d{1,9})", caching)
        lasts = timedelta(seconds=int(age[1])) if age else _SHORTEST
        self._held, self._asked_at = found, now
        self._fresh_until = now + min(max(lasts, _SHORTEST), _LONGEST)


@cache
def of(url: str) -> Keys:
    return Keys(url)
