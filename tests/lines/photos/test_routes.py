import json
import re

import boto3
import pytest

from chalicelib.core import auth, ids
from chalicelib.core.http import Access, Api
from chalicelib.core.openapi import document
from chalicelib.events import service as events
from chalicelib.events.model import EventStatus
from chalicelib.events.routes import routes as event_routes
from chalicelib.lines.photos.routes import routes
from chalicelib.media.service import MAX_BYTES
from chalicelib.organizations.roles import GUARDED, ROLES
from chalicelib.organizations.service import DEFAULT
from infra.local.gateway import Gateway
from tests.events.people import ADMIN, OTHER, planned
from tests.lines.photos.pictures import broken, jpeg
from tests.stack import ENVIRONMENT

HOSTS = {"a.example": DEFAULT, "b.example": OTHER}
UNSAID = {"extra": None, "licence": "personal", "opensAt": None, "closesAt": None}
"""What a package has that says no more than its photos and its price."""
WIRE = {"name": "a.jpg", "size": 1000, "type": "image/jpeg", "sha256": "ab" * 32}


@pytest.fixture(scope="module")
def api():
    made = Api("photos", Access(ROLES, GUARDED, HOSTS.__getitem__, session_lives=lambda principal: True))
    made.mount(event_routes, routes)
    return made


@pytest.fixture
def call(api, aws):
    gateway = Gateway(api)

    def send(method, target, body=None, *, by=None, role=None, host="a.example", raw=None):
        headers = {"Host": host, "Content-Type": "application/json"}
        roles = by.roles if by else frozenset({role}) if role else None
        if roles:
            token = auth.issue(
                organization=HOSTS[host],
                user=by.user if by else ids.new("usr"),
                roles=roles,
                session="ses_1",
                version=1,
            )
            headers["Authorization"] = f"Bearer {token}"
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        return gateway.handle(method, target, headers, content)

    return send


def data(response, status=200):
    assert response.status == status, response.body
    return response.json()["data"]


def refusal(response):
    answer = response.json()
    return response.status, answer["error"]["code"], [error["field"] for error in answer["errors"]]


def stored_photos():
    table = boto3.client("dynamodb").scan(TableName="thepixstock-test-photos")
    return table["Count"]


def test_from_offer_to_gallery_over_http(call, world):
    file = jpeg(1, taken="2025:11:20 19:30:00")
    path = f"/events/{world.event.slug}"

    upload = data(call("POST", f"{path}/uploads", {"files": [file.wire]}, by=world.photographer), 201)
    offered = upload["files"][0]
    assert (upload["eventId"], offered["name"], offered["status"]) == (
        world.event.id,
        file.name,
        "awaiting",
    )
    assert set(offered["upload"]) == {"url", "fields", "expiresAt"}
    resumed = data(call("POST", f"/uploads/{upload['id']}/resume", by=world.photographer))
    assert resumed["files"][0]["upload"]["fields"]["key"] == offered["upload"]["fields"]["key"]

    id = world.upload(file)[0].id
    progress = data(call("GET", f"/uploads/{upload['id']}", by=world.photographer))
    assert progress["files"] == [{"photoId": id, "name": file.name, "status": "ready", "failure": None, "upload": None}]
    mine = data(call("GET", f"{path}/uploads", by=world.photographer))["items"]
    assert [(item["id"], item["shelf"], item["filename"]) for item in mine] == [(id, "pending", file.name)]

    review = data(call("GET", f"{path}/review", by=ADMIN))["items"][0]
    assert (review["exif"]["make"], review["exif"]["takenAt"]) == ("Canary Camera", "2025-11-20T19:30:00")
    assert review["exif"]["gps"]["lat"] == pytest.approx(13.7367611)
    approved = data(call("PUT", f"/photos/{id}/approve", by=ADMIN))
    assert (approved["approval"], approved["reviewedBy"]) == ("approved", ADMIN.user)
    assert data(call("GET", f"{path}/counts", by=ADMIN)) == {
        "total": 1,
        "pending": 0,
        "approved": 1,
        "rejected": 0,
    }

    page = data(call("GET", f"{path}/photos?page=1"))
    assert (page["totalCount"], page["page"], page["pageSize"]) == (1, 1, 20)
    shown = page["items"][0]
    assert shown == data(call("GET", f"/photos/{id}"))
    assert (shown["id"], shown["takenAt"]) == (id, "2025-11-20T12:30:00Z")
    assert shown["sizes"]["small"]["width"] == 300

    assert data(call("PUT", f"/photos/{id}/reject", {"reason": "dark"}, by=ADMIN))["rejection"] == "dark"
    assert refusal(call("GET", f"/photos/{id}")) == (404, "photo_not_found", [None])


