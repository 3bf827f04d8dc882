"""What payments of earlier releases lack."""

from collections.abc import Sequence

from chalicelib.core.migrations import filling
from chalicelib.core.table import Item, Record, Write
from chalicelib.payments import gateways, store


@filling("list-payments")
def list_payments(record: type[Record], item: Item) -> Sequence[Write]:
    """Put payments from before there were lists of them into that of their state."""
    if record is not store.PaymentRecord or "list_pk" in item:
        return ()
    payment = record.from_raw_data(item).value()
    return (store.save(payment, was=payment),)


@filling("name-charges")
def name_charges(record: type[Record], item: Item) -> Sequence[Write]:
    """Let payments from before there were disputes be found by what their gateway calls them."""
    if record is not store.PaymentRecord or "transaction" not in item:
        return ()
    payment = record.from_raw_data(item).value()
    if not gateways.knows_disputes(payment.gateway):
        return ()
    name = str(payment.transaction)
    return () if store.is_named(payment, name) else (store.name_charge(payment, name),)
