"""The mails and texts the system sent: the emulator keeps what SES and SNS were given, a page shows it to a person."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener
from wsgiref.types import StartResponse, WSGIEnvironment

from jinja2 import Environment, FileSystemLoader, StrictUndefined

PATH = "/_local/mailbox"
HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    # The frame with a mail inherits this: styles and pictures, but no script, form or foreign page.
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: http://127.0.0.1:* http://localhost:*",
    ),
]

templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)


@dataclass(frozen=True)
class Mail:
    id: str
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    sent_at: datetime

    def is_to(self, address: str) -> bool:
        return address.lower() in (parseaddr(receiver)[1].lower() for receiver in self.to)


@dataclass(frozen=True)
class Text:
    """A text to one phone. The emulator does not say when."""

    to: str
    text: str


def sent_mails(endpoint: str) -> list[Mail]:
    """Every mail SES accepted since the last reset, oldest first."""
    by_account = _kept(endpoint, "ses/messages")["messages"]
    mails = [
        Mail(
            id=record["MessageId"],
            sender=_readable(record["Source"]),
            to=tuple(_readable(address) for address in (*record["To"], *record["CC"], *record["BCC"])),
            subject=_readable(record["Subject"]),
            text=record["BodyText"] or "",
            html=record["BodyHtml"] or "",
            sent_at=datetime.fromtimestamp(record["Timestamp"], UTC),
        )
        for records in by_account.values()
        for record in records
    ]
    return sorted(mails, key=lambda mail: mail.sent_at)


def sent_texts(endpoint: str) -> list[Text]:
    """Every text SNS accepted since the last reset: by phone, and those to one oldest first."""
    by_phone = _kept(endpoint, "sns/sms-messages")["sms_messages"]
    return [Text(record["PhoneNumber"], record["Message"]) for records in by_phone.values() for record in records]


def _kept(endpoint: str, what: str) -> Any:
    with build_opener(ProxyHandler({})).open(f"{endpoint}/_ministack/{what}", timeout=10) as answer:
        return json.load(answer)


class Mailbox:
    """The pages under /_local/mailbox, as a WSGI application."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, page = self._page(environ["PATH_INFO"].removeprefix(PATH).strip("/"))
        body = page.encode()
        start_response(status, [*HEADERS, ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _page(self, wanted: str) -> tuple[str, str]:
        mails = sent_mails(self._endpoint)
        if not wanted:
            texts = sent_texts(self._endpoint)[::-1]
            return "200 OK", templates.get_template("mailbox.html").render(mails=mails[::-1], texts=texts, path=PATH)
        mail = next((mail for mail in mails if mail.id == wanted), None)
        status = "200 OK" if mail else "404 Not Found"
        return status, templates.get_template("mail.html").render(mail=mail, path=PATH)


def _readable(header: str) -> str:
    """A header with its encoded words (RFC 2047) decoded."""
    return str(make_header(decode_header(header)))
