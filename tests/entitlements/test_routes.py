"""The API and the mail's page, through the gateway."""

import base64
import hashlib
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from chalicelib.core import auth, clock
from chalicelib.core.auth import Principal
from chalicelib.core.http import Access, Api
from chalicelib.core.secrets import sign
from chalicelib.entitlements import page, service, store
from chalicelib.entitlements.routes import routes
from chalicelib.organizations import service as organizations
from chalicelib.organizations.roles import ROLES
from chalicelib.organizations.service import DEFAULT as ORG
from infra.local.gateway import Gateway
from tests.entitlements.test_service import OWNER, file, give

pytestmark = pytest.mark.usefixtures("aws")

OTHER_ORG = "org_other"
API = "/downloads/ord_1"
BUTTON = re.compile(r'<form method="post" action="([^"]+)">')


@pytest.fixture
def gateway():
    tenants = {"other.example": OTHER_ORG, "smile.example": organizations.create("Smile Photos").id}
    access = Access(
        permissions=ROLES,
        guarded=frozenset(),
        tenant_of=lambda host: tenants.get(host, ORG),
        session_lives=lambda principal: True,
    )
    api = Api("t", access)
    api.mount(routes)
    return Gateway(api)


@pytest.fixture
def token():
    return sign("order", ORG, "ord_1")


@pytest.fixture
def link(token):
    return urlsplit(service.link(ORG, "ord_1")).path


def remaining():
    return [grant.remaining for grant in store.of_order(ORG, "ord_1")]


# --- the API


def test_the_list_tells_each_file_and_what_is_left(gateway, token):
    give(file(1), file(2), limit=3)

    answer = gateway.handle("GET", API, {"X-Order-Token": token})

    assert answer.status == 200
    data = answer.json()["data"]
    assert data["order"] == "ord_1"
    assert data["files"][1] == {
        "resource": "pho_2",
        "title": "Photo 2",
        "filename": "รูป 2.jpg",
        "contentType": "image/jpeg",
        "limit": 3,
        "remaining": 3,
        "expiresAt": data["files"][1]["expiresAt"],
        "revoked": False,
    }
    assert remaining() == [3, 3]


def test_a_download_answers_with_a_url_and_what_is_left(gateway, token):
    give()

    answer = gateway.handle("POST", f"{API}/photos/pho_1", {"X-Order-Token": token})

    assert answer.status == 200
    data = answer.json()["data"]
    assert data.keys() == {"url", "filename", "contentType", "sha256", "remaining", "expiresAt"}
    assert data["remaining"] == 2
    assert "X-Amz-Signature" in data["url"]
    assert answer.header("Cache-Control") == "no-store"


def test_the_owner_signs_in(gateway):
    give(owner=OWNER)

    def ask(user):
        access = auth.issue(organization=ORG, user=user, roles=frozenset(), session="ses_1", version=1)
        return gateway.handle("GET", API, {"Authorization": f"Bearer {access}"}).status

    assert [ask(OWNER), ask("usr_other")] == [200, 404]


def test_refusals_are_the_envelopes(gateway, token):
    give(limit=1)
    headers = {"X-Order-Token": token}
    gateway.handle("POST", f"{API}/photos/pho_1", headers)

    with clock.travel(timedelta(minutes=6)):
        used = gateway.handle("POST", f"{API}/photos/pho_1", headers)
    with clock.travel(timedelta(hours=73)):
        late = gateway.handle("POST", f"{API}/photos/pho_1", headers)
    service.revoke(ORG, "ord_1")
    revoked = gateway.handle("POST", f"{API}/photos/pho_1", headers)

    assert [(answer.status, answer.json()["error"]["code"]) for answer in (used, late, revoked)] == [
        (403, "download_limit_reached"),
        (403, "download_expired"),
        (403, "download_revoked"),
    ]
    assert gateway.handle("GET", API, headers).json()["data"]["files"][0]["revoked"] is True


