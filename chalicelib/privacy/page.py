"""The page behind the link to an export: one button, no script, nothing from the network."""

from collections.abc import Callable
from html import escape
from urllib.parse import urlsplit

from chalicelib.core.errors import AppError
from chalicelib.core.wire import Reply
from chalicelib.privacy.model import Export
from chalicelib.privacy.service import exports

_HTML = "text/html; charset=utf-8"
_UNINDEXED = {"X-Robots-Tag": "noindex, nofollow"}


def shown(export: Export) -> Reply:
    storage = urlsplit(exports.address_of(export))
    body = (
        "<p>ข้อมูลทั้งหมดของคุณ ดาวน์โหลดได้ถึง / Everything kept of you, until "
        f"{export.expires_at:%Y-%m-%d %H:%M} UTC.</p>"
        '<form method="post"><button>ดาวน์โหลด / Download</button></form>'
    )
    return _page(body, 200, f"'self' {storage.scheme}://{storage.netloc}")


def redirect(url: str) -> Reply:
    return Reply("", 303, _HTML, {"Location": url, **_UNINDEXED})


def answer(make: Callable[[], Reply]) -> Reply:
    """What `make` answers; a refusal as a page, where the rest of the API answers the envelope."""
    try:
        return make()
    except AppError as refusal:
        return _page(f"<p>ลิงก์นี้ใช้ไม่ได้แล้ว / {escape(refusal.message)}</p>", refusal.status, "'none'")


def _page(body: str, status: int, form_action: str) -> Reply:
    policy = f"default-src 'none'; form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    text = f'<!doctype html><html lang="en"><head>{head}<title>Your data</title></head><body>{body}</body></html>'
    return Reply(text, status, _HTML, {**_UNINDEXED, "Content-Security-Policy": policy})
