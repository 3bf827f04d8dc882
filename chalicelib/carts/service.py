"""Carts: open, fill, merge, quote."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, groupby, islice
from typing import Any

from chalicelib import lines
from chalicelib.carts import store
from chalicelib.carts.model import LASTS, Cart
from chalicelib.core import clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict, NotFound, Unprocessable
from chalicelib.core.table import transact
from chalicelib.lines.contract import Counted, Item, Quote
from chalicelib.organizations import service as organizations
from chalicelib.promotions import service as promotions
from chalicelib.taxes import service as taxes

_TRIES = 5


@dataclass(frozen=True)
class Opened:
    """A cart with its quote. `token` is set once, when a guest's cart has just been made."""

    cart: Cart
    quote: Quote
    token: str | None = None


def open_cart(principal: Principal) -> Opened:
    """The caller's cart with its prices as of now; an empty one where there is none yet."""
    cart = current(principal)
    return Opened(cart, quote(cart))


def add(principal: Principal, items: Sequence[Item]) -> Opened:
    """Put items into the caller's cart. Raises the problem of an item that can not be bought, and adds none then."""
    _refuse_problems(principal.organization, items)
    token = None
    if principal.user is None and _guest_cart(principal) is None:
        id, secret = ids.new("crt"), ids.token()
        token = f"{id}.{secret}"
        principal = replace(principal, tokens={**principal.tokens, "cart": token})
    cart = _change(principal, lambda cart: cart.put(tuple(items), clock.now()))
    return Opened(cart, quote(cart), token)


def select(principal: Principal, *, kind: str, subject: str, package: str, refs: Sequence[str]) -> Opened:
    """Put things into the cart as they are bought with a package of their subject. Raises what speaks against it.

    The quote stays the cheapest there is, and says so where that is another one.
    """
    return add(principal, lines.of_kind(kind).select(principal.organization, subject, package, refs))


def relicense(principal: Principal, ref: str, licence: str) -> Opened:
    """Buy a thing of the cart under another licence. Raises NotFound, Conflict `licence_not_sold`."""
    held = _held(current(principal), ref)
    wanted = replace(held, licence=licence, package=None)
    _refuse_problems(principal.organization, [wanted])
    cart = _change(principal, lambda cart: cart.put((wanted,), clock.now()))
    return Opened(cart, quote(cart))


def change_quantity(principal: Principal, ref: str, quantity: int) -> Opened:
    """Have so many of what an item of the cart is one of, none for 0.

    Raises NotFound, Unprocessable `no_quantity` where each is one of a kind, and what speaks against more of them.
    """
    before = current(principal)
    held = _held(before, ref)
    line = lines.of_kind(held.kind)
    thing = line.thing(ref) if isinstance(line, Counted) else None
    if not isinstance(line, Counted) or thing is None:
        raise Unprocessable("no_quantity", "There is one of this, in the cart or not.", field="quantity")

    def alike(cart: Cart) -> list[Item]:
        return [item for item in cart.items if item.kind == held.kind and line.thing(item.ref) == thing]

    def changed(cart: Cart) -> Cart:
        there = alike(cart)
        refs = {item.ref for item in there}
        free = (name for number in count(1) if (name := line.nth(thing, number)) not in refs)
        more = [replace(held, ref=name) for name in islice(free, max(0, quantity - len(there)))]
        fewer = frozenset(item.ref for item in there[quantity:])
        return cart.without(fewer, clock.now()).put(tuple(more), clock.now())

    if len(wanted := alike(changed(before))) > len(alike(before)):
        _refuse_problems(principal.organization, wanted)
    cart = _change(principal, changed)
    return Opened(cart, quote(cart))


def remove(principal: Principal, refs: Sequence[str]) -> Opened:
    """Take items out; one that is not there is no error."""
    cart = _change(principal, lambda cart: cart.without(frozenset(refs), clock.now()))
    return Opened(cart, quote(cart))


def take_code(principal: Principal, typed: str) -> Opened:
    """Take a promotion code off the price.

    Raises NotFound `promo_not_found`, Unprocessable `too_many_codes`, Conflict where it takes nothing off what is in
    the cart: `promo_over`, `promo_minimum` and the like.
    """
    code = promotions.normal_code(typed)
    cart = current(principal)
    codes = promotions.with_code(cart.codes, code)
    promotions.must_hold(quote(replace(cart, codes=codes)), code)
    cart = _change(principal, lambda cart: cart.with_codes(promotions.with_code(cart.codes, code), clock.now()))
    return Opened(cart, quote(cart))


def drop_codes(principal: Principal, typed: str | None) -> Opened:
    """Take a code out of the cart, all of them without one; one that is not there is no error."""
    code = promotions.normal_code(typed) if typed is not None else None

    def dropped(cart: Cart) -> Cart:
        return cart.with_codes(tuple(each for each in cart.codes if code not in (None, each)), clock.now())

    cart = _change(principal, dropped)
    return Opened(cart, quote(cart))


