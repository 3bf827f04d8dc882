"""The wire shapes of health and of the dashboard."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from chalicelib.core.wire import Output


class Part(Output):
    """One part of the system, as operators see it. `ms` is how long its answer took, in whole milliseconds."""

    up: bool
    ms: int


class Health(Output):
    status: Literal["healthy", "unhealthy"]
    timestamp: datetime
    services: dict[str, str | Part]


class Revenue(Output):
    """Whole minor units; `sold` are things."""

    sold: int
    gross: int
    platform: int
    photographer: int
    organizer: int


class Dashboard(Output):
    photos: dict[str, int] = Field(description="By state: awaiting, processing, failed, pending, approved, rejected.")
    orders: dict[str, int] = Field(description="By status.")
    users: int
    events: int
    storage: int = Field(description="Bytes of originals, as the plan counts them.")
    revenue: Revenue
    currency: str
