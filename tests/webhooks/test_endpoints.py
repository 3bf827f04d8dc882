"""What staff do with webhooks."""

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.audit import service as audit
from chalicelib.audit.model import Search
from chalicelib.core import clock, sealing
from chalicelib.core.errors import Conflict, Invalid, NotFound
from chalicelib.core.table import PageRequest
from chalicelib.organizations.service import DEFAULT
from chalicelib.webhooks import service, store
from chalicelib.webhooks.model import MOST_ENDPOINTS, OVERLAP, State, Why
from chalicelib.webhooks.service.endpoints import secrets_of
from tests.events.people import ADMIN, OTHER, caller
from tests.stack import client
from tests.webhooks.conftest import happen, led_to, run

URL = "https://till.photos.example.com/hooks"
DAY = timedelta(days=1)


def create(**changes):
    given: dict[str, Any] = {"url": URL, "events": ["event.live"], "description": "The till", "enabled": True}
    return service.create(ADMIN, **given | changes)


def logged(endpoint):
    found = audit.find(DEFAULT, Search(entity=("webhook", endpoint.id)), PageRequest()).items
    return [(entry.action, entry.before, entry.after) for entry in reversed(found)]


def test_a_webhook_is_made_with_a_secret_that_is_kept_sealed(aws):
    made = create(events=["photo.ready", "event.live", "photo.ready"])

    kept = service.find(ADMIN, made.endpoint.id)
    assert (kept.url, kept.events, kept.enabled, kept.off_at) == (URL, ("event.live", "photo.ready"), True, None)
    assert made.secret.startswith("whsec_")
    assert len(made.secret) == len("whsec_") + 44
    assert secrets_of(kept) == [made.secret]
    stored = json.dumps(client("dynamodb").scan(TableName="thepixstock-test-webhooks")["Items"])
    assert made.secret not in stored
    assert made.secret.removeprefix("whsec_") not in stored
    assert made.secret not in repr(made)
    shown = {"host": "till.photos.example.com", "events": ["event.live", "photo.ready"], "enabled": True}
    assert logged(kept) == [("webhook.created", None, shown | {"description": "The till"})]


def test_a_secret_opens_in_no_other_place(aws):
    one, other = create().endpoint, create().endpoint

    with pytest.raises(sealing.NotSealed):
        sealing.unseal(DEFAULT, f"webhook#{other.id}", one.secret)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"url": "https://10.0.0.1/"}, "invalid_url"), ({"events": ["order.paid", "order.eaten"]}, "unknown_event")],
)
def test_what_can_not_be_called_or_heard_of_is_refused(aws, wrong, code):
    with pytest.raises(Invalid) as refusal:
        create(**wrong)
    made = create().endpoint
    with pytest.raises(Invalid) as later:
        service.change(ADMIN, made.id, **{"url": None, "events": None, "description": None, "enabled": None} | wrong)

    assert (refusal.value.code, later.value.code) == (code, code)
    assert service.listed(ADMIN, PageRequest()).items == [made]


def test_an_organization_has_so_many_and_no_more(aws):
    made = [create().endpoint for _ in range(MOST_ENDPOINTS)]

    with pytest.raises(Conflict, match="up to 20"):
        create()
    service.remove(ADMIN, made[0].id)
    made.append(create().endpoint)

    assert service.listed(ADMIN, PageRequest(100)).items == made[1:]


def test_nobody_sees_those_of_another_organization(aws):
    made, stranger = create().endpoint, caller("admin", organization=OTHER)

    for use in (service.find, service.remove, service.rotate, service.test):
        with pytest.raises(NotFound):
            use(stranger, made.id)
    assert service.listed(stranger, PageRequest()).items == []
    assert service.find(ADMIN, made.id) == made


def change(endpoint, **changes):
    given = {"url": None, "events": None, "description": None, "enabled": None}
    return service.change(ADMIN, endpoint.id, **given | changes)