def test_a_foreign_order_answers_as_a_missing_one(gateway, token):
    give(owner=OWNER)
    foreign = sign("order", OTHER_ORG, "ord_1")

    def answers(method, path):
        for headers in (
            {},
            {"X-Order-Token": "guess"},
            {"X-Order-Token": sign("order", ORG, "ord_2")},
            {"X-Order-Token": token, "Host": "other.example"},
            {"X-Order-Token": foreign, "Host": "other.example"},
            {"X-Order-Token": foreign},
        ):
            yield gateway.handle(method, path, headers)

    for method, path in (("GET", API), ("POST", f"{API}/photos/pho_1")):
        missing = gateway.handle(method, path.replace("ord_1", "ord_none"), {"X-Order-Token": token})
        for answer in answers(method, path):
            assert answer.status == missing.status == 404
            assert {**answer.json(), "requestId": ""} == {**missing.json(), "requestId": ""}
    assert remaining() == [3]


# --- the page


def test_the_page_lists_the_photos_with_a_button_each(gateway, link):
    give(file(1), file(2))

    answer = gateway.handle("GET", link, {"Accept-Language": "en"})

    assert answer.status == 200
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    text = answer.body.decode()
    assert BUTTON.findall(text) == [f"{link}/photos/pho_1", f"{link}/photos/pho_2"]
    assert '<html lang="en">' in text
    assert "3 of 3 downloads left" in text
    assert "Available until" in text
    assert "press again within 5 minutes" in text
    assert '<meta name="robots" content="noindex, nofollow">' in text


def test_only_the_button_takes_a_download(gateway, link):
    give(file(1), file(2))

    for method in ("GET", "HEAD", "GET", "OPTIONS"):
        gateway.handle(method, link)
    scanned = [gateway.handle(method, f"{link}/photos/pho_1") for method in ("GET", "HEAD")]
    assert [answer.status for answer in scanned] == [405, 405]
    assert remaining() == [3, 3]

    pressed = gateway.handle(
        "POST", f"{link}/photos/pho_1", {"Content-Type": "application/x-www-form-urlencoded"}, b"photo=pho_2"
    )

    assert pressed.status == 303
    location = pressed.header("Location")
    assert "X-Amz-Signature" in location
    assert urlsplit(location).path.endswith("/deliverables/1.jpg")
    assert pressed.body == b""
    assert pressed.header("Referrer-Policy") == "no-referrer"
    assert remaining() == [2, 3]


def test_the_policy_allows_the_pages_own_style_and_forms_to_storage_and_nothing_else(gateway, link):
    give()

    answer = gateway.handle("GET", link)

    style = re.search(r"<style>(.*?)</style>", answer.body.decode(), re.DOTALL)[1]
    fingerprint = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    location = urlsplit(gateway.handle("POST", f"{link}/photos/pho_1").header("Location"))
    assert answer.header("Content-Security-Policy") == (
        f"default-src 'none'; style-src 'sha256-{fingerprint}'; "
        f"form-action 'self' {location.scheme}://{location.netloc}; base-uri 'none'; frame-ancestors 'none'"
    )
    assert "style=" not in answer.body.decode()
    assert answer.header("X-Robots-Tag") == "noindex, nofollow"
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Vary") == "Origin, Accept-Language"


def test_titles_are_text(gateway, link):
    give(file(1, title='<script>alert(1)</script>"&'))

    text = gateway.handle("GET", link).body.decode()

    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&amp;" in text


def test_buttons_stay_on_the_mapping_the_page_came_by(gateway, link):
    give()

    text = gateway.handle("GET", f"/api/v1{link}/").body.decode()

    assert BUTTON.findall(text) == [f"/api/v1{link}/photos/pho_1"]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("th-TH,th;q=0.9,en;q=0.8", "th"),
        ("de, en-GB;q=0.7, th;q=0.3", "en"),
        ("EN", "en"),
        ("th;q=0, en;q=0.1", "en"),
        ("", "fallback"),
        ("de, *;q=0.5", "fallback"),
        ("en;q=x, ;;;, 5", "fallback"),
    ],
)
def test_the_reader_chooses_the_language(header, language):
    assert page.preferred(header, "fallback") == language


