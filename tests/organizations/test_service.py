from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import boto3
import pytest

from chalicelib.core import clock, ids
from chalicelib.core.errors import Conflict, Invalid, NotFound
from chalicelib.organizations import service, store
from chalicelib.organizations.model import Organization
from chalicelib.organizations.roles import GRANTS, GUARDED, ROLES
from chalicelib.organizations.service import hosts

pytestmark = pytest.mark.usefixtures("aws", "fresh_cache")


@pytest.fixture
def fresh_cache():
    service.forget()
    yield
    service.forget()


def test_the_default_organization_is_there_before_anybody_stores_it():
    found = service.get(service.DEFAULT)

    assert (found.name, found.language, found.currency, found.timezone) == (
        "ThePixStock",
        "th",
        "THB",
        "Asia/Bangkok",
    )
    assert (found.download_limit, found.download_hours, found.strip_gps) == (3, 72, True)
    assert (found.watermark_text, found.watermark_style, found.watermark_opacity) == (
        "ThePixStock",
        "tiled",
        0.3,
    )
    assert found.version == 0
    assert store.find(service.DEFAULT) is None


def test_a_founded_organization_reads_back_as_it_was_made():
    founded = service.create("Trail Nan", language="en", origins=("https://trail.example",), watermark_text=None)

    assert service.get(founded.id) == founded
    assert ids.is_id("org", founded.id)
    assert (founded.language, founded.watermark_text, founded.mail_name) == ("en", None, "Trail Nan")
    assert founded.version == 1


def test_an_unknown_organization_is_not_found():
    with pytest.raises(NotFound, match="organization_not_found"):
        service.get(ids.new("org"))


def test_an_update_changes_what_it_names_and_raises_the_version():
    founded = service.create("Trail Nan")

    changed = service.update(founded.id, version=1, download_limit=5, watermark_opacity=0.5)

    assert changed == service.get(founded.id)
    assert (changed.download_limit, changed.watermark_opacity, changed.version) == (5, 0.5, 2)
    assert changed.name == "Trail Nan"


def test_the_default_organization_is_stored_by_its_first_update():
    service.update(service.DEFAULT, version=0, name="Our shop")
    service.update(service.DEFAULT, version=1, language="en")

    assert (service.get(service.DEFAULT).name, service.get(service.DEFAULT).language) == ("Our shop", "en")


@pytest.mark.parametrize("version", [0, 1, 3])
def test_an_update_of_another_version_changes_nothing(version):
    founded = service.create("Trail Nan")
    current = service.update(founded.id, version=1, name="Trail of Nan")

    with pytest.raises(Conflict, match="version_conflict"):
        service.update(founded.id, version=version, name="Late")

    assert service.get(founded.id) == current


@pytest.mark.parametrize("stored", [False, True])
def test_of_two_updates_at_once_the_second_is_refused(stored, monkeypatch):
    if stored:
        service.update(service.DEFAULT, version=0, name="Our shop")
    seen = service.get(service.DEFAULT)
    service.update(service.DEFAULT, version=seen.version, name="First")
    monkeypatch.setattr(service, "get", lambda organization: seen)

    with pytest.raises(Conflict, match="version_conflict"):
        service.update(service.DEFAULT, version=seen.version, name="Second")

    found = store.find(service.DEFAULT)
    assert found is not None
    assert found.name == "First"


@pytest.mark.parametrize(
    ("setting", "value", "code", "field"),
    [
        ("timezone", "Asia/Atlantis", "unknown_timezone", "timezone"),
        ("timezone", "", "unknown_timezone", "timezone"),
        ("timezone", "../etc/passwd", "unknown_timezone", "timezone"),
        ("origins", ("https://good.example", "https://bad.example/"), "invalid_origin", "origins.1"),
        ("origins", ("*",), "invalid_origin", "origins.0"),
        ("origins", ("null",), "invalid_origin", "origins.0"),
        ("origins", ("http://shop.example",), "invalid_origin", "origins.0"),
        ("origins", ("https://Shop.example",), "invalid_origin", "origins.0"),
        ("origins", ("https://shop.example\n",), "invalid_origin", "origins.0"),
        ("name", "two\nlines", "one_line_expected", "name"),
        ("name", "   ", "one_line_expected", "name"),
        ("mail_name", "Shop\r\nBcc: all", "one_line_expected", "mailName"),
        ("watermark_text", "zero\u200bwidth", "one_line_expected", "watermarkText"),
    ],
)
def test_a_setting_that_nothing_could_work_with_is_refused(setting, value, code, field):
    with pytest.raises(Invalid, match=code) as refusal:
        service.update(service.DEFAULT, version=0, **{setting: value})

    assert refusal.value.field == field
    assert store.find(service.DEFAULT) is None