def test_what_is_left_out_of_a_change_stays(aws):
    made = create().endpoint

    off = change(made, enabled=False)
    on = change(made, enabled=True, description="Till 2")
    same = change(made, description="Till 2")

    assert (off.enabled, off.off_because, off.off_at is None) == (False, Why.STAFF, False)
    assert (on.enabled, on.off_because, on.off_at, on.description, on.url) == (True, None, None, "Till 2", URL)
    assert (same, len(logged(made))) == (on, 3)


def test_two_changes_at_once_do_not_both_count(aws, monkeypatch):
    made = create().endpoint
    change(made, description="first")
    monkeypatch.setattr(store, "get_endpoint", lambda organization, id: made)

    with pytest.raises(Conflict):
        change(made, description="second")

    assert store.find_endpoint(DEFAULT, made.id).description == "first"


def test_both_secrets_sign_for_a_day(till):
    before = till.receiver.secrets[0]
    rotated = service.rotate(ADMIN, till.endpoint.id)

    assert rotated.secret != before
    assert secrets_of(rotated.endpoint) == [rotated.secret, before]
    till.receiver.secrets = [before]
    happen("who knows the old one")
    till.receiver.secrets = [rotated.secret]
    happen("who knows the new one")
    with clock.travel(OVERLAP + timedelta(seconds=1)):
        happen("a day later, the new one")
        till.receiver.secrets = [before]
        happen("a day later, the old one")

    assert [each.verified for each in till.receiver.heard] == [True, True, True, False]


def test_a_secret_is_rotated_again_and_again_but_not_for_ever(aws):
    made = create()
    known = [made.secret] + [service.rotate(ADMIN, made.endpoint.id).secret for _ in range(3)]

    with pytest.raises(Conflict, match="Three secrets"):
        service.rotate(ADMIN, made.endpoint.id)
    assert secrets_of(service.find(ADMIN, made.endpoint.id)) == known[::-1]
    with clock.travel(OVERLAP + timedelta(seconds=1)):
        newest = service.rotate(ADMIN, made.endpoint.id)
        assert secrets_of(newest.endpoint) == [newest.secret, known[-1]]


def test_a_deleted_webhook_hears_nothing_more(till, receiver):
    receiver.behave("error")
    happen()
    (waiting,) = till.sent
    service.remove(ADMIN, till.endpoint.id)

    with clock.travel(DAY):
        run()
        happen("Day Run")

    assert len(receiver.heard) == 1
    ended = store.find_delivery(DEFAULT, till.endpoint.id, waiting.id)
    assert (ended.state, ended.because, ended.due_at) == (State.FAILED, Why.DELETED, None)
    for use in (service.find, service.remove):
        with pytest.raises(NotFound):
            use(ADMIN, till.endpoint.id)
    with pytest.raises(NotFound):
        service.delivery(ADMIN, till.endpoint.id, waiting.id)


def test_what_is_off_hears_nothing_but_tests(receiver):
    till = led_to(receiver, enabled=False)
    happen()

    assert (till.sent, receiver.heard) == ([], [])
    service.test(ADMIN, till.endpoint.id)
    run()

    assert [each["type"] for each in till.heard] == ["webhook.test"]
    (sent,) = till.sent
    assert (sent.state, till.heard[0]["data"]) == (State.DELIVERED, {"endpointId": till.endpoint.id})


def test_a_test_is_sent_once_and_counts_for_nothing(till, receiver):
    receiver.behave("gone", "error")
    for _ in range(2):
        service.test(ADMIN, till.endpoint.id)
        run()

    with clock.travel(DAY):
        run()

    assert [(each.state, each.because) for each in till.sent] == [
        (State.FAILED, Why.GONE),
        (State.FAILED, Why.EXHAUSTED),
    ]
    assert (len(receiver.heard), till.now.enabled) == (2, True)
    assert store.health_of(DEFAULT, till.endpoint.id).failures == 0
