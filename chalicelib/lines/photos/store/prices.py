"""Packages of an event and of the organization."""

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core.errors import Conflict
from chalicelib.core.table import Record, Typed, Write, create, each_gets, replace, table
from chalicelib.lines.photos.pricing import Package, PriceList
from chalicelib.lines.photos.store.keys import event_pk


class PriceListRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#EVT#{}#PACKAGES", "-")
    model = PriceList
    upgrades = (each_gets("packages", extra=None, licence="personal", opens_at=None, closes_at=None),)

    organization = UnicodeAttribute()
    event = UnicodeAttribute(null=True)
    packages = Typed[tuple[Package, ...]](tuple[Package, ...])


def price_lists(organization: str, event: str | None) -> dict[str | None, PriceList]:
    """By event, what is stored of an event's own packages and of the organization's, which have none."""
    keys = [(_packages_pk(organization, whose), "-") for whose in {event, None}]
    return {record.event: record.value() for record in PriceListRecord.batch_get(keys, consistent_read=True)}


def save_price_list(prices: PriceList) -> Write:
    """A write that holds while the stored one is at `prices.version`, 0 meaning none."""
    record = PriceListRecord.of(prices, pk=_packages_pk(prices.organization, prices.event), sk="-")
    if prices.version:
        return replace(record, prices.version)
    record.version = 1
    return create(record, Conflict("version_conflict", "Somebody set prices first. Load them again.", field="version"))


def _packages_pk(organization: str, event: str | None) -> str:
    return f"{event_pk(organization, event or '-')}#PACKAGES"
