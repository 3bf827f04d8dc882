"""Orders: place once, pay once, hand over, expire."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from chalicelib import lines
from chalicelib.accounts import service as accounts
from chalicelib.audit import service as audit
from chalicelib.carts import service as carts
from chalicelib.configuration import service as configuration
from chalicelib.core import clock, ids, log, metrics, once, outbox, secrets
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict, Forbidden, NotFound, Unprocessable
from chalicelib.core.metrics import Metric
from chalicelib.core.queues import Outcome
from chalicelib.core.storage import StoredFile
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.entitlements import service as entitlements
from chalicelib.lines.contract import Quote
from chalicelib.orders import store
from chalicelib.orders.messages import LineDue, OrderCancelled, OrderCompleted, OrderExpired, OrderPaid, OrderPaidLate
from chalicelib.orders.model import MOST_LINES, MOST_NOTES, OPEN, PAYABLE_FOR, Line, LineStatus, Order, Status, Step
from chalicelib.orders.settings import Sales
from chalicelib.organizations import service as organizations
from chalicelib.promotions import service as promotions
from chalicelib.revenue import service as revenue
from chalicelib.taxes import service as taxes

_TRIES = 5
_KEYS_LAST = PAYABLE_FOR * 2
_SWEEP_AT_MOST = 100


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
            transact(claim, *store.add(order), *held, *counted)
            placed = metrics.of({Metric.ORDERS_PLACED: 1})
            log.info("order placed", placed, organization=organization, order=order.id, order_code=order.code)
            return replace(order, version=1)
        except (once.Taken, store.CodeTaken):
            continue
    raise Conflict("changed_meanwhile", "Too much at once. Try again.")


def open_order(principal: Principal, order_id: str) -> Order:
    """An order for its buyer, for the holder of its token, or for staff. Everybody else learns nothing: NotFound."""
    missing = NotFound("order_not_found", "There is no such order.")
    if not ids.is_id("ord", order_id):
        raise missing
    order = store.get(principal.organization, order_id)
    if not (is_buyer(principal, order) or principal.may("order.read_all")):
        raise missing
    return order


def is_buyer(principal: Principal, order: Order) -> bool:
    """Whether it is theirs, or they hold its token."""
    if principal.user is not None and order.owner == principal.user:
        return True
    return secrets.is_signature(principal.tokens.get("order", ""), "order", order.organization, order.id)


def get(organization: str, order_id: str) -> Order:
    return store.get(organization, order_id)


def token_of(order: Order) -> str:
    """The key that opens an order and its downloads to whoever holds it."""
    return secrets.sign("order", order.organization, order.id)


def list_orders(principal: Principal, request: PageRequest) -> Page[Order]:
    return store.of_buyer(principal.organization, principal.known_user, request)


def list_open(principal: Principal, request: PageRequest, *, is_open: bool) -> Page[Order]:
    """Of the caller's orders those of which something is still to come, or the others. A page may hold fewer."""
    found = list_orders(principal, request)
    kept = [order for order in found.items if (order.status in OPEN) == is_open]
    return Page(kept, found.size, found.cursor, number=found.number)


def cancel(principal: Principal, order_id: str, reason: str | None) -> Order:
    """Take back an order that nobody has paid, as its buyer, with its token or as staff; its stock is released.

    Twice is once. Money that comes later makes it PAID_LATE. Raises NotFound, Forbidden (staff who only look),
    Conflict `order_status`.
    """
    order = open_order(principal, order_id)
    own = is_buyer(principal, order)
    if not own and not principal.may("order.manage"):
        raise Forbidden("forbidden", "You may not do this.")
    why = f"by {'the buyer' if own else 'staff'}" + (f": {reason}" if reason else "")
    for _ in range(_TRIES):
        if order.status is Status.CANCELLED:
            return order
        cancelled = order.move(Status.CANCELLED, clock.now(), why, principal.user)
        told = [
            audit.entry(
                principal, action="order.cancelled", entity="order", entity_id=order.id,
                before={"status": order.status}, after={"status": cancelled.status},
            )
        ] if not own else []  # fmt: skip
        fact = outbox.publish(OrderCancelled(organization=order.organization, order=order.id))
        try:
            transact(store.save(cancelled, was=order), *_released(order), *told, fact)
            return replace(cancelled, version=order.version + 1)
        except Conflict:
            order = store.get(order.organization, order.id)  # paid, expired or cancelled at the same moment
    raise Conflict("changed_meanwhile", "The order keeps changing.")


