import csv
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from moto.ses.models import ses_backends

from chalicelib.accounts import service as accounts
from chalicelib.audit import service as audit
from chalicelib.audit.model import Search
from chalicelib.core import clock
from chalicelib.core.errors import Conflict, Forbidden, Invalid, NotFound
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest, transact
from chalicelib.ledger import service as ledger
from chalicelib.organizations.service import DEFAULT
from chalicelib.payouts import jobs, service, store
from chalicelib.payouts.messages import PayoutSent
from chalicelib.payouts.model import ItemState, State
from chalicelib.payouts.service import Told
from tests import deliver
from tests.events.people import ADMIN, OTHER, caller
from tests.payouts.conftest import ACCOUNT, HOUSE, MAKER, SECOND, bank_at
from tests.stack import ACCOUNT as ACCOUNT_ID
from tests.stack import REGION

assert jobs.collect, "importing the jobs registers their handlers"
ALL = PageRequest(size=100)
ORGANIZER = f"organizer:{DEFAULT}"


def paid_out(key="payout-0001", by=MAKER, until=None):
    """A draft of all that was earned before an hour ago."""
    payout = service.open_payout(by, until or clock.now() - timedelta(hours=1), key)
    deliver.all()
    return service.get(by, payout.id)


def later(hours=2):
    return clock.travel(timedelta(hours=hours))


def sent(payout):
    service.approve(SECOND, payout.id)
    return service.tell(MAKER, payout.id, Told(State.SENT, None))


def amounts(payout):
    return {item.party: item.amount for item in store.items(DEFAULT, payout.id)}


def states(payout):
    return {item.party: item.state for item in store.items(DEFAULT, payout.id)}


def balances(*accounts):
    return [ledger.balance(DEFAULT, account) for account in accounts]


def test_what_everybody_earned_is_collected_once(anna, sell):
    sell(anna)
    sell(anna)
    with later():
        an_hour_ago = clock.now() - timedelta(hours=1)
        first, again = (paid_out(until=an_hour_ago) for _ in range(2))
        second = paid_out("payout-0002")

    party = f"photographer:{anna.user}"
    assert (first.id, first.state, first.amount, first.parties) == (again.id, State.DRAFT, 140_00, 2)
    assert amounts(first) == {party: 100_00, ORGANIZER: 40_00}
    assert (second.state, second.amount, amounts(second)) == (State.DRAFT, 0, {})
    assert balances(party, ORGANIZER, "payouts-due") == [0, 0, -140_00]
    assert service.collect(DEFAULT, first.id) is Outcome.SKIPPED


def test_what_is_earned_later_is_in_the_next_batch(anna, sell):
    sell(anna)
    with later(2):
        first = paid_out()
        sell(anna, 60_00)
        early = paid_out("payout-0002")
    with later(4):
        second = paid_out("payout-0003")

    party = f"photographer:{anna.user}"
    assert [amounts(each).get(party) for each in (first, early, second)] == [50_00, None, 30_00]


def test_a_batch_of_an_earlier_moment_than_the_one_before_takes_nothing(anna, sell):
    sell(anna)
    with later():
        paid_out()
        earlier = service.open_payout(MAKER, clock.now() - timedelta(days=30), "payout-0002")
        deliver.all()

    assert amounts(earlier) == {}


def test_collecting_goes_on_where_it_was_cut_off(anna, sell, monkeypatch):
    sell(anna)
    with later():
        payout = service.open_payout(MAKER, clock.now() - timedelta(hours=1), "payout-0001")
        service._take_in(payout, ORGANIZER)
        deliver.all()

    assert amounts(payout) == {f"photographer:{anna.user}": 50_00, ORGANIZER: 20_00}


def test_a_period_that_may_still_change_is_refused(aws):
    with pytest.raises(Invalid, match="period_not_over"):
        service.open_payout(MAKER, clock.now() - timedelta(minutes=59), "payout-0001")
    assert service.listed(MAKER, ALL).items == []


def test_a_key_stands_for_one_period(aws):
    service.open_payout(MAKER, clock.now() - timedelta(hours=2), "payout-0001")

    with pytest.raises(Conflict, match="idempotency_key_reused"):
        service.open_payout(MAKER, clock.now() - timedelta(hours=3), "payout-0001")


def test_a_second_person_approves(anna, sell):
    sell(anna)
    with later():
        payout = paid_out(by=ADMIN)

        with pytest.raises(Forbidden, match="second_person_needed"):
            service.approve(ADMIN, payout.id)
        with pytest.raises(Conflict, match="payout_state"):
            service.tell(ADMIN, payout.id, Told(State.SENT, None))
        approved = service.approve(SECOND, payout.id)

    assert (approved.state, approved.made_by, approved.approved_by) == (State.APPROVED, ADMIN.user, SECOND.user)
    told = audit.find(DEFAULT, Search(("payout", payout.id)), ALL).items
    assert sorted(entry.action for entry in told) == ["payout.approved", "payout.opened"]


