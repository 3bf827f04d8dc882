"""Facts about refunds."""

from chalicelib.core.queues import Fact


class RefundOpened(Fact):
    """Money is to go back: a buyer asked for it, or it is set aside already."""

    order: str
    refund: str


class RefundDue(Fact):
    """Money is set aside to go back, and the gateway is to be asked for it."""

    order: str
    refund: str


class RefundSettled(Fact):
    """Money went back: what it paid for is to be withdrawn, and its shares are to be taken back."""

    order: str
    refund: str


class RefundDeclined(Fact):
    """Staff said no to what a buyer asked for."""

    order: str
    refund: str


class RefundFailed(Fact):
    """The gateway gave nothing back: what was set aside is free again, and staff must look."""

    order: str
    refund: str
