"""The way from a mail to a receipt: to its PDF, or to a page that says why there is none."""

from pathlib import Path

from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound
from chalicelib.core.pages import HTML, UNINDEXED, page, preferred
from chalicelib.core.wire import Reply, Request
from chalicelib.invoices import service
from chalicelib.organizations import service as organizations

_TEMPLATES = Path(__file__).parent / "templates"
_WORDS = {
    "th": {
        "heading": "ไม่พบใบเสร็จ",
        "advice": "ใบเสร็จอาจยังไม่ออก กรุณาลองใหม่ในอีกสักครู่ หรือเปิดลิงก์จากอีเมลอีกครั้ง",
    },
    "en": {
        "heading": "There is no such receipt",
        "advice": "It may not be issued yet: try again in a moment, or open the link in your mail once more.",
    },
}


def receipt(guest: Principal, request: Request, order: str) -> Reply:
    """For whoever holds the order's token. A wrong link and a receipt that is still to come look alike."""
    try:
        return Reply("", 303, HTML, {"Location": service.draw_receipt(guest, order).url, **UNINDEXED})
    except NotFound as missing:
        home = organizations.get(guest.organization)
        language = preferred(request.headers.get("accept-language", ""), home.language)
        words = _WORDS[language]
        return page(_TEMPLATES, "missing.html", language, status=missing.status, words=words, organization=home.name)