def give_back(order: Order, parts: Mapping[str, tuple[int, bool]], why: str, by: str | None) -> tuple[Write, ...]:
    """The writes that note a refund of lines: line id -> (amount, whether the line is withdrawn).

    They hold while the order is as it was read. Stock that is still held for lines that go is released with them; what
    was handed over is withdrawn by `withdraw`, after that.
    """
    after = order.given_back(parts, clock.now(), why, by)
    completed = after.status is Status.COMPLETED and order.status is not Status.COMPLETED
    facts = [OrderCompleted(organization=order.organization, order=order.id)] if completed else []
    gone = [line for line in order.held_lines if after.line(line.id).status is LineStatus.REVOKED]
    return store.save(after, was=order), *_freed(order, gone), *map(outbox.publish, facts)


def withdraw(order: Order) -> None:
    """Let the lines of sale take back what was handed over of lines whose money was given back. May run twice.

    What was given back of the others counts as sold no more.
    """
    for line in order.lines:
        _withdraw(order, line)


def _withdraw(order: Order, line: Line) -> None:
    if line.status is LineStatus.REVOKED:
        lines.of_kind(line.kind).revoke(order.sold(line))
    elif line.refunded:
        entitlements.lower(order.organization, order.id, line.refs, line.amount - line.refunded)


def still_payable(order: Order) -> Write:
    return store.still_payable(order)


def pay(order: Order, payment: str) -> tuple[Write, ...]:
    """The writes that make an order paid by `payment`. Raises Conflict when it is paid already."""
    paid = order.paid(payment, clock.now())
    return store.save(paid, was=order), *_after_payment(paid)


def settle_late(organization: str, order_id: str) -> Outcome:
    """Hold the stock of a late-paid order again and go on as with any paid one.

    Where the stock is gone the order stays PAID_LATE, for staff to refund; the refusal is raised so that it shows.
    """
    order = store.get(organization, order_id)
    if order.status is not Status.PAID_LATE:
        return Outcome.SKIPPED
    at = clock.now()
    paid = order.move(Status.PAID, at, "held again after a late payment")
    held = [
        write
        for line in order.lines
        for write in lines.of_kind(line.kind).hold(organization, line.quoted(), order.id, at + PAYABLE_FOR)
    ]
    counted = promotions.count_again(organization, order.id, order.discounts)
    transact(store.save(paid, was=order), *held, *counted, *_after_payment(paid))
    return Outcome.SUCCESS


def hand_over(organization: str, order_id: str, line_id: str) -> Outcome:
    """Let a line of sale deliver one paid line, then note it on the order."""
    order = store.get(organization, order_id)
    line = next(line for line in order.lines if line.id == line_id)
    if line.status is not LineStatus.HELD:
        return _handed_over(order, line_id)
    lines.of_kind(line.kind).fulfil(order.sold(line))
    for _ in range(_TRIES):
        done = order.fulfilled(line_id, clock.now())
        facts = [OrderCompleted(organization=organization, order=order.id)] if done.status is Status.COMPLETED else []
        try:
            transact(store.save(done, was=order), *map(outbox.publish, facts))
            _withdraw(done, done.line(line_id))
            return Outcome.SUCCESS
        except Conflict:
            order = store.get(organization, order_id)
            if order.line(line_id).status is not LineStatus.HELD:
                return _handed_over(order, line_id)
    raise Conflict("changed_meanwhile", "The order keeps changing.")


def _handed_over(order: Order, line_id: str) -> Outcome:
    """Somebody was first. What was handed over of a line whose money went back at that moment is withdrawn again."""
    _withdraw(order, order.line(line_id))
    return Outcome.SKIPPED


def share_out(organization: str, order_id: str, line_id: str) -> Outcome:
    """Credit everybody with their part of one paid line, and owe its tax."""
    order = store.get(organization, order_id)
    line = next(line for line in order.lines if line.id == line_id)
    booked = revenue.book(
        organization,
        order=order.id,
        line=line.id,
        subject=line.subject,
        shares=line.shares,
        currency=order.currency,
    )
    owed = line.tax.amount if line.tax else 0
    booked |= taxes.book(organization, order=order.id, line=line.id, amount=owed, currency=order.currency)
    return Outcome.SUCCESS if booked else Outcome.SKIPPED