def test_visitors_learn_nothing_private(call, world):
    """No place, no camera, no file name, no person; and no storage path but in the signed addresses."""
    photo = world.upload(jpeg(1))[0]
    call("PUT", f"/photos/{photo.id}/approve", by=ADMIN)
    path = f"/events/{world.event.id}"

    for target in (path, "/events", f"{path}/photos", f"/photos/{photo.id}", f"{path}/packages"):
        answer = call("GET", target)
        text = re.sub(r'"url":"[^"]*"', "", answer.body.decode())
        assert answer.status == 200
        for canary in (
            "CANARY",
            "Canary",
            "gps",
            "13.73",
            "100.49",
            world.photographer.user,
            ADMIN.user,
            photo.sha256,
            photo.delivered_sha256,
            ENVIRONMENT["PIX_ORIGINALS_BUCKET"],
            "uploads/",
            "deliveries/",
            "previews/",
            DEFAULT,
        ):
            assert canary not in text, (target, canary)
    urls = re.findall(r'"url":"([^"]*)"', call("GET", f"{path}/photos").body.decode())
    assert len(urls) == 4
    assert not [url for url in urls if ENVIRONMENT["PIX_ORIGINALS_BUCKET"] in url or "CANARY" in url]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a\x00.jpg"}, "name"),
        ({"size": 0}, "size"),
        ({"size": MAX_BYTES + 1}, "size"),
        ({"size": "1000"}, "size"),
        ({"size": 1.5}, "size"),
        ({"type": "image/gif"}, "type"),
        ({"type": "text/html"}, "type"),
        ({"sha256": "ab" * 31}, "sha256"),
        ({"sha256": "zz" * 32}, "sha256"),
        ({"sha256": None}, "sha256"),
        ({"key": "uploads/elsewhere"}, "key"),
    ],
)
def test_a_file_that_can_not_be_taken_is_refused_with_its_place(call, world, change, field):
    body = {"files": [WIRE, WIRE | change]}

    answer = call("POST", f"/events/{world.event.id}/uploads", body, by=world.photographer)

    assert refusal(answer) == (400, "validation_failed", [f"files.1.{field}"])
    assert stored_photos() == 0


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b'{"files": []}', 400, "validation_failed"),
        (json.dumps({"files": [WIRE] * 101}).encode(), 400, "validation_failed"),
        (b"", 400, "validation_failed"),
        (b"[]", 400, "object_expected"),
        (b"null", 400, "object_expected"),
        (b'{"files": [', 400, "malformed_json"),
    ],
)
def test_what_is_no_offer_is_refused(call, world, raw, status, code):
    answer = call("POST", f"/events/{world.event.id}/uploads", raw=raw, by=world.photographer)

    assert refusal(answer)[:2] == (status, code)
    assert stored_photos() == 0


@pytest.mark.parametrize("base", ["", "/api/v1"])
def test_an_upload_is_found_where_its_location_says(call, world, base):
    begun = call("POST", f"{base}/events/{world.event.id}/uploads", {"files": [WIRE]}, by=world.photographer)

    assert begun.header("Location") == f"{base}/uploads/{begun.json()['data']['id']}"
    assert data(call("GET", begun.header("Location"), by=world.photographer))["id"] == begun.json()["data"]["id"]


