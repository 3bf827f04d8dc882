"""What came of mails to a person's address. Only the account knows the address."""

from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.notifications import service as notifications


def personal_data(organization: str, user: str) -> dict[str, Any] | None:
    person = accounts.find_user(organization, user)
    return notifications.known_of(organization, person.email) if person and person.email else None


def erase_person(organization: str, user: str) -> None:
    """May run again where it was cut off."""
    person = accounts.find_user(organization, user)
    if person is not None and person.email:
        notifications.forget_address(organization, person.email)