def clear_cart(organization: str, order_id: str) -> Outcome:
    """What was bought leaves the cart it came from."""
    order = store.get(organization, order_id)
    bought = [ref for line in order.lines for ref in line.refs]
    codes = [each.code for each in order.discounts]
    return Outcome.SUCCESS if carts.forget_bought(organization, order.cart, bought, codes) else Outcome.SKIPPED


def expire_due() -> int:
    """Expire unpaid orders whose time is up; returns how many. Their stock is released in the same commit."""
    expired = 0
    for organization, order_id, correlation in store.overdue(clock.now(), _SWEEP_AT_MOST):
        with log.correlated(correlation):
            try:
                expired += _expire(organization, order_id)
            except AppError as refusal:
                log.warning("order not expired", organization=organization, order=order_id, code=refusal.code)
            except Exception as failure:  # noqa: BLE001 (tried again in a minute; the others have their turn now)
                log.bug("order not expired", failure, organization=organization, order=order_id)
    return expired


def personal_data(organization: str, user: str) -> list[Mapping[str, Any]]:
    """What somebody bought, the newest first."""
    return [
        {
            "id": order.id,
            "code": order.code,
            "email": order.email,
            "status": order.status,
            "total": order.total,
            "currency": order.currency,
            "created_at": order.created_at,
            "paid_at": order.paid_at,
            "lines": [{"title": line.title, "amount": line.amount, "items": line.refs} for line in order.lines],
        }
        for order in of_person(organization, user)
    ]


def own_files(organization: str, user: str) -> Iterator[StoredFile]:
    """The files that somebody paid for and may still fetch."""
    now = clock.now()
    for order in of_person(organization, user):
        for grant in entitlements.of_order(organization, order.id):
            if grant.is_available(now):
                yield StoredFile("originals", grant.key, f"bought/{order.code}/{grant.id}-{grant.filename}")


def erase_person(organization: str, user: str) -> None:
    """Take the buyer out of all orders; what they paid stays, under a pseudonym. May run again where it was cut off."""
    for order in of_person(organization, user):
        entitlements.forget_owner(organization, order.id)
        for _ in range(_TRIES):
            with suppress(Conflict):
                held = store.get(organization, order.id)
                gone = [store.forget_note(note) for note in store.notes(organization, order.id, MOST_NOTES)]
                transact(store.save(held.without_buyer(), was=held), store.unlist_address(order), *gone)
                break
        else:
            raise Conflict("changed_meanwhile", "The order keeps changing.")


def of_person(organization: str, user: str) -> Iterator[Order]:
    """All that somebody ordered, the newest first."""
    request: PageRequest | None = PageRequest(size=100)
    while request is not None:
        found = store.of_buyer(organization, user, request)
        yield from found.items
        request = PageRequest(size=100, cursor=found.cursor) if found.cursor else None


def _expire(organization: str, order_id: str) -> bool:
    order = store.get(organization, order_id)
    at = clock.now()
    if order.status is not Status.AWAITING_PAYMENT or order.expires_at > at:
        return False
    transact(
        store.save(order.move(Status.EXPIRED, at, "not paid in time"), was=order),
        *_released(order),
        outbox.publish(OrderExpired(organization=organization, order=order.id)),
    )
    return True


def _released(order: Order) -> list[Write]:
    """The stock and the codes of an order that comes to nothing."""
    return _freed(order, order.lines) + promotions.give_back(order.organization, order.id, order.discounts)


def _freed(order: Order, some: Sequence[Line]) -> list[Write]:
    """The stock of some lines."""
    return [
        write
        for line in some
        for write in lines.of_kind(line.kind).release(order.organization, line.subject, line.refs, order.id)
    ]


def _after_payment(order: Order) -> tuple[Write, ...]:
    """The facts to publish with a payment: one per line to hand over, so that each retries alone."""
    if order.status is Status.PAID_LATE:
        return (outbox.publish(OrderPaidLate(organization=order.organization, order=order.id)),)
    due = [LineDue(organization=order.organization, order=order.id, line=line.id) for line in order.lines]
    paid = OrderPaid(organization=order.organization, order=order.id)
    return (outbox.publish(paid), *map(outbox.publish, due))


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
