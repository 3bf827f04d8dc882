"""The wire shape of health."""

from datetime import datetime
from typing import Literal

from chalicelib.core.wire import Output


class Part(Output):
    """One part of the system, as operators see it. `ms` is how long its answer took, in whole milliseconds."""

    up: bool
    ms: int


class Health(Output):
    status: Literal["healthy", "unhealthy"]
    timestamp: datetime
    services: dict[str, str | Part]
