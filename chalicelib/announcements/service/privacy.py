"""What is kept of somebody who hears of events, by their account or at an address of theirs."""

from collections.abc import Iterator
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.announcements import store
from chalicelib.announcements.model import Follower, address_owner
from chalicelib.announcements.service.following import watch_of
from chalicelib.core.table import transact


def personal_data(organization: str, user: str) -> list[dict[str, Any]]:
    return [
        {
            "event": follower.event,
            "channel": follower.channel,
            "asked_at": follower.asked_at,
            "bought_at": follower.bought_at,
            "expires_at": follower.expires_at,
        }
        for follower in known_as(organization, user)
    ]


def erase_person(organization: str, user: str) -> None:
    """They hear of no event any more, and nothing says that they did. May run again where it was cut off."""
    for follower in known_as(organization, user):
        transact(*store.forget_follower(follower), *watch_of(follower))


def known_as(organization: str, user: str) -> Iterator[Follower]:
    """Whoever somebody is, by their account and their addresses, in all events."""
    person = accounts.find_user(organization, user)
    known = {person.email, *(phone.number for phone in person.phones if phone.verified_at)} - {None} if person else ()
    addresses = (address_owner(organization, str(address)) for address in known)
    found = {follower.id: follower for owner in (user, *addresses) for follower in store.owned(organization, owner)}
    yield from found.values()
