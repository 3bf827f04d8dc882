"""Tickets that were bought: issued once the order is paid, shown to their holders, void once the money went back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from chalicelib.core import clock, ids, log, outbox, sealing, secrets, signing
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.events import service as events
from chalicelib.lines.contract import Sold
from chalicelib.lines.tickets import store
from chalicelib.lines.tickets.messages import TicketsIssued
from chalicelib.lines.tickets.model import Recipient, Shown, State, Ticket
from chalicelib.lines.tickets.service.types import pool_of
from chalicelib.notifications import service as notifications
from chalicelib.notifications.service import Reader
from chalicelib.organizations import service as organizations
from chalicelib.stock import service as stock

_TRIES = 5


class _Released(Conflict):
    """The order holds these no more."""

    def __init__(self) -> None:
        super().__init__("tickets_released", "The order holds these tickets no more.")


# --- the line of sale ---------------------------------------------------------------------------------------


def hand_out(sold: Sold) -> None:
    """Issue the tickets of a paid line, all at once. May run twice; does nothing once they were given back."""
    organization, pool = sold.organization, pool_of(sold.organization, sold.subject, sold.refs)
    type, event = store.get_type(organization, pool.id), events.mark_sold(organization, sold.subject)
    signing.keep(organization)
    at = clock.now()
    tickets = [
        Ticket(
            id=ids.derived("tkt", organization, sold.order, ref),
            organization=organization,
            order=sold.order,
            ref=ref,
            event=event.id,
            event_name=event.name,
            type=type.id,
            type_name=type.name,
            issued_at=at,
            owner=sold.owner,
        )
        for ref in sold.refs
    ]
    fact = TicketsIssued(organization=organization, order=sold.order, event=event.id, recipient=_sealed(sold, event.id))
    try:
        transact(
            stock.must_hold(pool, sold.order, _Released()),
            *map(store.issue, tickets),
            outbox.publish(fact),
        )
    except (_Released, store.AlreadyIssued) as done:
        log.info("tickets not issued", organization=organization, order=sold.order, code=done.code)


def withdraw(sold: Sold) -> None:
    """Void the tickets of a line whose money went back, and free what it held. May run twice."""
    pool = pool_of(sold.organization, sold.subject, sold.refs)
    for _ in range(_TRIES):
        held = [each for each in store.of_order(sold.organization, sold.order) if each.ref in sold.refs]
        void = [store.save(each.voided(), was=each) for each in held if each.state is State.VALID]
        freed = stock.release(pool, sold.order)
        if not void and not freed:
            return
        try:
            transact(*void, *freed)
            return
        except Conflict:
            continue
    raise Conflict("changed_meanwhile", "The tickets keep changing.")


def mail_tickets(fact: TicketsIssued) -> Outcome:
    """Tell the buyer where their tickets to one event are, once an order."""
    recipient = _opened(fact)
    valid = [each for each in store.of_order(fact.organization, fact.order) if each.state is State.VALID]
    if recipient is None or not any(each.event == fact.event for each in valid):
        return Outcome.SKIPPED
    home, ticket = organizations.get(fact.organization), next(each for each in valid if each.event == fact.event)
    return notifications.send_email(
        fact.organization,
        once=f"tickets-ready#{fact.order}#{fact.event}",
        to=recipient.email,
        template="tickets_ready",
        language=recipient.language or home.language,
        values={
            "order_code": recipient.code,
            "event": ticket.event_name,
            "link": link(fact.organization, fact.order),
            "organization": home.name,
        },
        reader=Reader(ticket.owner, page=f"/orders/{fact.order}") if ticket.owner else None,
    )


# --- showing ------------------------------------------------------------------------------------------------


def of_order(principal: Principal, order: str) -> list[Shown]:
    """The tickets of an order: for its buyer, for who holds its token, and for staff. Others all meet one NotFound."""
    tickets = store.of_order(principal.organization, order) if ids.is_id("ord", order) else []
    if not tickets or not _may_open(principal, tickets[0]):
        raise NotFound("tickets_not_found", "There are no such tickets.")
    return [_shown(each) for each in tickets]


def list_mine(principal: Principal, request: PageRequest) -> Page[Shown]:
    """The caller's tickets, to whatever event, the newest first."""
    return store.of_user(principal.organization, principal.known_user, request).map(_shown)


def list_to_event(principal: Principal, event: str, request: PageRequest) -> Page[Ticket]:
    """The tickets to an event (id or slug), the newest first. Raises NotFound."""
    return store.of_event(principal.organization, events.get(principal.organization, event).id, request)


def link(organization: str, order: str) -> str:
    """The address of the page of an order's tickets: whoever holds it may show them."""
    return f"{organizations.url_of(organization)}/t/{order}/{secrets.sign('order', organization, order)}"


def _shown(ticket: Ticket) -> Shown:
    """With a text that can be checked without asking us: the ticket's id and the organization's signature of it."""
    named = f"{ticket.id}.{ticket.event}"
    signature = signing.signature(ticket.organization, named.encode())
    return Shown(ticket, f"{named}.{signing.key(ticket.organization).kid}.{ids.urlsafe(signature)}")


def _may_open(principal: Principal, ticket: Ticket) -> bool:
    if principal.may("order.read_all") or (principal.user is not None and ticket.owner == principal.user):
        return True
    return secrets.is_signature(principal.tokens.get("order", ""), "order", ticket.organization, ticket.order)


# --- who they are of ----------------------------------------------------------------------------------------


def personal_data(organization: str, user: str) -> Sequence[Mapping[str, Any]]:
    """The tickets that somebody bought, the newest first."""
    told = ("id", "order", "event", "event_name", "type_name", "issued_at", "state")
    return [{name: asdict(each)[name] for name in told} for each in store.all_of_user(organization, user)]


def erase_person(organization: str, user: str) -> None:
    """Forget whose tickets they are: they admit whoever holds them. May run twice."""
    for ticket in store.all_of_user(organization, user):
        for _ in range(_TRIES):
            held = store.find(organization, ticket.order, ticket.ref)
            if held is None or held.owner is None:
                break
            try:
                transact(store.save(held.forgotten(), was=held))
                break
            except Conflict:
                continue
        else:
            raise Conflict("changed_meanwhile", "The ticket keeps changing.")


def _sealed(sold: Sold, event: str) -> str | None:
    if sold.buyer is None:
        return None
    told = _recipients().dump_json(Recipient(sold.buyer, sold.language, sold.code)).decode()
    return sealing.seal(sold.organization, _purpose(sold.order, event), told)


def _opened(fact: TicketsIssued) -> Recipient | None:
    if fact.recipient is None:
        return None
    text = sealing.unseal(fact.organization, _purpose(fact.order, fact.event), fact.recipient)
    return _recipients().validate_json(text)


def _purpose(order: str, event: str) -> str:
    return f"tickets#{order}#{event}"


def _recipients() -> TypeAdapter[Recipient]:
    return TypeAdapter(Recipient)
