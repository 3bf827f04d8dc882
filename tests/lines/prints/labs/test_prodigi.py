"""Prodigi against its sandbox; and what its answers could be besides."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from chalicelib.core.errors import Unavailable
from chalicelib.lines.prints.labs.contract import LabAccount, PrintLab, Shipment
from chalicelib.lines.prints.labs.prodigi import ANSWER_LIMIT, Prodigi
from infra.local.prodigi import ProdigiSandbox
from tests.lines.prints.labs.contract import JOB, Call, Event, LabContract, Trouble
from tests.payments.gateways.receiver import Answer, receiver

KEY = "a key of the sandbox"


@dataclass
class Bench:
    sandbox: ProdigiSandbox
    lab: PrintLab
    account: LabAccount

    def happen(self, lab_order: str, event: Event) -> None:
        self.sandbox.happen(lab_order, event)

    def trouble(self, call: Call, kind: Trouble) -> None:
        self.sandbox.misbehave(call, kind)

    def orders(self) -> list[str]:
        return [order["merchantReference"] for order in self.sandbox.orders.values()]

    def recipient(self, lab_order: str) -> list[str]:
        told = self.sandbox.orders[lab_order]["recipient"]
        names = ("line1", "line2", "postalOrZipCode", "townOrCity", "stateOrCounty", "countryCode")
        return [told["name"], *(told["address"][name] for name in names), told["phoneNumber"]]

    def callback(self, lab_order: str) -> str:
        return str(self.sandbox.orders[lab_order]["callbackUrl"])


@pytest.fixture
def bench() -> Iterator[Bench]:
    with ProdigiSandbox(KEY, stage="test", hang=0.4) as sandbox:
        yield Bench(sandbox, Prodigi(timeout=(1, 0.2)), LabAccount(KEY, sandbox.url))


class TestProdigi(LabContract):
    """The contract."""


def told(answer: object, status: int = 200):
    """How it stands with an order of which the laboratory answers this."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    with receiver() as lab:
        lab.otherwise = Answer(status, body)
        return Prodigi().order(LabAccount(KEY, f"{lab.url}/"), JOB)


def order(**changes: object) -> dict[str, object]:
    return {"outcome": "Created", "order": {"id": "ord_1", "merchantReference": "prc_1"} | changes}


def test_what_is_asked_for_is_what_the_reference_says():
    with receiver() as lab:
        lab.otherwise = Answer(200, json.dumps(order()).encode())
        Prodigi().order(LabAccount(KEY, lab.url), JOB)

    assert lab.paths == ["/v4.0/orders"]
    asked = json.loads(lab.bodies[0])
    assert asked["idempotencyKey"] == asked["merchantReference"] == "prc_1"
    assert asked["shippingMethod"] == "Standard"
    assert asked["items"][0] == {
        "merchantReference": "prc_1-1",
        "sku": "GLOBAL-PHO-4X6",
        "copies": 2,
        "sizing": "fillPrintArea",
        "assets": [{"printArea": "default", "url": "https://files.example/a.jpg?s=1"}],
    }


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        (None, "printing", None),  # on hold: the answer names nothing but the order
        ({"stage": "InProgress"}, "printing", None),
        ({"stage": "inprogress", "details": {"shipping": "InProgress"}}, "printing", None),
        ({"stage": "Complete"}, "shipped", None),
        ({"stage": "Cancelled"}, "cancelled", None),
        ({"stage": "AwaitingPayment"}, "stuck", "AwaitingPayment"),
        ({"stage": "A stage of a new kind"}, "stuck", "unknown"),
        ({"stage": "InProgress", "details": {"downloadAssets": "Error"}}, "stuck", "Error"),
        (
            {
                "stage": "InProgress",
                "details": {"downloadAssets": "Error"},
                "issues": [{"errorCode": "order.items.ItemUnavailable", "description": "no paper"}],
            },
            "stuck",
            "order.items.ItemUnavailable",
        ),
    ],
)
def test_a_stage_is_read_whatever_its_case(status, state, reason):
    standing = told(order(status=status))

    assert (standing.id, standing.state, standing.reason) == ("ord_1", state, reason)


def test_a_shipment_is_told_in_one_line_and_with_a_link_that_is_one():
    carrier = {"name": "Post\r\nBcc: all@victims.example" + "x" * 99}
    sent = {"status": "Shipped", "carrier": carrier, "tracking": {"number": "7", "url": "javascript:alert(1)"}}
    waiting = {"status": "Processing", "carrier": {"name": "Later"}}

    standing = told(order(status={"stage": "Complete"}, shipments=[waiting, sent, {"status": "Shipped"}]))

    assert standing.shipments == (Shipment("PostBcc: all@victims.example" + "x" * 32, "7", None), Shipment("-"))


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        None,
        {"order": None},
        {"order": {"id": 7}},
        {"order": {"id": "../../v3/orders"}},
        order(status="Complete"),
        order(shipments=[7]),
        b"[" * 100_000,
        b" " * (ANSWER_LIMIT + 1),
    ],
)
def test_an_answer_of_another_shape_tells_nothing(answer):
    with pytest.raises(Unavailable, match="print_lab_unavailable"):
        told(answer)


@pytest.mark.parametrize("status", [201, 302, 401, 403, 404, 429, 503])
def test_an_answer_of_another_status_tells_nothing(status):
    with pytest.raises(Unavailable, match="print_lab_unavailable"):
        told(order(), status)


def test_the_sandbox_keeps_its_orders_and_takes_no_part_in_other_stages(tmp_path):
    state = tmp_path / "prodigi.json"
    with ProdigiSandbox(KEY, state, stage="test") as sandbox:
        made = Prodigi().order(LabAccount(KEY, sandbox.url), JOB)
    with ProdigiSandbox(KEY, state, stage="test") as sandbox:
        assert Prodigi().check(LabAccount(KEY, sandbox.url), "prc_1") == made
    with pytest.raises(RuntimeError, match="prod"):
        ProdigiSandbox(KEY, stage="prod")


def test_the_sandbox_calls_back_as_often_as_it_is_told_and_only_to_this_machine(bench):
    with receiver() as shop:
        here = Prodigi().order(bench.account, replace(JOB, callback=f"{shop.url}/parcels/1/x"))
        away = Prodigi().order(bench.account, replace(JOB, reference="prc_2"))
        bench.sandbox.happen(here.id, "ship", callbacks=2)
        bench.sandbox.happen(away.id, "ship")
        shop.wait_for(2)

    assert shop.paths == ["/parcels/1/x"] * 2
    assert json.loads(shop.bodies[0])["type"] == "com.prodigi.order.status.stage.changed#Complete"
