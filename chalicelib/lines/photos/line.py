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
from chalicelib.lines.contract import Item, LineOfSale, Problem, Quote, QuoteLine, Sold
from chalicelib.lines.photos import pricing
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.model import Photo
from chalicelib.organizations import service as organizations


class Photos:
    kind = "photos"

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
        for event, group in groupby(on_sale, key=lambda photo: photo.event):
            quote += _quote_event(organization, event, list(group), at)
        return quote

    def hold(self, organization: str, line: QuoteLine, order: str, until: datetime) -> Sequence[Write]:
        return ()

    def release(self, organization: str, subject: str, refs: Sequence[str], order: str) -> Sequence[Write]:
        return ()

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
            sale=Sale(sold.code, sold.buyer, sold.currency, sold.payment, sold.paid_at),
            limit=event.download_limit or policy.download_limit,
            hours=event.download_hours or policy.download_hours,
        )


def _quote_event(organization: str, event_id: str, wanted: list[Photo], at: datetime) -> Quote:
    refs = tuple(photo.id for photo in wanted)
    try:
        event = events.on_sale(organization, event_id, at)
    except AppError as refusal:
        return Quote(problems=tuple(Problem(ref, refusal.code, refusal.message) for ref in refs))
    packages = photos.packages_of(organization, event_id)
    parts = pricing.cheapest(packages, len(refs))
    return Quote(
        lines=(
            QuoteLine(
                kind=Photos.kind,
                subject=event_id,
                title=event.name,
                refs=refs,
                parts=parts,
                amount=sum(part.amount for part in parts),
                list_amount=pricing.one_by_one(packages, len(refs)),
                because=pricing.explain(packages, parts, len(refs)),
            ),
        )
    )


LINE: LineOfSale = Photos()
