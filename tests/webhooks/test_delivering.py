"""From a fact to a call: once for each, again and again until it is taken, and never at the cost of others."""

import json
from datetime import timedelta

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.core import clock, outbox, queues
from chalicelib.core.errors import Conflict
from chalicelib.core.queues import Outcome
from chalicelib.core.table import transact
from chalicelib.events.messages import EventWentLive
from chalicelib.organizations.service import DEFAULT
from chalicelib.webhooks import calling, service, store
from chalicelib.webhooks.messages import DeliveryDue
from chalicelib.webhooks.model import (
    AT_ONCE,
    BREAKS_AFTER,
    GIVEN_UP_AFTER,
    JITTER,
    LEASE,
    LONGEST_BREAK,
    PAUSES,
    Answer,
    Delivery,
    Health,
    State,
    Why,
)
from tests import deliver
from tests.announcements.conftest import mails
from tests.events.people import ADMIN, OTHER, opened
from tests.webhooks.conftest import happen, led_to, run

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


# --- once for each --------------------------------------------------------------------------------------------


def test_whoever_wants_to_hear_of_something_does(till, receiver):
    other = led_to(receiver, "photo.ready", "event.live")
    led_to(receiver, "photo.ready")
    event = happen("Night Run")

    assert (
        till.heard
        == [
            {
                "type": "event.live",
                "version": 1,
                "timestamp": till.heard[0]["timestamp"],
                "data": {"id": event, "slug": "night-run", "name": "Night Run", "status": "live"},
            }
        ]
        * 2
    )
    assert all(each.verified for each in receiver.heard)
    (sent,), (as_well,) = till.sent, other.sent
    assert {sent.id, as_well.id} == {each.id for each in receiver.heard}
    assert (sent.state, sent.calls, sent.due_at, sent.ended_at is None) == (State.DELIVERED, 1, None, False)
    assert [(each.status, each.error, each.answer) for each in sent.attempts] == [(204, None, "")]


def test_other_organizations_hear_nothing(till):
    transact(outbox.publish(EventWentLive(organization=OTHER, event="evt_1")))
    deliver.all()

    assert (till.sent, till.heard) == ([], [])


def test_a_fact_that_is_told_again_makes_nothing_new(till):
    opened(ADMIN)
    (record,) = [each for each in outbox.OutboxRecord.scan() if each.fact == "EventWentLive"]
    for _ in range(3):
        outbox.relay(record)
    record.save()
    deliver.all()

    assert (len(till.sent), len(till.heard)) == (1, 1)


def test_the_same_may_happen_twice(till):
    event = opened(ADMIN)
    deliver.all()
    transact(outbox.publish(EventWentLive(organization=DEFAULT, event=event.id)))
    deliver.all()

    assert len({each.id for each in till.sent}) == 2
    assert [each["data"]["id"] for each in till.heard] == [event.id] * 2


def test_of_what_is_gone_nothing_is_told(till):
    transact(outbox.publish(EventWentLive(organization=DEFAULT, event="evt_01J00000000000000000000001")))
    deliver.all()

    assert (till.sent, till.heard) == ([], [])


def test_a_message_that_comes_twice_or_late_calls_nobody(till):
    happen()
    (sent,) = till.sent

    for calls in (0, 1, 2):
        due = DeliveryDue(organization=DEFAULT, endpoint=till.endpoint.id, delivery=sent.id, calls=calls)
        assert service.deliver(due) is Outcome.SKIPPED
    missing = DeliveryDue(organization=DEFAULT, endpoint=till.endpoint.id, delivery="dlv_none")
    assert service.deliver(missing) is Outcome.SKIPPED

    assert len(till.heard) == 1


# --- again and again ------------------------------------------------------------------------------------------


