"""The download page of an order, for a person with nothing but the link in a mail. In Thai and English.

It works without scripts, loads nothing, and a form on it may only lead back here and on to storage.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.core import clock, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError
from chalicelib.core.wire import Reply, Request
from chalicelib.entitlements.model import WINDOW, Grant
from chalicelib.entitlements.words import WORDS
from chalicelib.notifications import service as notifications
from chalicelib.organizations import service as organizations

if TYPE_CHECKING:
    from jinja2 import Environment

_HTML = "text/html; charset=utf-8"
_UNINDEXED = {"X-Robots-Tag": "noindex, nofollow"}
_TEMPLATES = Path(__file__).parent / "templates"
_ACCEPTED = re.compile(r"\s*([a-z]{2,3})(?:-[a-z0-9-]+)?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?)\s*)?")


def listing(principal: Principal, request: Request, grants: Sequence[Grant]) -> Reply:
    """The files of one order, with a button for each that can be had."""
    now = clock.now()
    home = organizations.get(principal.organization)
    language = preferred(request.headers.get("accept-language", ""), home.language)
    untils = {each.resource: notifications.told(each.expires_at, language, home.timezone) for each in grants}
    body = _render(
        "downloads.html",
        language,
        organization=home.name,
        address=_address(request),
        grants=grants,
        now=now,
        minutes=WINDOW // timedelta(minutes=1),
        untils=untils,
        same_until=len(set(untils.values())) == 1,
        over=not any(grant.is_available(now) for grant in grants),
    )
    storage_at = urlsplit(storage.read_url("originals", grants[0].key))
    return _page(body, language, 200, f"'self' {storage_at.scheme}://{storage_at.netloc}")


def redirect(url: str) -> Reply:
    return Reply("", 303, _HTML, {"Location": url, **_UNINDEXED})


def answer(principal: Principal, request: Request, make: Callable[[], Reply]) -> Reply:
    """What `make` answers; a refusal as a page, where the rest of the API answers the envelope."""
    try:
        return make()
    except AppError as refusal:
        return _refusal(refusal, principal, request)


def preferred(accepted: str, otherwise: str) -> str:
    """The language of ours that an Accept-Language header ranks first."""
    ranked: dict[str, float] = {}
    for part in accepted[:500].lower().split(","):
        if match := _ACCEPTED.fullmatch(part):
            ranked.setdefault(match[1], float(match[2] or 1))
    known = {language: ranked[language] for language in WORDS if ranked.get(language)}
    return max(known, key=known.__getitem__) if known else otherwise


def _refusal(refusal: AppError, principal: Principal, request: Request) -> Reply:
    home = organizations.get(principal.organization)
    language = preferred(request.headers.get("accept-language", ""), home.language)
    back, on_photo, _ = _address(request).partition("/photos/")
    body = _render(
        "refusal.html",
        language,
        organization=home.name,
        code=refusal.code,
        back=back if on_photo and refusal.status != 404 else None,
    )
    return _page(body, language, refusal.status, "'none'")


def _page(body: str, language: str, status: int, form_action: str) -> Reply:
    policy = (
        f"default-src 'none'; style-src 'sha256-{_style_hash()}'; form-action {form_action}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    headers: Mapping[str, str] = {
        **_UNINDEXED,
        "Content-Security-Policy": policy,
        "Content-Language": language,
        "Vary": "Origin, Accept-Language",
    }
    return Reply(body, status, _HTML, headers)


def _address(request: Request) -> str:
    """The path the browser asked for, the API's base path in it included, without a slash at the end."""
    return "/" + request.path.strip("/")


def _render(template: str, language: str, **values: Any) -> str:
    found = _templates().get_template(template)
    return found.render(values, language=language, words=WORDS[language], style=_style())


@cache
def _style() -> str:
    return (_TEMPLATES / "page.css").read_text()


@cache
def _style_hash() -> str:
    """What the policy allows as `<style>`: exactly our own."""
    return base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()


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
