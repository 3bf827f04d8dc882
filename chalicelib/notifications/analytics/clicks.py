"""Links of mails that count, of people who agreed to it: through us to a page of the organization's own site.

What a link carries is signed: the page, the notice, the day, and a number that nobody else has and that is kept nowhere
until the link is followed. So a mail counts once, and what is kept then does not say whose it was.
"""

import re
from datetime import date, timedelta

from chalicelib.core import clock, ids, log
from chalicelib.core.errors import NotFound, Unavailable
from chalicelib.core.once import Taken, claim
from chalicelib.core.secrets import is_signature, sign
from chalicelib.core.table import is_busy, transact
from chalicelib.notifications.analytics import store
from chalicelib.notifications.analytics.model import Figure
from chalicelib.notifications.analytics.service import counting
from chalicelib.organizations import service as organizations

_ACT = "k"
"""What its token begins with, among those of `/notices`."""

_PAGE = re.compile(r"/[A-Za-z0-9/_~.-]{0,200}")
"""What anybody may see. What opens something has a query or a fragment, and is for no log of ours."""

_COUNTED = timedelta(days=30)


def counted_link(organization: str, user: str, notice: str, link: str, day: date) -> str | None:
    """`link` through us; None where it stays as it is: for who did not agree, and to other places."""
    home = organizations.url_of(organization)
    page = link.removeprefix(home)
    if page == link or not _PAGE.fullmatch(page) or not store.is_measured(organization, user):
        return None
    told = (notice, day.isoformat(), ids.token())
    signature = sign(*_signed(organization, *told, page))
    return f"{home}/notices?token={'.'.join((_ACT, *told, signature, page))}"


def follow(organization: str, token: str) -> str | None:
    """Where a link leads, once it is counted; None for one of another sort. Raises NotFound for a forged one."""
    act, *parts = token.split(".", 5)
    if act != _ACT:
        return None
    if len(parts) != 5:
        raise _over()
    notice, day, number, signature, page = parts
    if not is_signature(signature, *_signed(organization, notice, day, number, page)):
        raise _over()
    _count(organization, notice, date.fromisoformat(day), number)
    return f"{organizations.url_of(organization)}{page}"


def _count(organization: str, notice: str, day: date, number: str) -> None:
    """Once for each mail, in the month after it was sent: its mark stays as long."""
    if clock.now().date() - day >= _COUNTED:
        return
    clicked = counting(organization, "email", notice, Figure.CLICKED, thing=number, day=day)
    try:
        transact(claim(organization, "click", number, result=notice, keep=_COUNTED), *clicked)
    except Taken:
        log.info("link followed again", organization=organization, template=notice)
    except Exception as failure:
        if not (isinstance(failure, Unavailable) or is_busy(failure)):
            raise
        log.warning("click not counted", organization=organization, template=notice)  # who follows it wants the page


def _over() -> NotFound:
    return NotFound("link_over", "This link has been used, or it has expired.")


def _signed(organization: str, *parts: str) -> tuple[str, ...]:
    return "click", organization, *parts
