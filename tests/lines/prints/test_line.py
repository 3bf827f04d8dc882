"""Prints from the product to the order: what is sold, what a parcel costs, and who earns by it."""

from dataclasses import replace

import pytest

from chalicelib import lines
from chalicelib.carts import service as carts
from chalicelib.configuration import service as configuration
from chalicelib.core import clock
from chalicelib.core.errors import Conflict, Invalid, NotFound, Unprocessable
from chalicelib.events import service as events
from chalicelib.events.model import EventStatus
from chalicelib.ledger import service as ledger
from chalicelib.lines.contract import Item, Part
from chalicelib.lines.photos import service as photos
from chalicelib.lines.prints import labs, service, store
from chalicelib.lines.prints.line import LINE
from chalicelib.lines.prints.model import LASTS, MOST_PRODUCTS, Catalogue, State
from chalicelib.orders import service as orders
from chalicelib.orders.model import PAYABLE_FOR, Status
from chalicelib.organizations.service import DEFAULT
from chalicelib.promotions.model import Kind, Promotion
from tests import deliver
from tests.events.people import ADMIN, OTHER, VISITOR, opened
from tests.lines.photos.conftest import World
from tests.lines.photos.pictures import jpeg
from tests.lines.prints.conftest import BUYER, GUEST, HOME, LARGE, SHIPPING, SMALL


def quoted(*parcels, organization=DEFAULT):
    return LINE.quote(organization, [Item("prints", parcel.id) for parcel in parcels], clock.now())


def problems(*parcels):
    return [problem.code for problem in quoted(*parcels).problems]


# --- products -----------------------------------------------------------------------------------------------


def test_prints_are_found_as_a_line_of_sale(shop):
    assert lines.of_kind("prints") is LINE
    with pytest.raises(NotFound, match="package_not_found"):
        LINE.select(DEFAULT, shop.world.event.id, "one", ["prc_1"])


def test_buyers_see_what_is_on_sale_and_staff_the_rest(shop, monkeypatch):
    service.change_product(ADMIN, replace(LARGE, active=False))

    assert service.list_products(VISITOR).products == (SMALL,)
    assert [product.code for product in service.list_products(ADMIN).products] == ["10x15", "30x40"]
    monkeypatch.setattr(labs, "account_of", lambda organization: None)
    assert service.list_products(VISITOR).products == ()


def test_a_product_changes_its_price_and_never_its_paper(shop):
    service.change_product(ADMIN, replace(SMALL, price=70_00, name="Postcard"))
    with pytest.raises(Conflict, match="print_product_fixed"):
        service.change_product(ADMIN, replace(SMALL, sku="GLOBAL-PHO-5X7"))
    with pytest.raises(NotFound, match="print_product_not_found"):
        service.change_product(ADMIN, replace(SMALL, code="a-poster"))
    with pytest.raises(Conflict, match="print_code_taken"):
        service.add_product(ADMIN, SMALL)

    assert service.list_products(VISITOR).get("10x15").price == 70_00


def test_a_product_is_dropped_once(shop):
    service.drop_product(ADMIN, "10x15")

    assert [product.code for product in service.list_products(ADMIN).products] == ["30x40"]
    with pytest.raises(NotFound, match="print_product_not_found"):
        service.drop_product(ADMIN, "10x15")


def test_terms_that_cannot_be_meant_are_refused():
    with pytest.raises(Invalid, match="print_below_cost"):
        replace(SMALL, cost=60_01)
    with pytest.raises(Invalid, match="print_sides"):
        replace(SMALL, short_side=91)
    full = Catalogue(DEFAULT, tuple(replace(SMALL, code=f"p{number}") for number in range(MOST_PRODUCTS)))
    with pytest.raises(Invalid, match="too_many_products"):
        full.with_product(SMALL)


@pytest.mark.parametrize(
    ("width", "height", "good"),
    [(90, 60, True), (60, 90, True), (89, 60, False), (2000, 59, False), (None, None, False)],
)
def test_a_photo_is_good_enough_whichever_way_it_is_held(width, height, good):
    assert SMALL.takes(width, height) is good


# --- what it costs ------------------------------------------------------------------------------------------


def test_a_parcel_costs_its_copies_and_one_shipment(shop):
    parcel = shop.pack((0, "10x15", 2), (1, "10x15", 1), (2, "30x40", 1))

    (line,) = quoted(parcel).lines

    assert line.parts == (
        Part("10x15", "10 x 15 cm", 3, 60_00),
        Part("30x40", "30 x 40 cm", 1, 500_00),
        Part("shipping", "Shipping to TH", 1, SHIPPING),
    )
    assert line.amount == line.list_amount == 3 * 60_00 + 500_00 + SHIPPING
    assert line.refs == (parcel.id, *(f"{parcel.id}-{number}" for number in (1, 2, 3)))
    assert (line.subject, line.tax_class) == (shop.world.event.id, "prints")


def test_each_parcel_is_sent_by_itself(shop):
    parcels = shop.pack(), shop.pack(address=replace(HOME, country="SG"))

    assert [line.parts[-1].price for line in quoted(*parcels).lines] == [SHIPPING, 300_00]


