"""Somebody links their account of LINE by sending a code to the organization's, and is written to from then on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from chalicelib.core import clock, ids, log
from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound, Unauthorized, Unprocessable
from chalicelib.core.secrets import LineSecret, secrets
from chalicelib.core.table import transact
from chalicelib.notifications.channels import line
from chalicelib.notifications.channels.push import Platform
from chalicelib.notifications.devices import service as devices
from chalicelib.notifications.linking import store
from chalicelib.notifications.linking.wire import Event, events_of

LASTS = timedelta(minutes=10)
_DIGITS = 12
"""Sixty bits, for ten minutes."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """`link` opens LINE with the code typed into the account's chat."""

    code: str
    link: str
    expires_at: datetime


def begin(principal: Principal) -> Invitation:
    """A code to be sent to the organization's account. Raises Unprocessable where it has none."""
    account = _account(principal.organization)
    if account is None:
        raise Unprocessable("platform_not_supported", "This organization is not on LINE.")
    code, expires_at = ids.code(_DIGITS), clock.now() + LASTS
    transact(store.add(principal.organization, code, principal.known_user, expires_at))
    return Invitation(code, f"https://line.me/R/oaMessage/{quote(account.bot_id)}/?{code}", expires_at)


def end(principal: Principal) -> None:
    """Write to nobody on LINE any more. Twice is once."""
    devices.leave(principal.organization, principal.known_user, Platform.LINE)


def take(organization: str, body: bytes, signature: str) -> None:
    """What LINE tells of the organization's account; it may come twice. Raises Unauthorized for who is not LINE."""
    account = _account(organization)
    if account is None or not line.is_signed(account, body, signature):
        raise Unauthorized("invalid_signature", "This was not signed by who it says it is from.")
    for event in events_of(body):
        if (person := event.person) is not None:
            _heed(organization, event, person)


def _heed(organization: str, event: Event, person: str) -> None:
    """Whoever sends a code is written to; whoever blocks the account is not."""
    if event.type == "unfollow":
        devices.drop_of_owner(organization, Platform.LINE, person)
        return
    code = event.text.strip().upper()
    user = store.user_of(organization, code, clock.now()) if len(code) == _DIGITS else None
    if user is None:
        return
    try:
        devices.add(organization, user, Platform.LINE, person, also=(store.use(organization, code),))
    except NotFound:
        log.info("code used already", organization=organization)


def _account(organization: str) -> LineSecret | None:
    return secrets().line_of_organizations.get(organization)
