"""What runs after a parcel was paid for."""

from chalicelib.core.queues import Outcome, on
from chalicelib.lines.prints import service
from chalicelib.lines.prints.messages import ParcelDue, ParcelShipped


@on(ParcelDue)
def settle(fact: ParcelDue) -> Outcome:
    return service.settle(fact.organization, fact.parcel)


@on(ParcelShipped, queue="emails")
def mail_shipment(fact: ParcelShipped) -> Outcome:
    return service.mail_shipment(fact.organization, fact.parcel)
