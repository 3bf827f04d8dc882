"""Answers that a process keeps for a minute: every request asks for them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from chalicelib.core import clock

_HOLD = timedelta(seconds=60)
_HELD_AT_MOST = 1000  # hosts may be made up by whoever calls

V = TypeVar("V")


class Held(Generic[V]):
    """Answers of `read` by key, at most a minute old."""

    def __init__(self, read: Callable[[str], V]) -> None:
        self._read = read
        self._answers: dict[str, tuple[datetime, V]] = {}

    def __call__(self, key: str) -> V:
        now = clock.now()
        read_at, answer = self._answers.get(key, (now, None))
        if answer is not None and now - _HOLD < read_at <= now:
            return answer
        answer = self._read(key)
        if len(self._answers) >= _HELD_AT_MOST:
            self._answers.clear()
        self._answers[key] = (now, answer)
        return answer

    def forget(self, key: str | None = None) -> None:
        if key is None:
            self._answers.clear()
        else:
            self._answers.pop(key, None)