def test_what_is_not_sold_now_becomes_a_problem(shop, monkeypatch):
    parcel = shop.pack()
    assert problems(parcel) == []

    service.change_product(ADMIN, replace(SMALL, active=False))
    assert problems(parcel) == ["print_not_on_sale"]
    service.drop_product(ADMIN, "10x15")
    service.add_product(ADMIN, replace(SMALL, sku="ANOTHER"))  # the same code, another paper
    assert problems(parcel) == ["print_not_on_sale"]
    service.drop_product(ADMIN, "10x15")
    service.add_product(ADMIN, replace(SMALL, short_side=73))
    assert problems(parcel) == ["photo_too_small"]
    configuration.change(ADMIN, "prints", 1, {"shipping": {"SG": 300_00}})
    assert problems(parcel) == ["not_shipped_there"]
    photos.reject_photo(ADMIN, shop.photos[1].id, "blurred")
    event = events.get(DEFAULT, shop.world.event.id)
    events.move_event(ADMIN, event.id, EventStatus.CLOSED, event.version)
    assert problems(parcel) == ["sale_closed"]
    monkeypatch.setattr(labs, "account_of", lambda organization: None)
    assert problems(parcel) == ["prints_not_sold"]


def test_a_photo_that_is_not_on_sale_is_not_printed(shop):
    parcel = shop.pack()
    photos.reject_photo(ADMIN, shop.photos[0].id, "blurred")

    assert problems(parcel) == ["photo_not_for_sale"]
    with pytest.raises(Conflict, match="photo_not_for_sale"):
        shop.pack()


def test_what_can_not_be_packed_is_refused_at_once(shop):
    with pytest.raises(NotFound, match="print_product_not_found"):
        shop.pack((0, "a-poster", 1))
    with pytest.raises(Conflict, match="not_shipped_there"):
        shop.pack(address=replace(HOME, country="SE"))
    with pytest.raises(NotFound, match="photo_not_found"):
        shop.pack(by=replace(BUYER, organization=OTHER))


def test_a_parcel_is_nobody_elses_and_not_for_ever(shop):
    parcel = shop.pack()

    assert [problem.code for problem in quoted(parcel, organization=OTHER).problems] == ["parcel_not_found"]
    with pytest.raises(NotFound, match="parcel_not_found"):
        carts.add(BUYER, [Item("prints", "prc_nothing")])
    with clock.travel(LASTS):
        assert problems(parcel) == ["parcel_not_found"]


def test_prints_are_not_what_a_free_item_is_counted_from(shop):
    line = quoted(shop.pack((0, "10x15", 1), (1, "10x15", 1), (2, "10x15", 1))).lines[0]
    free = Promotion("prm_1", DEFAULT, "FREE", "One free", Kind.FREE_ITEMS, clock.now(), buy=1, free=1)

    assert free.takes([line]) == [0]


# --- ordering -----------------------------------------------------------------------------------------------


def test_a_parcel_is_in_one_order_at_a_time(shop):
    parcel = shop.pack(by=GUEST)
    order = shop.order(parcel)

    assert problems(parcel) == ["parcel_ordered"]
    with pytest.raises(Conflict, match="parcel_ordered"):
        service.hold(DEFAULT, parcel.id, "ord_another")
    assert service.release(DEFAULT, parcel.id, "ord_another") == ()

    orders.cancel(BUYER, order.id, None)
    assert problems(parcel) == []
    assert shop.order(parcel, key="checkout-2").id != order.id


def test_an_order_that_expires_gives_its_parcel_back(shop):
    parcel = shop.pack()
    shop.order(parcel)
    with clock.travel(PAYABLE_FOR):
        assert orders.expire_due() == 1

        assert store.get(DEFAULT, parcel.id).order is None


def test_an_order_that_was_paid_late_has_its_parcel_unless_another_has(shop):
    parcel = shop.pack()
    first = shop.order(parcel)
    orders.cancel(BUYER, first.id, None)
    second = shop.order(parcel, key="checkout-2")
    with pytest.raises(Conflict, match="parcel_ordered"):
        lines.of_kind("prints").hold(DEFAULT, first.lines[0].quoted(), first.id, clock.now())

    orders.cancel(BUYER, second.id, None)
    assert len(LINE.hold(DEFAULT, first.lines[0].quoted(), first.id, clock.now())) == 1


def test_a_parcel_that_was_paid_for_leaves_the_cart_and_keeps_its_photos(shop):
    parcel = shop.pack((2, "30x40", 2))
    order = shop.buy(parcel)

    assert order.status is Status.COMPLETED
    assert carts.current(BUYER).items == ()
    assert shop.parcel(parcel).state is State.PRINTING
    with pytest.raises(Conflict, match="photo_sold"):
        photos.remove_photo(ADMIN, shop.photos[2].id)


def test_photographers_earn_by_what_the_laboratory_leaves(shop):
    """Of each copy what the laboratory takes, and the shipment, stay with whoever pays them."""
    nok, noi = (shop.photos[number].photographer for number in (0, 2))
    order = shop.buy(shop.pack((0, "10x15", 2), (2, "30x40", 1)))

    shares = {share.photographer: share.takings for share in order.lines[0].shares}

    assert shares[None].gross == 2 * 20_00 + 180_00 + SHIPPING
    assert (shares[nok].gross, shares[nok].photographer) == (2 * 40_00, 40_00)
    assert (shares[noi].gross, shares[noi].photographer) == (320_00, 160_00)
    assert shares[None].photographer == 0
    assert ledger.balance(DEFAULT, f"photographer:{noi}") == -160_00


def test_several_events_are_several_parcels(shop):
    there = World(events.assign(ADMIN, opened().id, shop.world.photographer.known_user), shop.world.photographer)
    (taken,) = there.upload(jpeg(9))
    shop.photos.append(photos.approve_photo(ADMIN, taken.id).photo)

    with pytest.raises(Unprocessable, match="several_events"):
        shop.pack((0, "10x15", 1), (3, "10x15", 1))


def test_nothing_is_told_before_it_is_paid(shop):
    shop.order(shop.pack())
    deliver.all()

    assert shop.lab.asked == []
