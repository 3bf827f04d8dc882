"""Licences: what they say, and that nobody can make one or change one. The script of the docs checks them alone."""

import io
import json
import subprocess
import sys
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from chalicelib.core import clock, signing, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Forbidden, NotFound, Unprocessable
from chalicelib.entitlements import service, store
from chalicelib.entitlements.licences import service as licences
from chalicelib.entitlements.licences.service import Verdict
from chalicelib.entitlements.service import Sale
from chalicelib.organizations.service import DEFAULT as ORG
from tests.entitlements.test_service import ORDER, file, give, guest
from tests.lines.photos.pictures import jpeg

pytestmark = pytest.mark.usefixtures("aws")

SCRIPT = Path(__file__).parents[2] / "docs/verify_license.py"
PAID_AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
SALE = Sale("DL8NJ6F5", "anna@shop.example", "THB", "pay_1", PAID_AT)
STAFF = Principal(ORG, user="usr_staff", permissions=frozenset({"order.read_all"}))


def bought(*files):
    give(*(files or (file(1, price=40_00), file(2, price=39_00))), sale=SALE)
    return licences.shown(service.list_grants(guest(), ORDER))


def judge(document):
    return licences.verify(Principal(ORG), json.dumps(document))


def paths(value, at=()):
    """Where each single value of a document stands."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if parts is None:
        return [at]
    return [path for name, part in parts for path in paths(part, (*at, name))]


def tampered(document):
    """The document, once for each of its values with that one changed, and without each of its fields."""
    for path in paths(document):
        copy = json.loads(json.dumps(document))
        inner = copy
        for name in path[:-1]:
            inner = inner[name]
        held = inner[path[-1]]
        inner[path[-1]] = held + 1 if isinstance(held, int) else f"{held[:-1]}{'B' if held[-1:] == 'A' else 'A'}"
        yield path, copy
    for name in document:
        yield (name, "left out"), {field: value for field, value in document.items() if field != name}
    yield ("more",), document | {"more": "x"}


def run(tmp_path, document, *photos, keys=None):
    known = keys or [key.jwk for key in signing.published(ORG)]
    paths = tmp_path / "document.json", tmp_path / "keys.json"
    for path, value in zip(paths, (document, {"keys": known}), strict=True):
        path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    return subprocess.run([sys.executable, "-I", SCRIPT, *paths, *photos], capture_output=True, text=True, check=False)


# --- what a licence says


def test_a_licence_names_buyer_photo_terms_price_and_time():
    first, second = bought()

    assert first | {"signature": "-", "key": "-", "issuedAt": "-"} == {
        "type": "photo-licence",
        "version": 1,
        "id": service.of_order(ORG, ORDER)[0].id,
        "licensor": {"id": ORG, "name": "ThePixStock"},
        "order": {"id": ORDER, "code": "DL8NJ6F5"},
        "buyer": "anna@shop.example",
        "photo": {"id": "pho_1", "filename": "รูป 1.jpg", "sha256": f"{1:064x}"},
        "terms": {"class": "personal", "text": first["terms"]["text"]},
        "price": {"amount": 40_00, "currency": "THB"},
        "paidAt": "2026-11-21T09:00:00.000Z",
        "issuedAt": "-",
        "key": "-",
        "signature": "-",
    }
    assert second["price"]["amount"] == 39_00


def test_a_class_has_terms_of_its_own():
    give(sale=replace(SALE, terms="commercial"))

    (licence,) = licences.shown(service.list_grants(guest(), ORDER))
    assert licence["terms"]["class"] == "commercial"
    assert "advertise" in licence["terms"]["text"]


def test_staff_sees_them_strangers_do_not():
    bought()

    assert len(service.open_grants(STAFF, ORDER)) == 2
    for stranger in (Principal(ORG), Principal(ORG, user="usr_other"), replace(STAFF, organization="org_other")):
        with pytest.raises(NotFound):
            service.open_grants(stranger, ORDER)


def test_who_is_forgotten_stands_in_no_licence():
    (licence, _) = bought()

    service.forget_owner(ORG, ORDER)

    assert [grant.licence for grant in store.of_order(ORG, ORDER)] == [None, None]
    assert judge(licence) == Verdict(False, "revoked")


# --- true ones and others


def test_a_licence_is_true_and_nothing_in_it_can_be_changed(tmp_path):
    licence, _ = bought()

    assert judge(licence) == Verdict(True)
    verdicts = {path: judge(copy) for path, copy in tampered(licence)}
    assert [path for path, verdict in verdicts.items() if verdict.valid] == []
    assert len(verdicts) > 25
    assert {verdict.reason for verdict in verdicts.values()} == {"altered", "unknown_key", "malformed"}


def test_the_script_of_the_docs_needs_nobody(tmp_path):
    content = jpeg(3).content
    licence, *_ = bought(file(1, sha256=sha256(content).hexdigest()))
    photo, other = tmp_path / "photo.jpg", tmp_path / "other.jpg"
    photo.write_bytes(content)
    other.write_bytes(content + b"\0")

    told = run(tmp_path, licence, photo)

    assert (told.returncode, told.stdout) == (0, f"TRUE: photo-licence {licence['id']}\n"), told.stderr
    assert run(tmp_path, licence, other).returncode == 1
    for _, copy in list(tampered(licence))[::9]:
        assert run(tmp_path, copy).returncode == 1
    lines = SCRIPT.read_text().splitlines()
    assert sum(bool(line.strip()) and not line.startswith("import") for line in lines) <= 35


def test_the_canonical_form_is_that_of_rfc_8785():
    """Its own example of texts: what is escaped, and how."""
    odd = {"b": '€$\x0f\nA\'B"\\\\"/', "a": [1, True, None]}

    assert signing.canonical(odd) == '{"a":[1,true,null],"b":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'.encode()
    with pytest.raises(TypeError):
        signing.canonical({"amount": 1.5})


def test_a_licence_of_another_organization_is_not_ours():
    licence, _ = bought()

    assert licences.verify(Principal("org_other"), json.dumps(licence)) == Verdict(False, "unknown_key")
    forged = signing.signed("org_other", {name: licence[name] for name in licence if name not in ("key", "signature")})
    assert judge(forged) == Verdict(False, "unknown_key")


@pytest.mark.parametrize("text", [
    "", "nonsense", "[]", "{}", '{"signature": 1, "key": "x"}', '{"signature": "é", "key": "x"}',
    '"x"', "[" * 10_000, '{"key": "x", "signature": "\\ud800"}',
])  # fmt: skip
def test_what_is_no_document_is_no_licence(text):
    verdict = licences.verify(Principal(ORG), text)

    assert not verdict.valid
    assert verdict.reason in ("malformed", "unknown_key")


def test_odd_texts_under_a_true_key_are_refused():
    licence, _ = bought()

    for odd in ({"buyer": 1.5}, {"signature": "é"}, {"signature": "="}, {"buyer": "\ud800"}):
        assert judge(licence | odd) == Verdict(False, "malformed")
    short = urlsafe_b64encode(b"x" * 63).rstrip(b"=").decode()
    assert judge(licence | {"signature": short}) == Verdict(False, "altered")


def test_a_withdrawn_licence_is_told():
    licence, _ = bought()

    service.revoke(ORG, ORDER)

    assert judge(licence) == Verdict(False, "revoked")


# --- the licence in the file


@pytest.fixture
def photo():
    content = jpeg(5).content
    storage.upload("originals", "deliveries/1.jpg", content, content_type="image/jpeg")
    bought(file(1, key="deliveries/1.jpg", sha256=sha256(content).hexdigest()))
    return content


def fetched():
    return storage.read("originals", f"licensed/{ORG}/{ORDER}/pho_1")


def test_a_copy_has_the_licence_in_it_and_is_the_same_photo_otherwise(photo, tmp_path):
    download = service.download(guest(), ORDER, "pho_1", licensed=True)

    copy = fetched()
    assert download.sha256 == sha256(copy).hexdigest() != sha256(photo).hexdigest()
    assert f"licensed/{ORG}" in download.url
    with Image.open(io.BytesIO(copy)) as with_it, Image.open(io.BytesIO(photo)) as without:
        assert with_it.tobytes() == without.tobytes()
        description = with_it.getxmp()["xmpmeta"]["RDF"]["Description"]
    assert json.loads(description["document"]) == service.of_order(ORG, ORDER)[0].licence
    assert description["Marked"] == "True"
    (tmp_path / "photo.jpg").write_bytes(copy)
    assert run(tmp_path, json.loads(description["document"]), tmp_path / "photo.jpg").returncode == 0


def test_both_copies_can_be_acknowledged_and_the_same_download_is_taken(photo):
    plain = service.download(guest(), ORDER, "pho_1")
    copy = service.download(guest(), ORDER, "pho_1", licensed=True)

    assert plain.remaining == copy.remaining == 2
    service.received(guest(), ORDER, "pho_1", copy.sha256)
    assert service.download(guest(), ORDER, "pho_1", licensed=True).sha256 == copy.sha256


def test_what_takes_no_licence_costs_no_download(photo):
    give(file(3, content_type="image/png"), file(4), order="ord_2", sale=SALE)
    storage.upload("originals", "deliverables/4.jpg", fetched_twice(), content_type="image/jpeg")
    give(file(5), order="ord_3")

    for order, resource in (("ord_2", "pho_3"), ("ord_2", "pho_4"), ("ord_3", "pho_5")):
        with pytest.raises(Unprocessable, match="not_embeddable"):
            service.download(guest(order), order, resource, licensed=True)
    assert [grant.remaining for order in ("ord_2", "ord_3") for grant in store.of_order(ORG, order)] == [3, 3, 3]


def fetched_twice():
    """A file that has a packet already."""
    service.download(guest(), ORDER, "pho_1", licensed=True)
    return fetched()


def test_a_refused_download_makes_no_copy(photo):
    with clock.travel(timedelta(hours=73)), pytest.raises(Forbidden, match="download_expired"):
        service.download(guest(), ORDER, "pho_1", licensed=True)
