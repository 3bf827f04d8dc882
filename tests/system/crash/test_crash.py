"""Nothing is lost and nothing happens twice, wherever a process dies, an answer is lost or a service refuses.

Each flow runs once undisturbed. Then for each of its calls to AWS and to the gateway (the proof takes all of the main
job, and draws of the other flows; the tests draw fewer), and for each way that such a call can fail, it runs again from
the same start with that one fault; redelivery, schedules and the people's own repeats do the rest. It must end as the
undisturbed run did.
"""

import json
import random
import re
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from app import app
from chalicelib.core import once, outbox, queues, table
from chalicelib.core.queues import Outcome
from chalicelib.notifications import service as notifications
from chalicelib.payments import booking
from tests.figures import is_drawn
from tests.system.crash import lab as laboratory
from tests.system.crash.chaos import Fault, Mode
from tests.system.crash.flows import FLOWS, MAIN_JOB

pytestmark = pytest.mark.slow

DOUBLE_KILLS = 500
SAMPLE = 5
"""Calls of a flow that a fault of a kind strikes in the proof: of the main job, and with `--every-call`, it is all. In
the tests it is one."""
ONE_IN = {True: 3, False: 24}
"""The tests strike in one of so many ways: a flow of the main job, another."""


@pytest.fixture(scope="module")
def lab(secret):
    with laboratory.opened(secret) as lab:
        yield lab


@pytest.mark.parametrize(("name", "mode"), [*product(FLOWS, Mode)])
def test_a_flow_with_a_fault_at_any_call_ends_as_without(lab, figure, full, every_call, name, mode):
    _spare(full, name, mode)
    flow = FLOWS[name]
    points = lab.golden(flow).points
    struck = [at for at, point in enumerate(points, start=1) if point.takes(mode)]
    if not struck:
        pytest.skip(f"{name} has no call that can be {mode}")
    every = every_call or (full and name in MAIN_JOB)
    if not every:
        struck = random.Random(f"{name} {mode}").sample(struck, k=min(SAMPLE if full else 1, len(struck)))

    mails = lab.mails_again

    diverging = {at: wrong for at in struck if (wrong := lab.differences(flow, Fault(at, mode)))}

    text = "{faults:,} faults, {diverging} diverging, {mails} mails twice"
    counts = {"faults": len(struck), "diverging": len(diverging), "mails": lab.mails_again - mails}
    whose = "the main job" if name in MAIN_JOB else "other flows"
    figure("crash", f"{mode} at {'every call' if every else 'calls drawn'} of {whose}", text, **counts)
    assert diverging == {}, "\n".join(f"{at} {points[at - 1]}: {wrong}" for at, wrong in diverging.items())


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_killed_twice_ends_as_without(lab, figure, full, name):
    """The second kill strikes while the flow recovers from the first."""
    _spare(full, name, "twice")
    flow, chance = FLOWS[name], random.Random(name)
    points = lab.golden(flow).points
    kills = [Mode.KILLED_BEFORE, Mode.KILLED_AFTER]
    count = -(-DOUBLE_KILLS // len(FLOWS)) if full else 1
    fired, diverging = 0, {}
    while fired < count:
        first = Fault(chance.randint(1, len(points)), chance.choice(kills))
        second = Fault(first.at + chance.randint(1, 12), chance.choice(kills))
        wrong = lab.differences(flow, first, second)
        if second in lab.world.chaos.fired:  # else the run was over before
            fired += 1
        if wrong:
            diverging[first, second] = wrong

    text = "{kills:,} random double kills, {diverging} diverging"
    figure("crash", "killed, and killed again while recovering", text, kills=fired, diverging=len(diverging))
    assert diverging == {}, "\n".join(f"{pair}: {wrong}" for pair, wrong in diverging.items())


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_with_a_second_fault_while_it_recovers_ends_as_without(lab, figure, full, name):
    """Any two ways to fail; the second may find nothing that it can break."""
    _spare(full, name, "pairs")
    flow, chance = FLOWS[name], random.Random(name)
    points = lab.golden(flow).points
    pairs = []
    for _ in range(4 if full else 1):
        first = chance.randint(1, len(points))
        modes = [mode for mode in Mode if points[first - 1].takes(mode)]
        second = first + chance.randint(1, 20)
        pairs.append((Fault(first, chance.choice(modes)), Fault(second, chance.choice(list(Mode)))))

    diverging = {pair: wrong for pair in pairs if (wrong := lab.differences(flow, *pair))}

    text = "{pairs:,} pairs of faults, {diverging} diverging"
    figure("crash", "two faults of any kind", text, pairs=len(pairs), diverging=len(diverging))
    assert diverging == {}, "\n".join(f"{pair}: {wrong}" for pair, wrong in diverging.items())


def _spare(full: bool, name: str, way: str) -> None:
    if not (full or is_drawn(name, way, one_in=ONE_IN[name in MAIN_JOB])):
        pytest.skip("the proof strikes every flow in every way, the tests draw")


@pytest.mark.proof
def test_every_route_that_writes_is_in_a_flow(lab, figure):
    asked = set().union(*(lab.golden(flow).asked for flow in FLOWS.values()))
    writing = [route for route in app.mounted if route.method != "GET"]
    missing = [route.name for route in writing if not any(goes_to(route, *request) for request in asked)]

    text = f"{len(FLOWS)} flows, {len(writing)} routes that write, {len(missing)} in no flow"
    figure("crash", "every route that writes stands in a flow", text)
    assert missing == []


def goes_to(route, method, path):
    path = path.partition("?")[0]
    return route.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route.path), path) is not None