def test_what_is_not_taken_is_sent_again_as_it_was(till, receiver, kept_back):
    receiver.behave("error", "close")
    event = happen()
    (waiting,) = till.sent
    assert (waiting.state, waiting.calls, waiting.ended_at) == (State.WAITING, 1, None)
    assert kept_back in ([4], [5], [6])

    with till.wait(2 * MINUTE):
        assert len(receiver.heard) == 2
    with till.wait(10 * MINUTE):
        assert len(receiver.heard) == 3

    (sent,) = till.sent
    assert (sent.state, sent.calls) == (State.DELIVERED, 3)
    assert {(each.id, each.body) for each in receiver.heard} == {(sent.id, sent.body.encode())}
    assert json.loads(sent.body)["data"]["id"] == event
    came = [(each.status, each.error) for each in sent.attempts]
    assert came == [(500, None), (None, "connection_failed"), (204, None)]


def test_pauses_grow_over_three_days():
    at = clock.now()
    delivery = Delivery("dlv_1", DEFAULT, "whk_1", "event.live", "{}", at)
    for chance in (0.0, 0.5, 1.0):
        told, now, waited = delivery, at, []
        while told.state is State.WAITING:
            told = told.claimed(now).answered(Answer(1, 500), now, chance)
            if told.due_at is not None:
                waited.append(told.due_at - now)
                now = told.due_at
        factor = 1 - JITTER + 2 * JITTER * chance
        assert waited == [pause * factor for pause in PAUSES]
        assert (told.calls, told.state, told.because, told.due_at) == (10, State.FAILED, Why.EXHAUSTED, None)

    total = sum(PAUSES, timedelta())
    assert timedelta(days=3) < total < timedelta(days=4)


@pytest.mark.parametrize(
    ("wish", "pause"),
    [(None, PAUSES[1]), (MINUTE, PAUSES[1]), (2 * HOUR, 2 * HOUR), (timedelta(days=90), timedelta(hours=24))],
)
def test_a_receiver_puts_us_off_within_bounds(wish, pause):
    at = clock.now()
    delivery = Delivery("dlv_1", DEFAULT, "whk_1", "event.live", "{}", at, calls=2)

    assert delivery.answered(Answer(1, 503, wait=wish), at, 0.5).due_at == at + pause


def test_a_receiver_that_puts_us_off_is_left_alone(till, receiver):
    receiver.behave("busy")
    happen()

    with till.wait(HOUR):
        assert len(receiver.heard) == 1
    with till.wait(2 * HOUR + 2 * MINUTE):
        assert len(receiver.heard) == 2
    assert till.sent[0].state is State.DELIVERED


def test_after_the_last_call_it_is_given_up(till, receiver):
    receiver.behave(*["error"] * 20)
    happen()
    passing = timedelta()
    while (waiting := till.sent[0]).due_at is not None:
        passing = max(passing, waiting.due_at - clock.now()) + 2 * MINUTE
        with clock.travel(passing):
            run()

    (sent,) = till.sent
    assert (sent.state, sent.because, sent.calls) == (State.FAILED, Why.EXHAUSTED, 10)
    assert [each.status for each in sent.attempts] == [500] * 10
    assert len(receiver.heard) == 10


def test_a_message_that_is_lost_is_missed_by_nobody(till):
    opened(ADMIN)
    deliver.relay()
    deliver.queue("jobs")
    deliver.forget()  # the fact that has it called

    assert till.heard == []
    with till.wait(2 * MINUTE):
        assert len(till.heard) == 1


def test_whoever_dies_while_calling_has_it_called_again_under_the_same_id(till, receiver, monkeypatch):
    ours = calling.call

    def die(*told, local):
        ours(*told, local=local)
        raise RuntimeError("killed")

    monkeypatch.setattr(calling, "call", die)
    opened(ADMIN)
    for _ in range(3):
        deliver.relay()
        deliver.queue("jobs")
        deliver.queue("webhooks")
    assert len(receiver.heard) == 1, "the claim holds"
    monkeypatch.setattr(calling, "call", ours)
    deliver.all()
    assert len(receiver.heard) == 1, "the claim still holds"

    with till.wait(LEASE + 2 * MINUTE):
        assert len(receiver.heard) == 2
    assert len({each.id for each in receiver.heard}) == 1
    assert (till.sent[0].state, till.sent[0].calls) == (State.DELIVERED, 2)


