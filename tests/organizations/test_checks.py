"""Proven domains are looked for again each day."""

from datetime import timedelta

import pytest
from moto.ses.models import ses_backends

from chalicelib.accounts import service as accounts
from chalicelib.core import clock, migrations
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Unavailable
from chalicelib.core.migrations import Outcome, Pace
from chalicelib.core.table import transact
from chalicelib.organizations import dns, service, store
from chalicelib.organizations.service import DEFAULT, LOOKED_EVERY, MISSED_DAYS, domains
from infra import stages
from tests import deliver, zone
from tests.stack import ACCOUNT, REGION, client

HOST = "photos.river.example"
ADMIN = Principal(DEFAULT, user="usr_boss", roles=frozenset({"admin"}))


@pytest.fixture(autouse=True)
def record(aws, monkeypatch):
    """The record of a domain that was proven just now; its value is taken out of the zone to lose it."""
    service.forget()
    service.forget_host()
    monkeypatch.setattr(dns, "txt", zone.txt)
    name, value = service.record_of(service.add_domain(ADMIN, HOST))
    monkeypatch.setitem(zone.ZONE, name, [value])
    service.prove_domain(ADMIN, HOST)
    deliver.all()
    return name, value


def days(count: int, first: int = 1) -> None:
    """Each minute of a day would do: one look a day is enough, and two are none more."""
    for day in range(first, first + count):
        with clock.travel(day * (LOOKED_EVERY + timedelta(minutes=1))):
            service.begin_due()
            service.begin_due()
            deliver.all()


def domain():
    return store.get_domain(DEFAULT, HOST)


def due():
    return [row.sk.partition("#")[2] for row in store.DomainDueRecord.query("G#DOMAINS")]


def test_a_domain_that_stays_is_looked_at_each_day_and_stays():
    days(4)

    assert (domain().verified, domain().missed) == (True, 0)
    assert service.tenant_of(HOST) == DEFAULT
    assert due() == [HOST]


def test_three_days_without_the_record_lose_it_and_its_keeper_is_told(record):
    accounts.create_user(
        DEFAULT, email="boss@shop.example", password="a long enough phrase", name="Boss", roles=["admin"], language="en"
    )
    zone.ZONE[record[0]] = ["another one"]

    days(MISSED_DAYS - 1)
    assert (domain().verified, domain().missed) == (True, MISSED_DAYS - 1)
    days(1, first=MISSED_DAYS)

    assert not domain().verified
    assert store.organization_of_host(HOST) is None
    assert service.get(DEFAULT).host is None
    assert due() == []
    (mail,) = ses_backends[ACCOUNT][REGION].sent_messages
    assert mail.destinations["ToAddresses"] == ["boss@shop.example"]
    assert HOST in mail.subject
    log = client("dynamodb").scan(TableName="thepixstock-test-audit")["Items"]
    assert "domain.lost" in {entry["action"]["S"] for entry in log}


def test_a_day_with_it_starts_the_count_again(record):
    name, value = record
    zone.ZONE[name] = []
    days(MISSED_DAYS - 1)

    zone.ZONE[name] = [value]
    days(1, first=MISSED_DAYS)

    assert (domain().verified, domain().missed) == (True, 0)


def test_name_servers_that_do_not_answer_are_no_failure(monkeypatch):
    def away(name):
        raise Unavailable("dns_unavailable", "The name servers do not answer.", retry_after=30)

    monkeypatch.setattr(dns, "txt", away)

    days(MISSED_DAYS + 2)

    assert (domain().verified, domain().missed) == (True, None)


def test_a_day_that_is_told_twice_counts_once(record):
    zone.ZONE[record[0]] = []
    planned = domain().check_at
    days(1)

    assert not service.look_again(DEFAULT, HOST, planned)

    assert domain().missed == 1


def test_a_lost_domain_is_proven_again(record):
    name, value = record
    zone.ZONE[name] = []
    days(MISSED_DAYS)
    zone.ZONE[name] = [value]

    service.prove_domain(ADMIN, HOST)

    assert domain().verified
    assert due() == [HOST]


def test_a_removed_domain_is_looked_for_no_more():
    service.remove_domain(ADMIN, HOST)

    assert due() == []
    days(1)


def test_a_row_that_is_over_goes_and_keeps_no_other(monkeypatch):
    row = store.DomainDueRecord("G#DOMAINS", "2026-01-01T00:00:00.000Z#gone.example", organization=DEFAULT, host="gone")
    row.save()
    begin, failures = domains._begin, iter([RuntimeError(), Conflict("changed_meanwhile", "x")])

    def broken(row):
        if failure := next(failures, None):
            raise failure
        return begin(row)

    monkeypatch.setattr(domains, "_begin", broken)
    with clock.travel(LOOKED_EVERY + timedelta(minutes=1)):
        assert [service.begin_due() for _ in range(2)] == [0, 1]

    assert due() == [HOST]


def test_domains_that_were_proven_before_are_looked_at_too():
    stages.load_records()
    held = domain()
    transact(*store.unschedule(held))
    client("dynamodb").update_item(
        TableName="thepixstock-test-organizations",
        Key={"pk": {"S": f"T#{DEFAULT}#ORG"}, "sk": {"S": f"DOM#{HOST}"}},
        UpdateExpression="REMOVE check_at",
    )

    outcomes = [migrations.run("check-domains", pace=Pace(1e9)).outcomes[Outcome.CHANGED] for _ in range(2)]

    assert outcomes == [1, 0]
    assert due() == [HOST]
