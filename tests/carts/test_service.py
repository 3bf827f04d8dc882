from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.carts import service, store
from chalicelib.carts.model import LASTS, MOST_ITEMS
from chalicelib.carts.schemas import Summary
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, NotFound, Unprocessable
from chalicelib.core.table import transact
from chalicelib.lines.contract import Item
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT

pytestmark = pytest.mark.usefixtures("things")

GUEST = Principal(DEFAULT)


def things(*names):
    return [Item("things", name) for name in names]


def refs(opened):
    return [item.ref for item in opened.cart.items]


def with_token(principal, token):
    return replace(principal, tokens={"cart": token})


def test_a_guest_gets_a_cart_and_its_token_with_the_first_thing():
    opened = service.add(GUEST, things("a"))

    again = service.open_cart(with_token(GUEST, opened.token))
    assert refs(again) == ["a"]
    assert again.quote.total == 50_00
    assert again.token is None


def test_looking_at_a_cart_makes_none():
    opened = service.open_cart(GUEST)

    assert refs(opened) == []
    assert store.find(DEFAULT, opened.cart.id) is None


def test_the_token_is_not_stored():
    opened = service.add(GUEST, things("a"))

    stored = store.CartRecord.fetch(f"T#{DEFAULT}#CRT#{opened.cart.id}", "-")
    assert opened.token.split(".")[1] not in str(stored.to_simple_dict())


@pytest.mark.parametrize("spoil", [lambda t: t[:-1] + "x", lambda t: t.split(".")[0], lambda t: t + "x", lambda t: "x"])
def test_a_wrong_token_opens_an_empty_cart_and_leaves_the_real_one(spoil):
    opened = service.add(GUEST, things("a"))

    assert refs(service.open_cart(with_token(GUEST, spoil(opened.token)))) == []
    service.clear(with_token(GUEST, spoil(opened.token)))
    assert refs(service.open_cart(with_token(GUEST, opened.token))) == ["a"]


def test_adding_with_a_wrong_token_starts_a_cart_of_its_own():
    first = service.add(GUEST, things("a"))

    second = service.add(with_token(GUEST, first.token + "x"), things("b"))

    assert second.cart.id != first.cart.id
    assert refs(second) == ["b"]


def test_another_tenant_does_not_find_the_cart():
    opened = service.add(GUEST, things("a"))
    foreigner = with_token(Principal(organizations.create("Trail").id), opened.token)

    assert refs(service.open_cart(foreigner)) == []


def test_the_same_thing_twice_is_in_the_cart_once(buyer):
    service.add(buyer, things("a", "b"))

    assert refs(service.add(buyer, things("b", "c"))) == ["a", "b", "c"]


def test_removing_takes_out_what_is_there_and_ignores_the_rest(buyer):
    service.add(buyer, things("a", "b"))

    assert refs(service.remove(buyer, ["a", "never"])) == ["b"]


def test_clearing_leaves_nothing(buyer):
    service.add(buyer, things("a", "b"))

    service.clear(buyer)

    assert refs(service.open_cart(buyer)) == []


def test_a_thing_that_is_gone_is_refused_and_nothing_is_added(buyer):
    with pytest.raises(Conflict, match="thing_gone"):
        service.add(buyer, things("a", "gone"))

    assert refs(service.open_cart(buyer)) == []


def test_an_unknown_kind_is_refused(buyer):
    with pytest.raises(Invalid, match="unknown_kind"):
        service.add(buyer, [Item("rockets", "a")])


def test_a_full_cart_takes_no_more(buyer):
    service.add(buyer, things(*(f"t{number}" for number in range(MOST_ITEMS))))

    with pytest.raises(Unprocessable, match="cart_full"):
        service.add(buyer, things("one-more"))


def test_a_guests_cart_merges_at_the_first_request_with_both_tokens(buyer):
    guest = service.add(GUEST, things("a", "b"))
    service.add(buyer, things("b", "c"))

    merged = service.open_cart(with_token(buyer, guest.token))

    assert refs(merged) == ["b", "c", "a"]
    assert refs(service.open_cart(buyer)) == ["b", "c", "a"]
    assert store.find(DEFAULT, guest.cart.id) is None


def test_merging_twice_changes_nothing_more(buyer):
    guest = service.add(GUEST, things("a"))
    both = with_token(buyer, guest.token)

    first = service.open_cart(both)
    second = service.open_cart(both)

    assert first.cart.items == second.cart.items
    assert store.find(DEFAULT, first.cart.id).version == 1


def test_a_merge_that_loses_the_race_reads_what_the_winner_made(buyer, monkeypatch):
    guest = service.add(GUEST, things("a"))
    both = with_token(buyer, guest.token)
    lost = []

    def race(*writes):
        if not lost:
            lost.append(True)
            transact(*writes)
            raise Conflict("changed_meanwhile", "lost the answer")
        transact(*writes)

    monkeypatch.setattr(service, "transact", race)

    assert refs(service.open_cart(both)) == ["a"]


def test_two_who_add_at_once_both_stay(buyer, monkeypatch):
    service.add(buyer, things("a"))
    real = service.transact

    def interrupted(*writes):
        monkeypatch.setattr(service, "transact", real)
        service.add(buyer, things("other"))
        real(*writes)

    monkeypatch.setattr(service, "transact", interrupted)

    assert refs(service.add(buyer, things("mine"))) == ["a", "other", "mine"]


def test_an_expired_cart_is_empty_and_can_be_filled_anew(buyer):
    service.add(buyer, things("a"))

    with clock.travel(LASTS + timedelta(seconds=2)):
        assert refs(service.open_cart(buyer)) == []
        assert refs(service.add(buyer, things("b"))) == ["b"]


def test_what_was_bought_leaves_the_cart_once(buyer):
    opened = service.add(buyer, things("a", "b"))

    assert service.forget_bought(DEFAULT, opened.cart.id, ["a"], []) is True
    assert service.forget_bought(DEFAULT, opened.cart.id, ["a"], []) is False
    assert refs(service.open_cart(buyer)) == ["b"]


def test_something_that_went_off_sale_shows_as_a_problem(buyer, monkeypatch):
    service.add(buyer, things("a"))
    cart = service.current(buyer)
    transact(store.save(cart.put((Item("things", "gone"),), clock.now())))

    quote = service.open_cart(buyer).quote

    assert [(problem.ref, problem.code) for problem in quote.problems] == [("gone", "thing_gone")]
    assert quote.total == 50_00


def test_a_cart_is_priced_and_explained_in_the_currency_of_its_organization():
    organizations.update(DEFAULT, version=organizations.get(DEFAULT).version, currency="JPY")

    summary = Summary.of(service.add(GUEST, things("a")))

    assert (summary.total, summary.currency) == (50_00, "JPY")
    assert "5,000 JPY" in summary.lines[0].words[0]


@pytest.mark.parametrize("quantity", [0, 1, 2])
def test_what_there_is_one_of_has_no_quantity(buyer, quantity):
    service.add(buyer, things("a"))

    with pytest.raises(Unprocessable, match="no_quantity"):
        service.change_quantity(buyer, "a", quantity)
    with pytest.raises(NotFound, match="item_not_found"):
        service.change_quantity(buyer, "b", quantity)

    assert refs(service.open_cart(buyer)) == ["a"]
