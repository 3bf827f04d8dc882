"""The download page of an order, for a person with nothing but the link in a mail. In Thai and English.

It works without scripts, loads nothing, and a form on it may only lead back here and on to storage.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from chalicelib.core import clock, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError
from chalicelib.core.pages import HTML, UNINDEXED, page, preferred
from chalicelib.core.wire import Reply, Request
from chalicelib.entitlements.model import WINDOW, Grant
from chalicelib.entitlements.words import WORDS
from chalicelib.notifications import service as notifications
from chalicelib.organizations import service as organizations

_TEMPLATES = Path(__file__).parent / "templates"


def listing(principal: Principal, request: Request, grants: Sequence[Grant]) -> Reply:
    """The files of one order, with a button for each that can be had."""
    now = clock.now()
    home = organizations.get(principal.organization)
    language = preferred(request.headers.get("accept-language", ""), home.language)
    untils = {each.resource: notifications.told(each.expires_at, language, home.timezone) for each in grants}
    storage_at = urlsplit(storage.read_url("originals", grants[0].key))
    return page(
        _TEMPLATES,
        "downloads.html",
        language,
        forms=f"'self' {storage_at.scheme}://{storage_at.netloc}",
        words=WORDS[language],
        organization=home.name,
        address=_address(request),
        grants=grants,
        now=now,
        minutes=WINDOW // timedelta(minutes=1),
        untils=untils,
        same_until=len(set(untils.values())) == 1,
        over=not any(grant.is_available(now) for grant in grants),
    )


def redirect(url: str) -> Reply:
    return Reply("", 303, HTML, {"Location": url, **UNINDEXED})


def answer(principal: Principal, request: Request, make: Callable[[], Reply]) -> Reply:
    """What `make` answers; a refusal as a page, where the rest of the API answers the envelope."""
    try:
        return make()
    except AppError as refusal:
        return _refusal(refusal, principal, request)


def _refusal(refusal: AppError, principal: Principal, request: Request) -> Reply:
    home = organizations.get(principal.organization)
    language = preferred(request.headers.get("accept-language", ""), home.language)
    back, on_photo, _ = _address(request).partition("/photos/")
    return page(
        _TEMPLATES,
        "refusal.html",
        language,
        status=refusal.status,
        words=WORDS[language],
        organization=home.name,
        code=refusal.code,
        back=back if on_photo and refusal.status != 404 else None,
    )


def _address(request: Request) -> str:
    """The path the browser asked for, the API's base path in it included, without a slash at the end."""
    return "/" + request.path.strip("/")
