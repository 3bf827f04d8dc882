import json

import pytest

from chalicelib.audit import service as audit
from chalicelib.audit.model import Search
from chalicelib.core import auth, ids
from chalicelib.core.table import PageRequest
from chalicelib.organizations import service

pytestmark = pytest.mark.usefixtures("aws")


def put(gateway, body, role="admin", organization=service.DEFAULT, host="localhost", version=1, path="/organization"):
    token = auth.issue(
        organization=organization,
        user=ids.new("usr"),
        roles=frozenset({role}),
        session="ses_1",
        version=version,
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Host": host}
    return gateway.handle("PUT", path, headers=headers, body=json.dumps(body).encode())


def test_anybody_may_know_whose_shop_it_is_and_no_more(gateway):
    answer = gateway.handle("GET", "/organization")

    assert answer.status == 200
    assert answer.json()["data"] == {
        "name": "ThePixStock",
        "language": "th",
        "currency": "THB",
        "currencyDecimals": 2,
        "timezone": "Asia/Bangkok",
        "locale": None,
        "branding": None,
    }


def test_the_host_decides_whose_shop_it_is(gateway):
    service.map_host("trail.example", service.create("Trail").id)

    assert gateway.handle("GET", "/organization", headers={"Host": "trail.example"}).json()["data"]["name"] == "Trail"


def test_an_admin_changes_settings_by_version(gateway):
    answer = put(gateway, {"version": 0, "name": "Our shop", "downloadHours": 24, "watermarkText": None})

    assert answer.status == 200
    data = answer.json()["data"]
    assert (data["name"], data["downloadHours"], data["watermarkText"], data["version"]) == (
        "Our shop",
        24,
        None,
        1,
    )
    assert (data["downloadLimit"], data["timezone"]) == (3, "Asia/Bangkok")
    again = put(gateway, {"version": 0, "name": "Late"})
    assert (again.status, again.json()["error"]["code"]) == (409, "version_conflict")
    assert service.get(service.DEFAULT).name == "Our shop"


def test_an_admin_reads_all_settings_with_the_version_to_change(gateway):
    put(gateway, {"version": 0, "origins": ["https://shop.example"]})
    token = auth.issue(
        organization=service.DEFAULT, user="usr_1", roles=frozenset({"admin"}), session="ses_1", version=1
    )

    answer = gateway.handle("GET", "/organization/settings", headers={"Authorization": f"Bearer {token}"})

    assert answer.json()["data"]["version"] == 1
    assert answer.json()["data"]["origins"] == ["https://shop.example"]


@pytest.mark.parametrize("role", ["photographer", "customer", "unheard-of"])
def test_nobody_else_does(gateway, role):
    answer = put(gateway, {"version": 0, "name": "Mine"}, role=role)

    assert (answer.status, answer.json()["error"]["code"]) == (403, "forbidden")
    assert service.get(service.DEFAULT).version == 0


def test_an_ended_session_changes_nothing(gateway):
    answer = put(gateway, {"version": 0, "name": "Mine"}, version=7)

    assert (answer.status, answer.json()["error"]["code"]) == (401, "session_ended")
    assert service.get(service.DEFAULT).version == 0


def test_an_admin_of_one_organization_is_nobody_in_another(gateway):
    trail = service.create("Trail")
    service.map_host("trail.example", trail.id)
    before = service.get(trail.id)

    answer = put(gateway, {"version": before.version, "name": "Mine"}, host="trail.example")

    assert (answer.status, answer.json()["error"]["code"]) == (401, "invalid_token")
    assert service.get(trail.id) == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "version"),
        ({"version": "0"}, "version"),
        ({"version": -1}, "version"),
        ({"version": 0, "name": ""}, "name"),
        ({"version": 0, "name": None}, "name"),
        ({"version": 0, "name": "n" * 81}, "name"),
        ({"version": 0, "language": "fr"}, "language"),
        ({"version": 0, "currency": "EUR"}, "currency"),
        ({"version": 0, "watermarkOpacity": 0}, "watermarkOpacity"),
        ({"version": 0, "watermarkOpacity": 1.5}, "watermarkOpacity"),
        ({"version": 0, "watermarkStyle": "huge"}, "watermarkStyle"),
        ({"version": 0, "watermarkText": "w" * 61}, "watermarkText"),
        ({"version": 0, "downloadLimit": 0}, "downloadLimit"),
        ({"version": 0, "downloadHours": 1_000_000}, "downloadHours"),
        ({"version": 0, "stripGps": "no"}, "stripGps"),
        ({"version": 0, "origins": ["https://a.example"] * 21}, "origins"),
        ({"version": 0, "origins": ["javascript:1"]}, "origins.0"),
        ({"version": 0, "timezone": "Mars"}, "timezone"),
        ({"version": 0, "id": "org_other"}, "id"),
    ],
)
def test_a_bad_setting_is_named_and_nothing_is_stored(gateway, body, field):
    answer = put(gateway, body)

    assert answer.status == 400
    assert [problem["field"] for problem in answer.json()["errors"]] == [field]
    assert service.get(service.DEFAULT).version == 0


