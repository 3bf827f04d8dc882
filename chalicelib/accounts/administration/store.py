"""The lists of people. Their keys stand in the user's item; indexes hold nothing but keys, so no digest is copied.

| access                                | key                                                     |
|---------------------------------------|---------------------------------------------------------|
| an organization's people, by name     | by_name   T#{org}#PEOPLE / {folded name}#{id}           |
| by e-mail address                     | by_email  T#{org}#PEOPLE / {address}#{id}               |
| by phone                              | by_phone  T#{org}#PEOPLE / {number}#{id}                |
| those who work here, by name          | by_staff  T#{org}#STAFF / {folded name}#{id}            |
"""

from typing import Any

from chalicelib.accounts.model import User
from chalicelib.accounts.store import UserRecord, folded, people_pk, staff_pk
from chalicelib.core.table import Page, PageRequest, page


def people(organization: str, request: PageRequest, *, by: str = "name", beginning: str = "") -> Page[User]:
    """A page of people whose name, `email` or `phone` begins like this, in that order."""
    source, order = {
        "name": (UserRecord.by_name, UserRecord.name_sk),
        "email": (UserRecord.by_email, UserRecord.email_sk),
        "phone": (UserRecord.by_phone, UserRecord.phone_sk),
    }[by]
    prefix = folded(beginning)
    condition = order.startswith(prefix) if prefix else None
    return _whole(page(UserRecord, source, people_pk(organization), request, range_condition=condition))


def staff(organization: str, request: PageRequest) -> Page[User]:
    return _whole(page(UserRecord, UserRecord.by_staff, staff_pk(organization), request))


def _whole(found: Page[Any]) -> Page[User]:
    """The people behind keys, as they are at this moment."""
    keys = [(record.pk, record.sk) for record in found.items]
    held = {record.pk: record.value() for record in UserRecord.batch_get(keys, consistent_read=True)}
    users = [held[pk] for pk, _ in keys if pk in held]
    return Page(users, found.size, found.cursor, number=found.number)
