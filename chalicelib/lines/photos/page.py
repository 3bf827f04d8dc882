"""The page of one photo, to be shared: it shows the watermarked preview, and tells other sites what to show of it."""

from pathlib import Path
from urllib.parse import urlsplit

from chalicelib.core.auth import Principal
from chalicelib.core.pages import page, preferred
from chalicelib.core.wire import Reply, Request
from chalicelib.events import service as events
from chalicelib.lines.photos.model import Shown
from chalicelib.organizations import service as organizations

_TEMPLATES = Path(__file__).parent / "templates"
_SIZE = "medium"
_WORDS = {
    "th": {"text": "รูปนี้มีลายน้ำ รูปต้นฉบับมีจำหน่าย"},
    "en": {"text": "A watermarked preview. The original is for sale."},
}


def share(principal: Principal, request: Request, photo: Shown) -> Reply:
    home = organizations.get(principal.organization)
    language = preferred(request.headers.get("accept-language", ""), home.language)
    image = photo.sizes[_SIZE]
    lies = urlsplit(image.url)
    return page(
        _TEMPLATES,
        "share.html",
        language,
        images=f"{lies.scheme}://{lies.netloc}",
        words=_WORDS[language],
        organization=home.name,
        title=events.visible(principal, photo.photo.event).name,
        address=f"{organizations.url_of(principal.organization)}/photos/{photo.photo.id}/share",
        image=image,
    )
