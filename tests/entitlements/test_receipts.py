"""The delivery receipt: paid, link issued, bytes served, in a chain that has neither gaps nor forks."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core import clock, table
from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound, Unavailable, Unprocessable
from chalicelib.entitlements import chain, service, store
from chalicelib.entitlements.chain import START, Step
from chalicelib.entitlements.licences import service as licences
from chalicelib.entitlements.licences.service import Verdict
from chalicelib.entitlements.service import history
from chalicelib.organizations.service import DEFAULT as ORG
from tests.entitlements.test_licences import SALE, run, tampered
from tests.entitlements.test_service import ORDER, file, give, guest

pytestmark = pytest.mark.usefixtures("aws")

SHA256 = f"{1:064x}"


def told():
    return service.receipt(ORG, ORDER)["entries"]


def steps():
    return [entry["step"] for entry in told()]


def delivered():
    give(file(1), file(2), sale=SALE)
    service.download(guest(), ORDER, "pho_1")
    service.received(guest(), ORDER, "pho_1", SHA256)


def test_an_order_is_paid_linked_and_served():
    delivered()

    paid, linked, served = told()
    assert [entry["step"] for entry in (paid, linked, served)] == ["paid", "link_issued", "bytes_served"]
    assert paid["facts"] == {"payment": "pay_1", "paidAt": "2026-11-21T09:00:00.000Z", "code": "DL8NJ6F5"}
    until = linked["facts"]["until"]
    assert linked["facts"] == {"photo": "pho_1", "size": "original", "sha256": SHA256, "until": until}
    assert served["facts"] == {"photo": "pho_1", "sha256": SHA256}
    assert [entry["number"] for entry in told()] == [1, 2, 3]
    assert (paid["previous"], linked["previous"], served["previous"]) == (START, paid["digest"], linked["digest"])


def test_what_is_repeated_is_told_once():
    for _ in range(3):
        delivered()

    assert steps() == ["paid", "link_issued", "bytes_served"]
    with clock.travel(timedelta(minutes=6)):
        delivered()
    assert steps() == ["paid", "link_issued", "bytes_served", "link_issued", "bytes_served"]


def test_renewal_and_revocation_stand_in_it():
    delivered()
    with clock.travel(timedelta(days=4)):
        service.renew(guest(), ORDER)
        service.revoke(ORG, ORDER)
        service.revoke(ORG, ORDER)

    assert steps()[3:] == ["renewed", "revoked"]
    assert told()[3]["facts"] == {"renewal": 1, "photos": 2}


def test_a_receipt_is_true_and_nothing_in_it_can_be_changed(tmp_path):
    delivered()
    receipt = service.receipt(ORG, ORDER)

    def judge(document):
        return licences.verify(Principal(ORG), json.dumps(document))

    assert judge(receipt) == Verdict(True)
    assert [path for path, copy in tampered(receipt) if judge(copy).valid] == []
    assert run(tmp_path, receipt).stdout == f"TRUE: delivery-receipt {ORDER}\n"


def test_a_chain_is_whole_or_it_is_not():
    delivered()
    one, two, three = told()

    assert chain.is_whole([one, two, three])
    assert chain.is_whole([one, two])
    for broken in ([two, three], [one, three], [two, one, three], [one, two | {"at": one["at"]}, three],
                   [one, one, two], [one, two, three | {"digest": START}]):  # fmt: skip
        assert not chain.is_whole(broken)


def test_a_signed_receipt_whose_chain_is_broken_is_refused(monkeypatch):
    delivered()
    held = store.entries(ORG, ORDER)
    monkeypatch.setattr(store, "entries", lambda *of: [held[0], replace(held[1], facts={"photo": "pho_2"}), held[2]])

    receipt = service.receipt(ORG, ORDER)

    assert licences.verify(Principal(ORG), json.dumps(receipt)) == Verdict(False, "broken_chain")


def test_many_at_once_leave_neither_gap_nor_fork():
    give(*(file(number) for number in range(1, 7)), sale=SALE)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: service.download(guest(), ORDER, f"pho_{number}"), range(1, 7)))

    assert steps() == ["paid", *["link_issued"] * 6]
    assert chain.is_whole(told())
    assert {entry["facts"].get("photo") for entry in told()[1:]} == {f"pho_{number}" for number in range(1, 7)}


def test_who_never_gets_a_turn_is_told_to_come_again(monkeypatch):
    give(sale=SALE)

    def taken(*writes):
        raise store.EntryTaken

    monkeypatch.setattr(history, "transact", taken)
    with pytest.raises(Unavailable):
        service.download(guest(), ORDER, "pho_1")
    monkeypatch.setattr(history, "transact", table.transact)
    assert service.download(guest(), ORDER, "pho_1").remaining == 2


def test_only_who_fetched_and_has_the_bytes_can_say_so():
    give(sale=SALE)

    with pytest.raises(Unprocessable, match="not_fetched"):
        service.received(guest(), ORDER, "pho_1", SHA256)
    service.download(guest(), ORDER, "pho_1")
    with pytest.raises(Unprocessable, match="not_what_was_sold"):
        service.received(guest(), ORDER, "pho_1", "0" * 64)
    with pytest.raises(NotFound):
        service.received(Principal(ORG), ORDER, "pho_1", SHA256)
    assert steps() == ["paid", "link_issued"]


def test_before_anything_happened_there_is_no_receipt():
    with pytest.raises(NotFound, match="receipt_not_found"):
        service.receipt(ORG, ORDER)


def test_an_order_from_before_there_were_receipts_begins_with_what_comes_next():
    give()

    service.download(guest(), ORDER, "pho_1")

    assert [entry.step for entry in store.entries(ORG, ORDER)] == [Step.LINK_ISSUED]
