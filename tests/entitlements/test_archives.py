"""One ZIP file for an order, built from storage to storage; killed anywhere, it ends the same."""

import io
import json
import random
import zipfile
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from chalicelib.core import clock, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, NotFound
from chalicelib.core.queues import Outcome
from chalicelib.core.table import transact
from chalicelib.entitlements import service as entitlements
from chalicelib.entitlements import store as grants
from chalicelib.entitlements.archives import building, jobs, service, store
from chalicelib.entitlements.archives.messages import ArchiveDue
from chalicelib.entitlements.archives.model import Archive, Packed, State
from chalicelib.entitlements.archives.packing import Pack
from chalicelib.entitlements.model import Size
from chalicelib.organizations.service import DEFAULT as ORG
from tests import deliver
from tests.entitlements.test_licences import SALE
from tests.entitlements.test_service import ORDER, Killed, file, give, guest
from tests.stack import ENVIRONMENT, client

pytestmark = pytest.mark.usefixtures("aws")

BUCKET = ENVIRONMENT["PIX_ORIGINALS_BUCKET"]
MB = 1 << 20


def photo(number, size):
    return random.Random(number).randbytes(size)


def bought(*sizes, order=ORDER, sale=None):
    """An order of photos of these sizes, in storage."""
    files = []
    for number, size in enumerate(sizes, start=1):
        content, key = photo(number, size), f"deliveries/{number}"
        storage.upload("originals", key, content, content_type="image/jpeg")
        files.append(file(number, key=key, sha256=sha256(content).hexdigest(), subject="evt_1"))
    give(*files, order=order, sale=sale)


def built(order=ORDER):
    service.begin(guest(order), order)
    deliver.all()
    return store.find(ORG, order)


def opened(archive):
    whole = zipfile.ZipFile(io.BytesIO(storage.read("originals", archive.key)))
    assert whole.testzip() is None
    return {name: whole.read(name) for name in whole.namelist()}


def unfinished():
    return client("s3").list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])


# --- asking and fetching


def test_an_order_becomes_one_file_with_its_licences():
    bought(1000, 2000, sale=SALE)

    begun = service.begin(guest(), ORDER)
    deliver.all()
    ready = service.show(guest(), ORDER)

    assert (begun.archive.state, begun.url) == (State.BUILDING, None)
    assert ready.archive.state is State.READY
    assert f"archives/{ORG}/{ORDER}" in ready.url
    found = opened(ready.archive)
    licences = json.loads(found.pop("licenses.json"))
    assert found == {"รูป 1.jpg": photo(1, 1000), "รูป 2.jpg": photo(2, 2000)}
    assert licences["licenses"] == [grant.licence for grant in grants.of_order(ORG, ORDER)]
    assert ready.archive.size == storage.size_of("originals", ready.archive.key)


def test_it_takes_one_download_of_each_and_the_receipt_tells_all():
    bought(1000, 2000, sale=SALE)
    for _ in range(2):
        service.begin(guest(), ORDER)
    deliver.all()
    for _ in range(2):
        service.show(guest(), ORDER)

    assert [grant.remaining for grant in grants.of_order(ORG, ORDER)] == [2, 2]
    assert entitlements.sales_of(ORG, "evt_1").downloads == 2
    told = entitlements.receipt(ORG, ORDER)["entries"]
    assert [entry["step"] for entry in told] == ["paid", "archive_asked", "archive_built", "link_issued"]
    assert told[2]["facts"]["photos"] == 2
    with clock.travel(timedelta(minutes=6)):
        service.show(guest(), ORDER)
    assert len(entitlements.receipt(ORG, ORDER)["entries"]) == 5


def test_what_can_not_be_had_is_left_out_and_where_nothing_can_it_is_refused():
    bought(1000, 2000)
    for number in range(3):
        with clock.travel(timedelta(minutes=6 * number)):
            entitlements.download(guest(), ORDER, "pho_1")

    with clock.travel(timedelta(minutes=30)):
        assert opened(built()).keys() == {"รูป 2.jpg"}
    with clock.travel(timedelta(hours=80)), pytest.raises(Forbidden, match="download_expired"):
        service.begin(guest(), ORDER)