def test_what_was_settled_left_the_bank(anna, sell):
    sell(anna)
    with later():
        payout = sent(paid_out())
        service.tell(MAKER, payout.id, Told(State.SETTLED, None))
        deliver.all()
        again = service.end_items(DEFAULT, payout.id)

    assert set(states(payout).values()) == {ItemState.SETTLED}
    assert balances(f"photographer:{anna.user}", "payouts-due", "bank") == [0, 0, -70_00]
    assert again is Outcome.SKIPPED
    with pytest.raises(Conflict, match="payout_state"):
        service.tell(MAKER, payout.id, Told(State.FAILED, None))


def test_a_batch_that_failed_is_owed_again(anna, sell):
    sell(anna)
    party = f"photographer:{anna.user}"
    with later():
        payout = paid_out()
        service.tell(MAKER, payout.id, Told(State.FAILED, "a mistake"))
        deliver.all()
        owed = balances(party, ORGANIZER, "payouts-due")
    with later(4):
        second = paid_out("payout-0002")

    assert owed == [-50_00, -20_00, 0]
    assert amounts(second) == amounts(payout) == {party: 50_00, ORGANIZER: 20_00}


def test_one_transfer_that_failed_is_owed_again_and_the_others_are_settled(anna, sell):
    sell(anna)
    party = f"photographer:{anna.user}"
    with later():
        payout = sent(paid_out())
        for _ in range(2):
            service.tell(MAKER, payout.id, Told(State.FAILED, "account closed", (anna.known_user,)))
        service.tell(MAKER, payout.id, Told(State.SETTLED, None))
        deliver.all()

    assert states(payout) == {party: ItemState.FAILED, ORGANIZER: ItemState.SETTLED}
    assert balances(party, "payouts-due", "bank") == [-50_00, 0, -20_00]
    assert store.find_item(DEFAULT, payout.id, party).reason == "account closed"


def test_more_taken_back_than_earned_waits_for_the_next_batch(anna, sell):
    sell(anna)
    party = f"photographer:{anna.user}"
    back = ledger.Entry(
        "unshare#1", DEFAULT, None, "THB", clock.now(), (ledger.Posting(party, 80_00), ledger.Posting("sales", -80_00))
    )
    transact(*ledger.book(back))
    with later():
        first = paid_out()
        sell(anna)
    with later(4):
        second = paid_out("payout-0002")

    assert party not in amounts(first)
    assert amounts(second)[party] == 20_00


def rows(sheet):
    return list(csv.reader(io.StringIO(sheet)))


def test_the_file_for_the_bank_has_the_whole_numbers_of_everybody(anna, sell):
    sell(anna)
    with later():
        payout = paid_out()
        with pytest.raises(Conflict, match="payout_state"):
            service.bank_file(MAKER, payout.id)
        service.approve(SECOND, payout.id)
        heading, *transfers = rows(service.bank_file(MAKER, payout.id))

    references = {item.party: item.reference for item in store.items(DEFAULT, payout.id)}
    assert heading == ["reference", "holder", "bank", "account", "amount", "currency"]
    assert transfers == [
        [references[ORGANIZER], "ThePixStock", "SCB", "9876543210", "20.00", "THB"],
        [references[f"photographer:{anna.user}"], "'=Anna", "BBL", "1234567890", "50.00", "THB"],
    ]
    told = {each.action: each.after for each in audit.find(DEFAULT, Search(("payout", payout.id)), ALL).items}
    assert told["payout.exported"] == {"items": 2, "amount": 70_00}


def test_who_is_paid_is_shown_by_name_and_with_a_masked_number(anna, sell):
    sell(anna)
    with later():
        payout = paid_out()

    shown = [(each.name, each.account) for each in service.items(MAKER, payout.id, ALL).items]
    assert shown == [
        ("ThePixStock", replace(HOUSE, number="••••••3210")),
        ("anna", replace(ACCOUNT, number="••••••7890")),
    ]
    assert [each.account for each in service.mine(anna, ALL).items] == [replace(ACCOUNT, number="••••••7890")]


def test_what_nobody_knows_an_account_for_waits_for_the_next_batch(photographers, banked, sell):
    nok = photographers("nok")
    party = f"photographer:{nok.user}"
    sell(nok)
    with later():
        first = paid_out()
        sent(first)
        service.tell(MAKER, first.id, Told(State.SETTLED, None))
        deliver.all()
        owed = balances(party, ORGANIZER)
        bank_at(nok, ACCOUNT)
    with later(4):
        second = paid_out("payout-0002")

    assert (first.amount, first.parties, first.held) == (20_00, 1, 1)
    assert states(first) == {party: ItemState.HELD, ORGANIZER: ItemState.SETTLED}
    assert [(each.item.state, each.item.reason) for each in service.mine(nok, ALL).items] == [
        (ItemState.DUE, None),
        (ItemState.HELD, "bank_account_missing"),
    ]
    assert owed == [-50_00, 0]
    assert (amounts(second), second.held) == ({party: 50_00}, 0)