# --- negative controls: what is built the naive way must be caught ------------------------------------------


def publish_after_commit(patch):
    def transact(*writes):
        facts = [write for write in writes if isinstance(write.record, outbox.OutboxRecord)]
        table.transact(*(write for write in writes if write not in facts))
        if facts:
            table.transact(*facts)

    patch.setattr(booking, "transact", transact)


def commit_one_by_one(patch):
    def transact(*writes):
        for write in writes:
            table.transact(write)

    patch.setattr(booking, "transact", transact)


def mark_before_mail(patch):
    send = notifications.send_email

    def send_email(organization, *, once, **mail):
        try:
            table.transact(claim(organization, "marked", once, result="-", keep=timedelta(days=1)))
        except taken:
            return Outcome.SKIPPED
        return send(organization, once=once, **mail)

    claim, taken = once.claim, once.Taken
    patch.setattr(notifications, "send_email", send_email)


def forget_before_queueing(patch):
    def relay(record):
        record.delete()
        for handler in queues.handlers_of(record.fact):
            queues.send(handler.queue, [queues.encode(handler, record.fact, json.loads(record.body), "-")])

    patch.setattr(outbox, "relay", relay)


def trust_the_stream(patch):
    patch.setattr(outbox, "sweep", lambda: 0)


@pytest.mark.proof
@pytest.mark.parametrize(
    ("naive", "name", "mode"),
    [
        (publish_after_commit, "webhook", Mode.KILLED_AFTER),
        (commit_one_by_one, "webhook", Mode.KILLED_BEFORE),
        (mark_before_mail, "another code", Mode.KILLED_AFTER),
        (mark_before_mail, "another code", Mode.THROTTLED),
        (forget_before_queueing, "webhook", Mode.KILLED_AFTER),
        (trust_the_stream, "webhook", Mode.STREAM_LOST),
    ],
)
def test_the_harness_catches_what_is_built_naively(lab, figure, monkeypatch, naive, name, mode):
    naive(monkeypatch)
    flow = replace(FLOWS[name])
    points = lab.golden(flow).points

    struck = (at for at, point in enumerate(points, start=1) if point.takes(mode))
    caught = next((at for at in struck if lab.differences(flow, Fault(at, mode))), None)

    text = "{caught} of {tried} naive ways caught"
    figure("crash", "control: what is built naively is caught", text, caught=int(caught is not None), tried=1)
    assert caught is not None
