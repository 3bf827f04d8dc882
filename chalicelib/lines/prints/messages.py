"""Facts about prints."""

from chalicelib.core.queues import Fact


class ParcelDue(Fact):
    """The laboratory is to be asked: to print a parcel, how it stands, or not to print it."""

    order: str
    parcel: str


class ParcelShipped(Fact):
    """All of a parcel is on its way."""

    order: str
    parcel: str
