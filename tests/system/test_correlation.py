"""One id from a request to everything that follows from it: over storage, queues, outbox and sweeps.

The application is app.py behind API Gateway's and Lambda's semantics. What follows is every line logged from then on,
but for what the schedules and the onlookers say of themselves.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from chalice.app import SQSEventConfig

from app import app
from chalicelib.payments import gateways
from tests import logged
from tests.logged import Line
from tests.stack import moto_stack
from tests.system.crash import flows
from tests.system.crash.world import Checkpoint, World, outbox

Given = Callable[[World], None]


class Stage:
    """Raises the curtain on a world after what a flow is given, and keeps what was logged before."""

    def __init__(self) -> None:
        self.world = World()
        self._made: dict[Given, tuple[Checkpoint, list[Line]]] = {}

    def begin(self, given: Given) -> tuple[Checkpoint, list[Line]]:
        if given not in self._made:
            empty = None if given is flows.nobody else self.begin(flows.nobody)[0]
            with World(empty) as self.world, logged.lines() as told:
                given(self.world)
                self._made[given] = self.world.checkpoint(), told()
        return self._made[given]


@pytest.fixture(scope="module")
def stage(secret: str) -> Iterator[Stage]:
    stage = Stage()
    with moto_stack(secret), pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateways, "of_name", lambda name: stage.world.bank)
        yield stage


@pytest.fixture
def play(stage: Stage) -> Callable[[Given, Callable[[World], Any]], tuple[list[Line], list[Line]]]:
    """What was logged until a scene began, and in it."""

    def play(given: Given, scene: Callable[[World], Any]) -> tuple[list[Line], list[Line]]:
        start, before = stage.begin(given)
        with World(start) as stage.world, logged.lines() as told:
            scene(stage.world)
            return before, [line for line in told() if line["message"] != "outbox swept"]

    return play


def one(lines: list[Line], **equal: object) -> Line:
    """The only line with these values."""
    [found] = [line for line in lines if all(line.get(name) == value for name, value in equal.items())]
    return found


def hops(lines: list[Line]) -> set[tuple[str, str]]:
    """Function and what it was at, where a line tells."""
    at = (
        (line["function"], next((line[name] for name in ("route", "handler", "fact") if name in line), None))
        for line in lines
    )
    return {(function, what) for function, what in at if what}


def test_from_the_webhook_to_the_mail_it_is_one_id(play, figure):
    def scene(world: World) -> None:
        transaction = flows._charge(world)
        world.pay(transaction)
        world.webhook(transaction)
        world.settle()

    _, lines = play(flows.payment, scene)

    webhook = one(lines, route="POST /payments/webhook")
    assert {line["correlation"] for line in lines} == {webhook["correlation"]}
    assert hops(lines) == {
        ("api", "POST /payments/webhook"),
        ("on_payment", "payments.settle"),
        ("relay", "OrderPaid"),
        ("relay", "LineDue"),
        ("relay", "OrderCompleted"),
        ("on_job", "orders.clear_cart"),
        ("on_job", "orders.hand_over"),
        ("on_job", "orders.share_out"),
        ("on_job", "invoices.issue_receipt"),
        ("on_job", "payments.keep_method"),
        ("on_job", "announcements.note_buyer"),
        ("on_job", "webhooks.announce"),
        ("on_job", "orders.tell_of_payment"),
        ("on_job", "orders.tell_of_completion"),
        ("on_job", "payments.tell_of_capture"),
        ("on_email", "orders.mail_downloads"),
        ("relay", "NotificationCreated"),
        ("on_job", "live.show_notification"),
        ("on_email", "notifications.devices.ring"),
    }
    mailed = one(lines, handler="orders.mail_downloads")
    assert (mailed["order"], mailed["outcome"]) == (one(lines, message="payment captured")["order"], "success")
    assert lines.index(one(lines, message="mail sent")) < lines.index(mailed)
    assert logged.measured(lines).keys() == {"OrdersPaid", "Revenue", "MailsSent"}
    figure(
        "correlation",
        "one id from the webhook to the mail",
        "{hops} hops over {functions} functions",
        hops=len(hops(lines)),
        functions=len({function for function, _ in hops(lines)}),
    )


def test_every_line_names_its_function_and_call(play):
    def scene(world: World) -> None:
        transaction = flows._charge(world)
        world.pay(transaction)
        world.webhook(transaction)
        world.minute()
        world.settle()

    before, lines = play(flows.payment, scene)

    assert [line for line in before + lines if not (line.get("function") and line.get("lambda"))] == []
    assert "-" not in {line["correlation"] for line in before + lines}
    functions = {
        call: {line["function"] for line in lines if line["lambda"] == call}
        for call in {line["lambda"] for line in lines}
    }
    assert {len(names) for names in functions.values()} == {1}


def test_from_the_offer_to_the_ready_photo_it_is_one_id(play):
    def scene(world: World) -> None:
        form = flows._offer(world, flows.PICTURES[0])["upload"]
        world.send_file(form, flows.PICTURES[0].content)
        world.send_file(form, flows.PICTURES[0].content)
        world.settle()

    _, lines = play(flows.studio, scene)

    offer = one(lines, route="POST /events/{id}/uploads")
    assert {line["correlation"] for line in lines} == {offer["correlation"]}
    assert {line["function"] for line in lines} == {"api", "on_upload", "relay", "on_job"}
    ready = one(lines, message="photo ready")
    assert (ready["function"], ready["PhotosIngested"]) == ("on_upload", 1)
    assert one(lines, message="fact relayed", fact="PhotoReady")["photo"] == ready["photo"]


def test_a_payment_that_only_the_sweep_finds_goes_on_under_its_own_id(play):
    def scene(world: World) -> None:
        world.pay(flows._charge(world))
        world.minute()
        world.settle()

    before, lines = play(flows.payment, scene)

    opened = one(before, message="payment opened")
    assert opened["correlation"] == one(before, route="POST /payments/create")["correlation"]
    assert {line["correlation"] for line in lines} == {opened["correlation"]}
    assert one(lines, message="payment captured")["function"] == "sweep_payments"
    assert one(lines, message="mail sent")["function"] == "on_email"


def test_an_order_expires_under_the_id_of_the_request_that_placed_it(play):
    before, lines = play(flows.order, lambda world: (world.minute(flows.DAY), world.settle()))

    placed = one(before, message="order placed")
    assert {line["correlation"] for line in lines} == {placed["correlation"]}
    assert hops(lines) == {
        ("relay", "OrderExpired"),
        ("on_email", "payments.mail_expiry"),
        ("on_job", "orders.tell_of_expiry"),
        ("on_job", "webhooks.announce"),
        ("on_payment", "payments.release_credit"),
        ("on_payment", "payments.refunds.give_back_of_expired"),
    }


def test_a_fact_that_the_stream_lost_is_swept_under_its_own_id(play):
    def scene(world: World) -> None:
        transaction = flows._charge(world)
        world.pay(transaction)
        world.webhook(transaction)
        queues = (source for source in app.event_sources if isinstance(source, SQSEventConfig))
        world._consume(next(source for source in queues if source.name == "on_payment"))
        world.chaos.swallowed = set(outbox())
        world.minute(timedelta(minutes=2))
        world.settle()

    _, lines = play(flows.payment, scene)

    assert {line["correlation"] for line in lines} == {one(lines, route="POST /payments/webhook")["correlation"]}
    assert ("sweep_outbox", "OrderPaid") in hops(lines)


def test_a_retry_is_one_id_from_its_request_on(play):
    def scene(world: World) -> None:
        photo = flows._photos(world)[0]
        world.ask(world.person("photographer"), "POST", f"/photos/{photo}/retry")
        world.settle()

    before, lines = play(flows.damaged, scene)

    lines = [line for line in lines if line.get("route") != "GET /events/{id}/uploads"]
    retry = one(lines, route="POST /photos/{id}/retry")
    assert {line["correlation"] for line in lines} == {retry["correlation"]}
    assert retry["correlation"] not in {line["correlation"] for line in before}
    assert hops(lines) >= {("relay", "PhotoRetryRequested"), ("on_upload", "lines.photos.process_again")}
