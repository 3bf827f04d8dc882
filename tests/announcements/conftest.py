"""An event that people wait for, and what they are sent."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from moto.ses.models import ses_backends
from moto.sns.models import sns_backends

from app import app
from chalicelib.announcements import service
from chalicelib.announcements.model import Follower, follower_id
from chalicelib.announcements.store import find_follower
from chalicelib.core import aws
from chalicelib.core.auth import Principal
from chalicelib.events import service as events
from chalicelib.events.model import Event, EventStatus
from chalicelib.organizations.service import DEFAULT
from infra.local.gateway import Gateway, Response
from tests import deliver
from tests.events.people import ADMIN, VISITOR, planned
from tests.stack import ACCOUNT, REGION

MAIL, PHONE = "visitor@people.example", "+66812345678"


def mails(to: str | None = None) -> list[Any]:
    sent = ses_backends[ACCOUNT][REGION].sent_messages
    return [mail for mail in sent if to in (None, mail.destinations["ToAddresses"][0])]


def texts() -> list[str]:
    return [text for _, text in sns_backends[ACCOUNT][REGION].sms_messages.values()]


@dataclass
class Wait:
    event: Event
    headers: list[dict[str, str]] = field(default_factory=list)
    """Those of ours that each mail of a list carried, by name."""

    def ask(self, who: Principal = VISITOR, language: str | None = "en", **address: str) -> str:
        """Ask to be told; the code that comes to the address."""
        service.ask(who, self.event.id, **{"email": None, "phone": None, **address}, language=language)
        deliver.all()
        told = texts()[-1] if "phone" in address else mails(address["email"])[-1].body
        return next(iter(re.findall(r"\b[0-9]{6}\b", told)))

    def register(self, who: Principal = VISITOR, **address: str) -> Follower:
        code = self.ask(who, **address)
        service.confirm(who, self.event.id, **{"email": None, "phone": None, **address}, code=code, language="en")
        return self.known(*address.values())

    def known(self, address: str) -> Follower | None:
        return find_follower(DEFAULT, self.event.id, follower_id(DEFAULT, self.event.id, address))

    def go(self, to: EventStatus = EventStatus.LIVE) -> None:
        self.move(to)
        deliver.all()

    def move(self, to: EventStatus = EventStatus.LIVE) -> None:
        held = events.get(DEFAULT, self.event.id)
        self.event = events.move_event(ADMIN, held.id, to, held.version)


@pytest.fixture
def wait(aws: None) -> Iterator[Wait]:
    waiting = Wait(planned())
    newer = _client()

    def note(params: Any, **_: Any) -> None:
        waiting.headers.append({each["Name"]: each["Value"] for each in params["Content"]["Simple"]["Headers"]})

    newer.meta.events.register("provide-client-params.sesv2.SendEmail", note)
    yield waiting
    newer.meta.events.unregister("provide-client-params.sesv2.SendEmail", note)


def _client() -> Any:
    return aws.client("sesv2")


def browse(method: str, target: str, body: bytes = b"") -> Response:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept-Language": "en"}
    return Gateway(app).handle(method, target, headers, body)
