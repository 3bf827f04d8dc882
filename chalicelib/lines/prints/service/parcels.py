"""Parcels: packed by whoever buys, priced, held by one order, and handed to the laboratory once that is paid."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from chalicelib.configuration import service as configuration
from chalicelib.core import clock, ids, log, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound, Unprocessable
from chalicelib.core.table import Write, transact
from chalicelib.events import service as events
from chalicelib.lines.contract import Part, QuoteLine, Sold
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.model import Photo
from chalicelib.lines.prints import labs, store
from chalicelib.lines.prints.messages import ParcelDue
from chalicelib.lines.prints.model import OVER, Parcel, Print, Product, Recipient, State
from chalicelib.lines.prints.service.addressing import opened, sealed
from chalicelib.lines.prints.settings import Prints
from chalicelib.profiles.model import Address

KIND = "prints"
_TRIES = 5


# --- packing ------------------------------------------------------------------------------------------------


def make(principal: Principal, address: Address, prints: Sequence[Print]) -> tuple[Parcel, QuoteLine]:
    """Pack prints of photos of one event for an address, and say what they cost.

    Raises NotFound (`photo_not_found`, `print_product_not_found`), Conflict (what is not sold now), Unprocessable
    `several_events`.
    """
    organization, at = principal.organization, clock.now()
    found = photos.for_sale(organization, list(dict.fromkeys(each.photo for each in prints)))
    if len({photo.event for photo in found}) > 1:
        raise Unprocessable("several_events", "A parcel is of photos of one event.", field="prints")
    products = store.catalogue(organization)
    id = ids.new("prc")
    parcel = Parcel(
        id=id,
        organization=organization,
        event=found[0].event,
        prints=tuple(replace(each, sku=products.get(each.product).sku) for each in prints),
        country=address.country,
        created_at=at,
        looked_at=at,
        recipient=sealed(organization, id, Recipient(address)),
        owner=principal.user,
        correlation=log.correlation(),
    )
    line = priced(parcel)
    transact(store.add(parcel))
    return parcel, line


def find(organization: str, parcel_ids: Sequence[str]) -> dict[str, Parcel]:
    return store.find_some(organization, parcel_ids)


def priced(parcel: Parcel) -> QuoteLine:
    """What a parcel costs now. Raises Conflict and NotFound for what speaks against it."""
    organization = parcel.organization
    if labs.account_of(organization) is None:
        raise Conflict("prints_not_sold", "Prints are not sold here.")
    if parcel.order is not None:
        raise Conflict("parcel_ordered", "This parcel was ordered. Pack another one.")
    event = events.on_sale(organization, parcel.event, clock.now())
    fee = configuration.read(organization, Prints).shipping.get(parcel.country)
    if fee is None:
        raise Conflict("not_shipped_there", "Prints are not sent to this country.")
    products = store.catalogue(organization).on_sale
    found = {photo.id: photo for photo in photos.for_sale(organization, parcel.photos)}
    wanted = [(each, _printable(each, products, found[each.photo])) for each in parcel.prints]
    counted = Counter[Product]()
    for each, product in wanted:
        counted[product] += each.copies
    parts = [Part(product.code, product.name, count, product.price) for product, count in counted.items()]
    parts.append(Part("shipping", f"Shipping to {parcel.country}", 1, fee))
    amount = sum(part.amount for part in parts)
    costs = fee + sum(product.cost * count for product, count in counted.items())
    return QuoteLine(
        kind=KIND,
        subject=event.id,
        title=f"Prints: {event.name}",
        refs=(parcel.id, *(f"{parcel.id}-{number}" for number in range(1, len(wanted) + 1))),
        parts=tuple(parts),
        amount=amount,
        list_amount=amount,
        because="each copy at its price, sent as one parcel",
        makers=(None, *(found[each.photo].photographer for each, _ in wanted)),
        weights=(costs, *((product.price - product.cost) * each.copies for each, product in wanted)),
        tax_class=KIND,
    )


def _printable(wanted: Print, products: dict[str, Product], photo: Photo) -> Product:
    product = products.get(wanted.product)
    if product is None or product.sku != wanted.sku:
        raise Conflict("print_not_on_sale", "This product is not printed now.")
    if not product.takes(photo.width, photo.height):
        raise Conflict("photo_too_small", f"The photo has too few pixels for {product.name}.")
    return product


# --- ordering -----------------------------------------------------------------------------------------------


def hold(organization: str, parcel_id: str, order: str) -> Write:
    """The write that lets an order have a parcel, as long as no other has. Raises Conflict, also at commit."""
    parcel = store.get(organization, parcel_id)
    taken = Conflict("parcel_ordered", "This parcel was ordered. Pack another one.")
    if parcel.order not in (None, order) or parcel.state is not State.DRAFT:
        raise taken
    return store.save(parcel.held(order), was=parcel, refused=taken)


def release(organization: str, parcel_id: str, order: str) -> Sequence[Write]:
    """The write that undoes `hold`; none once the parcel was handed over."""
    parcel = store.find(organization, parcel_id)
    if parcel is None or parcel.order != order or parcel.state is not State.DRAFT:
        return ()
    return (store.save(parcel.held(None), was=parcel),)


def take(sold: Sold) -> None:
    """Have a parcel printed that was paid for. May run twice."""
    parcel = store.get(sold.organization, sold.refs[0])
    if parcel.state is not State.DRAFT or parcel.order != sold.order:
        return
    events.mark_sold(sold.organization, sold.subject)
    photos.keep(sold.organization, parcel.photos)
    recipient = opened(parcel)
    if recipient is not None:
        told = replace(recipient, email=sold.buyer, language=sold.language)
        parcel = replace(parcel, recipient=sealed(sold.organization, parcel.id, told))
    waiting = replace(parcel.moved(State.WAITING, clock.now()), code=sold.code)
    transact(store.save(waiting, was=parcel), outbox.publish(due(waiting)))


def withdraw(sold: Sold) -> None:
    """Have a parcel printed no more whose money went back, if there is time. May run twice."""
    for _ in range(_TRIES):
        parcel = store.find(sold.organization, sold.refs[0])
        if parcel is None or parcel.order != sold.order or parcel.state in {*OVER, State.DRAFT} or parcel.withdrawn:
            return
        gone = replace(parcel, withdrawn=True)
        try:
            if parcel.state is State.WAITING:
                transact(store.save(gone.moved(State.CANCELLED, clock.now()), was=parcel))
            else:
                transact(store.save(gone, was=parcel), outbox.publish(due(gone)))
            return
        except Conflict:
            continue
    raise Conflict("changed_meanwhile", "The parcel keeps changing.")


def due(parcel: Parcel) -> ParcelDue:
    """Raises NotFound for a parcel that nobody ordered."""
    if parcel.order is None:
        raise NotFound("parcel_not_found", "There is no such parcel.")
    return ParcelDue(organization=parcel.organization, order=parcel.order, parcel=parcel.id)
