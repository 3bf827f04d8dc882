"""The pages behind the links of mails about accounts. In Thai and English."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from chalicelib.accounts import service
from chalicelib.accounts.words import DONE, PROBLEMS, WORDS
from chalicelib.core.errors import AppError, Invalid
from chalicelib.core.pages import page, preferred
from chalicelib.core.wire import Reply, Request
from chalicelib.organizations import service as organizations

_TEMPLATES = Path(__file__).parent / "templates"
_LONGEST_FORM = 4096


def show(organization: str, request: Request, token: str) -> Reply:
    """The form for what the link is for."""
    return _answer(organization, request, lambda show: _form(organization, token, show))


def follow(organization: str, request: Request) -> Reply:
    """What came of pressing the button. A password that is no good may be typed again."""
    typed = parse_qs(request.body[:_LONGEST_FORM].decode(errors="replace"), max_num_fields=4)
    token, password = (typed.get(name, [""])[-1] for name in ("token", "password"))

    def pressed(show: Callable[..., Reply]) -> Reply:
        try:
            purpose = service.follow_link(organization, token, password)
        except Invalid as refusal:
            return _form(organization, token, show, refusal)
        return show("told.html", told=DONE[purpose])

    return _answer(organization, request, pressed)


def _form(organization: str, token: str, show: Callable[..., Reply], refusal: Invalid | None = None) -> Reply:
    purpose = service.open_link(organization, token).purpose
    problem = PROBLEMS.get(refusal.code, PROBLEMS["password"]) if refusal else None
    status = refusal.status if refusal else 200
    return show("link.html", status=status, forms="'self'", words=WORDS[purpose], token=token, problem=problem)


def _answer(organization: str, request: Request, make: Callable[[Callable[..., Reply]], Reply]) -> Reply:
    """What `make` makes of a function that shows a template; a refusal as a page."""
    home = organizations.get(organization)
    language = preferred(request.headers.get("accept-language", ""), home.language)

    def show(template: str, **values: Any) -> Reply:
        spoken = {name: _in(language, value) for name, value in values.items()}
        return page(_TEMPLATES, template, language, organization=home.name, **spoken)

    try:
        return make(show)
    except AppError as refusal:
        return show("told.html", status=refusal.status, told=PROBLEMS.get(refusal.code, PROBLEMS["now"]))


def _in(language: str, value: Any) -> Any:
    """Words come in all languages."""
    return value[language] if isinstance(value, dict) else value
