"""A photographer with two photos on sale, and who bought one of them."""

from dataclasses import replace

import pytest

from chalicelib.audit import service as audit
from chalicelib.audit.model import Search
from chalicelib.carts import service as carts
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, NotFound, Unprocessable
from chalicelib.core.table import PageRequest, transact
from chalicelib.events import service as events
from chalicelib.lines.contract import Item
from chalicelib.lines.photos import service as photos
from chalicelib.orders import service as orders
from chalicelib.organizations.model import BankAccount, masked
from chalicelib.organizations.service import DEFAULT
from chalicelib.photographers import service, store
from chalicelib.photographers.model import Link, Rating, Status
from tests import deliver
from tests.events.people import ADMIN, OTHER, VISITOR, caller
from tests.lines.photos.conftest import photographers, world
from tests.lines.photos.pictures import jpeg
from tests.stack import client

__all__ = ["photographers", "world"]

BUYER = Principal(DEFAULT, user="usr_01J00000000000000000000001")
ACCOUNT = BankAccount("Kasikorn", "Nok Sukjai", "1234567890")


@pytest.fixture
def on_sale(world):
    made = world.upload(jpeg(1), jpeg(2))
    return [photos.approve_photo(ADMIN, photo.id).photo for photo in made]


@pytest.fixture
def page(world):
    """The photographer's, which is open."""
    return service.change(world.photographer, version=0, told={"bio": "Of water and light."})


def placed(*wanted, by=BUYER, key="checkout-1"):
    carts.add(by, [Item("photos", photo.id) for photo in wanted])
    return orders.place_order(by, key, email="anna@shop.example", language="en", expected_total=None)


def bought(*wanted, by=BUYER, key="checkout-1"):
    order = placed(*wanted, by=by, key=key)
    transact(*orders.pay(order, "pay_1"))
    deliver.all()
    return orders.get(DEFAULT, order.id)


# --- the page -----------------------------------------------------------------------------------------------


def test_a_page_shows_what_its_photographer_told_and_what_is_on_sale_of_it(world, on_sale):
    first, second = on_sale
    told = {
        "bio": "Of water and light.",
        "specialities": ("rowing",),
        "links": (Link("Portfolio", "https://nok.example"),),
        "photos": (second.id, first.id),
        "status": Status.PAUSED,
    }
    service.change(world.photographer, version=0, told=told)

    shown = service.show(VISITOR, world.photographer.known_user)
    assert {name: getattr(shown.photographer, name) for name in told} == told
    assert (shown.user.name, [each.photo.id for each in shown.portfolio]) == ("nok", [second.id, first.id])

    photos.reject_photo(ADMIN, first.id, "blurred")
    assert [each.photo.id for each in service.show(VISITOR, world.photographer.known_user).portfolio] == [second.id]
    event = events.get(DEFAULT, world.event.id)
    events.restrict(ADMIN, event.id, events.Access.CODE, "mango rice", event.version)
    assert service.show(VISITOR, world.photographer.known_user).portfolio == []


def test_a_portfolio_is_of_ones_own_photos_on_sale(world, on_sale, photographers):
    ann = photographers("ann")
    (pending,) = world.upload(jpeg(3))

    with pytest.raises(NotFound, match="photo_not_found"):
        service.change(ann, version=0, told={"photos": (on_sale[0].id,)})
    with pytest.raises(Conflict, match="photo_not_for_sale"):
        service.change(world.photographer, version=0, told={"photos": (pending.id,)})

    assert store.find(DEFAULT, ann.known_user) is None


def test_only_what_is_told_changes_and_an_old_version_changes_nothing(world, page):
    service.change(world.photographer, version=1, told={"specialities": ("running",)})

    with pytest.raises(Conflict, match="version_conflict"):
        service.change(world.photographer, version=1, told={"bio": "-"})
    held = service.show_own(world.photographer).photographer
    assert (held.bio, held.specialities, held.version) == ("Of water and light.", ("running",), 2)


def test_who_told_nothing_works_here_no_more_or_is_a_strangers_is_not_found(world, page, photographers):
    user = world.photographer.known_user
    for organization, id in ((DEFAULT, photographers("ann").known_user), (OTHER, user), (DEFAULT, "usr_none")):
        with pytest.raises(NotFound, match="photographer_not_found"):
            service.show(Principal(organization), id)
        with pytest.raises(NotFound, match="photographer_not_found"):
            service.payable(organization, id)

    service.accounts.set_roles(ADMIN, user, ["customer"])
    with pytest.raises(NotFound, match="photographer_not_found"):
        service.show(VISITOR, user)


# --- money --------------------------------------------------------------------------------------------------


def test_numbers_are_sealed_and_shown_by_their_last_four(world):
    told = {"bank_account": ACCOUNT, "tax_id": "3100600445635"}
    own = service.change(world.photographer, version=0, told=told)

    user = world.photographer.known_user
    assert own.payable == service.payable(DEFAULT, user)
    assert own.payable.bank_account == replace(ACCOUNT, number="••••••7890")
    assert own.payable.tax_id == "•••••••••5635"
    stored = str(client("dynamodb").scan(TableName="thepixstock-test-profiles")["Items"])
    assert not [secret for secret in ("1234567890", "Sukjai", "3100600445635") if secret in stored]
    entry = audit.find(DEFAULT, Search(("photographer", user)), PageRequest(5)).items[0]
    assert entry.after == {"bank_account": "***", "tax_id": "***"}

    bare = service.change(world.photographer, version=1, told={"bank_account": None})
    assert (bare.payable.bank_account, bare.payable.tax_id) == (None, "•••••••••5635")


