"""Facts about orders."""

from chalicelib.core.queues import Fact


class OrderPlaced(Fact):
    """A cart became an order that waits for its money."""

    order: str


class OrderPaid(Fact):
    """The money of an order is captured and its things are to be handed over."""

    order: str


class OrderPaidLate(Fact):
    """Money came for an order that had expired; its stock must be held again first."""

    order: str


class LineDue(Fact):
    """One paid line is to be handed over."""

    order: str
    line: str


class OrderCompleted(Fact):
    """Everything of an order has been handed over."""

    order: str


class OrderExpired(Fact):
    """An order was not paid in time."""

    order: str


class OrderCancelled(Fact):
    """An order that nobody had paid is not wanted any more."""

    order: str


class ConfirmationDue(Fact):
    """The mail with the link is to be sent again; `asked` names the occasion."""

    order: str
    asked: str