def test_after_a_day_another_one_is_made():
    bought(1000)
    first = built()

    with clock.travel(timedelta(hours=25)):
        with pytest.raises(NotFound, match="archive_not_found"):
            service.show(guest(), ORDER)
        second = built()

    assert second.id != first.id
    assert second.state is State.READY


def test_strangers_and_withdrawn_orders_are_refused():
    bought(1000)
    for ask in (service.begin, service.show):
        with pytest.raises(NotFound):
            ask(Principal(ORG), ORDER)
    with pytest.raises(NotFound, match="archive_not_found"):
        service.show(guest(), ORDER)
    built()
    entitlements.revoke(ORG, ORDER)

    with pytest.raises(NotFound, match="archive_not_found"):
        service.show(guest(), ORDER)
    with pytest.raises(Forbidden, match="download_revoked"):
        service.begin(guest(), ORDER)


def test_many_files_are_taken_in_parts():
    give(*(file(number) for number in range(1, 96)))

    assert len(entitlements.take_each(ORG, ORDER)) == 95
    assert {grant.remaining for grant in grants.of_order(ORG, ORDER)} == {2}
    assert [entry.facts["photos"] for entry in grants.entries(ORG, ORDER)] == [40, 40, 15]


def test_two_who_ask_at_once_get_one(monkeypatch):
    bought(1000)
    take = entitlements.take_each

    def another_was_faster(*order):
        monkeypatch.setattr(entitlements, "take_each", take)
        service.begin(guest(), ORDER)
        return take(*order)

    monkeypatch.setattr(entitlements, "take_each", another_was_faster)
    assert service.begin(guest(), ORDER).archive.id == store.find(ORG, ORDER).id
    assert [grant.remaining for grant in grants.of_order(ORG, ORDER)] == [2]


def test_who_is_forgotten_leaves_no_file_behind():
    bought(1000, sale=SALE)
    archive = built()

    entitlements.forget_owner(ORG, ORDER)

    assert storage.size_of("originals", archive.key) is None


# --- building


@pytest.fixture
def large(monkeypatch):
    """Five photos in parts of their own, each in a message of its own."""
    monkeypatch.setattr(building, "PART", 5 * MB)
    monkeypatch.setattr(building, "BUDGET", 0)
    bought(5 * MB, 6 * MB, 5 * MB, 1000, 2000)


def test_a_large_archive_goes_on_in_further_messages(large):
    begun = service.begin(guest(), ORDER).archive
    states = []
    for _ in range(4):
        deliver.relay()
        deliver.queue("jobs")
        states.append((len(store.find(ORG, ORDER).packed), store.find(ORG, ORDER).state))

    assert states == [(1, "building"), (2, "building"), (3, "building"), (3, "ready")]
    assert opened(begun) == {f"รูป {n}.jpg": photo(n, size) for n, size in
                             enumerate((5 * MB, 6 * MB, 5 * MB, 1000, 2000), start=1)}  # fmt: skip
    assert unfinished() == []


STEPS = ("begin_parts", "put_part", "finish_parts")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", [*STEPS, "transact", "append"])
def test_killed_anywhere_it_ends_the_same(monkeypatch, step, when):
    monkeypatch.setattr(building, "PART", 5 * MB)
    bought(5 * MB, 1000)
    begun = service.begin(guest(), ORDER).archive
    place = storage if step in STEPS else building
    work, struck = getattr(place, step), []

    def dies(*given, **named):
        if struck:
            return work(*given, **named)
        struck.append(step)
        if when == "after":
            work(*given, **named)
        raise Killed

    monkeypatch.setattr(place, step, dies)
    with pytest.raises(Killed):
        building.build(ORG, ORDER, begun.id)
    deliver.all()

    assert store.find(ORG, ORDER).state is State.READY
    assert opened(begun).keys() == {"รูป 1.jpg", "รูป 2.jpg"}
    assert [entry.step for entry in grants.entries(ORG, ORDER)] == ["archive_asked", "archive_built"]
    assert len(unfinished()) == (1 if (step, when) in {("begin_parts", "after"), ("transact", "before")} else 0)


def test_an_upload_that_storage_gave_up_is_begun_anew(large):
    begun = service.begin(guest(), ORDER).archive
    deliver.relay()
    deliver.queue("jobs")
    upload = store.find(ORG, ORDER).upload
    client("s3").abort_multipart_upload(Bucket=BUCKET, Key=begun.key, UploadId=upload)

    deliver.all()

    assert store.find(ORG, ORDER).state is State.READY
    assert len(opened(begun)) == 5


