"""Downloads granted anew, and what is counted of them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Forbidden, NotFound, Unavailable
from chalicelib.entitlements import service, store
from chalicelib.entitlements.model import Renewals, Sales
from chalicelib.entitlements.service import granting, renewing
from chalicelib.organizations.service import DEFAULT as ORG
from tests.entitlements.test_licences import SALE
from tests.entitlements.test_service import ORDER, file, give, guest

pytestmark = pytest.mark.usefixtures("aws")

STAFF = Principal(ORG, user="usr_staff")
LATER = timedelta(days=4)


def test_what_is_over_is_granted_anew_for_as_long_as_before():
    give(file(1), file(2), limit=2, hours=72)
    service.download(guest(), ORDER, "pho_1")

    with clock.travel(LATER):
        renewed = service.renew(guest(), ORDER)
        assert service.download(guest(), ORDER, "pho_1").remaining == 1

    assert (renewed.renewals.used, renewed.renewals.cap) == (1, 1)
    assert [(grant.remaining, grant.hours) for grant in renewed.files] == [(2, 72), (2, 72)]
    assert all(grant.expires_at > clock.now() + LATER for grant in renewed.files)


def test_what_can_still_be_had_stays_and_nothing_is_counted():
    give(file(1), file(2))

    renewed = service.renew(guest(), ORDER)

    assert renewed.renewals.used == 0
    assert store.entries(ORG, ORDER) == []


def test_only_what_is_used_up_is_renewed():
    give(file(1), file(2), limit=1)
    service.download(guest(), ORDER, "pho_1")

    with clock.travel(timedelta(minutes=6)):
        renewed = service.renew(guest(), ORDER)

    assert [(grant.remaining, grant.renewals) for grant in renewed.files] == [(1, 1), (1, None)]


def test_each_file_has_its_share_of_a_renewal():
    """The other file, which was not due when the order was renewed, is renewed without taking another."""
    give(file(1), file(2), limit=1)
    service.download(guest(), ORDER, "pho_1")
    with clock.travel(timedelta(minutes=6)):
        service.renew(guest(), ORDER)

    with clock.travel(timedelta(hours=72, minutes=3)):
        renewed = service.renew(guest(), ORDER)

    assert [grant.renewals for grant in renewed.files] == [1, 1]
    assert renewed.renewals.used == 1


def test_there_is_a_cap_which_staff_may_raise():
    give()
    with clock.travel(LATER):
        service.renew(guest(), ORDER)
    with clock.travel(2 * LATER):
        with pytest.raises(Forbidden, match="redownload_limit_reached"):
            service.renew(guest(), ORDER)

        assert [service.allow(STAFF, ORDER, 2).cap for _ in range(2)] == [2, 2]
        renewed = service.renew(guest(), ORDER)

    assert (renewed.renewals.used, renewed.renewals.cap) == (2, 2)


def test_the_cap_is_for_the_own_orders_only():
    give()

    for actor, order in ((replace(STAFF, organization="org_other"), ORDER), (STAFF, "ord_2")):
        with pytest.raises(NotFound):
            service.allow(actor, order, 5)


def test_strangers_and_withdrawn_ones_are_refused():
    give()

    with pytest.raises(NotFound):
        service.renew(Principal(ORG), ORDER)
    service.revoke(ORG, ORDER)
    with pytest.raises(Forbidden, match="download_revoked"):
        service.renew(guest(), ORDER)


def test_a_large_order_is_renewed_in_parts_for_one_renewal(monkeypatch):
    monkeypatch.setattr(renewing, "_AT_ONCE", 4)
    give(*(file(number) for number in range(1, 11)))

    with clock.travel(LATER):
        renewed = service.renew(guest(), ORDER)

    assert {grant.renewals for grant in renewed.files} == {1}
    assert renewed.renewals.used == 1
    assert [entry.facts["photos"] for entry in store.entries(ORG, ORDER)] == [4, 4, 2]


def test_two_at_once_renew_once(monkeypatch):
    give()
    renew = renewing._renew

    def another_was_faster(*given):
        monkeypatch.setattr(renewing, "_renew", renew)
        service.renew(guest(), ORDER)
        renew(*given)

    with clock.travel(LATER):
        monkeypatch.setattr(renewing, "_renew", another_was_faster)
        renewed = service.renew(guest(), ORDER)

    assert renewed.renewals == Renewals(ORG, ORDER, used=1, version=1)


@pytest.mark.parametrize("what", [
    lambda: service.renew(guest(), ORDER), lambda: service.allow(STAFF, ORDER, 5),
])  # fmt: skip
def test_who_never_gets_a_turn_is_told_to_come_again(monkeypatch, what):
    give()

    def taken(*writes, **more):
        raise store.NotRenewed

    monkeypatch.setattr(renewing, "transact", taken)
    monkeypatch.setattr(renewing, "append", taken)
    with clock.travel(LATER), pytest.raises(Unavailable):
        what()


# --- counts


def test_what_is_sold_of_a_subject_is_counted_once():
    files = [file(number, subject="evt_1", price=10_00) for number in range(1, 4)]
    for _ in range(2):
        give(*files, sale=SALE)
    give(files[0], file(9, subject="evt_2", price=5_00), order="ord_2", sale=SALE)
    service.download(guest(), ORDER, "pho_1")
    service.download(guest(), ORDER, "pho_1")
    service.download(guest(), ORDER, "pho_2")

    assert service.sales_of(ORG, "evt_1") == Sales(orders=2, files=4, amount=40_00, downloads=2)
    assert service.sales_of(ORG, "evt_2") == Sales(orders=1, files=1, amount=5_00, downloads=0)
    assert service.sales_of("org_other", "evt_1") == Sales()


def test_what_is_given_back_is_no_sale_any_more():
    files = [file(number, subject="evt_1", price=10_00) for number in range(1, 4)]
    give(*files[:2], sale=SALE)
    give(files[2], order="ord_2", sale=SALE)
    service.download(guest(), ORDER, "pho_1")

    for _ in range(2):
        service.revoke_some(ORG, ORDER, ["pho_1", "pho_2"])
        service.lower(ORG, ORDER, ["pho_1", "pho_2"], 5_00)

    assert service.sales_of(ORG, "evt_1") == Sales(orders=1, files=1, amount=10_00, downloads=1)


def test_what_is_given_back_in_part_counts_for_less_and_never_for_more():
    give(*(file(number, subject="evt_1", price=10_00) for number in range(1, 4)), sale=SALE)
    resources = ["pho_1", "pho_2", "pho_3"]

    for left in (20_01, 20_01, 9_99, 20_01):
        service.lower(ORG, ORDER, resources, left)
    lowered = service.sales_of(ORG, "evt_1")
    service.revoke_some(ORG, ORDER, resources)

    assert (lowered.amount, lowered.files, lowered.orders) == (9_99, 3, 1)
    assert service.sales_of(ORG, "evt_1") == Sales()


def test_what_is_given_back_after_its_buyer_was_forgotten_is_no_sale_either():
    give(*(file(number, subject="evt_1", price=10_00) for number in range(1, 3)), sale=SALE)
    service.forget_owner(ORG, ORDER)
    assert service.sales_of(ORG, "evt_1").amount == 20_00

    service.revoke_some(ORG, ORDER, ["pho_1", "pho_2"])

    assert service.sales_of(ORG, "evt_1") == Sales()


def test_what_an_earlier_release_granted_counts_by_its_licence():
    give(*(file(number, subject="evt_1", price=10_00) for number in range(1, 3)), sale=SALE)
    for record in store.GrantRecord.query(f"T#{ORG}#ORD#{ORDER}", store.GrantRecord.sk.startswith("GRANT#")):
        record.update(actions=[store.GrantRecord.price.remove()])

    service.lower(ORG, ORDER, ["pho_1", "pho_2"], 15_00)
    lowered = service.sales_of(ORG, "evt_1").amount
    service.revoke_some(ORG, ORDER, ["pho_1", "pho_2"])

    assert (lowered, service.sales_of(ORG, "evt_1")) == (15_00, Sales())


def test_of_two_who_give_it_back_at_once_one_is_counted(monkeypatch):
    give(*(file(number, subject="evt_1", price=10_00) for number in range(1, 3)), sale=SALE)
    real, raced = granting.append, []

    def race(*told):
        if not raced:
            raced.append(True)
            service.revoke_some(ORG, ORDER, ["pho_1", "pho_2"])
        real(*told)

    monkeypatch.setattr(granting, "append", race)
    service.revoke_some(ORG, ORDER, ["pho_1", "pho_2"])

    assert service.sales_of(ORG, "evt_1") == Sales()


def test_more_than_a_transaction_takes_is_given_back():
    files = [file(number, subject="evt_1", price=1_00) for number in range(1, 201)]
    give(*files, sale=SALE)

    service.lower(ORG, ORDER, [each.resource for each in files], 100_00)
    lowered = service.sales_of(ORG, "evt_1")
    service.revoke_some(ORG, ORDER, [each.resource for each in files])

    assert (lowered, service.sales_of(ORG, "evt_1")) == (Sales(orders=1, files=200, amount=100_00), Sales())


def test_an_order_that_takes_several_transactions_is_counted_once():
    give(*(file(number, subject="evt_1", price=1_00) for number in range(1, 201)), sale=SALE)

    assert service.sales_of(ORG, "evt_1") == Sales(orders=1, files=200, amount=200_00)
