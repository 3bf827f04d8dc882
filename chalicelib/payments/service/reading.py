"""Looking at payments."""

from chalicelib.core import clock, log
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound, Unavailable
from chalicelib.core.table import Page, PageRequest
from chalicelib.orders import service as orders
from chalicelib.payments import hosted, store
from chalicelib.payments.model import Payment, State
from chalicelib.payments.service.settling import settle

_ASK_AGAIN_SECONDS = 3


def read_payment(principal: Principal, payment_id: str) -> Payment:
    """A payment as it stands. While it is open the gateway is asked, at most every three seconds or as it wants."""
    payment = open_payment(principal, payment_id)
    at = clock.now()
    asked = payment.checked_at or payment.created_at
    pause = max(_ASK_AGAIN_SECONDS, payment.ask_every or 0)
    if payment.state is State.PENDING and (at - asked).total_seconds() >= pause:
        try:
            settle(payment.organization, payment.id)
        except (Unavailable, Conflict) as refusal:
            # The stored state is still a true answer; the sweep will ask again.
            log.warning("payment not refreshed", payment=payment.id, code=refusal.code)
        payment = store.get(principal.organization, payment_id)
    return hosted.shown(payment)


def open_payment(principal: Principal, payment_id: str) -> Payment:
    """A payment for whoever may open its order. Everybody else learns nothing: NotFound."""
    payment = store.get(principal.organization, payment_id)
    try:
        orders.open_order(principal, payment.order)
    except NotFound as hidden:
        raise NotFound("payment_not_found", "There is no such payment.") from hidden
    return payment


def list_own(principal: Principal, request: PageRequest) -> Page[Payment]:
    """The payments of the caller's orders that were captured, those of the newest order first."""
    found = orders.list_orders(principal, request)
    paid = store.find(principal.organization, [each for order in found.items for each in order.payments])
    captured = [paid[each] for order in found.items for each in order.payments if each in paid]
    return Page(captured, found.size, found.cursor, number=found.number)


def was_begun(organization: str, order_id: str) -> bool:
    """Whether anybody ever began to pay an order."""
    return bool(store.attempts(organization, order_id))


def get(organization: str, payment_id: str) -> Payment:
    """Raises NotFound."""
    return store.get(organization, payment_id)


def is_known_as(payment: Payment, name: str) -> bool:
    """Whether its gateway means it by `name`: that of the charge, or of money that came of it."""
    return name == payment.transaction or store.is_named(payment, name)


def find(organization: str, payment_id: str) -> Payment | None:
    try:
        return store.get(organization, payment_id)
    except NotFound:
        return None


def list_under_review(principal: Principal, request: PageRequest) -> Page[Payment]:
    return store.under_review(principal.organization, request)
