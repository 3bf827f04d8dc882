"""Posters that lead to an event."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.core import clock, storage
from chalicelib.core.auth import Principal
from chalicelib.events import service as events
from chalicelib.events.model import Access
from chalicelib.media import service as media
from chalicelib.organizations import service as organizations

_WORDS = {
    "th": ("สแกนเพื่อดูรูปของคุณ", "ต้องใช้รหัสของงาน"),
    "en": ("Scan to find your photos", "You need the code of the event"),
}


@dataclass(frozen=True, slots=True)
class Poster:
    """`url` works until `expires_at`."""

    url: str
    expires_at: datetime


def poster(actor: Principal, id_or_slug: str) -> Poster:
    """A PDF with a QR code of the event's address; drawn anew each time, for its name may have changed."""
    event = events.get(actor.organization, id_or_slug)
    home = organizations.get(event.organization)
    scan, needs_code = _WORDS[home.language]
    lines = [scan, *([needs_code] if event.access not in (None, Access.PUBLIC) else []), home.name]
    made = media.poster(event.name, lines, f"{organizations.url_of(event.organization)}/events/{event.slug}")
    key = f"posters/{event.organization}/{event.id}.pdf"
    storage.upload("previews", key, made, content_type="application/pdf")
    url = storage.read_url("previews", key, filename=f"{event.slug}.pdf")
    return Poster(url, clock.now() + storage.LONGEST_READ)
