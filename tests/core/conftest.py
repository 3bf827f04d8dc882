from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.core import aws as clients
from tests.core.scripts import Script


@pytest.fixture
def scripted(aws: None) -> Iterator[Callable[[str, str], Script]]:
    """`scripted("sqs", "SendMessageBatch")` puts a script before the calls of one operation."""
    undo: list[Callable[[], None]] = []

    def begin(service: str, operation: str) -> Script:
        script = Script()
        client: Any = clients.client(service)  # type: ignore[call-overload]
        event = f"before-call.{service}.{operation}"
        client.meta.events.register(event, script)
        undo.append(lambda: client.meta.events.unregister(event, script))
        return script

    yield begin
    for step in undo:
        step()