def test_the_sweep_leaves_to_the_queue_what_it_queued(till):
    opened(ADMIN)
    deliver.relay()
    deliver.queue("jobs")
    deliver.forget()

    with clock.travel(2 * MINUTE):
        assert [service.send_due() for _ in range(3)] == [1, 0, 0]
    with clock.travel(14 * MINUTE):
        assert service.send_due() == 1
        deliver.all()

    assert len(till.heard) == 1


def test_a_delivery_that_changes_meanwhile_is_looked_at_anew(till, monkeypatch):
    """The sweep writes between the look and the claim."""
    opened(ADMIN)
    deliver.relay()
    deliver.queue("jobs")
    deliver.forget()
    (waiting,) = till.sent
    claim, raced = store.places, []

    def race(delivery, at):
        if not raced:
            raced.append(True)
            transact(store.save_delivery(waiting.put_off(at), was=waiting))
        return claim(delivery, at)

    monkeypatch.setattr(store, "places", race)
    due = DeliveryDue(organization=DEFAULT, endpoint=till.endpoint.id, delivery=waiting.id)

    assert service.deliver(due) is Outcome.SUCCESS
    assert (len(till.heard), till.sent[0].state) == (1, State.DELIVERED)


# --- replay ---------------------------------------------------------------------------------------------------


def test_a_replay_is_the_same_delivery(till, receiver):
    happen()
    (sent,) = till.sent

    again = service.replay(ADMIN, till.endpoint.id, sent.id)
    assert (again.state, again.calls, again.id) == (State.WAITING, 0, sent.id)
    deliver.all()

    (now,) = till.sent
    assert (now.state, len(now.attempts)) == (State.DELIVERED, 2)
    assert [(each.id, each.body) for each in receiver.heard] == [(sent.id, sent.body.encode())] * 2


def test_what_was_given_up_is_replayed_from_the_first_call_on(till, receiver):
    receiver.behave("gone")
    happen()
    (given_up,) = till.sent
    with pytest.raises(Conflict, match="Switch it on"):
        service.replay(ADMIN, till.endpoint.id, given_up.id)
    service.change(ADMIN, till.endpoint.id, url=None, events=None, description=None, enabled=True)

    receiver.behave("error")
    service.replay(ADMIN, till.endpoint.id, given_up.id)
    deliver.all()
    with till.wait(2 * MINUTE):
        assert len(receiver.heard) == 3

    assert (till.sent[0].state, till.sent[0].because, till.sent[0].calls) == (State.DELIVERED, None, 2)


# --- giving up ------------------------------------------------------------------------------------------------


def owner():
    mailbox, password = "owner@shop.example", "a long enough phrase"
    accounts.create_user(DEFAULT, email=mailbox, password=password, name="Olga", roles=["owner"])
    deliver.all()


def test_who_is_gone_is_switched_off_and_the_owner_told(till, receiver):
    owner()
    receiver.behave("error", "gone")
    happen("one")
    happen("two")
    with till.wait(2 * MINUTE):
        pass

    assert (till.now.enabled, till.now.off_because, till.now.off_at is None) == (False, Why.GONE, False)
    ends = {(each.state, each.because) for each in till.sent}
    assert ends == {(State.FAILED, Why.DISABLED), (State.FAILED, Why.GONE)}
    assert len(receiver.heard) == 2
    (mail,) = mails("owner@shop.example")
    assert "127.0.0.1" in mail.subject
    happen("three")
    assert len(till.sent) == 2


def test_after_three_days_of_failures_only_it_is_switched_off(till, receiver):
    owner()
    receiver.behave(*["error"] * 50)
    happen("first")
    for day in range(4):
        with clock.travel(timedelta(days=day)):
            happen(f"on day {day}")

    assert (till.now.enabled, till.now.off_because) == (False, Why.FAILING)
    (mail,) = mails("owner@shop.example")
    assert "127.0.0.1" in mail.subject


def test_one_success_in_three_days_is_enough(till, receiver):
    receiver.behave("error", "error", "well", *["error"] * 50)
    for day in range(4):
        with clock.travel(timedelta(days=day)):
            happen(f"on day {day}")

    assert till.now.enabled
    assert store.health_of(DEFAULT, till.endpoint.id).failures == 1


