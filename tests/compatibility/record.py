"""Writes down what a release writes: `python -m tests.compatibility.record RELEASE`, once, when it is released.

With `--add` what is new is written beside what is there: for a release that is not out yet. What is there stays.

The flows of the crash tests run undisturbed, and a few more, in moto. Kept are items of every record class in the
states they pass through, the body of every fact, one message of every handler with what its tables and files held
at that moment, and the plain inside of tokens and cursors. The people are made up and every key is a new one.
"""

import argparse
import base64
import io
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from moto.s3.models import s3_backends
from PIL import Image

from tests import stack

os.environ.update(stack.ENVIRONMENT)

from chalicelib.core import clock, queues
from chalicelib.core.auth import Principal
from chalicelib.core.queues import Fact
from chalicelib.core.table import Choice, Item, Write, lists, record_of, records, writes
from chalicelib.entitlements import service as entitlements
from chalicelib.events import service as events
from chalicelib.events.model import Details
from chalicelib.lines.photos.pricing import Package
from chalicelib.lines.photos.service import packages as photo_packages
from chalicelib.live import service as live
from chalicelib.notifications.linking import store as line_codes
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments.gateways.returns import Entry, Page
from chalicelib.payments.gateways.store import Kept
from tests.media.photos import encoded
from tests.system.crash import flows, lab, snapshot
from tests.system.crash.flows import FLOWS, Flow
from tests.system.crash.world import World, items

FOLDER = Path(__file__).parent / "releases"
_MOST_OF_A_CLASS = 12
_NO_STATE = ("#LIM#", "#SES#")
"""Keys of what no handler reads."""

_IDLE_WITHOUT = {
    "faces.look_for_all": "WATCH#",
    "notifications.devices.ring": "#DEVICE#",
    "payments.keep_method": "'keeps'",
    "payments.release_credit": "'credit'",
    "payments.release_credit_of_cancelled": "'credit'",
    "payments.refunds.give_back_of_expired": "'captured'",
    "payments.refunds.give_back_of_cancelled": "'captured'",
    "webhooks.announce": "ENDPOINT#",
}
"""Handlers that most messages find with nothing to do, and what the table of their room holds when they have."""


