"""Types of tickets, and tickets.

| access                                 | key                                                     |
|----------------------------------------|---------------------------------------------------------|
| a type, some types                     | pk T#{org}#TICKET-TYPE#{id} / sk -                      |
| the types of an event, oldest first    | by_list T#{org}#TICKET-TYPES#{event} / id               |
| the tickets of an order                | pk T#{org}#TICKETS#{order} / sk {ref}                   |
| a user's tickets, newest first         | by_buyer T#{org}#TICKETS#{user} / issued_at#id          |
| the tickets to an event, newest first  | by_list T#{org}#TICKETS#{event} / issued_at#id          |
"""

from collections.abc import Iterable, Iterator

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import clock
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Write,
    create,
    index,
    page,
    replace,
    table,
)
from chalicelib.lines.tickets.model import MOST_TYPES, State, Ticket, TicketType


class AlreadyIssued(Conflict):
    def __init__(self) -> None:
        super().__init__("already_issued", "This ticket was issued.")


class TicketTypeRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#TICKET-TYPE#{}", "-")
    model = TicketType

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    name = UnicodeAttribute()
    price = NumberAttribute()
    capacity = NumberAttribute()
    description = UnicodeAttribute()
    most = NumberAttribute()
    opens_at = Moment(null=True)
    closes_at = Moment(null=True)
    created_at = Moment()
    withdrawn_at = Moment(null=True)
    list_pk = UnicodeAttribute(null=True)
    list_sk = UnicodeAttribute(null=True)
    by_list = index("by_list")


class TicketRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#TICKETS#{}", "{}")
    model = Ticket

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    ref = UnicodeAttribute()
    event = UnicodeAttribute()
    event_name = UnicodeAttribute()
    type = UnicodeAttribute()
    type_name = UnicodeAttribute()
    issued_at = Moment()
    owner = UnicodeAttribute(null=True)
    state = Choice(State)
    buyer_pk = UnicodeAttribute(null=True)
    buyer_sk = UnicodeAttribute(null=True)
    list_pk = UnicodeAttribute(null=True)
    list_sk = UnicodeAttribute(null=True)
    by_buyer = index("by_buyer")
    by_list = index("by_list")


# --- types --------------------------------------------------------------------------------------------------


def get_type(organization: str, type_id: str) -> TicketType:
    """Raises NotFound, for a foreign type too."""
    record = TicketTypeRecord.fetch(_type_pk(organization, type_id), "-")
    if record is None:
        raise NotFound("ticket_type_not_found", "There is no such type of ticket.")
    found: TicketType = record.value()
    return found


def find_types(organization: str, type_ids: Iterable[str]) -> dict[str, TicketType]:
    keys = [(_type_pk(organization, type_id), "-") for type_id in type_ids]
    return {record.id: record.value() for record in TicketTypeRecord.batch_get(keys, consistent_read=True)}


def types_of(organization: str, event: str) -> list[TicketType]:
    """The oldest first, as the index knows them."""
    found = TicketTypeRecord.by_list.query(f"T#{organization}#TICKET-TYPES#{event}", limit=MOST_TYPES)
    return [record.value() for record in found]


def add_type(made: TicketType) -> Write:
    return create(_type_record(made))


def save_type(now: TicketType, *, was: TicketType) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_type_record(now), was.version)


# --- tickets ------------------------------------------------------------------------------------------------


def of_order(organization: str, order: str) -> list[Ticket]:
    return [record.value() for record in TicketRecord.query(_order_pk(organization, order), consistent_read=True)]


def of_user(organization: str, user: str, request: PageRequest) -> Page[Ticket]:
    pk = f"T#{organization}#TICKETS#{user}"
    return page(TicketRecord, TicketRecord.by_buyer, pk, request, newest_first=True).map(lambda record: record.value())


def all_of_user(organization: str, user: str) -> Iterator[Ticket]:
    found = TicketRecord.by_buyer.query(f"T#{organization}#TICKETS#{user}", scan_index_forward=False)
    return (record.value() for record in found)


def of_event(organization: str, event: str, request: PageRequest) -> Page[Ticket]:
    pk = f"T#{organization}#TICKETS#{event}"
    return page(TicketRecord, TicketRecord.by_list, pk, request, newest_first=True).map(lambda record: record.value())


def issue(ticket: Ticket) -> Write:
    """Refused with AlreadyIssued."""
    return create(_record(ticket), AlreadyIssued())


def save(now: Ticket, *, was: Ticket) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_record(now), was.version)


def find(organization: str, order: str, ref: str) -> Ticket | None:
    record = TicketRecord.fetch(_order_pk(organization, order), ref)
    return record.value() if record else None


def _type_record(made: TicketType) -> TicketTypeRecord:
    keys = {"list_pk": f"T#{made.organization}#TICKET-TYPES#{made.event}", "list_sk": made.id}
    return TicketTypeRecord.of(made, pk=_type_pk(made.organization, made.id), sk="-", **keys)


def _record(ticket: Ticket) -> TicketRecord:
    issued = f"{clock.stamp(ticket.issued_at)}#{ticket.id}"
    keys = {"list_pk": f"T#{ticket.organization}#TICKETS#{ticket.event}", "list_sk": issued}
    if ticket.owner is not None:
        keys |= {"buyer_pk": f"T#{ticket.organization}#TICKETS#{ticket.owner}", "buyer_sk": issued}
    return TicketRecord.of(ticket, pk=_order_pk(ticket.organization, ticket.order), sk=ticket.ref, **keys)


def _type_pk(organization: str, type_id: str) -> str:
    return f"T#{organization}#TICKET-TYPE#{type_id}"


def _order_pk(organization: str, order: str) -> str:
    return f"T#{organization}#TICKETS#{order}"
