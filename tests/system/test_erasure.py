"""One person leaves something in every corner, is erased, and then every table and every bucket is looked through.

What may still know their id, which leads to nobody any more, is listed with the reason.
"""

import io
import json
import re
import zipfile
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from moto.sns.models import sns_backends

from chalicelib.accounts import service as accounts
from chalicelib.accounts import store as people
from chalicelib.accounts.federation import store as federation
from chalicelib.accounts.federation.model import Link
from chalicelib.accounts.model import User
from chalicelib.accounts.second_factor import service as second_factor
from chalicelib.api_keys import service as api_keys
from chalicelib.carts import service as carts
from chalicelib.core import clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound
from chalicelib.core.table import transact
from chalicelib.events import service as events
from chalicelib.favorites import service as favorites
from chalicelib.invoices import service as invoices
from chalicelib.lines.contract import Item
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.model import FileOffer
from chalicelib.lines.prints import service as prints
from chalicelib.lines.prints.model import Print
from chalicelib.live import service as live
from chalicelib.members import store as invitations
from chalicelib.members.service.invitations import new_invitation
from chalicelib.notifications import service as notifications
from chalicelib.notifications.channels import push
from chalicelib.notifications.channels.push import Platform
from chalicelib.notifications.devices import service as devices
from chalicelib.notifications.model import Kind as NoticeKind
from chalicelib.orders import service as orders
from chalicelib.organizations.model import BankAccount
from chalicelib.payments import service as payments
from chalicelib.payments.methods import service as methods
from chalicelib.photographers import service as photographers
from chalicelib.privacy import receipts
from chalicelib.privacy.model import GRACE, ConsentKind, Scope
from chalicelib.privacy.service import consents, erasures, exports
from chalicelib.profiles import service as profiles
from chalicelib.profiles.model import Address
from chalicelib.verification import service as verification
from chalicelib.verification.model import Kind
from tests import deliver
from tests.lines.photos.pictures import File, jpeg
from tests.stack import ACCOUNT, ENVIRONMENT, REGION, client
from tests.system import world as worlds
from tests.system.world import Shop, World

EMAIL, PHONE, NATIONAL_ID = "heron@a.photos.example", "+66817310417", "900101300017"
BANK_ACCOUNT, TAX_ID = "7310417731041", "3104177310417"
COMPANYS_NUMBER = "0417731041731"
PARCEL_STREET = "Canary Quay 418"
DIGEST = f"$2b$04${'a' * 53}"
CANARIES = {
    "e-mail": EMAIL,
    "phone": PHONE,
    "name": "heron",
    "family name": "Canarysurname",
    "birth date": "1990-01-01",
    "bio": "A canary with a camera",
    "street": "Canary Street 417",
    "file name": "IMG_NEST",
    "told": "A canary's refund",
    "passport": "PASSPORT-CANARY",
    "key": "Canary till",
    "device": "Firefox on Linux",
    "order's e-mail": "heron.buys@mail.example",
    "company": "Canary and Sons Ltd.",
    "company's address": "Canary Quay 31",
}
HOLD_SOMETHING = {
    *("accounts", "carts", "entitlements", "events", "notifications", "orders", "organizations", "payments", "photos"),
    *("privacy", "profiles", "verification", "bucket documents", "bucket originals", "bucket previews"),
}
"""Tables and buckets that know whose something is."""

BUCKETS = ("ORIGINALS", "PREVIEWS", "DOCUMENTS")

KNOWS_THE_ID = {
    "audit": "who changed what stays for two years; it names nobody",
    "claims": "limits and marks, which expire by themselves",
    "connections": "what was told to open pages, which expires within two hours",
}


def everything() -> dict[str, str]:
    """The text of each table and bucket. Versions that were replaced are looked into, too."""
    found = {
        name.rpartition("-")[2]: "\n".join(json.dumps(item) for item in items.values())
        for name, items in worlds.tables().items()
    }
    s3 = client("s3")
    for name in BUCKETS:
        bucket, texts = ENVIRONMENT[f"PIX_{name}_BUCKET"], []
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for held in page.get("Versions", []):
                body = s3.get_object(Bucket=bucket, Key=held["Key"], VersionId=held["VersionId"])["Body"].read()
                texts.append(f"{held['Key']}\n{body.decode('latin-1')}")
        found[f"bucket {name.lower()}"] = "\n".join(texts)
    return found


def of_somebody(told: dict[str, str], user: str) -> dict[str, set[str]]:
    """Where each thing is found."""
    wanted = CANARIES | {"id": user}
    return {thing: {place for place, text in told.items() if canary in text} for thing, canary in wanted.items()}