class Notebook:
    def __init__(self) -> None:
        self.items: dict[str, dict[Any, Item]] = {}
        self.facts: dict[str, Any] = {}
        self.messages: dict[str, Any] = {}

    def see_item(self, domain: str, item: Item) -> None:
        """Keep the first item with these attributes in this state."""
        record = record_of(domain, item)
        if record is None:
            raise LookupError(f"no record has the keys {item['pk']} {item['sk']} of {domain}")
        states = [item[name]["S"] for name, kind in record.get_attributes().items() if _is_state(kind) and name in item]
        kept = self.items.setdefault(record.__name__, {})
        if len(kept) < _MOST_OF_A_CLASS:
            kept.setdefault((frozenset(item), tuple(states)), item)
        if record.__name__ == "OutboxRecord":
            self.facts.setdefault(item["fact"]["S"], json.loads(item["body"]["S"]))

    def see_message(self, queue: str, body: str) -> None:
        message = json.loads(body)
        name = message.get("handler", "s3.notification")
        held = {domain: [item for item in items(domain) if _is_read(item)] for domain in snapshot.domains()}
        if name in _IDLE_WITHOUT and _IDLE_WITHOUT[name] not in str(held[name.partition(".")[0]]):
            return
        moment = {"at": clock.stamp(clock.now()), "queue": queue, "message": message, "tables": held}
        self.messages.setdefault(name, moment | {"files": list(_files())})

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Everything that is committed or queued inside is seen."""
        commit, enqueue = writes._commit, World._enqueue

        def committed(ordered: list[Write]) -> None:
            commit(ordered)
            for write in ordered:
                domain = write.record.domain()
                keys = (write.record.pk, write.record.sk)
                for item in items(domain):
                    if (item["pk"]["S"], item["sk"]["S"]) == keys:
                        self.see_item(domain, item)

        def enqueued(world: World, queue: str, body: str, delay: float = 0) -> None:
            self.see_message(queue, body)
            enqueue(world, queue, body, delay)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writes, "_commit", committed)
            patch.setattr(World, "_enqueue", enqueued)
            yield


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.compatibility.record", description=__doc__)
    parser.add_argument("release", help="the release that this code is, as 1.0")
    parser.add_argument("--add", action="store_true", help="only what the release has no record of yet")
    given = parser.parse_args()
    folder = FOLDER / given.release
    if folder.exists() and not given.add:
        sys.exit(f"{folder} is there already. What a release wrote does not change.")
    notebook = Notebook()
    secret = stack.fresh_secrets()
    with lab.opened(json.dumps(secret)) as opened, notebook.watching():
        for flow in (*FIRST, *FLOWS.values(), *MORE):
            start, _ = opened._start(flow)
            with opened._world(start) as world:
                flow.story(world)
                tokens = _tokens(world, secret) if flow.story is revoked else None
            for domain in snapshot.domains():
                for item in items(domain):
                    notebook.see_item(domain, item)
            _write(folder / "tokens.json", tokens) if tokens else None
    for name, kept in notebook.items.items():
        _write(folder / "items" / f"{name}.json", list(kept.values()))
    for name, moment in notebook.messages.items():
        _write(folder / "messages" / f"{name}.json", moment)
    recorded = folder / "facts.json"
    known = json.loads(recorded.read_text()) if recorded.exists() else {}
    recorded.unlink(missing_ok=True)
    _write(recorded, notebook.facts | known)
    on_record = {path.stem for path in (folder / "items").glob("*.json")}
    missing = {record.__name__ for record in records()} - on_record
    missing |= {name for name, fact in Fact.known.items() if fact.__module__.startswith("chalicelib")} - (
        notebook.facts.keys() | {"GatewayNotified", "GatewayDisputed"}
    )
    missing |= queues.handlers().keys() - notebook.messages.keys()
    if missing:
        sys.exit(f"No flow makes {', '.join(sorted(missing))}.")
    found = f"{len(notebook.items)} record classes, {len(notebook.facts)} facts, {len(notebook.messages)} messages"
    print(f"{folder}: {found}")


# --- flows that no crash test needs -------------------------------------------------------------------------


def registered_again(world: World) -> None:
    buyer = world.person("buyer")
    again = {"email": buyer.email, "password": "another long phrase", "name": "Anna"}
    world.ask(buyer, "POST", "/auth/register", again, expect=202)
    world.ask(buyer, "POST", "/auth/login", {"email": buyer.email, "password": "a wrong phrase"}, expect=401)
    world.settle()


def wrong_money(world: World) -> None:
    """A satang too little came; then a charge that nobody knows of was paid."""
    transaction = flows._charge(world)
    world.bank.set(transaction, "captured", amount=world.bank.charges[transaction].amount - 1)
    world.webhook(transaction)
    world.settle()


def refused(world: World) -> None:
    """The buyer's bank says no."""
    transaction = flows._charge(world)
    world.bank.set(transaction, "failed")
    world.webhook(transaction)
    world.settle()


def part_too_late(world: World) -> None:
    """Money for a part of an order comes when that is over."""
    asked = {"orderId": world.notes["order"], "method": "paynoi", "amount": 40_00}
    world.notes["payment"] = world.ask(world.person("buyer"), "POST", "/payments/create", asked).data["id"]
    world.minute(flows.DAY)
    world.minute()
    world.pay(flows._charge(world))
    world.webhook(flows._charge(world), "paynoi")
    world.settle()


