from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import AppError, Conflict
from chalicelib.wallet.model import KEPT_FREE, MOST_GRANTS, Grant, Source, Wallet

NOW = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)


def grant(id, left, *, priority=100, days=None, event=None, source=Source.STAFF):
    expires_at = None if days is None else NOW + days * DAY
    return Grant(id, source, left, left, NOW - DAY, priority, expires_at, event)


def wallet(*grants):
    found = Wallet("org_1", "usr_1")
    for each in grants:
        found = found.give(each)
    return found


def left(wallet):
    return {each.id: each.left for each in wallet.grants}


def test_credit_is_spent_by_priority_then_by_expiry_then_by_id():
    given = wallet(grant("d", 10), grant("c", 10, days=9), grant("b", 10, days=5), grant("a", 10, priority=1))

    held = given.hold("pay_1", {"evt_1": 25}, NOW)

    assert [each.id for each in given.spendable(NOW)] == ["a", "b", "c", "d"]
    assert held.holds[0].parts == (("a", 10), ("b", 10), ("c", 5))
    assert (held.available(NOW), held.held, held.total) == (15, 25, 40)


def test_what_has_expired_is_not_spent_and_is_owed_until_it_is_booked_back():
    given = wallet(grant("a", 10, days=1), grant("b", 5))

    assert (given.available(NOW + DAY), given.total) == (5, 15)
    assert given.without_expired(NOW + DAY).total == 5
    assert given.due_at == NOW + DAY


def test_a_hold_is_spent_or_given_back_once():
    held = wallet(grant("a", 10), grant("b", 10)).hold("pay_1", {"evt_1": 15}, NOW)

    assert held.hold("pay_1", {"evt_1": 15}, NOW) is held
    assert left(held.spend("pay_1").release("pay_1")) == {"b": 5}
    assert left(held.release("pay_1").release("pay_1")) == {"a": 10, "b": 10}


def test_more_than_there_is_can_not_be_held():
    given = wallet(grant("a", 10), grant("b", 10, event="evt_2"))

    with pytest.raises(Conflict, match="not_enough_credit"):
        given.hold("pay_1", {"evt_1": 11}, NOW)


def test_credit_that_was_taken_back_does_not_come_back_from_a_hold():
    held = wallet(grant("a", 10)).hold("pay_1", {"evt_1": 4}, NOW)

    ended = held.end("a", NOW).release("pay_1")

    assert (ended.available(NOW), ended.total, ended.due_at) == (0, 4, NOW)


def test_fifty_grants_are_the_most_and_ten_places_are_for_buyers():
    given = wallet(*(grant(str(number), 1) for number in range(MOST_GRANTS - KEPT_FREE)))

    with pytest.raises(Conflict, match="too_many_credits"):
        given.give(grant("more", 1))
    for number in range(KEPT_FREE):
        given = given.give(grant(f"bought-{number}", 1, source=Source.BOUGHT))
    with pytest.raises(Conflict, match="too_many_credits"):
        given.give(grant("bought", 1, source=Source.BOUGHT))


GRANTS = st.lists(
    st.tuples(
        st.integers(1, 30), st.integers(1, 3), st.none() | st.integers(1, 3), st.sampled_from([None, "evt_1", "evt_2"])
    ),
    max_size=6,
)


@given(GRANTS, st.fixed_dictionaries({"evt_1": st.integers(0, 40), "evt_2": st.integers(0, 40)}))
def test_a_way_to_pay_is_found_wherever_there_is_one(grants, charges):
    given = wallet(
        *(
            grant(f"{number}", amount, priority=priority, days=days, event=event)
            for number, (amount, priority, days, event) in enumerate(grants)
        )
    )
    free = sum(amount for amount, _, _, event in grants if event is None)
    bound = {name: sum(each[0] for each in grants if each[3] == name) for name in charges}
    missing = sum(max(0, charges[name] - bound[name]) for name in charges)

    if missing > free:
        with pytest.raises(Conflict, match="not_enough_credit"):
            given.hold("pay_1", charges, NOW)
        return
    held = given.hold("pay_1", charges, NOW)

    assert held.held == sum(charges.values())
    assert held.total == given.total
    of_event = {each.id: each.event for each in given.grants}
    for name, charge in charges.items():
        assert sum(amount for id, amount in held.holds[0].parts if of_event[id] == name) <= charge if held.holds else 1


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["give", "hold", "spend", "release", "take", "end", "expire"]),
        st.integers(0, 3),
        st.integers(1, 40),
    ),
    max_size=30,
)


@given(OPERATIONS)
def test_whatever_happens_a_wallet_holds_what_the_books_owe(operations):
    held, booked, at = Wallet("org_1", "usr_1"), 0, NOW
    for number, (name, which, amount) in enumerate(operations):
        before, id = held, f"pay_{which}"
        chosen = held.grants[which % len(held.grants)].id if held.grants else "none"
        try:
            match name:
                case "give":
                    held = held.give(grant(str(number), amount, days=which or None))
                    booked += amount
                case "hold":
                    held = held.hold(id, {"evt_1": amount}, at)
                case "spend":
                    booked -= sum(each.amount for each in held.holds if each.id == id)
                    held = held.spend(id)
                case "release":
                    held = held.release(id)
                case "take":
                    held = held.take(chosen, amount)
                    booked -= amount
                case "end":
                    booked -= sum(each.left for each in held.grants if each.id == chosen)
                    held = held.end(chosen, at)
                case "expire":
                    at += DAY
                    booked -= sum(each.left for each in held.grants if each.has_expired(at))
                    held = held.without_expired(at)
        except AppError:
            assert held is before
        assert held.total == booked
        assert all(each.left >= 0 for each in held.grants)
        assert {part[0] for hold in held.holds for part in hold.parts} <= {each.id for each in held.grants}
        assert held.available(at) + held.held <= held.total
