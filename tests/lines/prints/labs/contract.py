"""What holds for every print laboratory, asked of its adapter against its sandbox over real HTTP.

A laboratory joins by subclassing `LabContract` with a fixture `bench`: the adapter, an account, and hands on the
sandbox to print, to break it and to look into its books.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, Protocol

import pytest

from chalicelib.core.errors import Unavailable, Unprocessable
from chalicelib.lines.prints.labs.contract import Copies, Job, LabAccount, PrintLab
from chalicelib.profiles.model import Address

Event = Literal["produce", "ship", "fail", "cancel"]
Call = Literal["order", "check", "cancel"]
Trouble = Literal["timeout", "lost", "error", "garbage", "redirect", "refused", "extra"]

HOME = Address("", None, "Anna Örn", "+66817310417", "TH", "Bangkok", "Bang Rak", "10500", "Silom Road 2", "Floor 3")
JOB = Job(
    "prc_1",
    (
        Copies("GLOBAL-PHO-4X6", 2, "https://files.example/a.jpg?s=1"),
        Copies("GLOBAL-PHO-8X10", 1, "https://b.example/"),
    ),
    HOME,
    "https://shop.example/parcels/prc_1/token",
)


class Bench(Protocol):
    lab: PrintLab
    account: LabAccount

    def happen(self, lab_order: str, event: Event) -> None: ...

    def trouble(self, call: Call, kind: Trouble) -> None:
        """Goes wrong once."""

    def orders(self) -> list[str]:
        """The references of all orders the laboratory has."""

    def recipient(self, lab_order: str) -> list[str]:
        """What is written on the parcel, line by line."""

    def callback(self, lab_order: str) -> str: ...


class LabContract:
    def test_an_order_is_printed_for_its_address(self, bench: Bench) -> None:
        standing = bench.lab.order(bench.account, JOB)

        assert (standing.state, standing.reason, standing.shipments) == ("printing", None, ())
        assert bench.orders() == ["prc_1"]
        assert bench.recipient(standing.id) == [
            *("Anna Örn", "Silom Road 2", "Floor 3", "10500", "Bang Rak", "Bangkok", "TH", "+66817310417")
        ]
        assert bench.callback(standing.id) == JOB.callback

    def test_an_order_of_the_same_reference_is_the_same_order(self, bench: Bench) -> None:
        first = bench.lab.order(bench.account, JOB)
        again = bench.lab.order(bench.account, replace(JOB, copies=JOB.copies[:1]))
        other = bench.lab.order(bench.account, replace(JOB, reference="prc_2"))

        assert again == first
        assert other.id != first.id
        assert sorted(bench.orders()) == ["prc_1", "prc_2"]

    def test_an_order_whose_answer_was_lost_is_found_by_its_reference(self, bench: Bench) -> None:
        bench.trouble("order", "lost")
        with pytest.raises(Unavailable):
            bench.lab.order(bench.account, JOB)

        found = bench.lab.check(bench.account, "prc_1")

        assert found is not None
        assert bench.lab.order(bench.account, JOB) == found
        assert bench.orders() == ["prc_1"]

    def test_of_a_reference_it_was_never_told_it_knows_nothing(self, bench: Bench) -> None:
        bench.lab.order(bench.account, JOB)

        assert bench.lab.check(bench.account, "prc") is None
        assert bench.lab.check(bench.account, "prc_11") is None

    def test_what_is_shipped_says_where_it_is(self, bench: Bench) -> None:
        made = bench.lab.order(bench.account, JOB)
        bench.happen(made.id, "produce")
        bench.happen(made.id, "ship")

        found = bench.lab.check(bench.account, "prc_1")

        assert found is not None
        assert (found.id, found.state) == (made.id, "shipped")
        (shipment,) = found.shipments
        assert shipment.carrier
        assert shipment.number
        assert str(shipment.url).startswith("https://")

    def test_what_can_not_go_on_says_why(self, bench: Bench) -> None:
        made = bench.lab.order(bench.account, JOB)
        bench.happen(made.id, "fail")

        found = bench.lab.check(bench.account, "prc_1")

        assert found is not None
        assert found.state == "stuck"
        assert found.reason

    def test_it_is_cancelled_until_it_is_printed(self, bench: Bench) -> None:
        early = bench.lab.order(bench.account, JOB)
        late = bench.lab.order(bench.account, replace(JOB, reference="prc_2"))
        bench.happen(late.id, "produce")

        assert bench.lab.cancel(bench.account, early.id)
        assert not bench.lab.cancel(bench.account, late.id)
        assert not bench.lab.cancel(bench.account, early.id)  # it is over
        states = [bench.lab.check(bench.account, reference) for reference in ("prc_1", "prc_2")]
        assert [found.state for found in states if found] == ["cancelled", "printing"]

    @pytest.mark.parametrize("kind", ["timeout", "lost", "error", "garbage", "redirect"])
    @pytest.mark.parametrize("call", ["order", "check", "cancel"])
    def test_a_bad_answer_tells_nothing(self, bench: Bench, call: Call, kind: Trouble) -> None:
        made = bench.lab.order(bench.account, replace(JOB, reference="prc_0"))
        calls: dict[Call, Callable[[], object]] = {
            "order": lambda: bench.lab.order(bench.account, JOB),
            "check": lambda: bench.lab.check(bench.account, "prc_0"),
            "cancel": lambda: bench.lab.cancel(bench.account, made.id),
        }
        bench.trouble(call, kind)

        with pytest.raises(Unavailable, match="print_lab_unavailable"):
            calls[call]()

        happened = kind in ("lost", "garbage")
        assert ("prc_1" in bench.orders()) == (happened and call == "order")

    def test_a_refusal_did_nothing(self, bench: Bench) -> None:
        bench.trouble("order", "refused")
        with pytest.raises(Unprocessable, match="print_lab_refused"):
            bench.lab.order(bench.account, JOB)
        with pytest.raises(Unprocessable, match="print_lab_refused"):
            bench.lab.order(bench.account, replace(JOB, address=replace(HOME, city="")))

        assert bench.orders() == []

    def test_a_wrong_key_is_for_people_to_mend_and_refuses_no_order(self, bench: Bench) -> None:
        stranger = replace(bench.account, api_key="somebody else's")

        with pytest.raises(Unavailable):
            bench.lab.order(stranger, JOB)

        assert bench.orders() == []

    def test_fields_it_does_not_know_do_not_matter(self, bench: Bench) -> None:
        for call in ("order", "check"):
            bench.trouble(call, "extra")

        assert bench.lab.order(bench.account, JOB) == bench.lab.check(bench.account, "prc_1")

    def test_neither_key_nor_address_shows(self, bench: Bench) -> None:
        shown = f"{bench.account} {JOB}"

        assert bench.account.api_key not in shown
        assert "Silom" not in shown
        assert "token" not in shown
