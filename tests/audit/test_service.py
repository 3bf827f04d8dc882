import pytest

from chalicelib.audit import service, store
from chalicelib.audit.model import KEPT_FOR, MASK
from chalicelib.core import clock, ids, log
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict
from chalicelib.core.table import transact

pytestmark = pytest.mark.usefixtures("aws")

ORG, OTHER = ids.derived("org", "one"), ids.derived("org", "another")
BOSS = Principal(ORG, user="usr_boss", session="ses_1", source="203.0.113.9")


def kept(organization=ORG):
    return [record.value() for record in store.AuditRecord.query(f"T#{organization}#AUDIT")]


def test_an_entry_says_who_what_from_where_and_when():
    now = clock.now()
    with log.correlated("req-1"):
        transact(
            service.entry(
                BOSS,
                action="user.roles_changed",
                entity="user",
                entity_id="usr_anna",
                before={"roles": {"customer"}, "language": "en", "password": "old"},
                after={"roles": {"manager"}, "language": "en", "password": "new"},
            )
        )

    (entry,) = kept()
    assert (entry.actor, entry.session, entry.source, entry.correlation) == (
        "usr_boss",
        "ses_1",
        "203.0.113.9",
        "req-1",
    )
    assert (entry.action, entry.entity, entry.entity_id) == ("user.roles_changed", "user", "usr_anna")
    assert entry.before == {"roles": ["customer"], "password": MASK}
    assert entry.after == {"roles": ["manager"], "password": MASK}
    assert entry.at >= now
    (record,) = store.AuditRecord.query(f"T#{ORG}#AUDIT")
    assert record.ttl == clock.epoch(entry.at + KEPT_FOR)


def test_an_entry_can_stand_in_the_log_of_another_organization():
    transact(
        service.entry(BOSS, action="organization.suspended", entity="organization", entity_id=OTHER, organization=OTHER)
    )

    assert kept() == []
    assert [(entry.actor, entry.before, entry.after) for entry in kept(OTHER)] == [("usr_boss", None, None)]


def test_work_that_nobody_asked_for_has_no_actor():
    transact(service.entry(Principal(ORG), action="user.erased", entity="user", entity_id="usr_anna"))

    assert [entry.actor for entry in kept()] == [None]


def test_an_entry_is_never_replaced():
    write = service.entry(BOSS, action="event.moved", entity="event", entity_id="evt_1", after={"status": "live"})
    transact(write)

    with pytest.raises(Conflict, match="already_exists"):
        transact(store.add(kept()[0]))

    assert len(kept()) == 1
