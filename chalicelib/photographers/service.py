"""What photographers show, what finance needs to pay them, and what buyers give them."""

import hmac
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import User
from chalicelib.audit import service as audit
from chalicelib.core import clock, log, sealing
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, NotFound, Unprocessable
from chalicelib.core.sealing import NotSealed
from chalicelib.core.table import MOST_WRITES, transact
from chalicelib.events import service as events
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.model import Shown
from chalicelib.orders import service as orders
from chalicelib.orders.model import Order, Status
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import BankAccount
from chalicelib.photographers import store
from chalicelib.photographers.model import Photographer, Rating

_TRIES = 8
_TOLD = ("specialities", "photos", "status", "bank_account", "tax_id")
"""What the audit log compares; of the last two it says that they changed."""


@dataclass(frozen=True, slots=True)
class Payable:
    """Where a photographer's money goes, with the last four characters of each number."""

    user: str
    bank_account: BankAccount | None
    tax_id: str | None


@dataclass(frozen=True, slots=True)
class Own:
    """A photographer as they see themselves."""

    photographer: Photographer
    payable: Payable
    rating: Rating


@dataclass(frozen=True, slots=True)
class Page:
    """A photographer as everybody sees them; `portfolio` is what is on sale of what they chose."""

    user: User
    photographer: Photographer
    portfolio: list[Shown]
    rating: Rating


# --- their own ----------------------------------------------------------------------------------------------


def show_own(principal: Principal) -> Own:
    return _own(_stored(principal.organization, principal.known_user))


def change(principal: Principal, *, version: int, told: Mapping[str, Any]) -> Own:
    """Change what was told: fields of `Photographer`; `bank_account` and `tax_id` come open and are sealed here.

    Raises Conflict `version_conflict`, `photo_not_for_sale`, NotFound `photo_not_found` for a photo of somebody else.
    """
    was = _stored(principal.organization, principal.known_user)
    told = dict(told)
    if told.get("photos"):
        _must_be_own(was, told["photos"])
    if told.get("bank_account") is not None:
        told["bank_account"] = organizations.seal_account(was.organization, was.user, told["bank_account"])
    if told.get("tax_id") is not None:
        told["tax_id"] = sealing.seal(was.organization, f"tax-id#{was.user}", told["tax_id"])
    changed = was.changed(version, told, clock.now())
    noted = audit.entry(
        principal,
        action="photographer.changed",
        entity="photographer",
        entity_id=was.user,
        before={name: getattr(was, name) for name in _TOLD},
        after={name: getattr(changed, name) for name in _TOLD},
    )
    transact(store.save(changed, was=was), noted)
    return _own(changed)


# --- what others see ----------------------------------------------------------------------------------------


def show(principal: Principal, user_id: str) -> Page:
    """The page of a photographer who told something. Everybody else is not found, whoever they are."""
    user, photographer = _public(principal.organization, user_id)
    return Page(user, photographer, _portfolio(principal, photographer), store.rating_of(user.organization, user.id))


def payable(organization: str, user_id: str) -> Payable:
    """For who pays. Raises NotFound."""
    found = store.find(organization, user_id)
    if found is None:
        raise _missing()
    return _payable(found)


def sealed_account(organization: str, user_id: str) -> str | None:
    """Where a photographer's money goes, as `organizations.open_account` opens it."""
    found = store.find(organization, user_id)
    return found.bank_account if found else None


def rate(principal: Principal, user_id: str, order_id: str, stars: int) -> Rating:
    """What the buyer of a completed order gives to a photographer of it, once an order; again is instead.

    Raises NotFound (photographer, order), Conflict `order_not_completed`, Unprocessable `not_in_order`, Forbidden
    `own_photos`.
    """
    user, _ = _public(principal.organization, user_id)
    order = _bought(principal, order_id)
    if order.status is not Status.COMPLETED:
        raise Conflict("order_not_completed", "Rate once the photos are here.", field="order")
    if user.id not in makers_of(order):
        raise Unprocessable("not_in_order", "This order holds no photo of this photographer.", field="order")
    if user.id == principal.user:
        raise Forbidden("own_photos", "Nobody rates themselves.")
    for _ in range(_TRIES):
        was = store.stars_of(order.organization, order.id, [user.id]).get(user.id)
        if was != stars:
            with suppress(Conflict):
                transact(*store.rate(order.organization, user.id, order.id, stars, was, clock.now()))
                was = stars
        if was == stars:
            return store.rating_of(order.organization, user.id)
    raise Conflict("changed_meanwhile", "This rating keeps changing.")


