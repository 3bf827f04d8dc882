"""The page behind the link of an invitation: a form for name and password. It works without scripts."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError
from chalicelib.core.wire import Reply, Request
from chalicelib.members import service
from chalicelib.members.words import WORDS
from chalicelib.organizations import service as organizations

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"
_LARGEST_FORM = 4096


def form(principal: Principal, invitation_id: str, token: str) -> Reply:
    """The form, or that the link does not work."""
    try:
        invitation = service.open_invitation(principal.organization, invitation_id, token)
    except AppError as refusal:
        return _page(principal, "en", refusal.status, problem=refusal.code)
    return _page(principal, invitation.language, 200, email=invitation.email)


def joined(principal: Principal, request: Request, invitation_id: str, token: str) -> Reply:
    """That they joined; or the form again, with what was wrong about it."""
    sent = _fields(request)
    try:
        invitation = service.open_invitation(principal.organization, invitation_id, token)
    except AppError as refusal:
        return _page(principal, "en", refusal.status, problem=refusal.code)
    name, password = sent.get("name", ""), sent.get("password", "")
    try:
        service.join(principal, invitation_id, token=token, name=name, password=password)
    except AppError as refusal:
        return _page(
            principal, invitation.language, refusal.status, email=invitation.email, name=name, problem=refusal.code
        )
    return _page(principal, invitation.language, 200, welcome=True)


def _fields(request: Request) -> dict[str, str]:
    """What a form sends; the first value of each field."""
    text = request.body[:_LARGEST_FORM].decode("utf-8", "replace")
    return {name: values[0] for name, values in parse_qs(text, max_num_fields=10).items()}


def _page(principal: Principal, language: str, status: int, **values: Any) -> Reply:
    words = WORDS[language]
    shown: dict[str, Any] = {"email": None, "name": "", "problem": None, "welcome": False} | values
    body = (
        _templates()
        .get_template("invitation.html")
        .render(
            shown,
            language=language,
            words=words,
            style=_style(),
            organization=organizations.get(principal.organization).name,
            problem=shown["problem"] and words["problems"].get(shown["problem"], words["problem"]),
        )
    )
    style = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Content-Language": language, "X-Robots-Tag": "noindex, nofollow"}
    return Reply(body, status, "text/html; charset=utf-8", headers)


@cache
def _style() -> str:
    return (_TEMPLATES / "invitation.css").read_text()


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
