"""The steps of a sale that the tests share, each as its person takes it, over HTTP."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

import requests
from PIL import ImageCms

from infra.local.client import Person
from infra.local.people import move, plan_event
from tests.media.photos import camera_exif, encoded, picture
from tests.system.local.running import Running

TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "heic": "image/heic"}
ORIENTATION, DESCRIPTION = 0x0112, 0x010E


@dataclass(frozen=True)
class File:
    """A file of a photographer."""

    name: str
    type: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def offer(self) -> dict[str, Any]:
        return {"name": self.name, "size": len(self.content), "type": self.type, "sha256": self.sha256}


def photo(form: Any = "jpeg", orientation: int = 1) -> File:
    """A small photo as from a camera, with EXIF, place and colour profile; no two are alike."""
    token = secrets.token_hex(4)
    exif = camera_exif(lambda exif: exif.update({ORIENTATION: orientation, DESCRIPTION: token}))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = encoded(picture(640, 480), form, exif=exif.tobytes(), icc_profile=profile)
    return File(f"IMG_{token}.{form}", TYPES[form], content)


# --- photographer and organizer -----------------------------------------------------------------------------


def plan(running: Running, **changes: object) -> dict[str, Any]:
    """An event that takes uploads from the photographer; `changes` are fields of it."""
    admin = running.person("admin")
    slug = f"lake-run-{secrets.token_hex(4)}"
    event = plan_event(admin, running.people["photographer"]["user"], "Lake Run", slug)
    if changes:
        kept = ("name", "date", "slug", "timezone")
        event = admin.put(f"/events/{event['id']}", {name: event[name] for name in kept} | changes | _version(event))
    return event


def offer(photographer: Person, event: str, *files: File) -> dict[str, Any]:
    upload: dict[str, Any] = photographer.post(
        f"/events/{event}/uploads", {"files": [file.offer() for file in files]}, expect=201
    )
    return upload


def send(form: dict[str, Any], content: bytes, **fields: str) -> requests.Response:
    """Post to storage what a form says, but for the `fields` that are told otherwise."""
    return requests.post(form["url"], data=form["fields"] | fields, files={"file": content}, timeout=60)


def upload(running: Running, event: str, *files: File) -> list[str]:
    """Offer and send files; answers the ids of their photos, which may still be in processing."""
    offered = offer(running.person("photographer"), event, *files)["files"]
    for place, file in zip(offered, files, strict=True):
        assert send(place["upload"], file.content).ok
    return [place["photoId"] for place in offered]


def processed(running: Running, *photos: str) -> list[dict[str, Any]]:
    """The photos as they are stored, once each is ready or failed."""

    def done() -> list[dict[str, Any]] | None:
        stored = {item["id"]: item for item in running.items("photos") if item.get("processing") in ("ready", "failed")}
        return [stored[id] for id in photos] if stored.keys() >= set(photos) else None

    return running.soon(done, f"{len(photos)} photos")


def on_sale(running: Running, count: int, **changes: object) -> tuple[dict[str, Any], list[str]]:
    """A live event and its photos, all on sale."""
    event = plan(running, autoApprove=True, **changes)
    photos = upload(running, event["id"], *(photo() for _ in range(count)))
    assert {item["processing"] for item in processed(running, *photos)} == {"ready"}
    return move(running.person("admin"), event["id"], "live"), photos


# --- buyer --------------------------------------------------------------------------------------------------


@dataclass
class Purchase:
    """A guest who has placed an order. `guest` carries the order's token."""

    guest: Person
    email: str
    order: str
    token: str


def guest_with(running: Running, *photos: str) -> Person:
    """A guest with photos in the cart."""
    guest = running.stranger()
    cart = guest.post("/cart/items", {"items": [{"ref": photo} for photo in photos]})
    guest.headers["X-Cart-Token"] = cart["token"]
    return guest


def place(running: Running, *photos: str) -> Purchase:
    guest, token = guest_with(running, *photos), secrets.token_hex(4)
    email = f"guest-{token}@example.com"
    placed = guest.post(
        "/orders", {"email": email, "language": "en"}, expect=201, **{"Idempotency-Key": f"key-{token}"}
    )
    guest.headers["X-Order-Token"] = placed["token"]
    return Purchase(guest, email, placed["id"], placed["token"])


def open_payment(purchase: Purchase, expect: int = 200) -> dict[str, Any]:
    payment: dict[str, Any] = purchase.guest.post("/payments/create", {"orderId": purchase.order}, expect)
    return payment


def buy(running: Running, *photos: str) -> Purchase:
    """The whole way to a mail with the link."""
    purchase = place(running, *photos)
    scan(running, open_payment(purchase))
    running.soon(lambda: running.mails_to(purchase.email, READY_MAIL) or None, "the mail")
    return purchase


READY_MAIL = "Your photos are ready"


# --- the bank -----------------------------------------------------------------------------------------------


def charges(running: Running, payment: dict[str, Any]) -> list[dict[str, Any]]:
    """What the gateway holds for a payment, newest first."""
    answer = requests.get(f"{running.paynoi}/_sandbox/transactions", params={"ref1": payment["id"]}, timeout=10)
    found: list[dict[str, Any]] = answer.json()["transactions"]
    return found


def act(running: Running, charge: dict[str, Any], action: str, **switches: object) -> None:
    """`pay`, `expire`, `fail` or `notify`, with the sandbox's switches."""
    answer = requests.post(f"{running.paynoi}/_sandbox/{charge['trans_id']}/{action}", json=switches, timeout=10)
    assert answer.ok, answer.text


def scan(running: Running, payment: dict[str, Any], **switches: object) -> None:
    """Pay by the QR code."""
    (charge,) = (charge for charge in charges(running, payment) if charge["payable"] == _baht(payment["payable"]))
    act(running, charge, "pay", **switches)


def misbehave(running: Running, **faults: object) -> None:
    assert requests.post(f"{running.paynoi}/_sandbox/faults", json=faults, timeout=10).ok


def _baht(satang: int) -> str:
    return f"{satang // 100}.{satang % 100:02d}"


def _version(event: dict[str, Any]) -> dict[str, Any]:
    return {"version": event["version"]}
