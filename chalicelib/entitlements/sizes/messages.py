"""Facts about sizes."""

from chalicelib.core.queues import Fact
from chalicelib.entitlements.model import Size


class SizesDue(Fact):
    """Files, by the keys of their originals, are wanted in a size. An archive of an order may wait for them."""

    originals: list[str]
    size: Size
    order: str | None = None
    archive: str | None = None