def parts_called_off(world: World) -> None:
    """Credit and a QR code paid some of an order that the buyer takes back."""
    flows._pay_part(world, "credit", 30_00)
    flows._pay_part(world, "paynoi", 40_00)
    world.ask(world.person("buyer"), "POST", f"/orders/{world.notes['order']}/cancel", {})
    world.settle()


def linked(world: World) -> None:
    """The buyer asks for a code that links LINE."""
    until = clock.now() + timedelta(minutes=10)
    writes.transact(line_codes.add(DEFAULT, "ABCDEFGH2345", "usr_01KB0000000000000000000000", until))


def arranged(world: World) -> None:
    """What organizers and administrators set up."""
    organization = organizations.create("Chao Phraya Runs", language="en")
    organizations.map_host("photos.runs.example", organization.id)
    changed = organizations.update(
        DEFAULT, version=organizations.get(DEFAULT).version, origins=("https://runs.example",)
    )
    organizations.set_watermark_image(DEFAULT, version=changed.version, image_png=_png())
    staff = Principal(DEFAULT, user="usr_01KB0000000000000000000000")
    event = events.get(DEFAULT, world.notes["event"])
    packages = (Package("one", "One photo", 1, 59_00), Package("all", "All my photos", None, 499_00))
    prices = photo_packages.set_packages(staff, event.id, packages, 0)
    photo_packages.set_packages(staff, event.id, packages[:1], prices.version)
    details = replace(Details(name="River Run", date=date(2026, 11, 1)), auto_approve=True, download_hours=24)
    events.edit_event(staff, event.id, details, None, event.version)


def revoked(world: World) -> None:
    flows.download(world)
    entitlements.revoke(DEFAULT, world.notes["order"])


def given_back(world: World) -> None:
    """A gateway that knows no keys of ours was asked for a refund."""
    empty = Page("T0001")
    Kept().write(empty.noting(Entry("rfd_1", 1000, 7900, "R-1")), was=empty)


