"""The main job, step by step, as the people of it do it: photographer, organizer, visitor, buyer.

Each step talks to the running system over HTTP, measures itself with the caller's clock and raises `Deviation` when
anything is not as it should be.
"""

import base64
import hashlib
import io
import json
import re
import secrets
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from PIL import Image, ImageOps
from pillow_heif import register_heif_opener

from infra.local.client import Person, expect, until
from infra.local.mailbox import Mail
from infra.local.people import LogIn, move, plan_event
from infra.local.samples import Sample
from infra.local.system import System

BATCH = 100
UPLOADS_AT_ONCE = 4
READY_SECONDS = 300
MAIL_SECONDS = 60
PAID_SECONDS = 60
ZIP_SECONDS = 120
VERIFY = Path(__file__).parents[2] / "docs" / "verify_license.py"
WANTED = 6
_SHEET_COLUMNS = 4
_PARTS = {"platform": 30, "photographer": 50, "organizer": 20}
_SHEET_CELL = 300

Tick = Callable[[int], None]

register_heif_opener()


@dataclass
class Uploaded:
    """What became of each file: photo id -> sample, seconds from the end of the upload to ready, refusals."""

    photos: dict[str, Sample] = field(default_factory=dict)
    ready_after: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    sent_at: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass
class Bought:
    """A purchase: order and payment as the API shows them, and what was measured on the way."""

    order: dict[str, Any]
    payment: dict[str, Any]
    pay_to_paid: float
    paid_to_mail: float
    mail: Mail
    link: str


@dataclass
class Downloaded:
    """Where the bought files are, and how long asking for and fetching them took."""

    files: list[Path] = field(default_factory=list)
    seconds: float = 0.0


