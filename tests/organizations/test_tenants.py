"""Plans and their limits, suspension, and what only the platform may do."""

from datetime import timedelta

import pytest

from chalicelib.audit import store as log
from chalicelib.core import clock, ids, limits
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, Invalid, Limited, NotFound, Unprocessable
from chalicelib.core.table import PageRequest, transact
from chalicelib.organizations import service, store
from chalicelib.organizations.plans import PLANS, Plan, Resource

pytestmark = pytest.mark.usefixtures("aws", "fresh_cache")

PLATFORM = Principal(service.DEFAULT, user="usr_platform")
FIRST_PAGE = PageRequest()


@pytest.fixture
def fresh_cache():
    service.forget()
    limits.forget()
    yield
    service.forget()
    limits.forget()


@pytest.fixture
def tiny(monkeypatch):
    """An organization with a plan of two events and 100 requests a minute."""
    monkeypatch.setitem(PLANS, "tiny", Plan(staff=1, events=2, storage=1000, domains=0, requests=100))
    return service.create("Tiny", plan="tiny")


def test_a_plan_takes_as_many_as_it_allows_and_takes_back(tiny):
    for _ in range(2):
        transact(service.use(tiny.id, Resource.EVENTS))

    with pytest.raises(Forbidden, match="plan_limit"):
        transact(service.use(tiny.id, Resource.EVENTS))
    with pytest.raises(Forbidden, match="plan_limit"):
        service.must_have_room(tiny.id, Resource.EVENTS)
    assert service.usage_of(tiny.id).used[Resource.EVENTS] == 2

    transact(service.use(tiny.id, Resource.EVENTS, -1))
    transact(service.use(tiny.id, Resource.EVENTS))


def test_bytes_are_taken_whole_or_not_at_all(tiny):
    transact(service.use(tiny.id, Resource.STORAGE, 700))

    with pytest.raises(Forbidden):
        transact(service.use(tiny.id, Resource.STORAGE, 301))
    transact(service.use(tiny.id, Resource.STORAGE, 300))
    assert service.usage_of(tiny.id).used[Resource.STORAGE] == 1000


def test_more_than_the_limit_is_refused_before_anything_was_counted(tiny):
    with pytest.raises(Forbidden):
        transact(service.use(tiny.id, Resource.STORAGE, 1001))
    with pytest.raises(Forbidden):
        transact(service.use(tiny.id, Resource.DOMAINS))
    assert set(service.usage_of(tiny.id).used.values()) == {0}


def test_without_a_plan_there_are_no_limits_but_uses_are_counted():
    founded = service.create("Old")
    assert founded.plan is None

    transact(service.use(founded.id, Resource.STORAGE, 10**15))

    usage = service.usage_of(founded.id)
    assert (usage.plan, usage.limits, usage.used[Resource.STORAGE]) == ("enterprise", Plan(), 10**15)


def test_requests_of_a_minute_end_and_begin_again(tiny):
    for _ in range(100):
        service.admit(tiny.id)
    with pytest.raises(Limited) as refused:
        service.admit(tiny.id)

    assert 0 < refused.value.retry_after <= 60
    with clock.travel(timedelta(minutes=1)):
        service.admit(tiny.id)


def test_processes_share_the_requests_of_a_minute(tiny):
    taken = 0
    for _ in range(300):
        limits.forget()  # another process, which takes a share of two and uses one
        try:
            service.admit(tiny.id)
            taken += 1
        except Limited:
            break

    assert taken == 50


def test_the_deployments_own_organization_is_never_shut_out():
    for _ in range(10):
        service.admit(service.DEFAULT)

    with pytest.raises(Conflict, match="own_organization"):
        service.suspend(PLATFORM, service.DEFAULT)
    with pytest.raises(Conflict, match="own_organization"):
        service.set_plan(PLATFORM, service.DEFAULT, "free")


def test_a_suspended_organization_lets_nobody_in_until_it_is_resumed():
    shop = service.create("Shop")

    suspended = service.suspend(PLATFORM, shop.id)
    again = service.suspend(PLATFORM, shop.id)

    assert suspended.suspended
    assert again.version == suspended.version
    with pytest.raises(Forbidden, match="organization_suspended"):
        service.admit(shop.id)
    service.resume(PLATFORM, shop.id)
    service.admit(shop.id)