def test_a_webhook_that_is_switched_on_again_starts_anew(till, receiver):
    receiver.behave("error", "gone")
    happen("one")
    with clock.travel(GIVEN_UP_AFTER):
        happen("two")
    assert not till.now.enabled

    service.change(ADMIN, till.endpoint.id, url=None, events=None, description=None, enabled=True)

    assert store.health_of(DEFAULT, till.endpoint.id) == Health()


# --- not at the cost of others --------------------------------------------------------------------------------


def test_a_failing_webhook_is_left_alone_for_a_while(till, receiver):
    receiver.behave(*["error"] * BREAKS_AFTER)
    for number in range(BREAKS_AFTER + 2):
        happen(f"run {number}")

    health = store.health_of(DEFAULT, till.endpoint.id)
    assert (len(receiver.heard), health.failures) == (BREAKS_AFTER, BREAKS_AFTER)
    assert [each.calls for each in till.sent] == [1] * BREAKS_AFTER + [0, 0]
    with till.wait(LONGEST_BREAK):
        deliver.all()

    assert {each.state for each in till.sent} == {State.DELIVERED}
    assert store.health_of(DEFAULT, till.endpoint.id) == Health()


def test_breaks_grow_and_end():
    at = clock.now()

    breaks = [Health(failures=n).pause_after(at) for n in range(BREAKS_AFTER + 20)]

    assert breaks[: BREAKS_AFTER - 1] == [None] * (BREAKS_AFTER - 1)
    later = [each - at for each in breaks[BREAKS_AFTER - 1 :]]
    assert (later[0], later[1], later[-1]) == (timedelta(seconds=30), timedelta(seconds=60), LONGEST_BREAK)
    assert later == sorted(later)


def test_so_many_calls_at_once_and_no_more(till, receiver, monkeypatch, kept_back):
    """While calls are under way, further ones wait, and cost nothing but a look."""
    ours, under_way = calling.call, []

    def slow(*told, local):
        under_way.append(True)
        if len(under_way) <= AT_ONCE:
            happen(f"run {len(under_way)}")  # comes while this call lasts
        return ours(*told, local=local)

    monkeypatch.setattr(calling, "call", slow)
    happen("run 0")

    sent = till.sent
    assert len(sent) == AT_ONCE + 1
    assert (len(receiver.heard), [each.calls for each in sent]) == (AT_ONCE, [1] * AT_ONCE + [0])
    assert [1 <= wait <= 15 for wait in kept_back] == [True]
    with till.wait(2 * MINUTE):
        assert {each.state for each in till.sent} == {State.DELIVERED}


def test_a_place_whose_caller_died_is_free_again(till, monkeypatch):
    opened(ADMIN)
    deliver.relay()
    deliver.queue("jobs")
    (waiting,) = till.sent
    for place in list(store.places(waiting, clock.now())):
        transact(place)
    deliver.all()
    assert till.heard == []

    with till.wait(LEASE + 2 * MINUTE):
        assert len(till.heard) == 1


def test_a_slow_receiver_holds_up_nobody_else(till, receiver, monkeypatch):
    """One says nothing until the time is up; the other hears of everything in the meantime."""
    monkeypatch.setattr(calling, "PATIENCE", 0.3)
    quick = led_to(receiver, "event.live", url=receiver.url.replace("/hooks", "/quick"))
    way = receiver.way
    monkeypatch.setattr(receiver, "way", lambda: "slow" if receiver.heard[-1].path == "/hooks" else way())

    for number in range(8):
        happen(f"run {number}")

    slow = [each for each in receiver.heard if each.path == "/hooks"]
    assert len(slow) == BREAKS_AFTER
    assert [each.state for each in quick.sent] == [State.DELIVERED] * 8
    assert {each.state for each in till.sent} == {State.WAITING}


def test_deliveries_have_a_queue_of_their_own():
    handlers = queues.handlers()

    assert handlers["webhooks.deliver"].queue == "webhooks"
    assert [name for name, each in handlers.items() if each.queue == "webhooks"] == ["webhooks.deliver"]
    assert handlers["webhooks.announce"].queue == "jobs"