@pytest.mark.parametrize("origin", ["https://shop.example", "https://a.b-c.example:8443", "http://localhost:3000"])
def test_an_exact_origin_is_taken(origin):
    assert service.create("Shop", origins=(origin,)).origins == (origin,)


def test_a_host_speaks_for_the_organization_it_is_mapped_to():
    trail, city = service.create("Trail"), service.create("City")
    service.map_host("Photos.Trail.example", trail.id)
    service.map_host("city.example:443", city.id)

    assert service.tenant_of("photos.trail.example") == trail.id
    assert service.tenant_of("PHOTOS.trail.example.") == trail.id
    assert service.tenant_of("city.example") == city.id


@pytest.mark.parametrize(
    "host", ["", "localhost", "127.0.0.1", "unknown.example", "[::1]", "a#b", "ü.example", "x" * 300]
)
def test_any_other_host_speaks_for_the_default_organization(host):
    assert service.tenant_of(host) == service.DEFAULT


def test_the_first_host_is_where_links_lead():
    trail = service.create("Trail")
    assert service.url_of(trail.id) == "http://127.0.0.1:8000"

    service.map_host("photos.trail.example", trail.id)
    service.map_host("www.trail.example", trail.id)

    assert service.url_of(trail.id) == "https://photos.trail.example"
    assert service.get(trail.id).version == 2


def test_a_host_belongs_to_one_organization():
    trail, city = service.create("Trail"), service.create("City")
    service.map_host("photos.example", trail.id)
    service.map_host("photos.example", trail.id)

    with pytest.raises(Conflict, match="host_taken"):
        service.map_host("photos.example", city.id)

    assert service.tenant_of("photos.example") == trail.id


def test_a_host_is_mapped_to_organizations_that_exist_and_by_a_name_that_is_one():
    with pytest.raises(NotFound):
        service.map_host("photos.example", ids.new("org"))
    with pytest.raises(Invalid, match="invalid_host"):
        service.map_host("not a host", service.DEFAULT)

    assert store.organization_of_host("photos.example") is None


def test_answers_are_held_for_a_minute_the_negative_ones_too(monkeypatch):
    read = Mock(wraps=store.organization_of_host)
    monkeypatch.setattr(store, "organization_of_host", read)
    trail = service.create("Trail")

    assert [service.tenant_of("late.example") for _ in range(5)] == [service.DEFAULT] * 5
    store_directly("late.example", trail.id)  # as another process would
    assert service.tenant_of("late.example") == service.DEFAULT
    assert read.call_count == 1
    with clock.travel(timedelta(seconds=61)):
        assert service.tenant_of("late.example") == trail.id
    assert read.call_count == 2


def store_directly(host: str, organization: str) -> None:
    boto3.client("dynamodb").put_item(
        TableName="thepixstock-test-organizations",
        Item={"pk": {"S": f"G#host#{host}"}, "sk": {"S": "-"}, "organization": {"S": organization}},
    )


def test_made_up_hosts_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(store, "organization_of_host", lambda host: None)

    for number in range(2500):
        service.tenant_of(f"h{number}.example")

    assert len(hosts._tenants._answers) <= 1000


def test_origins_follow_an_update_at_once_in_the_process_that_makes_it():
    shop = service.create("Shop", origins=("https://one.example",))
    assert service.origins_of(shop.id) == {"https://one.example"}

    service.update(shop.id, version=1, origins=("https://two.example",))

    assert service.origins_of(shop.id) == {"https://two.example"}
    assert service.origins_of(service.DEFAULT) == frozenset()


def test_every_role_and_every_permission_has_its_place():
    assert set(ROLES) == {name for holders in GRANTS.values() for name in holders.split()} | {"courier", "customer"}
    assert ROLES["customer"] == ROLES["courier"] == frozenset()
    assert ROLES["photographer"] == {"photo.upload"}
    assert ROLES["owner"] - ROLES["admin"] == {"organization.own"}
    assert ROLES["owner"] > ROLES["admin"] > ROLES["manager"]
    assert "platform.manage" not in ROLES["owner"]


def test_what_shows_or_changes_the_matters_of_others_is_guarded():
    assert {
        "event.manage", "event.assign", "user.manage", "organization.manage", "order.read_all",
        "payment.read_all", "photo.review", "member.manage", "platform.manage", "audit.read",
    } <= GUARDED  # fmt: skip
    assert GUARDED.isdisjoint({"photo.upload", "operations.read", "photo.read_all"})


def test_a_long_name_still_makes_a_watermark():
    founded = Organization.founded("org", "n" * 80, datetime(2026, 1, 1, tzinfo=UTC))

    assert founded.watermark_text == "n" * 60