def test_a_number_that_no_key_opens_has_to_be_told_again(world):
    held = service.change(world.photographer, version=0, told={"tax_id": "3100600445635"}).photographer
    transact(store.save(replace(held, tax_id="gone.AAAA", version=2), was=held))

    assert service.show_own(world.photographer).payable.tax_id is None


def test_a_short_number_shows_half_of_itself():
    assert [masked(number) for number in ("", "1", "123456", "12345678")] == ["", "•", "•••456", "••••5678"]


# --- ratings ------------------------------------------------------------------------------------------------


def test_each_order_rates_once_and_may_think_again(world, page, on_sale):
    user = world.photographer.known_user
    first, second = bought(on_sale[0]), bought(on_sale[1], key="checkout-2")

    assert service.rate(BUYER, user, first.id, 5) == Rating(1, 5)
    assert service.rate(BUYER, user, first.id, 5) == Rating(1, 5)
    assert service.rate(BUYER, user, second.id, 2) == Rating(2, 7)
    assert service.rate(BUYER, user, first.id, 3) == Rating(2, 5)

    assert service.show(VISITOR, user).rating.average == 2.5


def test_two_answers_at_once_count_as_one(world, page, on_sale, monkeypatch):
    user, order = world.photographer.known_user, bought(on_sale[0])
    read, answers = store.stars_of, [{}, {}]
    monkeypatch.setattr(store, "stars_of", lambda *names: answers.pop() if answers else read(*names))

    service.rate(BUYER, user, order.id, 5)

    assert service.rate(BUYER, user, order.id, 1) == Rating(1, 1)


def test_a_guest_rates_with_the_token_of_the_order(world, page, on_sale):
    opened = carts.add(VISITOR, [Item("photos", on_sale[0].id)])
    guest = replace(VISITOR, tokens={"cart": opened.token})
    order = orders.place_order(guest, "checkout-g", email="g@shop.example", language="en", expected_total=None)
    transact(*orders.pay(order, "pay_1"))
    deliver.all()

    holder = replace(VISITOR, tokens={"order": orders.token_of(order)})
    assert service.rate(holder, world.photographer.known_user, order.id, 4) == Rating(1, 4)


def test_nobody_but_the_buyer_of_a_completed_order_rates(world, page, on_sale, photographers):
    user, ann = world.photographer.known_user, photographers("ann")
    service.change(ann, version=0, told={"bio": "Ann"})
    open_order = placed(on_sale[0])
    with pytest.raises(Conflict, match="order_not_completed"):
        service.rate(BUYER, user, open_order.id, 5)

    done = bought(on_sale[1], key="checkout-2")
    for other in (ADMIN, VISITOR, caller("customer"), replace(VISITOR, tokens={"order": "x"})):
        with pytest.raises(NotFound, match="order_not_found"):
            service.rate(other, user, done.id, 5)
    with pytest.raises(Unprocessable, match="not_in_order"):
        service.rate(BUYER, ann.known_user, done.id, 5)
    own = bought(on_sale[0], by=world.photographer, key="checkout-3")
    with pytest.raises(Forbidden, match="own_photos"):
        service.rate(world.photographer, user, own.id, 5)

    assert service.show(VISITOR, user).rating == Rating()


# --- told and forgotten -------------------------------------------------------------------------------------


def test_what_is_kept_is_told_with_whole_numbers_and_goes(world, page, on_sale):
    user = world.photographer.known_user
    service.change(world.photographer, version=1, told={"bank_account": ACCOUNT})
    order = bought(on_sale[0])
    service.rate(BUYER, user, order.id, 5)

    told = service.personal_data(DEFAULT, user)["photographer"]
    assert (told["bio"], told["bank_account"], told["rating"]) == ("Of water and light.", ACCOUNT, Rating(1, 5))
    given = service.personal_data(DEFAULT, BUYER.known_user)
    assert given == {
        "photographer": None,
        "given": [{"order": order.id, "photographer": user, "stars": 5}],
    }

    service.erase_person(DEFAULT, user)
    service.erase_person(DEFAULT, user)
    assert client("dynamodb").scan(TableName="thepixstock-test-profiles")["Items"] == []
    with pytest.raises(NotFound, match="photographer_not_found"):
        service.rate(BUYER, user, order.id, 1)


def test_a_rating_that_comes_while_its_photographer_goes_leaves_nothing(world, page, on_sale):
    user, order = world.photographer.known_user, bought(on_sale[0])
    writes = store.rate(DEFAULT, user, order.id, 5, None, order.created_at)
    service.erase_person(DEFAULT, user)

    with pytest.raises(NotFound, match="photographer_not_found"):
        transact(*writes)
