"""Photos in sizes that the buyer chooses, one by one and in one file."""

import io
import zipfile
from datetime import timedelta
from hashlib import sha256

import pytest
from PIL import Image

from chalicelib.core import clock, storage
from chalicelib.core.errors import Conflict, Forbidden, Unprocessable
from chalicelib.core.queues import Outcome
from chalicelib.entitlements import service
from chalicelib.entitlements.archives import service as archives
from chalicelib.entitlements.archives import store as archive_store
from chalicelib.entitlements.archives.model import State
from chalicelib.entitlements.model import Size
from chalicelib.entitlements.sizes import jobs
from chalicelib.entitlements.sizes import service as sizes
from chalicelib.entitlements.sizes.messages import SizesDue
from chalicelib.organizations.service import DEFAULT as ORG
from tests import deliver
from tests.entitlements.test_licences import SALE
from tests.entitlements.test_service import ORDER, file, give, guest
from tests.lines.photos.pictures import jpeg

pytestmark = pytest.mark.usefixtures("aws")


def bought(*dimensions, limit=3, sale=None):
    """An order of pictures of these dimensions, in storage; their bytes."""
    contents = [jpeg(number, size=size).content for number, size in enumerate(dimensions, start=1)]
    for number, content in enumerate(contents, start=1):
        storage.upload("originals", f"deliveries/{number}", content, content_type="image/jpeg")
    files = (
        file(number, key=f"deliveries/{number}", sha256=sha256(content).hexdigest(), filename=f"run-{number}.jpg")
        for number, content in enumerate(contents, start=1)
    )
    give(*files, limit=limit, sale=sale)
    return contents


def wanted(size, resource="pho_1"):
    return service.download(guest(), ORDER, resource, size=size)


def prepared(size, resource="pho_1"):
    with pytest.raises(Conflict, match="size_in_preparation"):
        wanted(size, resource)
    deliver.all()
    return wanted(size, resource)


def links():
    entries = service.receipt(ORG, ORDER)["entries"]
    return [(entry["facts"]["size"], entry["facts"]["sha256"]) for entry in entries if entry["step"] == "link_issued"]


def left(resource="pho_1"):
    return next(grant.remaining for grant in service.list_grants(guest(), ORDER) if grant.resource == resource)


# --- one by one


@pytest.mark.parametrize(("size", "pixels"), [(Size.WEB, (2048, 1365)), (Size.SMALL, (1024, 683))])
def test_a_buyer_gets_the_size_that_they_choose(size, pixels):
    bought((2400, 1600))

    found = prepared(size)

    content = storage.read("originals", f"sizes/deliveries/1/{size}.jpg")
    with Image.open(io.BytesIO(content)) as picture:
        assert (picture.size, picture.format, dict(picture.getexif())) == (pixels, "JPEG", {})
    assert (found.filename, found.content_type) == (f"run-1-{size}.jpg", "image/jpeg")
    assert found.sha256 == sha256(content).hexdigest()
    assert f"sizes/deliveries/1/{size}.jpg" in found.url


def test_what_is_smaller_already_is_not_enlarged():
    bought((300, 200))

    prepared(Size.WEB)

    with Image.open(io.BytesIO(storage.read("originals", "sizes/deliveries/1/web.jpg"))) as picture:
        assert picture.size == (300, 200)


def test_a_size_that_is_not_there_takes_no_download_and_is_made_once():
    bought((300, 200))

    for _ in range(3):
        with pytest.raises(Conflict, match="size_in_preparation"):
            wanted(Size.WEB)

    assert left() == 3
    assert deliver.facts() == [SizesDue(organization=ORG, originals=["deliveries/1"], size=Size.WEB)]


