"""Types of tickets: offered by staff, priced for a cart, held by an order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, once
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict, NotFound
from chalicelib.core.table import Write, transact
from chalicelib.events import service as events
from chalicelib.lines.contract import Part, Problem, Quote, QuoteLine
from chalicelib.lines.tickets import store
from chalicelib.lines.tickets.model import MOST_TYPES, Terms, TicketType, parsed
from chalicelib.organizations import service as organizations
from chalicelib.stock import service as stock
from chalicelib.stock.model import Pool

KIND = "tickets"
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Offer:
    """A type and how many of it nobody holds. `on_sale` is as of now."""

    type: TicketType
    left: int
    on_sale: bool
    currency: str


# --- offering -----------------------------------------------------------------------------------------------


def add_type(actor: Principal, event: str, terms: Terms, key: str) -> Offer:
    """Sell a further type of ticket to an event (id or slug), once for each idempotency key.

    Raises NotFound, Conflict (`too_many_ticket_types`, `idempotency_key_reused`).
    """
    organization = actor.organization
    known = events.get(organization, event)
    made = TicketType(
        id=ids.derived("tty", organization, actor.known_user, key),
        organization=organization,
        event=known.id,
        created_at=clock.now(),
        **terms.fields(),
    )
    if len(store.types_of(organization, known.id)) >= MOST_TYPES:
        raise Conflict("too_many_ticket_types", f"An event has up to {MOST_TYPES} types of tickets.")
    told = audit.entry(actor, action="ticket_type.added", entity="ticket_type", entity_id=made.id, after=terms.fields())
    try:
        transact(store.add_type(made), *stock.resized(made.pool, 0, made.capacity), told)
    except Conflict as refused:
        earlier = store.get_type(organization, made.id)
        if once.fingerprint([earlier.event, earlier.terms.fields()]) != once.fingerprint([known.id, terms.fields()]):
            raise Conflict("idempotency_key_reused", "This key came with another type before.") from refused
        return _offer(earlier)
    return _offer(made)


def change_type(actor: Principal, event: str, type_id: str, terms: Terms, version: int) -> Offer:
    """Change a type of ticket; carts have the new price, orders keep theirs.

    Raises NotFound, Conflict (`version_conflict`; `sold_out` where more than the new capacity are held).
    """
    was = _of_event(actor, event, type_id)
    if was.version != version:
        raise Conflict("version_conflict", "Somebody else changed this first. Load it again.", field="version")
    now = was.changed(terms)
    told = audit.entry(
        actor,
        action="ticket_type.changed",
        entity="ticket_type",
        entity_id=was.id,
        before=was.terms.fields(),
        after=terms.fields(),
    )
    for _ in range(_TRIES):
        try:
            resized = stock.resized(was.pool, was.capacity, now.capacity)
            transact(store.save_type(now, was=was), *resized, told)
            return _offer(store.get_type(actor.organization, was.id))
        except stock.Moved:
            continue
    raise Conflict("changed_meanwhile", "The tickets keep going. Try again.")


def withdraw_type(actor: Principal, event: str, type_id: str) -> None:
    """Sell a type of ticket no more. Who bought or ordered keeps theirs. Twice is once. Raises NotFound."""
    for _ in range(_TRIES):
        was = _of_event(actor, event, type_id)
        if was.withdrawn_at is not None:
            return
        now = was.withdrawn(clock.now())
        told = audit.entry(
            actor,
            action="ticket_type.withdrawn",
            entity="ticket_type",
            entity_id=was.id,
            before={"withdrawn_at": None},
            after={"withdrawn_at": now.withdrawn_at},
        )
        try:
            transact(store.save_type(now, was=was), told)
            return
        except Conflict:
            continue
    raise Conflict("changed_meanwhile", "The type keeps changing. Try again.")


def list_types(principal: Principal, event: str) -> list[Offer]:
    """The types of tickets to an event (id or slug), the oldest first: for staff all, else what is on sale.

    Before an event is shown its id finds it. Raises NotFound, Forbidden.
    """
    known = events.awaited(principal, event)
    left, at = stock.left_in(principal.organization, known.id), clock.now()
    types = store.types_of(principal.organization, known.id)
    currency = organizations.known(principal.organization).currency
    offers = [Offer(each, left[each.id], each.sells(known, at), currency) for each in types]
    return offers if principal.may("event.manage") else [each for each in offers if each.on_sale]


# --- selling ------------------------------------------------------------------------------------------------


def priced(organization: str, refs: Sequence[str], at: datetime) -> Quote:
    """What tickets cost, a line for each type. What can not be bought becomes a problem."""
    named = {ref: parsed(ref) for ref in refs}
    wanted: dict[str, list[str]] = {}
    for ref, found in named.items():
        wanted.setdefault(found[0] if found else "", []).append(ref)
    types = store.find_types(organization, [id for id in wanted if id])
    quote = Quote()
    for type_id, of_type in wanted.items():
        try:
            quote += _priced(types.get(type_id), of_type, at)
        except AppError as refusal:
            quote += Quote(problems=tuple(Problem(ref, refusal.code, refusal.message) for ref in of_type))
    return quote


def hold(organization: str, line: QuoteLine, order: str) -> tuple[Write, ...]:
    """The writes by which an order has tickets of one type. Raises SoldOut; Moved at commit."""
    return stock.hold(pool_of(organization, line.subject, line.refs), len(line.refs), order)


def release(organization: str, event: str, refs: Sequence[str], order: str) -> tuple[Write, ...]:
    """The writes that undo `hold`."""
    return stock.release(pool_of(organization, event, refs), order)


def pool_of(organization: str, event: str, refs: Sequence[str]) -> Pool:
    """Where the tickets of a line come from, which are all of one type."""
    found = parsed(refs[0])
    assert found is not None
    return Pool(organization, event, found[0])


def _priced(type: TicketType | None, refs: Sequence[str], at: datetime) -> Quote:
    if type is None:
        raise NotFound("ticket_type_not_found", "There is no such type of ticket.")
    event = events.get(type.organization, type.event)
    if not type.sells(event, at):
        raise Conflict("tickets_not_on_sale", "These tickets are not on sale now.")
    if len(refs) > type.most:
        raise Conflict("too_many_tickets", f"An order takes up to {type.most} of these.")
    if len(refs) > stock.left(type.pool):
        raise Conflict("sold_out", "There are not so many left.")
    part = Part(type.id, type.name, len(refs), type.price)
    line = QuoteLine(
        kind=KIND,
        subject=type.event,
        title=f"{event.name}: {type.name}",
        refs=tuple(refs),
        parts=(part,),
        amount=part.amount,
        list_amount=part.amount,
        because="one price each",
        tax_class=KIND,
    )
    return Quote(lines=(line,))


def _offer(type: TicketType) -> Offer:
    event = events.get(type.organization, type.event)
    currency = organizations.known(type.organization).currency
    return Offer(type, stock.left(type.pool), type.sells(event, clock.now()), currency)


def _of_event(actor: Principal, event: str, type_id: str) -> TicketType:
    """Raises NotFound for a type of another event."""
    known, found = events.get(actor.organization, event), store.get_type(actor.organization, type_id)
    if found.event != known.id:
        raise NotFound("ticket_type_not_found", "There is no such type of ticket.")
    return found