def take_in(world: World) -> Principal:
    """Somebody who leaves something of every kind."""
    shop, admin = world.a, world.a.people["admin"].principal
    person = worlds.person(shop, "heron", "photographer", "admin")
    heron, password = person.principal, person.password
    user = accounts.get_user(shop.organization, heron.known_user)
    told: dict[str, object] = {
        "first_name": "Heron",
        "last_name": CANARIES["family name"],
        "national_id": ("KZ", NATIONAL_ID),
    }
    told |= {"birth_date": date(1990, 1, 1)}
    profiles.change_profile(heron, version=0, told=told)
    profiles.add_address(heron, Address("", None, "Me", None, "KZ", None, "Almaty", None, CANARIES["street"], None))
    favorites.add_favorite(heron, "photos", shop.photos["approved"])
    _show_a_picture(heron)
    methods.save_method(heron, gateway="paynoi", token="tok_canary")
    account = BankAccount("Kasikorn", "Canary holder", BANK_ACCOUNT)
    page = {"bio": CANARIES["bio"], "bank_account": account, "tax_id": TAX_ID}
    photographers.change(heron, version=0, told=page)
    notifications.choose(heron, {"email": {NoticeKind.NEWS: True}})
    devices.register(heron, Platform.FCM, "token-of-a-canary")
    reader = notifications.Reader(user.id)
    what: dict[str, Any] = {"about": NoticeKind.ORDERS, "topic": "told", "title": CANARIES["told"], "text": "-"}
    notifications.tell(shop.organization, reader, once="canary", **what)
    api_keys.create(heron, name=CANARIES["key"], permissions=frozenset({"event.manage"}), days=9)
    second_factor.set_up(heron)
    _prove_a_phone(user)
    transact(*federation.add(Link(shop.organization, "google", ids.digest("subject"), user.id, clock.now())))
    for by, to in ((admin, EMAIL), (heron, "crane@people.example")):
        asked = new_invitation(by, shop.organization, to, frozenset({"photographer"}), None, "en")
        transact(invitations.add_invitation(asked))
    accounts.log_in(shop.organization, email=EMAIL, password=password, device="Canary (Firefox; Linux)")
    for place in ("live", "empty", "mixed"):
        events.assign(admin, shop.events[place].id, user.id)
        _send(shop, place, heron)
    events.unassign(admin, shop.events["empty"].id, user.id)
    verification.submit(heron, worlds.offer_document(heron, Kind.PASSPORT, b"%PDF-1.7 PASSPORT-CANARY"))
    consents.answer(heron, ConsentKind.MARKETING, granted=True, wording="2026-11")
    exports.ask(heron)
    _buy(world, heron)
    live.open_ticket(heron)
    deliver.all()
    carts.add(heron, [Item("photos", shop.photos["second"])])
    return heron


def _show_a_picture(heron: Principal) -> None:
    picture = jpeg(31)
    profiles.begin_avatar(heron, content_type="image/jpeg", size=len(picture.content), sha256=picture.sha256)
    key = f"avatars/{heron.organization}/{heron.known_user}/1"
    held = client("s3").put_object(Bucket=ENVIRONMENT["PIX_ORIGINALS_BUCKET"], Key=key, Body=picture.content)
    profiles.take_avatar(heron.organization, heron.known_user, 1, held["VersionId"])


def _prove_a_phone(user: User) -> None:
    proven = user.prove_phone(PHONE, clock.now())
    transact(people.claim_address(proven, PHONE), people.save(proven, was=user))


def _keys() -> list[str]:
    versions = client("s3").get_paginator("list_object_versions").paginate
    pages = [page for name in BUCKETS for page in versions(Bucket=ENVIRONMENT[f"PIX_{name}_BUCKET"])]
    return [held["Key"] for page in pages for held in page.get("Versions", [])]


def _send(shop: Shop, event: str, heron: Principal, seed: int = 40) -> str:
    """One file that arrives, whose photo is returned, and one that is never sent."""
    files = [File("IMG_NEST_1.JPG", jpeg(seed + len(event)).content), File("IMG_NEST_2.JPG", f"{seed}{event}".encode())]
    offers = [FileOffer(file.name, len(file.content), file.type, file.sha256) for file in files]
    upload = photos.begin_upload(heron, shop.events[event].id, offers)
    form = upload.files[0].form
    assert form is not None
    worlds.deliver_file(form.fields["key"], files[0].content)
    return upload.files[0].photo


def _buy(world: World, heron: Principal) -> None:
    shop = world.a
    home = Address("", None, "Heron", None, "TH", None, "Bangkok", "10500", PARCEL_STREET, None)
    parcels = [prints.make(heron, home, [Print(shop.photos["approved"], "10x15", 1)])[0] for _ in range(2)]
    ticket = Item("tickets", f"{shop.ticket_types['adult']}-1")
    carts.add(heron, [Item("photos", shop.photos["approved"]), Item("prints", parcels[0].id), ticket])
    email = CANARIES["order's e-mail"]
    order = orders.place_order(heron, "heron-buys", email=email, language="en", expected_total=None)
    company, address = CANARIES["company"], CANARIES["company's address"]
    invoices.set_billing(heron, order.id, name=company, address=address, tax_number=COMPANYS_NUMBER)
    payment = payments.create_payment(heron, order.id)
    assert payment.transaction is not None
    world.bank.set(payment.transaction, "captured")
    payments.settle(shop.organization, payment.id)
    deliver.all()
    invoices.draw_receipt(heron, order.id)
    photographers.rate(heron, shop.people["photographer"].id, order.id, 5)