class Journey:
    def __init__(self, system: System, people: dict[str, LogIn], folder: Path) -> None:
        self.system = system
        self.people = people
        self.folder = folder
        self.run = secrets.token_hex(3)

    # --- before the sale ------------------------------------------------------------------------------------

    def plan(self) -> dict[str, Any]:
        """The organizer plans an event and assigns the photographer."""
        admin = self.person("admin")
        name, slug = "Songkran Lake Run 2026", f"songkran-lake-run-{self.run}"
        return plan_event(admin, self.people["photographer"].user, name, slug)

    def upload(self, event: str, samples: list[Sample], sent: Tick, ready: Tick) -> Uploaded:
        """The photographer posts every file straight to storage and waits until each is ready or refused."""
        photographer = self.person("photographer")
        result = Uploaded()
        started = time.perf_counter()
        waiting: set[str] = set()
        for start in range(0, len(samples), BATCH):
            batch = samples[start : start + BATCH]
            offers = [{"name": s.path.name, "size": s.size, "type": s.content_type, "sha256": s.sha256} for s in batch]
            upload = photographer.post(f"/events/{event}/uploads", {"files": offers}, expect=201)
            by_photo = {file["photoId"]: sample for file, sample in zip(upload["files"], batch, strict=True)}
            result.photos |= by_photo
            with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
                todo = [file for file in upload["files"] if file["upload"]]
                sending = [pool.submit(self._send, file, by_photo[file["photoId"]], result) for file in todo]
                for photo in (future.result() for future in sending):
                    waiting.add(photo)
                    sent(1)
            self._await_ready(photographer, upload["id"], waiting, result, ready)
        result.seconds = time.perf_counter() - started
        expect(bool(result.ready_after), f"no photo became ready: {result.refused}")
        return result

    def review(self, event: str, photos: Iterable[str], approved: Tick) -> dict[str, Any]:
        """The organizer approves each photo and opens the sale; the counters must equal a recount."""
        admin = self.person("admin")
        for photo in photos:
            admin.put(f"/photos/{photo}/approve")
            approved(1)
        counts: dict[str, Any] = admin.get(f"/events/{event}/counts")
        shelves = {
            shelf: len(admin.pages(f"/events/{event}/review", shelf=shelf, pageSize=100))
            for shelf in ("pending", "approved", "rejected")
        }
        recount = shelves | {"total": sum(shelves.values())}
        expect(counts == recount, f"the counters say {counts}, a recount {recount}")
        move(admin, event, "live")
        return counts

    # --- the sale -------------------------------------------------------------------------------------------

    def browse(self, slug: str, expected: int) -> list[dict[str, Any]]:
        """A visitor finds the event and looks at every photo; nothing private may show."""
        visitor = Person(self.system.url, "visitor")
        events = visitor.pages("/events", pageSize=50)
        expect(slug in [event["slug"] for event in events], "the live event is not listed")
        gallery = visitor.pages(f"/events/{slug}/photos", pageSize=5)
        expect(len(gallery) == expected, f"the gallery shows {len(gallery)} photos, not {expected}")
        for photo in gallery:
            hidden = {"gps", "exif", "filename", "photographerId", "sha256"} & photo.keys()
            expect(not hidden, f"the gallery shows {hidden}")
            preview = Image.open(io.BytesIO(_fetch(photo["sizes"]["preview"]["url"])))
            expect(not preview.getexif(), "a preview carries EXIF")
        return gallery

    def contact_sheet(self, gallery: list[dict[str, Any]]) -> Path:
        """The gallery's small images on one page, as a visitor sees them."""
        rows = -(-len(gallery) // _SHEET_COLUMNS)
        sheet = Image.new("RGB", (_SHEET_COLUMNS * _SHEET_CELL, rows * _SHEET_CELL), "#f4f4f2")
        for number, photo in enumerate(gallery):
            image = Image.open(io.BytesIO(_fetch(photo["sizes"]["small"]["url"])))
            cell = ImageOps.pad(image, (_SHEET_CELL - 16, _SHEET_CELL - 16), color="#f4f4f2")
            row, column = divmod(number, _SHEET_COLUMNS)
            sheet.paste(cell, (column * _SHEET_CELL + 8, row * _SHEET_CELL + 8))
        path = self.folder / "contact-sheet.jpg"
        sheet.save(path, quality=88)
        return path

    def fill_cart(self, gallery: list[dict[str, Any]]) -> tuple[Person, dict[str, Any]]:
        """A guest picks some photos, then registers with a mailed code: the guest's cart becomes the user's."""
        buyer = Person(self.system.url, "buyer")
        items = [{"ref": photo["id"]} for photo in gallery[:WANTED]]
        cart = buyer.post("/cart/items", {"items": items})
        buyer.headers["X-Cart-Token"] = cart["token"]
        email = f"buyer-{self.run}@example.com"
        password = secrets.token_urlsafe(12)
        new = {"email": email, "password": password, "name": "Busaba", "language": "en"}
        buyer.post("/auth/register", new, expect=202)
        code = re.search(r"\b\d{6}\b", self._mail_to(email).text)
        expect(code is not None, "the mail holds no code")
        assert code is not None
        buyer.holding(buyer.post("/auth/verify", {"email": email, "code": code[0], "password": password}))
        merged = buyer.get("/cart")
        expect(len(merged["items"]) == len(items), "the guest's cart did not merge")
        del buyer.headers["X-Cart-Token"]
        return buyer, buyer.get("/cart")

    def guest(self, photo: dict[str, Any]) -> Person:
        """Somebody without an account, with a photo in the cart."""
        guest = Person(self.system.url, "guest")
        guest.headers["X-Cart-Token"] = guest.post("/cart/items", {"items": [{"ref": photo["id"]}]})["token"]
        return guest

    def buy(self, buyer: Person, email: str, *, lose_webhook: bool = False, by_card: bool = False) -> Bought:
        """Place the order twice (it is one), show the QR code, pay at the gateway, wait for the money and the mail.

        With `by_card` the buyer changes from the QR code to Stripe before paying.
        """
        key = f"demo-{secrets.token_hex(8)}"
        body = {"email": email, "language": "en"}
        placed = buyer.post("/orders", body, expect=201, **{"Idempotency-Key": key})
        again = buyer.post("/orders", body, expect=201, **{"Idempotency-Key": key})
        expect(placed["id"] == again["id"], "a double submit made two orders")
        buyer.headers["X-Order-Token"] = placed["token"]
        payment = buyer.post("/payments/create", {"orderId": placed["id"]})
        (self.folder / "payment-qr.png").write_bytes(base64.b64decode(payment["qrImageBase64"]))
        if by_card:
            scanned = payment
            payment = buyer.post("/payments/create", {"orderId": placed["id"], "method": "stripe"})
            expect(payment["hostedFields"]["clientSecret"].startswith("pi_"), "nothing opens Stripe's fields")
            left = buyer.get(f"/payments/{scanned['id']}/status")["status"]
            expect(left == "expired", f"the QR code is {left}, and could be paid too")

        paid_at = time.perf_counter()
        self._pay(payment, drop=lose_webhook)

        def captured() -> float | None:
            status = buyer.get(f"/payments/{payment['id']}/status")["status"]
            return time.perf_counter() if status == "captured" else None

        confirmed = until(captured, "the payment", PAID_SECONDS, time.sleep)
        mail = self._mail_to(email, "Your photos are ready")
        mailed = time.perf_counter()
        order = buyer.get(f"/orders/{placed['id']}")
        link = re.search(r"http\S+/d/\S+", mail.text)
        expect(link is not None, "the mail holds no download link")
        assert link is not None
        return Bought(order, payment, confirmed - paid_at, mailed - confirmed, mail, link[0])

    def taken(self, event: str) -> dict[str, int]:
        """What the event has brought in, and each party's part of it, in satang."""
        found = self.person("admin").get(f"/revenue/events/{event}")
        return {part: found[part] for part in ("gross", *_PARTS)}

    def split(self, event: str, bought: Bought, before: dict[str, int]) -> dict[str, int]:
        """Who has earned what of the newest purchase: 30/50/20 percent, to the last satang."""
        total = bought.order["total"]

        def booked() -> dict[str, int] | None:
            now = self.taken(event)
            return {part: now[part] - before[part] for part in _PARTS} if now["gross"] > before["gross"] else None

        parts = until(booked, "everybody's part", PAID_SECONDS, time.sleep)
        expect(sum(parts.values()) == total, f"the parts {parts} do not come to {total}")
        for part, percent in _PARTS.items():
            expect(abs(parts[part] * 100 - total * percent) < 100, f"the {part} has {parts[part]} of {total}")
        own = self.person("photographer").get("/users/me/earnings", pageSize=1)["items"][0]
        expect(own["earned"] == before["photographer"] + parts["photographer"], f"the photographer sees {own}")
        return parts

    def download(self, bought: Bought, uploaded: Uploaded, done: Tick) -> Downloaded:
        """Follow the mail's link and fetch every photo; pixels must be the original's, the place it was taken gone."""
        result = Downloaded()
        expect(b"<form" in _fetch(bought.link), "the download page has no button")
        order, token = bought.link.rsplit("/", 2)[1:]
        guest = Person(self.system.url, "downloader", {"X-Order-Token": token})
        for file in guest.get(f"/downloads/{order}")["files"]:
            path = f"/downloads/{order}/photos/{file['resource']}"
            started = time.perf_counter()
            grant = guest.post(path)
            content = _fetch(grant["url"])
            result.seconds += time.perf_counter() - started
            again = guest.post(path)
            expect(grant["remaining"] == again["remaining"] == file["limit"] - 1, "asking again took a download")
            expect(hashlib.sha256(content).hexdigest() == grant["sha256"], "the file is not the one promised")
            original = uploaded.photos[file["resource"]].path
            with Image.open(original) as wanted, Image.open(io.BytesIO(content)) as got:
                expect(got.tobytes() == wanted.tobytes(), f"{original.name}: the pixels changed")
                expect(not got.getexif().get_ifd(0x8825), f"{original.name}: the place is still in the file")
            target = self.folder / "downloads" / file["filename"]
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(content)
            result.files.append(target)
            done(1)
        return result

    def archive(self, bought: Bought, downloaded: Downloaded) -> Path:
        """The whole order as one ZIP: the files that were downloaded, and their licences."""
        guest = self._holder(bought)
        guest.post(f"/orders/{bought.order['id']}/zip", expect=202)

        def packed() -> str | None:
            url: str | None = guest.get(f"/orders/{bought.order['id']}/zip")["url"]
            return url

        target = self.folder / "order.zip"
        target.write_bytes(_fetch(until(packed, "the ZIP", ZIP_SECONDS, time.sleep)))
        with zipfile.ZipFile(target) as archive:
            found = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
        expect(found.pop("licenses.json", None) is not None, "the ZIP holds no licences")
        wanted = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in downloaded.files}
        expect(found == wanted, f"the ZIP holds {sorted(found)}, not {sorted(wanted)}")
        return target

    def licences(self, bought: Bought) -> int:
        """A licence for each photo, which anybody can check without us; a word changed in one, and it is none."""
        guest = self._holder(bought)
        documents = guest.get(f"/orders/{bought.order['id']}/licenses")["licenses"]
        photos = {photo for line in bought.order["lines"] for photo in line["refs"]}
        expect(len(documents) == len(photos), f"{len(documents)} licences for {len(photos)} photos")
        keys = self.folder / "licence-keys.json"
        keys.write_bytes(_fetch(f"{self.system.url}/licenses/keys"))
        for document in documents:
            expect(_is_true(document, keys), "a licence is refused")
        forged = documents[0] | {"order": "another"}
        expect(not _is_true(forged, keys), "a licence that was changed is taken for true")
        return len(documents)

    def refuse(self, event: str, bought: Bought) -> list[str]:
        """What must not work: each line names a refusal that was seen."""
        visitor = Person(self.system.url, "stranger")
        order = bought.order["id"]
        photo = bought.order["lines"][0]["refs"][0]
        forged = {"data": {"trans_id": "T1", "ref1": bought.payment["id"]}, "signature": "0" * 64}
        unsigned = {"name": "x.jpg", "size": 9, "type": "image/jpeg", "sha256": "0" * 64}
        email = "nobody@example.com"
        visitor.call("POST", "/payments/webhook", forged, expect=401)
        visitor.call("GET", f"/orders/{order}", expect=404)
        visitor.call("POST", f"/downloads/{order}/photos/{photo}", expect=404)
        visitor.call("POST", f"/events/{event}/uploads", {"files": [unsigned]}, expect=401)
        visitor.call("POST", "/orders", {"email": email}, 422, {"Idempotency-Key": f"empty-{self.run}"})
        visitor.call("POST", "/orders", {"email": email}, 400)
        return [
            "a forged webhook",
            "another's order",
            "another's download",
            "an upload without log-in",
            "an order of an empty cart",
            "an order without Idempotency-Key",
        ]

    # --- details --------------------------------------------------------------------------------------------

    def person(self, role: str) -> Person:
        """A fresh log-in: an access token lives ten minutes."""
        known = self.people[role]
        return Person(self.system.url, role).log_in(known.email, known.password)

    def _holder(self, bought: Bought) -> Person:
        """Whoever has the mail's link."""
        return Person(self.system.url, "holder", {"X-Order-Token": bought.link.rsplit("/", 1)[1]})

    def _send(self, file: dict[str, Any], sample: Sample, result: Uploaded) -> str:
        form = file["upload"]
        with sample.path.open("rb") as content:
            answer = requests.post(form["url"], data=form["fields"], files={"file": content}, timeout=120)
        expect(answer.ok, f"{sample.path.name}: storage answered {answer.status_code}")
        result.sent_at[file["photoId"]] = time.perf_counter()
        return str(file["photoId"])

    def _await_ready(self, photographer: Person, upload: str, waiting: set[str], result: Uploaded, ready: Tick) -> None:
        deadline = time.perf_counter() + READY_SECONDS
        while waiting:
            expect(time.perf_counter() < deadline, f"{len(waiting)} photos were not processed in {READY_SECONDS} s")
            for file in photographer.get(f"/uploads/{upload}")["files"]:
                photo = file["photoId"]
                if photo not in waiting or file["status"] not in ("ready", "failed"):
                    continue
                waiting.discard(photo)
                ready(1)
                if file["status"] == "ready":
                    result.ready_after[photo] = time.perf_counter() - result.sent_at[photo]
                else:
                    result.refused[file["name"]] = file["failure"]["message"]
            time.sleep(0.1)

    def _pay(self, payment: dict[str, Any], *, drop: bool) -> None:
        """Scan the code, or type the card into the gateway's fields: the sandbox is told to take the exact amount."""
        listed, named, id = {
            "paynoi": ("transactions", "ref1", "trans_id"),
            "stripe": ("intents", "reference", "id"),
        }[payment["gateway"]]
        sandbox = getattr(self.system, payment["gateway"]).url
        found = requests.get(f"{sandbox}/_sandbox/{listed}", params={named: payment["id"]}, timeout=10).json()
        transaction = found[listed][0][id]
        answer = requests.post(f"{sandbox}/_sandbox/{transaction}/pay", json={"drop": drop}, timeout=10)
        expect(answer.ok, f"the sandbox answered {answer.status_code}: {answer.text[:200]}")

    def _mail_to(self, email: str, subject: str = "") -> Mail:
        def arrived() -> Mail | None:
            mails = [mail for mail in self.system.mails() if mail.is_to(email) and subject in mail.subject]
            return mails[-1] if mails else None

        return until(arrived, f"a mail to {email}", MAIL_SECONDS, time.sleep)


def _is_true(document: dict[str, Any], keys: Path) -> bool:
    """What the script says that buyers are given."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        file.write(json.dumps(document, ensure_ascii=False))
        file.flush()
        return (
            subprocess.run([sys.executable, str(VERIFY), file.name, str(keys)], check=False, capture_output=True)
        ).returncode == 0


def _fetch(url: str) -> bytes:
    answer = requests.get(url, timeout=60)
    expect(answer.ok, f"fetching an image answered {answer.status_code}")
    return answer.content