def test_hashes_in_capitals_are_the_same_hashes(call, world):
    path = f"/events/{world.event.id}/uploads"
    files = [WIRE, WIRE | {"sha256": "AB" * 32}]

    upload = data(call("POST", path, {"files": files}, by=world.photographer), 201)

    assert [file["status"] for file in upload["files"]] == ["awaiting", "duplicate"]


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [(None, 401, "sign_in_required"), ("customer", 403, "forbidden"), ("photographer", 403, "not_assigned")],
)
def test_who_may_not_upload_is_refused(call, world, who, status, code):
    answer = call("POST", f"/events/{world.event.id}/uploads", {"files": [WIRE]}, role=who)

    assert refusal(answer) == (status, code, [None])
    assert stored_photos() == 0


def test_a_closed_event_refuses_files(call, world):
    events.move_event(ADMIN, world.event.id, EventStatus.CLOSED, world.event.version)

    answer = call("POST", f"/events/{world.event.id}/uploads", {"files": [WIRE]}, by=world.photographer)

    assert refusal(answer) == (409, "event_closed", [None])
    assert stored_photos() == 0


def test_a_failed_photo_tells_what_to_do_and_is_retried(call, world):
    failed = world.upload(broken())[0]
    path = f"/events/{world.event.id}"

    listed = data(call("GET", f"{path}/review?shelf=failed", by=ADMIN))["items"]
    assert [(item["id"], item["failure"]["code"]) for item in listed] == [(failed.id, "truncated")]
    assert data(call("GET", f"{path}/uploads", by=world.photographer))["items"][0]["failure"] == {
        "code": "truncated",
        "message": "The file ends too early. Copy it from the card again and upload that copy.",
    }
    retried = data(call("POST", f"/photos/{failed.id}/retry", by=world.photographer))
    assert (retried["shelf"], retried["failure"]) == ("processing", None)
    assert refusal(call("POST", f"/photos/{failed.id}/retry", by=world.photographer)) == (
        409,
        "photo_not_failed",
        [None],
    )


@pytest.mark.parametrize("role", [None, "customer", "photographer"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/photos/{photo}/approve", None),
        ("POST", "/photos/{photo}/approve", None),
        ("PUT", "/photos/{photo}/reject", {"reason": "no"}),
        ("POST", "/photos/{photo}/reject", {"reason": "no"}),
        ("GET", "/events/{event}/review", None),
        ("GET", "/events/{event}/counts", None),
        ("PUT", "/events/{event}/packages", {"items": [], "version": 0}),
    ],
)
def test_only_staff_reviews_and_prices(call, world, role, method, path, body):
    photo = world.offer(jpeg(1)).files[0].photo

    answer = call(method, path.format(photo=photo, event=world.event.id), body, role=role)

    assert refusal(answer)[:2] == ((401, "sign_in_required") if role is None else (403, "forbidden"))
    assert world.photo(photo).version == 1


def test_a_foreign_thing_answers_as_a_missing_one(call, world):
    photo = world.upload(jpeg(1))[0]
    upload = world.offer(jpeg(2)).id
    prices = {"items": [{"code": "one", "name": "One", "photos": 1, "price": 100}], "version": 0}
    attempts = [
        ("GET", "/events/{event}/photos", None),
        ("GET", "/events/{event}/packages", None),
        ("GET", "/events/{event}/review", None),
        ("GET", "/events/{event}/counts", None),
        ("GET", "/events/{event}/uploads", None),
        ("PUT", "/events/{event}/packages", prices),
        ("POST", "/events/{event}/uploads", {"files": [WIRE]}),
        ("GET", "/photos/{photo}", None),
        ("PUT", "/photos/{photo}/approve", None),
        ("PUT", "/photos/{photo}/reject", {"reason": "no"}),
        ("POST", "/photos/{photo}/retry", None),
        ("GET", "/uploads/{upload}", None),
        ("POST", "/uploads/{upload}/resume", None),
    ]
    real = {"event": world.event.id, "photo": photo.id, "upload": upload}
    absent = {"event": ids.new("evt"), "photo": ids.derived("pho", "?"), "upload": ids.new("upl")}

    for method, path, body in attempts:
        foreign = call(method, path.format(**real), body, role="admin", host="b.example")
        missing = call(method, path.format(**absent), body, role="admin", host="b.example")
        assert (foreign.status, missing.status) == (404, 404), path
        assert foreign.json() | {"requestId": ""} == missing.json() | {"requestId": ""}
    assert world.photo(photo.id) == photo


