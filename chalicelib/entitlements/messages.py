"""What entitlements tell."""

from chalicelib.core.queues import Fact
from chalicelib.entitlements.model import Size


class DownloadBegun(Fact):
    """Downloads of an order's files were taken, one by one or for an archive of them."""

    order: str
    photos: list[str]
    size: Size
