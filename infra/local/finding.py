"""A runner finds the photos that show them by a selfie, buys them all as one package, and has them."""

import base64
import io
import time
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from infra.local.client import Person, expect, until
from infra.local.journey import Bought, Journey, Uploaded
from infra.local.samples import real_photos

INDEXED_SECONDS = 120
SEARCH_SECONDS = 30
_FACE = (130, 10, 330, 230)
"""Left, top, right and bottom, in pixels, of what is cut out of the one portrait among the samples."""
_SHOWN_ON = "astronaut"


@dataclass
class Found:
    """How many photos were found in how many seconds, the purchase of all, and how many licences came with it."""

    photos: int
    seconds: float
    bought: Bought
    parts: dict[str, int]
    archive: Path
    licences: int


def find_and_buy(journey: Journey, event: str, uploaded: Uploaded) -> Found:
    """A selfie must find every photo of its face and no other; "all my photos" buys them, with their licences."""
    shown = {photo for photo, sample in uploaded.photos.items() if sample.path.name.startswith(_SHOWN_ON)}
    _recognize(journey.person("admin"), event, shown)
    runner = Person(journey.system.url, "runner")
    found, seconds = _search(runner, event)
    expect(found == shown, f"the selfie found {len(found)} photos, {len(found & shown)} of its {len(shown)}")

    price = _sell_all(journey.person("admin"), event)
    selected = {"event": event, "package": "all", "photos": sorted(found)}
    runner.headers["X-Cart-Token"] = runner.put("/cart/package", selected)["token"]
    before = journey.taken(event)
    bought = journey.buy(runner, f"runner-{journey.run}@example.com")
    expect(bought.order["total"] == price, f"all photos cost {bought.order['total']}, not {price}")
    parts = journey.split(event, bought, before)

    handed = copy(journey)
    handed.folder = journey.folder / "runner"
    handed.folder.mkdir(exist_ok=True)
    downloaded = handed.download(bought, uploaded, lambda count: None)
    expect(len(downloaded.files) == len(found), f"{len(downloaded.files)} files for {len(found)} photos")
    return Found(len(found), seconds, bought, parts, handed.archive(bought, downloaded), handed.licences(bought))


def _recognize(admin: Person, event: str, shown: set[str]) -> None:
    """The organizer attests a legal basis; then every photo is looked at."""
    basis = {"basis": "consent", "statement": "Runners agree when they sign up.", "minors": False}
    admin.put(f"/events/{event}/recognition", {"faces": basis, "bibs": False, "keepDays": 30, "version": 0})

    def indexed() -> bool | None:
        return all(admin.get(f"/photos/{photo}/faces")["faces"] for photo in shown) or None

    until(indexed, "the faces in the photos", INDEXED_SECONDS, time.sleep)


def _search(runner: Person, event: str) -> tuple[set[str], float]:
    """What a selfie finds, and after how many seconds."""
    asked = {"eventId": event, "image": _selfie(), "consent": {"granted": True, "wording": "2026-11"}}
    started = time.perf_counter()
    search = runner.post("/face/search", asked, expect=202)
    runner.headers["X-Search-Token"] = search["token"]

    def done() -> dict[str, Any] | None:
        status: dict[str, Any] = runner.get(f"/face/search/{search['id']}/status")
        return None if status["status"] == "asked" else status

    status = until(done, "the search", SEARCH_SECONDS, time.sleep)
    seconds = time.perf_counter() - started
    expect(status["status"] == "done", f"the search ended with {status['failure']}")
    return {each["photo"]["id"] for each in runner.pages(f"/face/search/{search['id']}/results")}, seconds


def _selfie() -> str:
    """The face by itself and mirrored, as a phone takes it, in base64."""
    file = io.BytesIO()
    with Image.open(real_photos() / "astronaut.png") as portrait:
        ImageOps.mirror(portrait.convert("RGB").crop(_FACE)).resize((600, 660)).save(file, "JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode()


def _sell_all(admin: Person, event: str) -> int:
    """The evening's offer: all photos of a runner for the price of two. Returns it, in satang."""
    listed = admin.get(f"/events/{event}/packages")
    offered = [package | {"price": 158_00} if package["code"] == "all" else package for package in listed["items"]]
    admin.put(f"/events/{event}/packages", {"items": offered, "version": listed["version"]})
    return 158_00
