"""From a cart to an order, once."""

from dataclasses import replace

from chalicelib import lines
from chalicelib.accounts import service as accounts
from chalicelib.carts import service as carts
from chalicelib.configuration import service as configuration
from chalicelib.core import clock, ids, log, metrics, once, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Unprocessable
from chalicelib.core.metrics import Metric
from chalicelib.core.table import transact
from chalicelib.lines.contract import Quote
from chalicelib.orders import store
from chalicelib.orders.messages import OrderPlaced
from chalicelib.orders.model import MOST_LINES, PAYABLE_FOR, Line, Order, Status, Step
from chalicelib.orders.settings import Sales
from chalicelib.organizations import service as organizations
from chalicelib.promotions import service as promotions
from chalicelib.revenue import service as revenue
from chalicelib.stock import service as stock

_TRIES = 5
_KEYS_LAST = PAYABLE_FOR * 2


def place_order(
    principal: Principal, key: str, *, email: str, language: str | None, expected_total: int | None
) -> Order:
    """Turn the caller's cart into an order with frozen prices, once per idempotency key.

    Raises Invalid (`invalid_email`: nobody could mail it), Unprocessable (`cart_empty`; `account_needed`; the key came
    with another request), Conflict (something is not on sale any more; `price_changed` when `expected_total` is not
    today's; `sales_paused`).
    """
    organization = principal.organization
    address = accounts.normal_email(email)
    request = once.fingerprint([address, language, expected_total])
    for _ in range(_TRIES):
        cart = carts.current(principal)
        scope = f"order#{cart.owner or cart.token_hash}"  # the id of a guest's cart is no secret
        earlier = once.recall(organization, scope, key, request)
        if earlier is not None:
            return store.get(organization, earlier)
        if not configuration.read(organization, Sales).open:
            raise Conflict("sales_paused", "Orders are not taken at the moment.")
        quote = _checked(carts.quote(cart, address), expected_total)
        if cart.owner is None and any(line.prepaid for line in quote.lines):
            raise Unprocessable("account_needed", "Sign in to buy credit: it is kept in your account.")
        order = _drawn_up(organization, cart.owner, cart.id, address, language, quote)
        buyer = promotions.names_of(organization, user=cart.owner, email=address)
        discounts, counted = promotions.redeem(organization, quote, order.id, buyer)
        order = replace(order, discounts=discounts)
        held = [
            write
            for line in quote.lines
            for write in lines.of_kind(line.kind).hold(organization, line, order.id, order.expires_at)
        ]
        claim = once.claim(organization, scope, key, result=order.id, body=request, keep=_KEYS_LAST)
        try:
            told = outbox.publish(OrderPlaced(organization=organization, order=order.id))
            transact(claim, *store.add(order), *held, *counted, told)
            placed = metrics.of({Metric.ORDERS_PLACED: 1})
            log.info("order placed", placed, organization=organization, order=order.id, order_code=order.code)
            return replace(order, version=1)
        except (once.Taken, store.CodeTaken, stock.Moved):
            continue
    raise Conflict("changed_meanwhile", "Too much at once. Try again.")


def _checked(quote: Quote, expected_total: int | None) -> Quote:
    if quote.problems:
        problem = quote.problems[0]
        raise Conflict(problem.code, problem.message, field=problem.ref)
    if not quote.lines:
        raise Unprocessable("cart_empty", "Put something into the cart first.")
    if len(quote.lines) > MOST_LINES:
        raise Unprocessable("too_many_lines", f"An order takes things of up to {MOST_LINES} events.")
    if expected_total is not None and expected_total != quote.total:
        raise Conflict("price_changed", f"The total is {quote.total} now.", field="expectedTotal")
    return quote


def _drawn_up(organization: str, owner: str | None, cart: str, email: str, language: str | None, quote: Quote) -> Order:
    at = clock.now()
    policy = organizations.get(organization)
    shares = revenue.shares_of(organization, quote.lines)
    lines_and_shares = zip(quote.lines, shares, strict=True)
    return Order(
        id=ids.new("ord"),
        organization=organization,
        code=ids.code(),
        owner=owner,
        cart=cart,
        email=email,
        language=language or policy.language,
        status=Status.AWAITING_PAYMENT,
        lines=tuple(Line.of(number, *sold) for number, sold in enumerate(lines_and_shares, start=1)),
        total=quote.total,
        currency=policy.currency,
        created_at=at,
        expires_at=at + PAYABLE_FOR,
        history=(Step(Status.AWAITING_PAYMENT, at, "placed"),),
        correlation=log.correlation(),
        tallied=True,
    )
