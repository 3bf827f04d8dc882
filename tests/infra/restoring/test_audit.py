"""The audit over what the flows of the crash tests leave, sound and tampered with."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any

import boto3
import pytest

from chalicelib.entitlements import service as entitlements
from chalicelib.organizations.service import DEFAULT
from infra import audit, stages
from infra.audit import __main__ as command
from tests.infra.restoring.tampering import PREFIX, first, lose, more, put, stored
from tests.stack import client
from tests.system.crash import flows
from tests.system.crash.flows import FLOWS
from tests.system.crash.world import World


def looked():
    return audit.audit(PREFIX, client("dynamodb"))


def test_a_sound_system_has_no_differences(world):
    report = looked()

    assert report.differences == []
    assert dict(report.looked_at) == {
        "items": report.looked_at["items"],
        "entries": 2,
        "balances": 7,
        "captures": 1,
        "orders": 1,
        "refunds": 1,
        "disputes": 0,
        "deposits": 0,
        "shares": 1,
        "taxes": 1,
        "tax reports": 0,
        "takings": 6,
        "grants": 1,
        "sales": 2,
        "stock": 0,
        "tickets": 0,
        "wallets": 0,
        "payouts": 0,
        "promotions": 1,
        "invoices": 1,
        "counters": report.looked_at["counters"],
        "pointers": 8,
    }
    assert report.looked_at["items"] > 30
    assert report.looked_at["counters"] >= 1


@pytest.mark.parametrize(
    "name",
    ["refund", "refund by transfer", "refund of credit", "refund before hand over", "case under review",
     "refund of tax", "invoice", "tickets nobody paid for"],
)  # fmt: skip
def test_money_that_went_back_makes_no_difference(lab, name):
    start, _ = lab._start(FLOWS[name])
    with lab._world(start) as world:
        FLOWS[name].story(world)
        assert looked().differences == []


def test_a_code_of_an_order_that_came_to_nothing_and_was_refunded_is_no_difference(lab):
    """It was paid too late, for a photo that had gone."""
    start, _ = lab._start(FLOWS["promotion paid late"])
    with lab._world(start) as world:
        organizer, order = world.person("organizer"), world.notes["order"]
        world.minute(flows.DAY)
        world.settle()
        photo = world.see(organizer, f"/admin/orders/{order}")["order"]["lines"][0]["refs"][0]
        world.ask(organizer, "DELETE", f"/photos/{photo}", expect=204)
        world.pay(flows._charge(world))
        world.webhook(flows._charge(world))
        world.settle()
        world.ask(organizer, "POST", f"/admin/orders/{order}/refund", {"reason": "gone"}, expect=202, key="refund-1")
        world.settle()
        assert world.see(organizer, f"/admin/orders/{order}")["order"]["status"] == "refunded"
        assert looked().differences == []


@pytest.mark.parametrize("name", {flow.given: name for name, flow in FLOWS.items()}.values())
def test_no_flow_begins_with_differences(lab, name):
    start, _ = lab._start(FLOWS[name])
    with lab._world(start):
        assert looked().differences == []


def test_late_money_and_revoked_downloads_are_no_differences(lab):
    start, _ = lab._start(FLOWS["late payment"])
    with lab._world(start) as world:
        flows.webhook(world)
        entitlements.revoke(DEFAULT, world.notes["order"])
        assert looked().differences == []


def test_money_under_review_is_no_difference(lab):
    start, _ = lab._start(FLOWS["webhook"])
    with lab._world(start) as world:
        transaction = flows._charge(world)
        world.bank.set(transaction, "captured", amount=world.bank.charges[transaction].amount - 1)
        world.webhook(transaction)
        world.settle()
        report = looked()

    assert (report.differences, report.looked_at["entries"]) == ([], 1)


@pytest.fixture(scope="module")
def end_of(lab):
    """How a flow leaves the world."""

    @cache
    def end(name):
        start, _ = lab._start(FLOWS[name])
        with lab._world(start) as world:
            FLOWS[name].story(world)
            return world.checkpoint()

    return end


@pytest.fixture
def told(end_of):
    """A flow to its end, which has no differences."""
    with ExitStack() as worlds:

        def told(name):
            worlds.enter_context(World(end_of(name)))
            report = looked()
            assert report.differences == []
            return report

        yield told


def test_credit_that_was_given_bought_spent_and_expired_is_no_difference(told):
    assert [told(name).looked_at["wallets"] for name in ("credit", "credit given back", "credit packs")] == [1, 1, 2]


def test_what_a_gateway_kept_is_no_difference(told):
    assert told("payment by card").looked_at["captures"] == 2


def test_payouts_that_failed_and_were_settled_are_no_differences(told):
    assert told("payouts").looked_at["payouts"] == 7  # three items and two batches of two parties


# --- what it must find --------------------------------------------------------------------------------------


def tamper(domain: str, key: str, name: str, by: int = 1) -> Callable[[], None]:
    return lambda: put(domain, item := first(domain, key), **more(item, name, by))


def set_to(domain: str, key: str, **values: Any) -> Callable[[], None]:
    return lambda: put(domain, first(domain, key), **values)


def drop(domain: str, key: str) -> Callable[[], None]:
    return lambda: lose(domain, first(domain, key))


def both_postings_tampered() -> None:
    """The entry still sums to zero; only what the payment received tells."""
    for account, by in (("gateway:paynoi", 100), ("sales", -100)):
        (item,) = (item for item in stored("ledger", "JRN") if item["account"]["S"] == account)
        put("ledger", item, **more(item, "amount", by))


def whole_entry_lost() -> None:
    for item in stored("ledger", "JRN"):
        lose("ledger", item)


def index_of_another_account() -> None:
    item = first("ledger", "JRN")
    put("ledger", item, account_pk={"S": item["account_pk"]["S"] + "-other"})


def granted_for_nothing() -> None:
    item = first("entitlements", "GRANT#")
    put("entitlements", item, sk={"S": "GRANT#pho_0"}, resource={"S": "pho_0"})


def damaged() -> None:
    item = first("orders", "#ORD#")
    put("orders", {name: value for name, value in item.items() if name != "total"})


@pytest.mark.parametrize(
    ("change", "checks"),
    [
        (tamper("ledger", "JRN", "amount"), {"entries", "captures"}),
        (both_postings_tampered, {"captures"}),
        (drop("ledger", "002"), {"entries"}),
        (whole_entry_lost, {"captures", "shares", "takings"}),
        (index_of_another_account, {"balances"}),
        (set_to("ledger", "000", currency={"S": "EUR"}), {"entries"}),
        (tamper("payments", "PAY#", "received"), {"captures", "refunds"}),
        (tamper("payments", "PAY#", "refundable"), {"refunds"}),
        (set_to("payments", "PAY#", state={"S": "pending"}), {"captures", "orders"}),
        (drop("payments", "PAY#"), {"captures", "orders", "pointers"}),
        (drop("payments", "G#gateway-transaction#"), {"pointers"}),
        (tamper("ledger", "JRN#share#", "amount"), {"entries", "shares"}),
        (drop("ledger", "TAKEN#all"), {"takings"}),
        (tamper("ledger", "TAKEN#pho_", "photographer"), {"takings"}),
        (tamper("orders", "#ORD#", "total"), {"orders"}),
        (set_to("orders", "#ORD#", status={"S": "expired"}), {"orders", "grants", "shares"}),
        (drop("orders", "#ORD#"), {"orders", "grants", "pointers", "shares", "takings"}),
        (drop("orders", "#CODE#"), {"pointers"}),
        (drop("entitlements", "GRANT#"), {"grants", "sales"}),
        (granted_for_nothing, {"grants", "sales"}),
        (tamper("photos", "#COUNTS", "approved"), {"counters"}),
        (drop("photos", "#COUNTS"), {"counters"}),
        (drop("photos", "#PHO#"), {"counters", "pointers"}),
        (drop("photos", "owner"), {"pointers"}),
        (drop("accounts", "#EMAIL#"), {"pointers"}),
        (drop("accounts", "#USR#"), {"pointers"}),
        (drop("events", "#SLUG#"), {"pointers"}),
        (damaged, {"items", "grants", "orders", "pointers", "shares", "takings"}),
        (lambda: put("orders", {"pk": {"S": "stray"}, "sk": {"S": "-"}}), {"items"}),
    ],
)
def test_what_was_tampered_with_or_lost_is_found(world, change, checks):
    change()

    assert {difference.check for difference in looked().differences} == checks


def grant_tampered() -> None:
    item = first("payments", "#WAL#")
    grants = json.loads(item["grants"]["S"])
    grants[0]["left"] -= 1
    put("payments", item, grants={"S": json.dumps(grants)})


def credit_of_another() -> None:
    """The entry still sums to zero."""
    (item, *_) = (row for row in stored("ledger", "JRN#refund#") if row["account"]["S"].startswith("credits:"))
    put("ledger", item, account={"S": "lost"})


def entry_lost(kind: str) -> Callable[[], None]:
    def lost() -> None:
        for item in stored("ledger", f"JRN#{kind}#"):
            lose("ledger", item)

    return lost


def photographers_item() -> dict[str, Any]:
    return next(item for item in stored("ledger", "#PAYOUT#") if item["sk"]["S"].startswith("photographer:"))


@pytest.mark.parametrize(
    ("flow", "change", "checks"),
    [
        ("credit packs", grant_tampered,
         {"wallets"}),
        ("credit packs", drop("payments", "#WAL#"), {"wallets"}),
        ("refund of credit", grant_tampered, {"wallets"}),
        ("download", tamper("entitlements", "#SOLD#", "files"), {"sales"}),
        ("refund", tamper("entitlements", "#SOLD#", "amount"), {"sales"}),
        ("tickets", tamper("orders", "#POOLS#", "free"), {"stock"}),
        ("tickets", drop("orders", "#HELD#"), {"stock"}),
        ("tickets", drop("orders", "#TICKETS#"), {"tickets"}),
        ("tickets given back", set_to("orders", "#TICKETS#", state={"S": "valid"}), {"tickets"}),
        ("refund of credit", credit_of_another, {"balances", "refunds", "wallets"}),
        ("refund of credit", tamper("payments", "REFUND#", "tail"), {"refunds"}),
        ("credit packs", tamper("ledger", "JRN#bought#", "amount"), {"entries", "wallets"}),
        ("sale with tax", entry_lost("tax"), {"taxes", "tax reports"}),
        ("refund of tax", entry_lost("untax"), {"taxes", "tax reports"}),
        ("sale with tax", tamper("ledger", "#TAXED#", "tax"), {"tax reports"}),
        ("invoice", drop("orders", "DOC#receipt"), {"invoices"}),
        ("invoice", drop("orders", "#SERIES#credit_note"), {"invoices"}),
        ("invoice", tamper("orders", "#SERIES#receipt", "last"), {"invoices"}),
        ("payouts", tamper("ledger", "#PAYOUT#", "amount"), {"payouts"}),
        ("payouts", lambda: put("ledger", photographers_item(), state={"S": "settled"}), {"payouts"}),
        ("payouts", lambda: lose("ledger", photographers_item()), {"payouts"}),
        ("payouts", lambda: put("ledger", first("ledger", "#PAIDUP photographer"), through={"S": "0"}), {"payouts"}),
    ],
)  # fmt: skip
def test_credit_and_payouts_that_were_tampered_with_are_found(told, flow, change, checks):
    told(flow)

    change()

    assert {difference.check for difference in looked().differences} == checks


def test_what_mends_itself_before_the_second_look_is_no_difference(world, monkeypatch):
    """A transaction that one table was read before, and another after."""
    item = first("orders", "#CODE#")
    lose("orders", item)
    monkeypatch.setattr(audit.time, "sleep", lambda seconds: put("orders", item))

    assert looked().differences == []


def test_the_command_says_what_it_found_and_fails(world, monkeypatch, capsys):
    monkeypatch.setattr(stages, "enter", lambda stage: None)
    monkeypatch.setattr(boto3, "client", client)

    assert command.main([]) == 0
    tamper("ledger", "JRN", "amount")()

    assert command.main(["--tables", PREFIX]) == 1
    assert "sums to 1 THB" in capsys.readouterr().out
