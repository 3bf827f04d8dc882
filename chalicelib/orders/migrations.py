"""What orders of earlier releases lack."""

from collections.abc import Sequence

from chalicelib.core.migrations import filling
from chalicelib.core.table import Item, Record, Write
from chalicelib.orders import store


@filling("list-orders")
def list_orders(record: type[Record], item: Item) -> Sequence[Write]:
    """Put orders from before staff had lists of them into these."""
    if record is not store.OrderRecord:
        return ()
    order = record.from_raw_data(item).value()
    own = () if "list_pk" in item else (store.save(order, was=order),)
    return *own, *store.list_missing(order)


@filling("tally-orders")
def tally(record: type[Record], item: Item) -> Sequence[Write]:
    """Count orders of before there were counts of all of an organization's."""
    if record is not store.OrderRecord or "tallied" in item:
        return ()
    return store.missing_in_tally(record.from_raw_data(item).value())