def makers_of(order: Order) -> set[str]:
    """The photographers who have a part of an order."""
    return {share.photographer for line in order.lines for share in line.shares if share.photographer is not None}


# --- told and forgotten -------------------------------------------------------------------------------------


def personal_data(organization: str, user: str) -> Mapping[str, Any]:
    """What somebody tells as a photographer, with the whole numbers, and what they gave others as a buyer."""
    held = store.find(organization, user)
    bought = [orders.get(organization, order["id"]) for order in orders.personal_data(organization, user)]
    return {
        "photographer": held
        and {
            "bio": held.bio,
            "specialities": held.specialities,
            "links": held.links,
            "photos": held.photos,
            "status": held.status,
            "bank_account": _opened_account(held),
            "tax_id": _opened_tax_id(held),
            "rating": store.rating_of(organization, user),
        },
        "given": [
            {"order": order.id, "photographer": maker, "stars": stars}
            for order in bought
            for maker, stars in store.stars_of(organization, order.id, makers_of(order)).items()
        ],
    }


def erase_person(organization: str, user: str) -> None:
    """Forget what somebody told, and what was given them. What they gave stays: nobody knows whose it is."""
    writes = store.forget(organization, user)
    while some := tuple(islice(writes, MOST_WRITES)):
        transact(*some)


# --- inside -------------------------------------------------------------------------------------------------


def _stored(organization: str, user: str) -> Photographer:
    return store.find(organization, user) or Photographer(organization, user)


def _own(photographer: Photographer) -> Own:
    rating = store.rating_of(photographer.organization, photographer.user)
    return Own(photographer, _payable(photographer), rating)


def _public(organization: str, user_id: str) -> tuple[User, Photographer]:
    """Raises NotFound for who told nothing, works here no more, or is blocked."""
    photographer = store.find(organization, user_id)
    if photographer is None:
        raise _missing()
    user = accounts.find_users(organization, [user_id]).get(user_id)
    if user is None or user.blocked or events.PHOTOGRAPHER not in user.roles:
        raise _missing()
    return user, photographer


def _portfolio(principal: Principal, photographer: Photographer) -> list[Shown]:
    found = photos.find(photographer.organization, photographer.photos)
    chosen = [found[id] for id in photographer.photos if id in found]
    on_sale = [photo for photo in chosen if photo.for_sale and photo.photographer == photographer.user]
    seen = {event for event in {photo.event for photo in on_sale} if _sees(principal, event)}
    return [photos.shown(photo) for photo in on_sale if photo.event in seen]


def _sees(principal: Principal, event: str) -> bool:
    try:
        events.visible(principal, event)
    except (NotFound, Forbidden):
        return False
    return True


def _must_be_own(photographer: Photographer, wanted: tuple[str, ...]) -> None:
    found = photos.for_sale(photographer.organization, wanted)
    if any(photo.photographer != photographer.user for photo in found):
        raise NotFound("photo_not_found", "There is no such photo.")


def _bought(principal: Principal, order_id: str) -> Order:
    """The order, for its buyer alone: staff who may see it did not buy it."""
    order = orders.open_order(principal, order_id)
    has_token = hmac.compare_digest(orders.token_of(order).encode(), principal.tokens.get("order", "").encode())
    if not has_token and (order.owner is None or order.owner != principal.user):
        raise NotFound("order_not_found", "There is no such order.")
    return order


def _payable(photographer: Photographer) -> Payable:
    account = _opened_account(photographer)
    tax_id = _opened_tax_id(photographer)
    shown = account.masked if account else None
    return Payable(photographer.user, shown, organizations.masked(tax_id) if tax_id else None)


def _opened_account(photographer: Photographer) -> BankAccount | None:
    return organizations.open_account(photographer.organization, photographer.user, photographer.bank_account)


def _opened_tax_id(photographer: Photographer) -> str | None:
    """None also for what no accepted key opens: it has to be told again."""
    if photographer.tax_id is None:
        return None
    try:
        return sealing.unseal(photographer.organization, f"tax-id#{photographer.user}", photographer.tax_id)
    except NotSealed:
        log.warning("a number that nobody can read", organization=photographer.organization)
        return None


def _missing() -> NotFound:
    return NotFound("photographer_not_found", "There is no such photographer.")