def test_a_browser_without_a_preference_reads_the_organizations_language(gateway, link):
    give()

    answer = gateway.handle("GET", link)

    assert answer.header("Content-Language") == "th"
    assert "เหลือ 3 จาก 3 ครั้ง" in answer.body.decode()


def test_photos_that_can_not_be_had_say_why_and_have_no_button(gateway, link):
    give(file(1), limit=1)
    give(file(1), file(2), limit=1, hours=1)
    gateway.handle("POST", f"{link}/photos/pho_1")

    within = gateway.handle("GET", link, {"Accept-Language": "en"}).body.decode()
    with clock.travel(timedelta(minutes=6)):
        used = gateway.handle("GET", link, {"Accept-Language": "en"}).body.decode()
    with clock.travel(timedelta(minutes=61)):
        late = gateway.handle("GET", link, {"Accept-Language": "en"}).body.decode()
    service.revoke(ORG, "ord_1")
    revoked = gateway.handle("GET", link, {"Accept-Language": "en"}).body.decode()

    assert len(BUTTON.findall(within)) == 2, "an open window can be used again"
    assert within.count("Available until") == 2, "each its own time"
    assert BUTTON.findall(used) == [f"{link}/photos/pho_2"]
    assert "All downloads are used" in used
    assert BUTTON.findall(late) == []
    assert "The time to download it is over" in late
    assert "There is nothing left to download here" in late
    assert BUTTON.findall(revoked) == []
    assert revoked.count("Withdrawn") == 2


@pytest.mark.parametrize(("language", "heading", "back"), [
    ("en", "All downloads are used", "Back to your photos"),
    ("th", "ดาวน์โหลดครบตามจำนวนครั้งแล้ว", "กลับไปที่รูปของคุณ"),
])  # fmt: skip
def test_a_refused_button_answers_with_a_page_that_leads_back(gateway, link, language, heading, back):
    give(limit=1)
    gateway.handle("POST", f"{link}/photos/pho_1")

    with clock.travel(timedelta(minutes=6)):
        answer = gateway.handle("POST", f"{link}/photos/pho_1", {"Accept-Language": language})

    assert answer.status == 403
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    text = answer.body.decode()
    assert f"<h1>{heading}</h1>" in text
    assert f'<a href="{link}">{back}</a>' in text
    assert "form-action 'none'" in answer.header("Content-Security-Policy")


def test_a_wrong_link_is_one_page_whatever_is_wrong_with_it(gateway, link, token):
    give()
    wrong = [
        link[:-1],
        link.replace("ord_1", "ord_2"),
        f"/d/ord_1/{sign('order', OTHER_ORG, 'ord_1')}",
    ]

    answers = [gateway.handle("GET", path) for path in wrong]
    answers += [gateway.handle("POST", f"{path}/photos/pho_1") for path in wrong]
    answers += [gateway.handle("POST", f"{link}/photos/pho_9")]

    elsewhere = gateway.handle("GET", link, {"Host": "smile.example"})
    assert {answer.status for answer in (*answers, elsewhere)} == {404}
    assert len({answer.body for answer in answers}) == 1
    assert "Smile Photos" in elsewhere.body.decode()
    assert "ไม่พบหน้านี้" in answers[0].body.decode()
    assert remaining() == [3]


def test_pages_stay_out_of_the_api_document():
    assert {route.path for route in routes.routes if not route.hidden} == {
        "/downloads/{id}",
        "/downloads/{id}/photos/{photo}",
        "/downloads/{id}/photos/{photo}/received",
        "/orders/{id}/receipt",
        "/orders/{id}/redownload",
        "/photos/{id}/original",
    }


def test_the_token_in_the_link_opens_no_other_order(gateway, token):
    give()
    give(order="ord_2")

    assert gateway.handle("GET", f"/d/ord_2/{token}").status == 404
    assert service.list_grants(Principal(ORG, tokens={"order": token}), "ord_1")