def test_origins_of_the_organization_are_answered_by_cors(gateway):
    put(gateway, {"version": 0, "origins": ["https://shop.example"]})

    allowed = gateway.handle("GET", "/organization", headers={"Origin": "https://shop.example"})
    other = gateway.handle("GET", "/organization", headers={"Origin": "https://evil.example"})

    assert allowed.header("Access-Control-Allow-Origin") == "https://shop.example"
    assert other.header("Access-Control-Allow-Origin") is None


def account(number="123-4-56789-0", **changes):
    return {"version": 0, "bankAccount": {"bank": "SCB", "holder": "Our shop", "number": number} | changes}


def test_a_bank_account_is_shown_masked_kept_sealed_and_taken_away(gateway):
    path = "/organization/bank-account"

    first = put(gateway, account(), path=path)
    again = put(gateway, account(), path=path)
    (told,) = audit.find(service.DEFAULT, Search(), PageRequest(size=10)).items
    away = put(gateway, {"version": 1, "bankAccount": None}, path=path)

    shown = {"bank": "SCB", "holder": "Our shop", "number": "••••••7890", "promptPay": None}
    assert (first.status, first.json()["data"]) == (200, {"bankAccount": shown, "version": 1})
    assert (again.status, again.json()["error"]["code"]) == (409, "version_conflict")
    assert told.after["bank_account"] == "***"
    assert away.json()["data"] == {"bankAccount": None, "version": 2}


def test_what_promptpay_knows_the_account_by_is_shown_masked(gateway):
    body = account()
    body["bankAccount"]["promptPay"] = {"kind": "phone", "number": "081-234-5678"}

    told = put(gateway, body, path="/organization/bank-account").json()["data"]["bankAccount"]

    assert told["promptPay"] == {"kind": "phone", "number": "••••••5678"}
    body["bankAccount"]["promptPay"]["number"] = "0112345678"
    refused = put(gateway, body | {"version": 1}, path="/organization/bank-account")
    assert (refused.status, refused.json()["error"]["code"]) == (400, "invalid_promptpay")


@pytest.mark.parametrize(
    "wrong", [{"number": "12"}, {"number": "1234_5678"}, {"number": "DE89370400440532013001"}, {"holder": "A\nB"}]
)
def test_what_is_no_account_is_refused(gateway, wrong):
    answer = put(gateway, account(**wrong), path="/organization/bank-account")

    assert (answer.status, answer.json()["error"]["code"]) == (400, "validation_failed")
    assert service.get(service.DEFAULT).bank_account is None


def test_an_iban_with_the_right_check_digits_is_taken(gateway):
    answer = put(gateway, account("DE89 3704 0044 0532 0130 00"), path="/organization/bank-account")

    assert answer.json()["data"]["bankAccount"]["number"] == "•" * 18 + "3000"


def test_a_manager_reads_the_account_and_does_not_change_it(gateway):
    assert put(gateway, account(), role="manager", path="/organization/bank-account").status == 403
