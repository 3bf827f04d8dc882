"""Who gets a parcel, which nobody reads in the table."""

from functools import cache

from pydantic import TypeAdapter

from chalicelib.core import log, sealing
from chalicelib.lines.prints.model import Parcel, Recipient


def sealed(organization: str, parcel_id: str, recipient: Recipient) -> str:
    return sealing.seal(organization, _purpose(parcel_id), _adapter().dump_json(recipient).decode())


def opened(parcel: Parcel) -> Recipient | None:
    """None once it was forgotten, or where the key that sealed it was retired."""
    if parcel.recipient is None:
        return None
    try:
        text = sealing.unseal(parcel.organization, _purpose(parcel.id), parcel.recipient)
    except sealing.NotSealed:
        log.error("recipient not opened", organization=parcel.organization, order=parcel.order)
        return None
    return _adapter().validate_json(text)


def _purpose(parcel_id: str) -> str:
    return f"recipient#{parcel_id}"


@cache
def _adapter() -> TypeAdapter[Recipient]:
    return TypeAdapter(Recipient)