def test_an_account_that_changes_later_is_for_the_next_batch(anna, sell):
    sell(anna)
    with later():
        payout = paid_out()
        service.approve(SECOND, payout.id)
        bank_at(anna, replace(ACCOUNT, number="6666666666"))

        assert [row[3] for row in rows(service.bank_file(MAKER, payout.id))[1:]] == ["9876543210", "1234567890"]


def test_somebody_is_taken_out_before_the_file_is_made(anna, sell):
    sell(anna)
    party = f"photographer:{anna.user}"
    with later():
        payout = paid_out()
        left = service.tell(MAKER, payout.id, Told(State.FAILED, "under dispute", (anna.known_user,)))
        service.approve(SECOND, payout.id)
        (transfer,) = rows(service.bank_file(MAKER, payout.id))[1:]

    assert (left.state, left.amount, left.lost) == (State.DRAFT, 70_00, 50_00)
    assert (transfer[1], transfer[4]) == ("ThePixStock", "20.00")
    assert balances(party, "payouts-due") == [-50_00, -20_00]


def test_who_is_forgotten_can_not_be_paid_any_more(anna, sell):
    sell(anna)
    with later():
        payout = paid_out()
        service.approve(SECOND, payout.id)
        for _ in range(2):
            service.erase_person(DEFAULT, anna.known_user)

        with pytest.raises(Conflict, match="bank_account_missing"):
            service.bank_file(MAKER, payout.id)
        service.tell(MAKER, payout.id, Told(State.FAILED, "gone", (anna.known_user,)))
        assert len(rows(service.bank_file(MAKER, payout.id))) == 2


def test_everybody_sees_what_their_own_money_is_made_of(anna, sell, event):
    sell(anna)
    sell(anna, 30_00)
    today = clock.now().date().isoformat()
    with later():
        payout = paid_out()

    (mine,) = service.mine(anna, ALL).items
    own = rows(service.my_statement(anna, payout.id))
    assert (mine.item.payout, mine.item.amount) == (payout.id, 65_00)
    assert own == [
        ["day", "kind", "event", "bookings", "amount", "currency"],
        [today, "share", event.id, "2", "65.00", "THB"],
    ]
    assert rows(service.statement(MAKER, payout.id, DEFAULT))[1][4] == "26.00"
    assert service.mine(caller("photographer"), ALL).items == []
    with pytest.raises(NotFound, match="payout_not_found"):
        service.my_statement(caller("photographer"), payout.id)
    assert service.personal_data(DEFAULT, anna.user)[0]["amount"] == 65_00


def test_another_organizations_payout_is_not_there(aws):
    payout = service.open_payout(MAKER, clock.now() - timedelta(hours=2), "payout-0001")

    for act in (service.get, service.approve):
        with pytest.raises(NotFound, match="payout_not_found"):
            act(caller("owner", organization=OTHER), payout.id)


# --- mails --------------------------------------------------------------------------------------------------


def mailed(of):
    """Who was mailed, and of what: the subjects that tell `of`."""
    found = ses_backends[ACCOUNT_ID][REGION].sent_messages
    return [(mail.destinations["ToAddresses"][0], mail.subject) for mail in found if of in mail.subject]


def test_who_earned_it_hears_once_that_their_money_is_on_its_way(anna, sell):
    sell(anna)
    with later():
        payout = paid_out()
        sent(payout)
        deliver.all()
        again = [jobs.announce(PayoutSent(organization=DEFAULT, payout=payout.id)) for _ in range(2)]
        deliver.all()
        service.tell(MAKER, payout.id, Told(State.SETTLED, None))
        deliver.all()

    assert again == [Outcome.SUCCESS] * 2
    address = accounts.find_user(DEFAULT, anna.user).email
    assert mailed("50.00") == [(address, "ThePixStock โอนเงินจำนวน 50.00 THB ให้คุณแล้ว")]


def test_who_earned_it_hears_of_a_payout_that_failed(anna, sell):
    sell(anna)
    with later():
        payout = paid_out()
        sent(payout)
        service.tell(MAKER, payout.id, Told(State.FAILED, "account closed", (anna.known_user,)))
        deliver.all()

    address = accounts.find_user(DEFAULT, anna.user).email
    assert mailed("50.00") == [(address, "โอนเงินจำนวน 50.00 THB ให้คุณไม่สำเร็จ")]


def test_nobody_hears_of_a_batch_that_was_never_sent(anna, sell):
    sell(anna)
    with later():
        payout = paid_out()
        service.tell(MAKER, payout.id, Told(State.FAILED, "a mistake"))
        deliver.all()

    assert mailed("50.00") == []
