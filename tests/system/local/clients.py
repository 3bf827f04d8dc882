"""A client of the API that shares nothing with any other: light, because a race starts many processes of it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import requests

from infra.local.client import Person
from tests.system.local.race import race

Call = tuple[str, str, object, Person]
"""Method, path, body, and who calls."""
Answer = dict[str, Any]


def send(method: str, url: str, body: object, headers: dict[str, str]) -> Answer:
    """One request: its status, and what the envelope holds."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(method, url, json=body, headers=headers, timeout=60)
    envelope = answer.json() if answer.content else {}
    code = (envelope.get("error") or {}).get("code")
    return {"status": answer.status_code, "data": envelope.get("data"), "code": code}


def at_once(running: Any, calls: Sequence[Call], **options: Any) -> list[Answer]:
    """Each call as a client of its own, all at the same moment; the options are those of `race`."""
    sends = [(method, running.url + path, body, person.headers) for method, path, body, person in calls]
    return race(send, sends, running.environment, **options)


def statuses(answers: Sequence[Answer]) -> Counter[int]:
    return Counter(answer["status"] for answer in answers)