def test_packages_are_shown_and_set(call, world):
    path = f"/events/{world.event.id}/packages"
    default = data(call("GET", path))
    assert default["version"] == 0
    assert [(item["photos"], item["price"]) for item in default["items"]] == [
        (1, 7900),
        (5, 29900),
        (10, 49900),
        (20, 89900),
        (None, 149900),
    ]
    one = {"code": "one", "name": "One", "photos": 1, "price": 5000}

    assert data(call("PUT", path, {"items": [one], "version": 0}, by=ADMIN))["items"] == [one | UNSAID]
    assert data(call("GET", f"/event/{world.event.id}/packages"))["version"] == 1
    for body, code, field in [
        ({"items": [one], "version": 0}, "version_conflict", "version"),
        ({"items": [], "version": 1}, "validation_failed", "items"),
        ({"items": [one] * 21, "version": 1}, "validation_failed", "items"),
        ({"items": [one, one], "version": 1}, "package_codes", "items"),
        ({"items": [one | {"photos": 2}], "version": 1}, "single_price_missing", "items"),
        ({"items": [one | {"price": -1}], "version": 1}, "validation_failed", "items.0.price"),
        ({"items": [one | {"price": 1.5}], "version": 1}, "validation_failed", "items.0.price"),
    ]:
        assert refusal(call("PUT", path, body, by=ADMIN))[1:] == (code, [field])
    assert data(call("GET", path))["items"] == [one | UNSAID]


def test_a_rejection_needs_a_reason(call, world):
    photo = world.upload(jpeg(1))[0]

    for body in ({}, {"reason": " "}, {"reason": "x" * 501}):
        assert refusal(call("PUT", f"/photos/{photo.id}/reject", body, by=ADMIN)) == (
            400,
            "validation_failed",
            ["reason"],
        )
    assert world.photo(photo.id) == photo


def test_lists_refuse_what_is_no_page(call, world):
    path = f"/events/{world.event.id}/photos"
    elsewhere = f"/events/{planned().id}"
    for number in range(2):
        call("PUT", f"/photos/{world.upload(jpeg(number))[0].id}/approve", by=ADMIN)
    cursor = data(call("GET", f"{path}?limit=1"))["nextCursor"]

    assert data(call("GET", f"{path}?size=1&cursor={cursor}"))["hasMore"] is False
    assert refusal(call("GET", f"{path}?page=51"))[:2] == (400, "validation_failed")
    assert refusal(call("GET", f"{path}?pageSize=101"))[:2] == (400, "validation_failed")
    assert refusal(call("GET", f"{path}?cursor=made-up"))[1] == "invalid_cursor"
    assert refusal(call("GET", f"{elsewhere}/photos?cursor={cursor}", by=ADMIN))[1] == "invalid_cursor"
    assert refusal(call("GET", f"/events/{world.event.id}/review?shelf=nowhere", by=ADMIN))[2] == ["shelf"]


def test_the_singular_addresses_serve_too(call, world):
    photo = world.upload(jpeg(1))[0]

    assert data(call("POST", f"/photos/{photo.id}/approve", by=ADMIN))["approval"] == "approved"
    assert data(call("GET", f"/event/{world.event.id}/photos?page=1&size=5"))["items"][0]["id"] == photo.id
    assert data(call("POST", f"/photos/{photo.id}/reject", {"reason": "no"}, by=ADMIN))["rejection"] == "no"


def test_the_contract_lists_the_aliases(api):
    described = document(api, title="t", version="1", description="d")["paths"]

    aliases = [alias for path in described.values() for route in path.values() for alias in route.get("x-aliases", [])]
    assert {"GET /event/{id}/photos", "GET /event/{id}/packages", "POST /photos/{id}/approve"} <= set(aliases)
