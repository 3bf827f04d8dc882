"""Moments as their readers tell them."""

from datetime import datetime
from zoneinfo import ZoneInfo


def told(moment: datetime, language: str, timezone: str) -> str:
    """A time for a reader: `23 November 2026, 14:30 (Bangkok time)`; in Thai with the Buddhist year."""
    local = moment.astimezone(ZoneInfo(timezone))
    if language == "th":
        return f"{local.day} {_THAI_MONTHS[local.month - 1]} {local.year + 543} เวลา {local:%H:%M}\u00a0น."
    place = timezone.rpartition("/")[2].replace("_", " ")
    return f"{local.day} {_ENGLISH_MONTHS[local.month - 1]} {local.year}, {local:%H:%M} ({place} time)"


_ENGLISH_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_THAI_MONTHS = (
    "มกราคม", "กุมภาพันธ์", "มีนาคม", "เมษายน", "พฤษภาคม", "มิถุนายน",
    "กรกฎาคม", "สิงหาคม", "กันยายน", "ตุลาคม", "พฤศจิกายน", "ธันวาคม",
)  # fmt: skip
