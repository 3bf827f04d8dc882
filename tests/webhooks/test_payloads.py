"""What is told of each event: what the documentation says, and nothing of a person."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core import clock, ids
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import transact
from chalicelib.entitlements.messages import DownloadBegun
from chalicelib.entitlements.model import Size
from chalicelib.events.messages import EventWentLive
from chalicelib.lines.photos.messages import PhotoApproved, PhotoFailed, PhotoReady, PhotoRejected
from chalicelib.orders import messages as orders
from chalicelib.orders import service as order_service
from chalicelib.orders.model import Instalment, Status, Step
from chalicelib.payments import messages as payments
from chalicelib.payments.disputes import store as dispute_store
from chalicelib.payments.disputes.messages import DisputeRaised
from chalicelib.payments.disputes.model import Dispute, State
from chalicelib.payments.refunds import messages as refunds
from chalicelib.webhooks import registry, signing
from chalicelib.webhooks.model import PAUSES, TEST
from chalicelib.webhooks.registry import EVENTS, FACTS, TYPES
from chalicelib.webhooks.service.announcing import encoded
from tests.system import world as worlds
from tests.system.world import World

DOCUMENT = Path(__file__).parents[2] / "docs" / "webhooks.md"


@pytest.fixture(scope="module")
def world(secret: str) -> Iterator[World]:
    with worlds.poured(secret) as world:
        yield world


def facts(world):
    """One of each, about what A has."""
    shop = world.a
    names = {"organization": shop.organization}
    paid = shop.orders["paid"].id
    order, payment = names | {"order": paid}, names | {"payment": shop.payments["paid"]}
    refund = order | {"refund": shop.refund}
    photo = names | {"event": shop.events["live"].id, "photo": shop.photos["approved"]}
    dispute = Dispute(
        "dsp_01J00000000000000000000001", shop.organization, paid, shop.payments["paid"], "dp_1", State.OPEN,
        "fraudulent", 5_00, "THB", clock.now(), due_at=clock.now(),
    )  # fmt: skip
    try:
        transact(dispute_store.save(dispute, was=None))
    except Conflict:  # made by an earlier test
        assert dispute_store.get(shop.organization, paid, dispute.id).reference == "dp_1"
    return {
        **{name: getattr(orders, name)(**order) for name in (
            "OrderPlaced", "OrderPaid", "OrderPaidLate", "OrderCompleted", "OrderExpired", "OrderCancelled",
        )},
        **{name: getattr(payments, name)(**payment) for name in (
            "PaymentFailed", "PaymentExpired", "InstalmentCaptured",
        )},
        "PaymentUnderReview": payments.PaymentUnderReview(**payment, reason="wrong_amount"),
        **{name: getattr(refunds, name)(**refund) for name in (
            "RefundOpened", "RefundSettled", "RefundFailed", "RefundDeclined",
        )},
        "DisputeRaised": DisputeRaised(**order, dispute=dispute.id, state=State.OPEN),
        "PhotoReady": PhotoReady(**photo, approved=True),
        "PhotoApproved": PhotoApproved(**photo),
        "PhotoRejected": PhotoRejected(**photo, photographer=shop.people["photographer"].id),
        "PhotoFailed": PhotoFailed(**photo, photographer=shop.people["photographer"].id, code="truncated"),
        "EventWentLive": EventWentLive(**names, event=shop.events["live"].id),
        "DownloadBegun": DownloadBegun(**order, photos=[shop.photos["approved"]], size=Size.WEB),
    }  # fmt: skip


def test_there_is_a_fact_for_each(world):
    assert facts(world).keys() == {fact.__name__ for fact in FACTS}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_each_event_tells_ids_states_and_amounts(world, event):
    known = facts(world)
    people = {person.id for person in world.a.people.values()} | {person.email for person in world.a.people.values()}
    for followed in event.facts:
        fact = known[followed.__name__]
        assert event in registry.following(fact)

        payload = event.read(fact)

        assert type(payload) is event.shape
        text = encoded(event.name, payload.version, clock.now(), payload.model_dump(mode="json"))
        told = json.loads(text)
        assert list(told) == ["type", "version", "timestamp", "data"]
        assert (told["type"], told["version"]) == (event.name, 1)
        assert not any(name in text for name in people), "nothing of a person"
        assert "usr_" not in text
        assert "@" not in text
        assert all(re.fullmatch(r"[a-z][a-zA-Z]*", name) for name in told["data"])


def test_an_order_is_told_with_its_money(world):
    order = world.a.orders["paid"]
    fact = orders.OrderPaid(organization=world.a.organization, order=order.id)

    told: Any = TYPES["order.paid"].read(fact)

    now = order_service.get(world.a.organization, order.id)
    assert (told.id, told.code, told.status, told.total, told.currency) == (
        order.id, order.code, now.status, order.total, "THB",
    )  # fmt: skip
    assert told.payment_id == now.payment
    assert [(line.kind, line.amount) for line in told.lines] == [(line.kind, line.amount) for line in now.lines]


def test_money_that_came_late_is_told_of_once(world, monkeypatch):
    order = order_service.get(world.a.organization, world.a.orders["paid"].id)
    late = replace(order, history=(*order.history, Step(Status.PAID_LATE, clock.now(), "late")))
    monkeypatch.setattr(order_service, "get", lambda organization, id: late)
    names = {"organization": world.a.organization, "order": order.id}
    succeeded = TYPES["payment.succeeded"]

    told: Any = succeeded.read(orders.OrderPaidLate(**names))
    assert told.id == order.payment
    assert succeeded.read(orders.OrderPaid(**names)) is None


def test_of_an_order_in_parts_each_payment_is_told_and_the_order_does_not_tell_one_again(world, monkeypatch):
    order = order_service.get(world.a.organization, world.a.orders["paid"].id)
    parts = tuple(Instalment(id, order.total // 2) for id in (str(order.payment), world.a.payments["unpaid"]))
    monkeypatch.setattr(order_service, "get", lambda organization, id: replace(order, instalments=parts))
    names, succeeded = {"organization": world.a.organization}, TYPES["payment.succeeded"]

    told: list[Any] = [succeeded.read(payments.InstalmentCaptured(**names, payment=each.payment)) for each in parts]
    assert [each.id for each in told] == [each.payment for each in parts]
    assert succeeded.read(orders.OrderPaid(**names, order=order.id)) is None


@pytest.mark.parametrize("event", [each for each in EVENTS if each.shape.__name__ != "DownloadData"], ids=str)
def test_of_another_organization_nothing_is_told(world, event):
    for followed in event.facts:
        fact = facts(world)[followed.__name__].model_copy(update={"organization": world.b.organization})

        with pytest.raises(NotFound):
            event.read(fact)


# --- the documentation ----------------------------------------------------------------------------------------


def test_the_documentation_lists_the_events():
    rows = re.findall(r"^\| `([a-z]+\.[a-z]+)` \| (.+?) \| `(\w+)` \|$", DOCUMENT.read_text(), re.MULTILINE)

    told = {name: (says, shape) for name, says, shape in rows}
    shapes = {event.name: (event.says, event.shape.__name__.removesuffix("Data")) for event in EVENTS}
    assert told == shapes | {TEST: ("A test, sent for the asking.", "Test")}


def test_the_documentation_lists_the_fields():
    text = DOCUMENT.read_text()

    for shape in {event.shape for event in EVENTS}:
        (row,) = re.findall(rf"^\| `{shape.__name__.removesuffix('Data')}` \| (.+) \|$", text, re.MULTILINE)
        names = [field.alias for field in shape.model_fields.values()]
        assert re.findall(r"`(\w+)`", row.partition(";")[0]) == names


def test_the_documentation_tells_the_pauses():
    hours = {"s": 1, "min": 60, "h": 3600}
    (told,) = re.findall(r"after ([0-9a-z ,]+ and [0-9]+ h)", DOCUMENT.read_text())

    pauses = [int(n) * hours[unit] for n, unit in re.findall(r"([0-9]+) (s|min|h)", told)]
    assert pauses == [pause.total_seconds() for pause in PAUSES]


def test_the_ten_lines_of_the_documentation_verify(monkeypatch):
    """What receivers copy is run."""
    (code,) = re.findall(r"```python\n(.+?)```", DOCUMENT.read_text(), re.DOTALL)
    space = {}
    exec(code, space)
    secret, body = signing.new_secret(), b'{"type":"order.paid"}'
    at = datetime.now(UTC)  # receivers have another clock than the world of these tests
    headers = signing.headers(ids.new("dlv"), at, body, [signing.new_secret(), secret])

    assert space["is_genuine"](secret, headers, body)
    assert not space["is_genuine"](secret, headers, body + b" ")
    assert not space["is_genuine"](signing.new_secret(), headers, body)
    assert not space["is_genuine"](secret, headers | {"webhook-timestamp": "1"}, body)