def test_all_sizes_are_one_download_while_it_is_open_and_each_is_told():
    (original,) = bought((300, 200), limit=1, sale=SALE)

    web = prepared(Size.WEB)
    small = prepared(Size.SMALL)
    whole = wanted(Size.ORIGINAL)
    wanted(Size.WEB)

    assert left() == 0
    assert links() == [("web", web.sha256), ("small", small.sha256), ("original", sha256(original).hexdigest())]
    with clock.travel(timedelta(minutes=6)), pytest.raises(Forbidden, match="download_limit_reached"):
        wanted(Size.WEB)
    assert whole.content_type == "image/jpeg"


def test_the_licence_names_the_original_whatever_size_was_fetched():
    (original,) = bought((300, 200), sale=SALE)

    prepared(Size.SMALL)

    (grant,) = service.list_grants(guest(), ORDER)
    assert grant.licence["photo"]["sha256"] == sha256(original).hexdigest()


def test_who_fetched_a_size_may_say_that_it_arrived():
    bought((300, 200))
    found = prepared(Size.SMALL)

    service.received(guest(), ORDER, "pho_1", found.sha256)
    with pytest.raises(Unprocessable, match="not_what_was_sold"):
        service.received(guest(), ORDER, "pho_1", "0" * 64)

    assert [entry["step"] for entry in service.receipt(ORG, ORDER)["entries"]] == ["link_issued", "bytes_served"]


def test_nothing_is_made_of_what_may_not_be_had():
    bought((300, 200))
    service.revoke(ORG, ORDER)

    with pytest.raises(Forbidden, match="download_revoked"):
        wanted(Size.WEB)

    assert deliver.facts() == []


# --- in one file


def zipped(size):
    archives.begin(guest(), ORDER, size)
    deliver.all()
    archive = archive_store.find(ORG, ORDER)
    assert archive.state is State.READY
    return archive, zipfile.ZipFile(io.BytesIO(storage.read("originals", archive.key)))


def test_an_order_is_packed_in_the_size_that_its_buyer_chooses(monkeypatch):
    monkeypatch.setattr(sizes, "_AT_ONCE", 2)
    bought((1200, 800), (800, 1200), (300, 200), sale=SALE)

    archive, packed = zipped(Size.SMALL)

    assert packed.testzip() is None
    assert packed.namelist() == [*(f"run-{n}-small.jpg" for n in (1, 2, 3)), "licenses.json"]
    with Image.open(packed.open("run-2-small.jpg")) as picture:
        assert picture.size == (683, 1024)
    told = [entry["facts"] for entry in service.receipt(ORG, ORDER)["entries"] if "archive" in entry["step"]]
    assert [facts["size"] for facts in told] == ["small", "small"]
    assert archives.show(guest(), ORDER).archive.photo_size is Size.SMALL
    assert archive.photo_size is Size.SMALL


def test_an_archive_in_another_size_takes_the_place_of_the_one_before():
    (original,) = bought((300, 200))

    small, _ = zipped(Size.SMALL)
    whole, packed = zipped(Size.ORIGINAL)

    assert (whole.id != small.id, packed.read("run-1.jpg")) == (True, original)
    assert left() == 2
    assert archives.begin(guest(), ORDER).archive.id == whole.id


def test_making_goes_on_in_the_next_message(monkeypatch):
    monkeypatch.setattr(sizes, "BUDGET", 0.0)
    bought((300, 200), (200, 300))
    due = SizesDue(organization=ORG, originals=["deliveries/1", "deliveries/2"], size=Size.WEB)

    assert jobs.make_sizes(due) is Outcome.SUCCESS
    assert deliver.facts() == [due]

    monkeypatch.setattr(sizes, "BUDGET", 20.0)
    deliver.all()
    assert storage.digest_of("originals", "sizes/deliveries/2/web.jpg") is not None
    assert jobs.make_sizes(due) is Outcome.SKIPPED


def test_an_archive_fails_where_a_photo_can_not_be_made_smaller():
    bought((300, 200), (200, 300))
    storage.upload("originals", "deliveries/2", b"no picture", content_type="image/jpeg")

    archives.begin(guest(), ORDER, Size.WEB)
    deliver.all()

    assert archive_store.find(ORG, ORDER).state is State.FAILED
