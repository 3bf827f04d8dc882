"""Cards that are kept: an order is paid with one, or the one it is paid with is kept for the next.

Both are done to a charge that is open already, so whatever is cut off is done again. Only the buyer may: it is their
card, and they are there.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from chalicelib.core import ids, log
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, NotFound, Unprocessable
from chalicelib.core.queues import Outcome
from chalicelib.core.table import transact
from chalicelib.orders import service as orders
from chalicelib.orders.model import Order
from chalicelib.payments import gateways, store
from chalicelib.payments.methods import service as methods
from chalicelib.payments.model import Payment, State

_TRIES = 5


def gateway_of(principal: Principal, order: Order, saved: str | None, method: str | None) -> str | None:
    """The gateway where the caller's `saved` method is kept; without one the `method` that they asked for.

    Raises Unauthorized for a visitor, Forbidden for somebody else's order, NotFound for a method that is not theirs.
    """
    if order.owner != principal.known_user:
        raise Forbidden("card_is_the_buyers", "Only the buyer pays with a saved card, or saves one.")
    return method if saved is None else methods.list_methods(principal).find(saved).gateway


def prepare(principal: Principal, payment: Payment, saved: str | None) -> Payment:
    """Pay an open attempt with a `saved` method, or note that what it will be paid with is kept.

    Raises NotFound, Unprocessable (the gateway keeps nothing, or the card was declined), Unavailable.
    """
    keeper = gateways.keeper(payment.gateway)
    account = gateways.account_of(payment.organization, payment.gateway)
    assert payment.transaction is not None
    if saved is not None and not account.return_url:
        raise Unprocessable("method_not_offered", "Saved cards are not taken here.", field="savedMethod")
    key = ids.derived("cus", payment.organization, principal.known_user)
    customer = methods.customer_of(principal, payment.gateway, lambda: keeper.enrol(account, key))
    if saved is None:
        keeper.keep(account, payment.transaction, customer)
        return _noted(payment, lambda held: replace(held, keeps=True))
    token = methods.token_of(payment.organization, methods.list_methods(principal).find(saved))
    page = keeper.confirm(account, payment.transaction, customer, token, account.returning(payment.id))
    return _noted(payment, lambda held: replace(held, redirect_url=page))


def keep_paid(organization: str, order_id: str) -> Outcome:
    """Keep what an order was paid with, where its buyer agreed. One that can not be kept is none the less paid."""
    order = orders.get(organization, order_id)
    payment = None
    with suppress(NotFound):
        payment = next((each for id in order.payments if (each := store.get(organization, id)).keeps), None)
    if payment is None or order.owner is None or payment.transaction is None:
        return Outcome.SKIPPED
    account = gateways.account_of(organization, payment.gateway)
    token = gateways.keeper(payment.gateway).kept(account, payment.transaction)
    if token is None:
        return Outcome.SKIPPED
    try:
        methods.save_method(Principal(organization, user=order.owner), gateway=payment.gateway, token=token)
    except (Conflict, Unprocessable) as refusal:
        log.warning("payment method not kept", order=order_id, code=refusal.code)
        return Outcome.SKIPPED
    return Outcome.SUCCESS


def _noted(payment: Payment, change: Callable[[Payment], Payment]) -> Payment:
    """A payment that was settled meanwhile stays as it is."""
    for _ in range(_TRIES):
        held = store.get(payment.organization, payment.id)
        if held.state is not State.PENDING or change(held) == held:
            return held
        try:
            transact(store.save(change(held), was=held))
        except Conflict:
            continue
    return store.get(payment.organization, payment.id)
