"""Photos as a line of sale: no stock, priced per event by package, delivered as download grants."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from chalicelib.core.errors import AppError
from chalicelib.core.money import allocate
from chalicelib.core.table import Write
from chalicelib.entitlements import service as entitlements
from chalicelib.entitlements.service import Sale
from chalicelib.events import service as events
from chalicelib.events.model import Event
from chalicelib.lines.contract import Item, LineOfSale, Problem, Quote, QuoteLine, Sold
from chalicelib.lines.photos import pricing
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.model import Photo
from chalicelib.lines.photos.pricing import Licence, PriceList
from chalicelib.organizations import service as organizations


class Photos:
    kind = "photos"
    tax_classes: tuple[str, ...] = ("photos", "licences")

    def quote(self, organization: str, items: Sequence[Item], at: datetime) -> Quote:
        wanted = list(dict.fromkeys(item.ref for item in items))
        found = photos.find(organization, wanted)
        problems = [Problem(ref, "photo_not_found", "This photo does not exist.") for ref in wanted if ref not in found]
        unready = [photo for photo in found.values() if not photo.for_sale]
        problems += [Problem(photo.id, "photo_not_for_sale", "This photo is not on sale.") for photo in unready]
        on_sale = sorted(
            (photo for photo in found.values() if photo.for_sale), key=lambda photo: (photo.event, photo.id)
        )
        quote = Quote(problems=tuple(problems))
        taken = {item.ref: item for item in items}
        for event, group in groupby(on_sale, key=lambda photo: photo.event):
            quote += _quote_event(organization, event, [(photo, taken[photo.id]) for photo in group], at)
        return quote

    def select(self, organization: str, subject: str, package: str, refs: Sequence[str]) -> Sequence[Item]:
        return photos.select_package(organization, subject, package, tuple(refs))

    def hold(self, organization: str, line: QuoteLine, order: str, until: datetime) -> Sequence[Write]:
        return photos.hold(organization, line, order)

    def release(self, organization: str, subject: str, refs: Sequence[str], order: str) -> Sequence[Write]:
        return photos.release(organization, subject, refs, order)

    def fulfil(self, sold: Sold) -> None:
        event = events.mark_sold(sold.organization, sold.subject)
        policy = organizations.get(sold.organization)
        bought = photos.find(sold.organization, list(sold.refs))
        prices = allocate(sold.amount, [1] * len(sold.refs))
        entitlements.grant(
            sold.organization,
            order=sold.order,
            owner=sold.owner,
            files=[
                replace(photos.delivery_file(bought[ref], event), price=price)
                for ref, price in zip(sold.refs, prices, strict=True)
            ],
            sale=Sale(sold.code, sold.buyer, sold.currency, sold.payment, sold.paid_at, sold.licence),
            limit=event.download_limit or policy.download_limit,
            hours=event.download_hours or policy.download_hours,
        )
        photos.mark_sold(sold.organization, sold.subject, sold.refs, sold.order)

    def revoke(self, sold: Sold) -> None:
        entitlements.revoke_some(sold.organization, sold.order, sold.refs)


def _quote_event(organization: str, event_id: str, wanted: list[tuple[Photo, Item]], at: datetime) -> Quote:
    """A line for each licence class under which photos of the event are wanted."""
    try:
        event = events.on_sale(organization, event_id, at)
    except AppError as refusal:
        return Quote(problems=tuple(Problem(photo.id, refusal.code, refusal.message) for photo, _ in wanted))
    prices = photos.packages_of(organization, event_id)
    quote = Quote()
    for licence in dict.fromkeys(item.licence for _, item in wanted):
        of_class = [(photo, item) for photo, item in wanted if item.licence == licence]
        quote += _quote_class(event, prices, licence, of_class, at)
    return quote


def _quote_class(
    event: Event, prices: PriceList, licence: str, wanted: list[tuple[Photo, Item]], at: datetime
) -> Quote:
    refs = tuple(photo.id for photo, _ in wanted)
    packages = prices.on_sale(Licence(licence), at) if licence in set(Licence) else ()
    if not packages:
        message = f"Photos of this event are not sold under a {licence} licence."
        return Quote(problems=tuple(Problem(ref, "licence_not_sold", message) for ref in refs))
    parts = pricing.cheapest(packages, len(refs))
    selected = {item.package for _, item in wanted}
    line = QuoteLine(
        kind=Photos.kind,
        subject=event.id,
        title=event.name,
        refs=refs,
        parts=parts,
        amount=sum(part.amount for part in parts),
        list_amount=pricing.one_by_one(packages, len(refs)),
        because=pricing.explain(
            packages,
            parts,
            len(refs),
            [each for each in packages if each.code in selected],
            organizations.known(event.organization).currency,
        ),
        makers=tuple(photo.photographer for photo, _ in wanted),
        licence=licence,
        tax_class="licences" if licence == Licence.COMMERCIAL else "photos",
    )
    return Quote(lines=(line,))


LINE: LineOfSale = Photos()
