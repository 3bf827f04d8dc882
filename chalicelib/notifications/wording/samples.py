"""Values as notices have them, made up: what a preview shows, and what words are tried with before they are kept."""

from datetime import datetime
from typing import Any, Literal, get_args, get_origin

from chalicelib.notifications.values import Values

_TRUE = {
    "name": "Anna",
    "device": "Firefox, Windows",
    "code": "000000",
    "minutes": 10,
    "days": 3,
    "count": 2,
    "hours": 72,
    "limit": 3,
    "order_code": "K7M2Q9XR",
    "amount": "378.00 THB",
    "total": "378.00 THB",
    "account": "BBL ••••••7890",
    "reason": "The date is missing",
    "event": "Night Run 2026",
    "host": "photos.example.com",
    "title": "News of the run",
    "text": "The start is at six.\n\nSee you there!",
    "receipt": "eyJzYW1wbGUiOnRydWV9.c2FtcGxl",
    "items": ({"title": "Night Run 2026", "count": 5}, {"title": "Trail & Lake"}),
    "gone": True,
    "by_transfer": True,
    "by_credit": True,
    "withdrawn": True,
}


def full(told: type[Values], home: str, at: datetime) -> Values:
    """With a value for everything; links lead to `home`."""
    return told.model_validate({name: _value(told, name, home, at) for name in told.model_fields if _is_told(name)})


def all_of(told: type[Values], home: str, at: datetime) -> list[Values]:
    """Those to try words with: everything, only what is always there, and each of what may be one of several."""
    whole = full(told, home, at)
    needed = {name: getattr(whole, name) for name, field in told.model_fields.items() if field.is_required()}
    sparse = told.model_validate({name: _least(name, value) for name, value in needed.items()})
    return [whole, sparse, *(whole.model_copy(update={name: one}) for name, one in _choices(told))]


def _is_told(name: str) -> bool:
    return name != "organization"  # that is whose notice it is


def _value(told: type[Values], name: str, home: str, at: datetime) -> Any:
    choices = [one for known, one in _choices(told) if known == name]
    if choices:
        return choices[0]
    if name in ("link", "unsubscribe", "invoice"):
        return f"{home}/sample/{name}"
    if name in ("at", "due_at", "expires_at"):
        return at
    if name == "shipments":
        return ({"carrier": "Kerry", "number": "TH0123456789", "link": f"{home}/sample/parcel"},)
    return _TRUE[name]


def _least(name: str, value: Any) -> Any:
    """As little as there may be of it."""
    if name == "name":
        return ""
    return False if isinstance(value, bool) else value


def _choices(told: type[Values]) -> list[tuple[str, str]]:
    return [
        (name, one)
        for name, field in told.model_fields.items()
        if get_origin(field.annotation) is Literal
        for one in get_args(field.annotation)
    ]
