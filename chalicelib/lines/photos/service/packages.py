"""What photos cost: the packages of an organization, and those that an event has instead."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from chalicelib.audit import service as audit
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound, Unprocessable
from chalicelib.core.table import transact
from chalicelib.events import service as events
from chalicelib.lines.contract import Item
from chalicelib.lines.photos import store
from chalicelib.lines.photos.pricing import Package, PriceList, default_packages
from chalicelib.lines.photos.service import selling
from chalicelib.organizations import service as organizations

_TRIES = 5


def packages_of(organization: str, event_id: str) -> PriceList:
    """What an event sells its photos at: its own packages, else the organization's, else the default ones."""
    stored = store.price_lists(organization, event_id)
    if event_id in stored:
        return stored[event_id]
    return PriceList(organization, event_id, _templates(organization, stored.get(None)).packages)


def price_list(principal: Principal, id_or_slug: str) -> PriceList:
    event = events.visible(principal, id_or_slug)
    return packages_of(event.organization, event.id)


def set_packages(actor: Principal, id_or_slug: str, packages: tuple[Package, ...], version: int) -> PriceList:
    """Give an event packages of its own. Raises Conflict `version_conflict`, Invalid."""
    event = events.get(actor.organization, id_or_slug)
    prices = PriceList(event.organization, event.id, packages, version)
    return _save(actor, prices, packages_of(event.organization, event.id))


# --- the organization's -------------------------------------------------------------------------------------


def list_packages(organization: str) -> PriceList:
    """What events without packages of their own sell at."""
    return _templates(organization, store.price_lists(organization, None).get(None))


def add_package(actor: Principal, package: Package) -> PriceList:
    """Sell a further package. Raises Conflict `package_code_taken`, Invalid."""
    return _change(actor, lambda prices: prices.with_package(package))


def change_package(actor: Principal, package: Package, version: int) -> PriceList:
    """Change the package of that code. Raises NotFound, Conflict `version_conflict`, Invalid."""
    was = list_packages(actor.organization)
    return _save(actor, replace(was.with_changed(package), version=version), was)


def drop_package(actor: Principal, code: str) -> None:
    """Sell a package no more. Raises NotFound, Invalid where it is the single photo that there must be."""
    _change(actor, lambda prices: prices.without(code))


# --- a buyer's choice ---------------------------------------------------------------------------------------


def select_package(organization: str, id_or_slug: str, code: str, photos: tuple[str, ...]) -> list[Item]:
    """The photos as a buyer takes them with a package of their event.

    Raises NotFound (event, package, photo), Conflict (what is not on sale now), Unprocessable `other_event`,
    `package_too_small`.
    """
    at = clock.now()
    event = events.get(organization, id_or_slug)
    if not event.is_public:  # its address can be guessed
        raise NotFound("event_not_found", "There is no such event.")
    event.must_sell(at)
    package = packages_of(organization, event.id).get(code)
    if not package.sells(at):
        raise Conflict("package_not_on_sale", "This package is not sold now.", field="package")
    if any(photo.event != event.id for photo in selling.for_sale(organization, photos)):
        raise Unprocessable("other_event", "A package is for photos of one event.", field="photos")
    package.must_cover(len(set(photos)))
    return [Item("photos", photo, package.licence, package.code) for photo in dict.fromkeys(photos)]


def _templates(organization: str, stored: PriceList | None) -> PriceList:
    return stored or PriceList(organization, None, default_packages(organizations.currency_of(organization)))


def _change(actor: Principal, change: Callable[[PriceList], PriceList]) -> PriceList:
    for _ in range(_TRIES):
        was = list_packages(actor.organization)
        try:
            return _save(actor, change(was), was)
        except Conflict as refused:
            if refused.code != "version_conflict":
                raise
    raise Conflict("changed_meanwhile", "The packages keep changing. Try again.")


def _save(actor: Principal, prices: PriceList, was: PriceList) -> PriceList:
    told = audit.entry(
        actor,
        action="packages.changed",
        entity="packages",
        entity_id=prices.event or prices.organization,
        before=_audited(was),
        after=_audited(prices),
    )
    transact(store.save_price_list(prices), told)
    return replace(prices, version=prices.version + 1)


def _audited(prices: PriceList) -> dict[str, Any]:
    """By code, which the log would hide as a field."""
    return {package.code: {**asdict(package), "code": None} for package in prices.packages}