def crowded(world: World) -> None:
    """Two look on where a page is one."""
    for name in ("one", "another"):
        socket, _ = flows.open_socket(world, world.person("buyer"), name)
        flows.say(world, socket, {"action": "subscribe", "group": f"order:{world.notes['order']}"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "PAGE", 1)
        flows.webhook(world)


def faces_from_the_start(world: World) -> None:
    """Faces are looked for before photos come on sale."""
    flows._recognize(world, version=0)
    for photo in flows._photos(world):
        world.ask(world.person("organizer"), "PUT", f"/photos/{photo}/approve")
    world.settle()


def faces_of_a_rejected_photo(world: World) -> None:
    faces_from_the_start(world)
    photo = flows._photos(world)[0]
    world.ask(world.person("organizer"), "PUT", f"/photos/{photo}/reject", {"reason": "blurred"})
    world.settle()


def faces_of_a_photo_put_back(world: World) -> None:
    faces_from_the_start(world)
    decisions = {"decisions": [{"photoId": flows._photos(world)[0], "verdict": "reconsider"}]}
    world.ask(world.person("organizer"), "POST", f"/events/{world.notes['event']}/review", decisions)
    world.settle()


def faces_of_a_deleted_event(world: World) -> None:
    """And somebody who hears of it."""
    faces_from_the_start(world)
    visitor = world.person("visitor")
    flows._ask_for_news(world, visitor, f"/events/{world.notes['event']}", {"email": visitor.email})
    world.ask(world.person("organizer"), "DELETE", f"/events/{world.notes['event']}", expect=204)
    world.settle()


def faces_of_erased_photos(world: World) -> None:
    faces_from_the_start(world)
    flows.erase_photos(world)


def faces_waiting_for_a_draft(world: World) -> None:
    """On the first picture is nobody. The event goes live before its round has come; its faces are given up."""
    organizer, visitor = world.person("organizer"), world.person("visitor")
    event = world.see(organizer, "/events/hill-run")
    world.notes["event"], at = event["id"], f"/events/{event['id']}"
    flows._recognize(world, version=0)
    nobody_there = flows.selfie_of(encoded(Image.new("RGB", (96, 72), "navy")))
    world.ask(visitor, "POST", f"{at}/notices", {"email": visitor.email, "language": "en"}, expect=202)
    world.settle()
    code = re.search(r"(?<![#\w])\d{6}\b", world.mails_to(visitor)[-1].body)
    assert code is not None
    proof = {"email": visitor.email, "code": code[0], "language": "en"} | nobody_there
    world.ask(visitor, "POST", f"{at}/notices/faces", proof, expect=202)
    world.settle()
    flows.wait_for_photos(world, visitor, at, flows.PICTURES[0].content)
    world.wait(timedelta(minutes=31))
    world.ask(organizer, "PUT", f"{at}/status", {"status": "live", "version": event["version"]})
    world.settle()
    world.minute(timedelta(minutes=61))
    world.settle()
    version = world.see(organizer, f"{at}/recognition")["version"]
    world.ask(organizer, "PUT", f"{at}/recognition", {"faces": None, "version": version})
    world.settle()


FIRST = (
    Flow(flows.planned, faces_waiting_for_a_draft),
    Flow(flows.gallery, flows.remove),
    Flow(flows.gallery, faces_of_a_rejected_photo),
    Flow(flows.gallery, faces_of_a_photo_put_back),
    Flow(flows.gallery, faces_of_a_deleted_event),
    Flow(flows.gallery, faces_of_erased_photos),
)
"""Before the others, whose messages about photos find no faces."""

MORE = (
    Flow(flows.members, registered_again),
    Flow(flows.payment, wrong_money),
    Flow(flows.payment, refused),
    Flow(flows.order_and_credit, part_too_late),
    Flow(flows.order_and_credit, parts_called_off),
    Flow(flows.members, linked),
    Flow(flows.studio, arranged),
    Flow(flows.paid, revoked),
    Flow(flows.payment, crowded),
    Flow(flows.payment, given_back),
)


# --- what a notebook holds ----------------------------------------------------------------------------------


def _tokens(world: World, secret: Mapping[str, Any]) -> dict[str, Any]:
    """The inside of tokens and cursors, without a key or a signature."""
    buyer = world.person("buyer")
    access = buyer.headers["Authorization"].removeprefix("Bearer ")
    header = jwt.get_unverified_header(access) | {"kid": "of the key"}
    claims = jwt.decode(access, options={"verify_signature": False})
    page = world.see(world.person("organizer"), f"/events/{world.notes['event']}/review?shelf=approved&pageSize=1")
    inside = lists._fernet().decrypt(page["nextCursor"].encode())
    return {
        "at": clock.stamp(clock.now()),
        "access": {"header": header, "claims": claims},
        "cursor": json.loads(inside),
        "order": world.notes["order"],
    }


def _png() -> bytes:
    made = io.BytesIO()
    Image.new("RGBA", (64, 64), (255, 255, 255, 128)).save(made, "PNG")
    return made.getvalue()


def _is_state(kind: object) -> bool:
    return isinstance(kind, Choice)


def _is_read(item: Item) -> bool:
    return not any(part in item["pk"]["S"] or part in item["sk"]["S"] for part in _NO_STATE)


def _files() -> Iterator[dict[str, str]]:
    """Every object of the buckets of originals and of documents, and the avatars that are shown."""
    for name in ("originals", "documents", "previews"):
        bucket = s3_backends[stack.ACCOUNT]["aws"].buckets[stack.ENVIRONMENT[f"PIX_{name.upper()}_BUCKET"]]
        for key, held in bucket.keys.items():
            if name != "previews" or key.startswith("avatars/"):
                content = base64.b64encode(held.value).decode()
                yield {"bucket": name, "key": key, "version": held.version_id or "", "content": content}


def _write(path: Path, content: Any) -> None:
    """What is on record stays as it is."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
