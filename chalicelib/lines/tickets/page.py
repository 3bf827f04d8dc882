"""The page of an order's tickets, for a person with nothing but the link in a mail. In Thai and English."""

from pathlib import Path
from typing import Any

from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound
from chalicelib.core.pages import page, preferred
from chalicelib.core.wire import Reply, Request
from chalicelib.lines.tickets import service
from chalicelib.lines.tickets.model import Shown, State
from chalicelib.lines.tickets.words import WORDS
from chalicelib.organizations import service as organizations

_TEMPLATES = Path(__file__).parent / "templates"


def show(principal: Principal, request: Request, order: str) -> Reply:
    """The tickets with their codes, or that there are none."""
    home = organizations.get(principal.organization)
    language = preferred(request.headers.get("accept-language", ""), home.language)
    told: dict[str, Any] = {"words": WORDS[language], "organization": home.name}
    try:
        tickets = service.of_order(principal, order)
    except NotFound as missing:
        return page(_TEMPLATES, "missing.html", language, status=missing.status, **told)
    pictures = [(shown, _picture(shown)) for shown in tickets]
    return page(_TEMPLATES, "tickets.html", language, images="data:", tickets=pictures, **told)


def _picture(shown: Shown) -> str | None:
    """The code as a data URI, dark on light whatever the page looks like; none of a ticket that admits nobody."""
    if shown.ticket.state is State.VOID:
        return None
    import segno

    drawn: str = segno.make_qr(shown.code, error="m").svg_data_uri(scale=4, light="#fff", border=4)
    return drawn
