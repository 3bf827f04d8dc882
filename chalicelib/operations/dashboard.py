"""An organization in figures. Each was counted as it happened: reading them costs the same whatever there is."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.core import tallies
from chalicelib.lines.photos.model import Shelf
from chalicelib.orders.model import Status
from chalicelib.organizations import service as organizations
from chalicelib.organizations.plans import Resource
from chalicelib.revenue import service as revenue
from chalicelib.revenue.model import Takings


@dataclass(frozen=True, slots=True)
class Figures:
    """`photos` by shelf, `orders` by status; `storage` in bytes, as the plan counts it."""

    photos: Mapping[str, int]
    orders: Mapping[str, int]
    users: int
    events: int
    storage: int
    revenue: Takings
    currency: str


def figures(organization: str) -> Figures:
    photos, orders, users = (tallies.counted(organization, kind) for kind in ("photos", "orders", "users"))
    used = organizations.usage_of(organization).used
    return Figures(
        photos={shelf.value: photos[shelf.value] for shelf in Shelf},
        orders={status.value: orders[status.value] for status in Status},
        users=users["registered"],
        events=used[Resource.EVENTS],
        storage=used[Resource.STORAGE],
        revenue=revenue.summary(organization),
        currency=organizations.get(organization).currency,
    )
