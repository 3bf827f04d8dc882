"""Somebody buys all their photos of a large event: as many as a cart holds, from the cart to the ZIP."""

import io
import json
import zipfile
from collections.abc import Iterator

import pytest

from chalicelib.carts.model import MOST_ITEMS
from chalicelib.core import ids
from tests.stack import ENVIRONMENT, client
from tests.system.crash import flows, lab
from tests.system.crash.flows import Flow
from tests.system.crash.world import Person, World, items

pytestmark = pytest.mark.proof
ORIGINALS = ENVIRONMENT["PIX_ORIGINALS_BUCKET"]
FIRST = 5
"""Photos that are fetched one by one."""


def fill(world: World) -> None:
    """As many photos are on sale as a cart holds, and one more: all but the first two are copies of the first."""
    flows.shop(world)
    first, second = flows._photos(world)
    fresh = [ids.new("pho") for _ in range(MOST_ITEMS - 1)]
    rows = [item for item in items("photos") if first in item["pk"]["S"]]
    files = [held["Key"] for held in client("s3").list_objects_v2(Bucket=ORIGINALS)["Contents"] if first in held["Key"]]
    for photo in fresh:
        for row in rows:
            copied = json.loads(json.dumps(row).replace(first, photo))
            client("dynamodb").put_item(TableName="thepixstock-test-photos", Item=copied)
        for key in files:
            source = {"Bucket": ORIGINALS, "Key": key}
            client("s3").copy_object(Bucket=ORIGINALS, Key=key.replace(first, photo), CopySource=source)
    world.notes["many"] = json.dumps([first, second, *fresh])


@pytest.fixture(scope="module")
def world(secret: str) -> Iterator[World]:
    with lab.opened(secret) as opened:
        start, _ = opened._start(Flow(fill, lambda world: None))
        with opened._world(start) as world:
            yield world


def test_a_full_cart_is_quoted_ordered_paid_handed_over_and_packed(world, figure):
    buyer, organizer = world.person("buyer"), world.person("organizer")
    event, photos = world.notes["event"], json.loads(world.notes["many"])
    packages = f"/events/{event}/packages"
    sold = [{"code": "one", "name": "Single photo", "photos": 1, "price": 59_00}]
    sold.append({"code": "all", "name": "All my photos", "photos": None, "price": 499_00})
    version = world.see(organizer, packages)["version"]
    world.ask(organizer, "PUT", packages, {"items": sold, "version": version})

    wanted = {"event": event, "package": "all", "photos": photos[:MOST_ITEMS]}
    quoted = world.ask(buyer, "PUT", "/cart/package", wanted).data
    assert (len(quoted["items"]), quoted["quote"]["total"]) == (MOST_ITEMS, 499_00)
    for full in (wanted | {"photos": photos}, {"items": [{"ref": photos[-1]}]}):
        way = ("PUT", "/cart/package", 400) if "event" in full else ("POST", "/cart/items", 422)
        world.ask(buyer, *way[:2], full, expect=way[2])

    flows.check_out(world)
    flows.open_payment(world)
    flows.webhook(world)
    order, guest = world.notes["order"], Person("", "", {"X-Order-Token": world.notes["token"]})
    files = world.see(guest, f"/downloads/{order}")["files"]
    assert {file["resource"] for file in files} == set(photos[:MOST_ITEMS])
    for file in files[:FIRST]:
        got = world.ask(guest, "POST", f"/downloads/{order}/photos/{file['resource']}").data
        assert world.fetch(got["url"])
    assert len(world.see(guest, f"/orders/{order}/licenses")["licenses"]) == MOST_ITEMS

    world.ask(guest, "POST", f"/orders/{order}/zip", expect=202)
    world.settle()
    packed = world.see(guest, f"/orders/{order}/zip")
    with zipfile.ZipFile(io.BytesIO(world.fetch(packed["url"]))) as archive:
        assert len(archive.namelist()) == MOST_ITEMS + 1  # and the licences
        assert archive.testzip() is None
        packed_files = len(archive.namelist())

    text = "{photos} photos in one order, {files} files in its ZIP"
    figure("large orders", "a full cart is paid, handed over and packed", text, photos=MOST_ITEMS, files=packed_files)