def clear(principal: Principal) -> None:
    def emptied(cart: Cart) -> Cart:
        return cart.without(frozenset(item.ref for item in cart.items), clock.now(), frozenset(cart.codes))

    _change(principal, emptied)


def forget_bought(organization: str, cart_id: str, refs: Sequence[str], codes: Sequence[str]) -> bool:
    """Take bought items and used codes out of the cart they came from; False when none was left to take out."""
    for _ in range(_TRIES):
        cart = store.find(organization, cart_id)
        if cart is None or not ({item.ref for item in cart.items} & set(refs) or set(cart.codes) & set(codes)):
            return False
        try:
            transact(store.save(cart.without(frozenset(refs), clock.now(), frozenset(codes))))
            return True
        except Conflict:
            continue
    raise Conflict("changed_meanwhile", "The cart keeps changing.")


def current(principal: Principal) -> Cart:
    """The caller's cart, stored or not yet.

    A request that carries both an access token and a cart token moves the guest's items into the user's cart.
    """
    guest = _guest_cart(principal)
    if principal.user is None:
        return guest or _new(principal)
    cart = store.find(principal.organization, _users_cart(principal)) or _new(principal)
    if guest is None:
        return cart
    for _ in range(_TRIES):
        try:
            transact(store.save(cart.take_over(guest, promotions.MOST_CODES, clock.now())), store.remove(guest))
        except Conflict:
            # Another request of the same person merged first, or changed one of the two.
            guest = _guest_cart(principal)
        cart = store.find(principal.organization, _users_cart(principal)) or _new(principal)
        if guest is None or cart.holds(guest.items):
            return cart
    raise Conflict("changed_meanwhile", "The cart keeps changing. Try again.")


def personal_data(organization: str, user: str) -> Mapping[str, Any]:
    """What is in somebody's cart."""
    cart = store.find(organization, _cart_of(organization, user))
    return {"items": cart.items if cart else ()}


def erase_person(organization: str, user: str) -> None:
    """Forget somebody's cart, whatever is in it. May run twice."""
    transact(store.forget(organization, _cart_of(organization, user)))


def _held(cart: Cart, ref: str) -> Item:
    """Raises NotFound."""
    held = next((item for item in cart.items if item.ref == ref), None)
    if held is None:
        raise NotFound("item_not_found", "This is not in the cart.")
    return held


def _refuse_problems(organization: str, items: Sequence[Item]) -> None:
    wanted = _quote(organization, items)
    if wanted.problems:
        problem = wanted.problems[0]
        kind: type[AppError] = NotFound if problem.code.endswith("_not_found") else Conflict
        raise kind(problem.code, problem.message, field="items")


def quote(cart: Cart, email: str | None = None) -> Quote:
    """What the cart costs now, less its codes and with tax.

    Some codes look at what its buyer, or this address, took before.
    """
    organization = cart.organization
    buyer = promotions.names_of(organization, user=cart.owner, email=email)
    listed = _quote(organization, cart.items)
    return taxes.apply(organization, promotions.apply(organization, listed, cart.codes, buyer))


def _quote(organization: str, items: Sequence[Item]) -> Quote:
    total = Quote(currency=organizations.known(organization).currency)
    by_kind = sorted(items, key=lambda item: item.kind)
    for kind, group in groupby(by_kind, key=lambda item: item.kind):
        total += lines.of_kind(kind).quote(organization, list(group), clock.now())
    return total


def _change(principal: Principal, change: Callable[[Cart], Cart]) -> Cart:
    for _ in range(_TRIES):
        before = current(principal)
        after = change(before)
        if (after.items, after.codes) == (before.items, before.codes):
            return before
        try:
            transact(store.save(after))
            return replace(after, version=before.version + 1)
        except Conflict:
            continue
    raise Conflict("changed_meanwhile", "The cart keeps changing. Try again.")


def _new(principal: Principal) -> Cart:
    at = clock.now()
    if principal.user is not None:
        return Cart(_users_cart(principal), principal.organization, principal.user, None, (), at + LASTS)
    id, _, secret = principal.tokens.get("cart", "").partition(".")
    if not ids.is_id("crt", id) or len(secret) < 32:
        id, secret = ids.new("crt"), ids.token()
    return Cart(id, principal.organization, None, ids.digest(secret), (), at + LASTS)


def _guest_cart(principal: Principal) -> Cart | None:
    """The cart that the presented cart token opens, if it does."""
    id, _, secret = principal.tokens.get("cart", "").partition(".")
    if not ids.is_id("crt", id):
        return None
    cart = store.find(principal.organization, id)
    if cart is None or cart.token_hash is None or not hmac.compare_digest(cart.token_hash, ids.digest(secret)):
        return None
    return cart


def _users_cart(principal: Principal) -> str:
    return _cart_of(principal.organization, principal.known_user)


def _cart_of(organization: str, user: str) -> str:
    return ids.derived("crt", organization, user)