@pytest.fixture(autouse=True)
def phones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices ring, wherever they are."""
    monkeypatch.setattr(push, "of_platform", lambda *_: SimpleNamespace(send=lambda token, told: "rung"))


def erase(person: Principal) -> None:
    erasures.ask(person, Scope.ACCOUNT)
    deliver.all()
    with clock.travel(GRACE + timedelta(seconds=1)):
        erasures.begin_due()
        deliver.all()


def test_an_export_holds_all_of_a_person_and_of_an_erased_one_nothing_is_left(world: World):
    heron = take_in(world)
    look_into_the_export(heron)
    before = of_somebody(everything(), heron.known_user)
    assert [thing for thing, places in before.items() if not places - {"audit"}] == []
    # What is sealed is not found by its text, but by whose it is.
    assert HOLD_SOMETHING - before["id"] == set()

    erase(heron)

    after = of_somebody(everything(), heron.known_user)
    assert {thing: places for thing, places in after.items() if places - {"audit"} and thing != "id"} == {}
    assert {thing for thing, places in after.items() if "audit" in places} == {"id", "key"}
    assert after["id"] - KNOWS_THE_ID.keys() == set()


def test_photos_that_were_sold_from_stay_without_a_name_and_the_others_go(world: World):
    """Of the event that was sold from the finished photo stays as buyers get it; all else goes with its files."""
    heron = worlds.person(world.a, "stork", "photographer", "admin").principal
    sent = {event: _send(world.a, event, heron, seed=60) for event in ("live", "mixed")}

    erase(heron)

    folders = {event: [key for key in _keys() if f"/{photo}/" in key] for event, photo in sent.items()}
    kept = photos.get(world.a.organization, sent["live"])
    assert folders["mixed"] == []
    assert {key.partition("/")[0] for key in folders["live"]} == {"deliveries", "previews"}
    assert (kept.photographer, kept.exif, kept.upload) == ("erased", None, None)
    assert kept.filename == f"erased-{kept.id[-8:].lower()}.jpg"
    with pytest.raises(NotFound):
        photos.get(world.a.organization, sent["mixed"])


def look_into_the_export(heron: Principal) -> None:
    (made,) = exports.exports_of(heron)

    held = client("s3").get_object(Bucket=ENVIRONMENT["PIX_DOCUMENTS_BUCKET"], Key=made.key)["Body"].read()
    archive = zipfile.ZipFile(io.BytesIO(held))
    text = "\n".join(archive.read(name).decode("latin-1") for name in archive.namelist())
    wanted = CANARIES | {
        "bank account": BANK_ACCOUNT,
        "tax id": TAX_ID,
        "company's number": COMPANYS_NUMBER,
        "national id": NATIONAL_ID,
        "where a parcel goes": PARCEL_STREET,
        "last digits": "nary",
        "invited": "crane@people.example",
    }
    assert [thing for thing, canary in wanted.items() if canary not in text] == []
    assert {"avatar.jpg", "profile.json", "payment_methods.json", "notifications.json", "api_keys.json"} <= set(
        archive.namelist()
    )
    assert "tok_canary" not in text


def test_who_has_a_phone_alone_fetches_the_receipt(world: World):
    """The text leads to it for thirty days, and to nobody else's."""
    organization = world.a.organization
    user = accounts.import_user(organization, phone=PHONE, digest=DIGEST, name="H", language="en")
    erase(Principal(organization, user=user.id))

    texts = [text for number, text in sns_backends[ACCOUNT][REGION].sms_messages.values() if number == PHONE]
    link = re.search(r"/privacy/receipts/[\w/-]+", texts[-1])
    assert len(texts) == 2
    assert link is not None
    assert PHONE not in "".join(everything().values())
    with clock.travel(GRACE + timedelta(days=29)):
        answer = world.gateway.handle("GET", link[0], {"Host": world.a.host}, b"", "203.0.113.9")
        claims = jwt.decode(answer.body.decode(), options={"verify_signature": False})
    assert answer.status == 200
    assert claims["sub"] == receipts.subject(claims["salt"], PHONE)
    for host, path, later in (
        (world.a.host, f"{link[0][:-1]}x", 29),
        (world.b.host, link[0], 29),
        (world.a.host, link[0], 31),
    ):
        with clock.travel(GRACE + timedelta(days=later)):
            assert world.gateway.handle("GET", path, {"Host": host}, b"", "203.0.113.9").status == 404
