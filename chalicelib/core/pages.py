"""Pages for a person with nothing but a link. They work without scripts, load nothing, and forms lead where we say."""

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.core.wire import Reply

if TYPE_CHECKING:
    from jinja2 import Environment

HTML = "text/html; charset=utf-8"
UNINDEXED = {"X-Robots-Tag": "noindex, nofollow"}
LANGUAGES = ("th", "en")
_FRAME = Path(__file__).parent / "templates"
_ACCEPTED = re.compile(r"\s*([a-z]{2,3})(?:-[a-z0-9-]+)?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?)\s*)?")


def page(
    folder: Path,
    template: str,
    language: str,
    *,
    status: int = 200,
    forms: str = "'none'",
    images: str | None = None,
    **values: Any,
) -> Reply:
    """A template of `folder`, which extends `frame.html`.

    `forms` is where its forms may lead, `images` where its images may lie, as CSP writes it.
    """
    policy = (
        f"default-src 'none'; style-src 'sha256-{_style_hash()}'; form-action {forms}; "
        "base-uri 'none'; frame-ancestors 'none'"
    ) + (f"; img-src {images}" if images else "")
    headers: Mapping[str, str] = {
        **UNINDEXED,
        "Content-Security-Policy": policy,
        "Content-Language": language,
        "Vary": "Origin, Accept-Language",
    }
    found = _templates(folder).get_template(template)
    return Reply(found.render(values, language=language, style=_style()), status, HTML, headers)


def preferred(accepted: str, otherwise: str) -> str:
    """The language of ours that an Accept-Language header ranks first."""
    ranked: dict[str, float] = {}
    for part in accepted[:500].lower().split(","):
        if match := _ACCEPTED.fullmatch(part):
            ranked.setdefault(match[1], float(match[2] or 1))
    known = {language: ranked[language] for language in LANGUAGES if ranked.get(language)}
    return max(known, key=known.__getitem__) if known else otherwise


@cache
def _style() -> str:
    return (_FRAME / "page.css").read_text()


@cache
def _style_hash() -> str:
    """What the policy allows as `<style>`: exactly our own."""
    return base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()


@cache
def _templates(folder: Path) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader([folder, _FRAME]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