def test_a_message_that_comes_again_finds_nothing_to_do():
    bought(1000)
    archive = built()

    for id in (archive.id, "zip_other"):
        assert jobs.build_archive(ArchiveDue(organization=ORG, order=ORDER, archive=id)) is Outcome.SKIPPED


def test_of_two_runs_at_once_one_goes_on(monkeypatch):
    bought(1000)
    begun = service.begin(guest(), ORDER).archive
    begin_parts = storage.begin_parts

    def another_was_faster(*given, **named):
        monkeypatch.setattr(storage, "begin_parts", begin_parts)
        building.build(ORG, ORDER, begun.id)
        return begin_parts(*given, **named)

    monkeypatch.setattr(storage, "begin_parts", another_was_faster)
    with pytest.raises(Conflict):
        building.build(ORG, ORDER, begun.id)
    assert store.find(ORG, ORDER).state is State.READY


def test_an_archive_that_was_replaced_meanwhile_is_left(monkeypatch):
    bought(1000)
    begun = service.begin(guest(), ORDER).archive
    finish = storage.finish_parts

    def replaced(*given):
        finish(*given)
        held = store.find(ORG, ORDER)
        transact(store.save(replace(held, id="zip_other")))

    monkeypatch.setattr(storage, "finish_parts", replaced)
    with pytest.raises(Conflict):
        building.build(ORG, ORDER, begun.id)


@pytest.mark.parametrize("spoil", [
    lambda: storage.upload("originals", "deliveries/2", b"other", content_type="image/jpeg"),
    lambda: entitlements.revoke(ORG, ORDER),
])  # fmt: skip
def test_what_was_spoilt_is_told_and_may_be_asked_for_again(spoil):
    bought(1000, 2000)
    service.begin(guest(), ORDER)
    spoil()

    deliver.all()

    assert store.find(ORG, ORDER).state is State.FAILED
    assert not store.find(ORG, ORDER).is_current(clock.now(), Size.ORIGINAL)


def test_other_failures_of_storage_come_back(monkeypatch):
    bought(1000)
    begun = service.begin(guest(), ORDER).archive
    client("s3").delete_object(Bucket=BUCKET, Key="deliveries/1")

    with pytest.raises(Exception, match="NoSuchKey"):
        building.build(ORG, ORDER, begun.id)
    upload = storage.begin_parts("originals", "x", content_type="application/zip")
    with pytest.raises(Exception, match="InvalidPart"):
        storage.finish_parts("originals", "x", upload, ["none"])


# --- the format


def test_a_pack_that_is_gone_on_with_is_the_same():
    at = clock.now()

    def written(*rests):
        pack, whole = Pack(0, (), at), b""
        for number in range(6):
            pack.add(f"{number}.jpg", photo(number, 500))
            if number in rests:
                whole += pack.take()
                pack = Pack(len(whole), pack.packed, at)
        pack.close()
        return whole + pack.take()

    assert written() == written(0) == written(1, 3) == written(*range(6))


def test_beyond_four_gigabytes_the_directory_is_that_of_zip64():
    """The directory alone: what lies before was taken long ago."""
    known = [Packed(f"{n}.jpg", 7, 4_000_000_000, n * 4_000_000_100) for n in range(3)]
    with Pack(12_000_000_300, known, clock.now()) as pack:
        pack.add("last.jpg", b"x")
    end = pack.take()

    assert b"PK\x06\x06" in end
    assert b"PK\x06\x07" in end
    assert [held.offset for held in pack.packed] == [0, 4_000_000_100, 8_000_000_200, 12_000_000_300]
    assert pack.held == 0


def test_what_was_taken_is_not_gone_back_to():
    pack = Pack(100, (), clock.now())

    with pytest.raises(OSError, match="taken"):
        pack._window.seek(99)


def test_an_archive_of_nothing_stored_reads_as_it_was():
    archive = Archive("zip_1", ORG, ORDER, State.BUILDING, ("pho_1",), clock.now(), clock.now() + timedelta(hours=1))
    transact(store.save(archive))

    found = store.find(ORG, ORDER)
    assert (found.parts, found.packed, found.waiting) == ((), (), ("pho_1",))