def test_what_another_process_decides_is_known_within_a_minute():
    shop = service.create("Shop")
    service.admit(shop.id)
    current = service.get(shop.id)
    transact(store.save(current.changed(current.version, {"suspended_at": clock.now()}), was=current))

    service.admit(shop.id)
    with clock.travel(timedelta(seconds=61)), pytest.raises(Forbidden):
        service.admit(shop.id)


def test_only_the_platform_sees_and_changes_tenants():
    shop = service.create("Shop")
    stranger = Principal(shop.id, user="usr_1", permissions=frozenset({"platform.manage"}))

    for attempt in (
        lambda: service.list_all(stranger, FIRST_PAGE),
        lambda: service.show(stranger, shop.id),
        lambda: service.set_plan(stranger, shop.id, "pro"),
        lambda: service.suspend(stranger, shop.id),
        lambda: service.resume(stranger, shop.id),
    ):
        with pytest.raises(Forbidden):
            attempt()
    assert service.get(shop.id) == shop


def test_a_plan_is_one_of_the_table_and_a_tenant_one_that_is_there():
    shop = service.create("Shop")

    with pytest.raises(Invalid, match="unknown_plan"):
        service.set_plan(PLATFORM, shop.id, "golden")
    with pytest.raises(NotFound):
        service.set_plan(PLATFORM, ids.new("org"), "pro")
    assert service.set_plan(PLATFORM, shop.id, "pro").limits == PLANS["pro"]


def test_tenants_are_listed_oldest_first_in_pages():
    made = [service.create(f"Shop {number}").id for number in range(5)]

    first = service.list_all(PLATFORM, PageRequest(size=3))
    second = service.list_all(PLATFORM, PageRequest(size=3, cursor=first.cursor))

    assert [each.id for each in (*first.items, *second.items)] == made
    assert second.cursor is None


def test_what_the_platform_does_is_in_the_tenants_log():
    shop = service.create("Shop")

    service.set_plan(PLATFORM, shop.id, "pro")
    service.set_plan(PLATFORM, shop.id, "pro")
    service.suspend(PLATFORM, shop.id)

    entries = [item for item in log.AuditRecord.scan() if item.organization == shop.id]
    assert sorted(entry.action for entry in entries) == ["organization.plan_changed", "organization.suspended"]
    assert {entry.actor for entry in entries} == {"usr_platform"}


def test_a_founded_organization_has_its_subdomain_at_once():
    shop = service.create("River", subdomain="River")

    assert (shop.subdomain, shop.host) == ("river", "river.shops.example")
    assert service.tenant_of("RIVER.shops.example:443") == shop.id
    assert service.by_domain("river.shops.example") == shop
    with pytest.raises(Conflict, match="host_taken"):
        service.create("Another", subdomain="river")


@pytest.mark.parametrize("label", ["ab", "-river", "river-", "ri--ver", "ri.ver", "www", "api", "r" * 41, "ñandú"])
def test_a_label_that_is_none_is_refused(label):
    with pytest.raises(Invalid, match="invalid_subdomain"):
        service.create("River", subdomain=label)


def test_without_a_domain_to_share_there_are_no_subdomains(monkeypatch):
    from chalicelib.core.settings import settings

    monkeypatch.delenv("PIX_TENANTS_DOMAIN")
    settings.cache_clear()
    try:
        with pytest.raises(Unprocessable, match="subdomains_not_offered"):
            service.create("River", subdomain="river")
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_a_subdomain_moves_and_the_old_one_is_free():
    shop = service.create("River", subdomain="river")
    admin = Principal(shop.id, user="usr_1")

    moved = service.set_subdomain(admin, version=shop.version, subdomain="stream")

    assert (moved.subdomain, moved.host) == ("stream", "stream.shops.example")
    assert service.tenant_of("stream.shops.example") == shop.id
    assert service.tenant_of("river.shops.example") == service.DEFAULT
    gone = service.set_subdomain(admin, version=moved.version, subdomain=None)
    assert (gone.subdomain, gone.host) == (None, None)
    with pytest.raises(Conflict, match="version_conflict"):
        service.set_subdomain(admin, version=shop.version, subdomain="brook")


def test_a_suspended_organization_is_not_found_by_its_domain():
    shop = service.create("River", subdomain="river")
    service.suspend(PLATFORM, shop.id)

    for domain in ("river.shops.example", "nobody.example", "no host", ""):
        with pytest.raises(NotFound, match="organization_not_found"):
            service.by_domain(domain)
