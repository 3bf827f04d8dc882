import csv
import io
import json
from datetime import timedelta

import pytest

from chalicelib.audit import service
from chalicelib.audit.routes import routes
from chalicelib.core import auth, clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.http import Access, Api
from chalicelib.core.table import transact
from chalicelib.organizations.roles import GUARDED, ROLES
from infra.local.gateway import Gateway

pytestmark = pytest.mark.usefixtures("aws")

ORG, OTHER = ids.derived("org", "one"), ids.derived("org", "another")
HOSTS = {"a.example": ORG, "b.example": OTHER}
BOSS, CLERK = Principal(ORG, user="usr_boss", source="203.0.113.9"), Principal(ORG, user="usr_clerk")


@pytest.fixture(scope="module")
def gateway():
    api = Api("audit", Access(ROLES, GUARDED, HOSTS.__getitem__, session_lives=lambda principal: True))
    api.mount(routes)
    return Gateway(api)


@pytest.fixture
def ask(gateway):
    def ask(target, host="a.example", role="admin"):
        token = auth.issue(
            organization=HOSTS[host], user="usr_reader", roles=frozenset({role}), session="ses_1", version=1
        )
        return gateway.handle("GET", f"/admin/audit-logs{target}", {"Host": host, "Authorization": f"Bearer {token}"})

    return ask


def did(principal, action, entity_id, at=timedelta(), **after):
    with clock.travel(at):
        entity = action.partition(".")[0]
        transact(service.entry(principal, action=action, entity=entity, entity_id=entity_id, before={}, after=after))


@pytest.fixture
def log():
    """Four entries, an hour apart, and one of another organization."""
    did(BOSS, "event.planned", "evt_1", status="draft")
    did(CLERK, "event.moved", "evt_1", timedelta(hours=1), status="live")
    did(BOSS, "user.blocked", "usr_anna", timedelta(hours=2), reason="=1+1")
    did(BOSS, "event.deleted", "evt_2", timedelta(hours=3))
    did(Principal(OTHER, user="usr_boss"), "event.planned", "evt_1")


def actions(answer):
    assert answer.status == 200, answer.body
    return [entry["action"] for entry in answer.json()["data"]["items"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["event.deleted", "user.blocked", "event.moved", "event.planned"]),
        ("?entity=event&entityId=evt_1", ["event.moved", "event.planned"]),
        ("?actor=usr_boss", ["event.deleted", "user.blocked", "event.planned"]),
        ("?actor=usr_nobody", []),
    ],
)
def test_entries_are_found_by_entity_and_by_actor_newest_first(ask, log, query, found):
    assert actions(ask(query)) == found


@pytest.mark.parametrize("list", ["", "entity=event&entityId=evt_1&", "actor=usr_clerk&"])
def test_entries_are_found_by_time(ask, log, list):
    now = clock.now()
    since, until = (clock.stamp(now + timedelta(minutes=minutes)) for minutes in (30, 90))

    assert actions(ask(f"?{list}since={since}&until={until}")) == ["event.moved"]
    assert actions(ask(f"?{list}since={clock.stamp(now + timedelta(days=1))}")) == []


def test_an_entry_tells_who_what_from_where_and_when(ask, log):
    (entry,) = ask("?entity=user&entityId=usr_anna").json()["data"]["items"]

    assert entry == {
        "id": entry["id"],
        "at": entry["at"],
        "actor": "usr_boss",
        "session": None,
        "source": "203.0.113.9",
        "requestId": "-",
        "action": "user.blocked",
        "entity": "user",
        "entityId": "usr_anna",
        "before": {},
        "after": {"reason": "=1+1"},
    }


def test_another_organization_sees_its_own(ask, log):
    assert actions(ask("", "b.example")) == ["event.planned"]


def test_pages_follow_each_other(ask, log):
    first = ask("?pageSize=3")
    second = ask(f"?pageSize=3&cursor={first.json()['data']['nextCursor']}")

    assert actions(first) + actions(second) == ["event.deleted", "user.blocked", "event.moved", "event.planned"]


def test_a_manager_may_not_read_it(ask, log):
    assert ask("", role="manager").status == 403
    assert ask("/export", role="manager").status == 403


def rows(answer):
    assert answer.status == 200, answer.body
    assert answer.header("content-type") == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.body.decode())))


def test_the_export_goes_on_where_its_link_leads(ask, log, monkeypatch):
    monkeypatch.setattr(service, "_EXPORTED_AT_ONCE", 2)

    first = ask("/export?actor=usr_boss")
    link = first.header("link")
    assert link.startswith("<?actor=usr_boss&cursor=")
    assert link.endswith('>; rel="next"')
    second = ask("/export" + link.removeprefix("<").partition(">")[0])

    assert [row["action"] for row in rows(first) + rows(second)] == ["event.deleted", "user.blocked", "event.planned"]
    assert second.header("link") is None


def test_an_export_holds_no_formula(ask):
    did(Principal(ORG, user="=cmd|'/c calc'!A0"), "user.blocked", "@SUM(1)", reason="spam")

    (row,) = rows(ask("/export"))

    assert (row["actor"], row["entity_id"]) == ("'=cmd|'/c calc'!A0", "'@SUM(1)")
    assert row["after"] == '{"reason": "spam"}'


def test_an_export_as_json_holds_the_same_entries(ask, log):
    answer = ask("/export?format=json&actor=usr_boss")

    found = json.loads(answer.body)
    assert (answer.status, answer.header("Content-Type")) == (200, "application/json")
    assert answer.header("Content-Disposition") == 'attachment; filename="audit.json"'
    assert found == ask("?actor=usr_boss").json()["data"]["items"]
    assert len(found) == 3
    assert ask("/export?format=xml").status == 400


def test_the_next_entries_come_in_the_same_format(ask, log, monkeypatch):
    monkeypatch.setattr(service, "_EXPORTED_AT_ONCE", 3)

    link = ask("/export?format=json").header("Link")

    following = ask(f"/export{link.partition('<')[2].partition('>')[0]}")
    assert [entry["action"] for entry in json.loads(following.body)] == ["event.planned"]
