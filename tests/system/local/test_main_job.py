import base64
import hashlib
import io
import re
import secrets
from datetime import timedelta

import pytest
import requests
from PIL import Image
from pillow_heif import register_heif_opener

from infra.local.people import move
from tests.media.photos import encoded, picture
from tests.system.local import shop
from tests.system.local.shop import READY_MAIL, TYPES, File, photo

pytestmark = pytest.mark.system

GPS_IFD = 0x8825

register_heif_opener()


def fetch(url):
    answer = requests.get(url, timeout=30)
    assert answer.ok, f"{answer.status_code} {answer.text[:200]}"
    return answer.content


def opened(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def counts_and_recount(admin, event):
    shelves = {
        shelf: len(admin.pages(f"/events/{event}/review", shelf=shelf, pageSize=100))
        for shelf in ("pending", "approved", "rejected")
    }
    return admin.get(f"/events/{event}/counts"), shelves | {"total": sum(shelves.values())}


def booked(running, order):
    """The ledger's postings of an order's capture, by account."""
    held = [item for item in running.items("ledger", order=order) if item["entry"].startswith("capture#")]
    return sorted((item["account"], int(item["amount"])) for item in held)


def grants(running, order):
    return [item for item in running.items("entitlements", order=order) if "remaining" in item]


def sold_once(running, purchase, payment, count):
    """The whole effect of one payment, and nothing twice."""
    running.soon(lambda: running.mails_to(purchase.email, READY_MAIL) or None, "the mail")
    running.quiet()
    order = purchase.guest.get(f"/orders/{purchase.order}")
    received = payment["payable"]
    tail = received - payment["amount"]
    assert order["status"] == "completed"
    assert booked(running, purchase.order) == sorted(
        [("gateway:paynoi", received), ("sales", -payment["amount"]), ("payment-tails", -tail)]
    )
    assert len(grants(running, purchase.order)) == count
    assert len(running.mails_to(purchase.email, READY_MAIL)) == 1


# --- the main job -------------------------------------------------------------------------------------------


def test_from_the_camera_to_the_buyers_disk(running, figure):
    admin, photographer = running.person("admin"), running.person("photographer")
    event = shop.plan(running)
    files = [photo("jpeg"), photo("jpeg", orientation=6), photo("png"), photo("webp"), photo("heic")]

    upload = shop.offer(photographer, event["id"], *files)
    for place, file in zip(upload["files"], files, strict=True):
        assert shop.send(place["upload"], file.content).ok
    by_id = {place["photoId"]: file for place, file in zip(upload["files"], files, strict=True)}
    assert {item["processing"] for item in shop.processed(running, *by_id)} == {"ready"}
    assert {file["status"] for file in photographer.get(f"/uploads/{upload['id']}")["files"]} == {"ready"}

    visitor = running.stranger()
    visitor.call("GET", f"/events/{event['slug']}/photos", expect=404)
    for id in by_id:
        admin.put(f"/photos/{id}/approve")
    counts, recount = counts_and_recount(admin, event["id"])
    assert counts == recount == {"total": 5, "pending": 0, "approved": 5, "rejected": 0}
    move(admin, event["id"], "live")

    assert event["slug"] in [listed["slug"] for listed in visitor.pages("/events", pageSize=100)]
    gallery = visitor.pages(f"/events/{event['slug']}/photos", pageSize=2)
    assert {shown["id"] for shown in gallery} == by_id.keys()
    for shown in gallery:
        assert not {"exif", "filename", "photographerId", "sha256", "gps"} & shown.keys()
        for size in shown["sizes"].values():
            image = opened(fetch(size["url"]))
            assert (image.width, image.height) == (size["width"], size["height"])
            assert not image.getexif()
            assert "icc_profile" not in image.info
    turned = next(shown for shown in gallery if shown["id"] == list(by_id)[1])
    assert (turned["width"], turned["height"]) == (480, 640)

    guest = shop.guest_with(running, *by_id)
    email = f"buyer-{secrets.token_hex(4)}@example.com"
    new = {"email": email, "password": secrets.token_urlsafe(12), "name": "Busaba", "language": "en"}
    guest.post("/auth/register", new, expect=202)
    (mail,) = running.soon(lambda: running.mails_to(email) or None, "the code")
    proof = {"email": email, "code": re.search(r"\b\d{6}\b", mail.text)[0], "password": new["password"]}
    guest.holding(guest.post("/auth/verify", proof))
    merged = guest.get("/cart")
    assert {item["ref"] for item in merged["items"]} == by_id.keys()
    assert (merged["quote"]["total"], merged["quote"]["saved"]) == (299_00, 96_00)
    del guest.headers["X-Cart-Token"]
    assert len(guest.get("/cart")["items"]) == 5

    key = {"Idempotency-Key": f"key-{secrets.token_hex(8)}"}
    placed = guest.post("/orders", {"email": email, "language": "en"}, expect=201, **key)
    purchase = shop.Purchase(guest, email, placed["id"], placed["token"])
    visitor.call("POST", f"/downloads/{placed['id']}/photos/{gallery[0]['id']}", expect=404)
    payment = shop.open_payment(purchase)
    assert payment["amount"] == 299_00 < payment["payable"] < 300_00
    assert opened(base64.b64decode(payment["qrImageBase64"])).format == "PNG"
    shop.scan(running, payment)
    sold_once(running, purchase, payment, 5)
    assert guest.get("/cart")["items"] == []

    (mail,) = running.mails_to(email, READY_MAIL)
    link = re.search(r"http\S+/d/\S+", mail.text)[0]
    assert link in mail.html.replace("&amp;", "&")
    assert b"<form" in fetch(link)
    order, token = link.rsplit("/", 2)[1:]
    downloader = running.stranger(**{"X-Order-Token": token})
    for file in downloader.get(f"/downloads/{order}")["files"]:
        grant = downloader.post(f"/downloads/{order}/photos/{file['resource']}")
        assert (grant["remaining"], file["limit"]) == (2, 3)
        content = fetch(grant["url"])
        original = by_id[file["resource"]].content
        assert hashlib.sha256(content).hexdigest() == grant["sha256"]
        assert opened(content).tobytes() == opened(original).tobytes()
        assert opened(original).getexif().get_ifd(GPS_IFD)
        assert not opened(content).getexif().get_ifd(GPS_IFD)
        assert file["filename"].startswith(event["slug"])

    form_page = requests.post(f"{link}/photos/{gallery[0]['id']}", allow_redirects=False, timeout=30)
    assert form_page.status_code == 303
    assert fetch(form_page.headers["Location"])
    text = f"{len(files)} photos in 4 formats: 1 payment, 1 ledger entry, 5 grants, 1 mail, 5 downloads, equal pixels"
    figure("main job", "from the camera to the buyer's disk", text)


# --- uploading ----------------------------------------------------------------------------------------------


def test_a_bad_file_in_a_batch_disturbs_nothing(running):
    event = shop.plan(running)
    whole = photo("jpeg")
    bad = {
        "truncated": File("cut.jpg", TYPES["jpeg"], photo("jpeg").content[:-2000]),
        "unsupported_format": File("letter.jpg", TYPES["jpeg"], b"Dear photographer, this is text." * 9),
        "type_mismatch": File("named-jpeg.jpg", TYPES["jpeg"], photo("png").content),
        "too_small": File("dot.png", TYPES["png"], encoded(picture(3, 3), "png")),
    }

    ids = shop.upload(running, event["id"], whole, *bad.values(), photo("webp"))
    stored = shop.processed(running, *ids)

    assert [item["processing"] for item in stored] == ["ready", *["failed"] * 4, "ready"]
    upload = running.person("photographer").pages(f"/events/{event['id']}/uploads", pageSize=100)
    failures = {shown["filename"]: shown["failure"] for shown in upload if shown["failure"]}
    assert {name: failure["code"] for name, failure in failures.items()} == {
        file.name: code for code, file in bad.items()
    }
    assert all(len(failure["message"]) > 20 for failure in failures.values())
    counts, recount = counts_and_recount(running.person("admin"), event["id"])
    assert counts == recount == {"total": 2, "pending": 2, "approved": 0, "rejected": 0}


def test_an_interrupted_batch_resumes(running):
    event, photographer = shop.plan(running), running.person("photographer")
    files = [photo() for _ in range(3)]
    upload = shop.offer(photographer, event["id"], *files)
    arrived, *missing = (place["photoId"] for place in upload["files"])
    assert shop.send(upload["files"][0]["upload"], files[0].content).ok
    shop.processed(running, arrived)

    resumed = photographer.post(f"/uploads/{upload['id']}/resume")

    assert [place["photoId"] for place in resumed["files"] if place["upload"]] == missing
    for place, file in zip(resumed["files"], files, strict=True):
        assert place["upload"] is None or shop.send(place["upload"], file.content).ok
    assert {item["processing"] for item in shop.processed(running, arrived, *missing)} == {"ready"}
    assert not any(place["upload"] for place in photographer.post(f"/uploads/{upload['id']}/resume")["files"])


def test_the_same_file_is_recognised(running):
    event, photographer = shop.plan(running), running.person("photographer")
    file = photo()
    twice = shop.offer(photographer, event["id"], file, File("copy.jpg", file.type, file.content))["files"]
    assert [place["status"] for place in twice] == ["awaiting", "duplicate"]
    assert shop.send(twice[0]["upload"], file.content).ok
    shop.processed(running, twice[0]["photoId"])

    (again,) = shop.offer(photographer, event["id"], file)["files"]

    assert again["photoId"] == twice[0]["photoId"] == twice[1]["photoId"]
    assert (again["status"], again["upload"]) == ("duplicate", None)


def test_a_wrong_checksum_fails_the_photo_and_a_fresh_upload_heals_it(running):
    event, photographer = shop.plan(running), running.person("photographer")
    file = photo()
    (place,) = shop.offer(photographer, event["id"], file)["files"]
    other = file.content[:-100] + bytes(98) + file.content[-2:]

    assert shop.send(place["upload"], other).ok, "the emulator stores it; AWS would refuse it"
    (failed,) = shop.processed(running, place["photoId"])
    retried = photographer.post(f"/photos/{place['photoId']}/retry")
    assert retried["processing"] == "processing"
    running.quiet()
    again = photographer.pages(f"/events/{event['id']}/uploads")[0]

    assert failed["processing"] == again["processing"] == "failed"
    assert again["failure"]["code"] == "hash_mismatch"
    (fresh,) = shop.offer(photographer, event["id"], file)["files"]
    assert fresh["photoId"] == place["photoId"]
    assert shop.send(fresh["upload"], file.content).ok
    assert shop.processed(running, place["photoId"])[0]["processing"] == "ready"
    photographer.call("POST", f"/photos/{place['photoId']}/retry", expect=409)


# --- paying -------------------------------------------------------------------------------------------------


def test_a_lost_webhook_is_found_by_the_sweep(running, photos):
    purchase = shop.place(running, *photos[:2])
    payment = shop.open_payment(purchase)
    shop.scan(running, payment, drop=True)
    running.quiet()
    assert running.items("payments", id=payment["id"])[0]["state"] == "pending"

    with running.later(timedelta(seconds=40)):
        running.fire("sweep_payments")

    sold_once(running, purchase, payment, 2)


def test_a_webhook_told_five_times_over_counts_once(running, photos, figure):
    purchase = shop.place(running, *photos[:2])
    payment = shop.open_payment(purchase)

    shop.scan(running, payment, duplicates=5)

    running.soon(lambda: shop.charges(running, payment)[0]["webhook"]["accepted"] == 6 or None, "six webhooks")
    sold_once(running, purchase, payment, 2)
    figure("main job", "a webhook told again counts once", "6 told: 1 capture, 1 ledger entry, 2 grants, 1 mail")


def test_a_webhook_with_a_wrong_signature_is_not_believed(running, photos):
    purchase = shop.place(running, photos[0])
    payment = shop.open_payment(purchase)

    shop.scan(running, payment, bad_signature=True)

    def refused():
        return shop.charges(running, payment)[0]["webhook"]["answer"] == "401" or None

    running.soon(refused, "the refusal")
    running.quiet()
    assert running.items("payments", id=payment["id"])[0]["state"] == "pending"
    shop.act(running, shop.charges(running, payment)[0], "notify")
    sold_once(running, purchase, payment, 1)


def test_a_wrong_amount_goes_to_review(running, photos):
    purchase = shop.place(running, photos[0])
    payment = shop.open_payment(purchase)

    shop.scan(running, payment, amount="50.00")
    running.soon(lambda: running.items("payments", id=payment["id"], state="review") or None, "the review")
    running.quiet()

    (reviewed,) = (
        shown
        for shown in running.person("admin").pages("/payments/review", pageSize=100)
        if shown["id"] == payment["id"]
    )
    assert (reviewed["reviewReason"], reviewed["received"]) == ("wrong_amount", 50_00)
    assert purchase.guest.get(f"/orders/{purchase.order}")["status"] == "awaiting_payment"
    assert booked(running, purchase.order) == [("gateway:paynoi", 50_00), ("suspense", -50_00)]
    assert grants(running, purchase.order) == []
    assert running.mails_to(purchase.email) == []


def test_a_lost_answer_of_the_gateway_costs_nothing(running, photos):
    purchase = shop.place(running, photos[0])

    shop.misbehave(running, create={"lost": 1})
    shop.open_payment(purchase, expect=503)
    payment = shop.open_payment(purchase)

    kept, orphan = shop.charges(running, payment)
    assert (payment["status"], payment["attempt"]) == ("pending", 1)
    shop.scan(running, payment)
    sold_once(running, purchase, payment, 1)
    shop.act(running, orphan, "pay")
    running.soon(lambda: running.items("payments", id=payment["id"], review_reason="unknown_transaction") or None, "it")
    running.quiet()
    assert sum(amount for account, amount in booked(running, purchase.order) if account == "suspense") == -round(
        float(orphan["payable"]) * 100
    )
    assert purchase.guest.get(f"/orders/{purchase.order}")["status"] == "completed"
    assert len(running.mails_to(purchase.email, READY_MAIL)) == 1
    assert kept["trans_id"] != orphan["trans_id"]


def test_after_an_expired_code_another_attempt_pays(running, photos):
    purchase = shop.place(running, photos[0])
    first = shop.open_payment(purchase)
    assert shop.open_payment(purchase)["id"] == first["id"]

    with running.later(timedelta(minutes=16)):
        second = shop.open_payment(purchase)
        running.fire("sweep_payments")
        shop.scan(running, second)
        sold_once(running, purchase, second, 1)

    assert (first["attempt"], second["attempt"]) == (1, 2)
    assert first["id"] != second["id"]
    assert purchase.guest.get(f"/payments/{first['id']}/status")["status"] == "expired"


def test_money_for_an_expired_code_still_pays_and_a_second_payment_is_reviewed(running, photos):
    purchase = shop.place(running, photos[0])
    first = shop.open_payment(purchase)
    shop.act(running, shop.charges(running, first)[0], "expire")
    running.soon(lambda: running.items("payments", id=first["id"], state="expired") or None, "the expiry")
    second = shop.open_payment(purchase)

    shop.scan(running, first)
    sold_once(running, purchase, first, 1)
    shop.scan(running, second)
    running.soon(lambda: running.items("payments", id=second["id"], state="review") or None, "the review")

    running.quiet()
    assert running.items("payments", id=second["id"])[0]["review_reason"] == "order_paid_already"
    assert len(running.mails_to(purchase.email, READY_MAIL)) == 1
    assert len(grants(running, purchase.order)) == 1
