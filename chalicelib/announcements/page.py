"""The page behind the links of messages about events. In Thai and English; it works without scripts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalicelib.announcements import service
from chalicelib.announcements.words import DONE, NOW, OVER, WORDS
from chalicelib.core.errors import AppError
from chalicelib.core.pages import HTML, UNINDEXED, page, preferred
from chalicelib.core.wire import Reply, Request
from chalicelib.notifications import service as notifications
from chalicelib.organizations import service as organizations

_TEMPLATES = Path(__file__).parent / "templates"


def show(organization: str, request: Request, token: str) -> Reply:
    """A button for what the link is for; the page that one leads to whose following is counted."""

    def form(show: Callable[..., Reply], language: str) -> Reply:
        if (leads_to := notifications.follow_link(organization, token)) is not None:
            return Reply("", 303, HTML, {"Location": leads_to, **UNINDEXED})
        act = service.open_link(organization, token).act
        return show("press.html", forms="'self'", words=WORDS[act][language])

    return _answer(organization, request, form)


def press(organization: str, request: Request, token: str) -> Reply:
    """What came of it."""

    def pressed(show: Callable[..., Reply], language: str) -> Reply:
        act = service.press(organization, token, language).act
        return show("pressed.html", told=DONE[act][language])

    return _answer(organization, request, pressed)


def _answer(organization: str, request: Request, make: Callable[[Callable[..., Reply], str], Reply]) -> Reply:
    """What `make` makes of a function that shows a template, and the language; a refusal as a page."""
    home = organizations.get(organization)
    language = preferred(request.headers.get("accept-language", ""), home.language)

    def show(template: str, **values: Any) -> Reply:
        return page(_TEMPLATES, template, language, organization=home.name, **values)

    try:
        return make(show, language)
    except AppError as refusal:
        told = OVER if refusal.status == 404 else NOW
        return show("pressed.html", status=refusal.status, told=told[language])
