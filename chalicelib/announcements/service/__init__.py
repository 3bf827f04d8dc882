"""Announcements, use case by use case: following an event, announcing, broadcasting, delivering, watching, privacy."""

from chalicelib.announcements.service.announcing import Said, announce, announced, public
from chalicelib.announcements.service.broadcasting import begin_due, broadcast, cancel, figures_of, get_broadcast
from chalicelib.announcements.service.broadcasting import listed as broadcasts
from chalicelib.announcements.service.delivering import begin_live, deliver, page_of
from chalicelib.announcements.service.following import (
    ask,
    confirm,
    find_event,
    forget_event,
    leave,
    note_buyer,
    open_link,
    press,
    send_code,
    stop,
    unsubscribe_link,
)
from chalicelib.announcements.service.privacy import erase_person, personal_data
from chalicelib.announcements.service.watching import (
    end_watches,
    face_data,
    lose_watch,
    stop_watching,
    tell_of_photos,
    watch,
)

__all__ = [
    "Said",
    "announce",
    "announced",
    "ask",
    "begin_due",
    "begin_live",
    "broadcast",
    "broadcasts",
    "cancel",
    "confirm",
    "deliver",
    "end_watches",
    "erase_person",
    "face_data",
    "figures_of",
    "find_event",
    "forget_event",
    "get_broadcast",
    "leave",
    "lose_watch",
    "note_buyer",
    "open_link",
    "page_of",
    "personal_data",
    "press",
    "public",
    "send_code",
    "stop",
    "stop_watching",
    "tell_of_photos",
    "unsubscribe_link",
    "watch",
]
