"""An inbox on the wire."""

from datetime import datetime
from typing import Self

from pydantic import Field

from chalicelib.core import clock
from chalicelib.core.table import Page
from chalicelib.core.wire import Output, Paging
from chalicelib.notifications.inbox import model
from chalicelib.notifications.model import Kind
from chalicelib.organizations import service as organizations


class Listing(Paging):
    unread: bool = Field(False, description="Only what was not read yet; a page may hold fewer than asked for.")


class Notification(Output):
    id: str
    kind: Kind
    topic: str = Field(description="What it tells: `refunded`, `event_live`.")
    title: str
    text: str = Field(description="Plain text, in the language of the reader.")
    link: str | None = Field(description="Where its matter is seen.")
    at: datetime
    is_read: bool

    @classmethod
    def of(cls, inbox: model.Inbox, entry: model.Entry) -> Self:
        return cls(
            id=entry.id,
            kind=entry.kind,
            topic=entry.topic,
            title=entry.title,
            text=entry.text,
            link=f"{organizations.url_of(entry.organization)}{entry.page}" if entry.page else None,
            at=entry.at,
            is_read=inbox.has_read(entry),
        )


class Notifications(Output):
    items: list[Notification]
    unread_count: int = Field(description="Of the whole inbox, whatever the page shows.")
    page_size: int
    next_cursor: str | None
    has_more: bool

    @classmethod
    def of(cls, inbox: model.Inbox, found: Page[model.Entry]) -> Self:
        return cls(
            items=[Notification.of(inbox, entry) for entry in found.items],
            unread_count=inbox.unread_on(clock.now().date()),
            page_size=found.size,
            next_cursor=found.cursor,
            has_more=found.cursor is not None,
        )
