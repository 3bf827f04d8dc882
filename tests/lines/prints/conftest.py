"""A shop that sells prints of three photos by two photographers, and the laboratory that makes them."""

from dataclasses import dataclass, field

import pytest

from chalicelib.carts import service as carts
from chalicelib.configuration import service as configuration
from chalicelib.core.auth import Principal
from chalicelib.events import service as events
from chalicelib.lines.contract import Item
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.model import Photo
from chalicelib.lines.prints import labs, service
from chalicelib.lines.prints.model import Parcel, Print, Product
from chalicelib.orders import service as orders
from chalicelib.orders.model import Order
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways
from chalicelib.payments import service as payments
from chalicelib.profiles.model import Address
from tests import deliver
from tests.events.people import ADMIN
from tests.lines.photos.conftest import World, photographers, world
from tests.lines.photos.pictures import jpeg
from tests.printing import FakeLab, account
from tests.selling import FakeGateway

__all__ = ["photographers", "world"]

BUYER = Principal(DEFAULT, user="usr_01J00000000000000000000001")
GUEST = Principal(DEFAULT)
HOME = Address("", None, "Anna Örn", "+66817310417", "TH", None, "Bangkok", "10500", "Canary Street 417", None)
SMALL = Product("10x15", "10 x 15 cm", "GLOBAL-PHO-4X6", 102, 152, "lustre", 60_00, 20_00, 60, 90)
LARGE = Product("30x40", "30 x 40 cm", "GLOBAL-PHO-12X16", 305, 406, "matt", 500_00, 180_00, 60, 90)
SHIPPING = 100_00


@dataclass
class Shop:
    world: World
    lab: FakeLab
    gateway: FakeGateway
    photos: list[Photo] = field(default_factory=list)

    def pack(self, *prints: tuple[int, str, int], by: Principal = BUYER, address: Address = HOME) -> Parcel:
        """Prints as (number of the photo, product, copies)."""
        wanted = [Print(self.photos[number].id, product, copies) for number, product, copies in prints]
        return service.make(by, address, wanted or [Print(self.photos[0].id, "10x15", 1)])[0]

    def order(self, *parcels: Parcel, by: Principal = BUYER, key: str = "checkout-1") -> Order:
        carts.add(by, [Item("prints", parcel.id) for parcel in parcels])
        return orders.place_order(by, key, email="anna@buyer.example", language="en", expected_total=None)

    def pay(self, order: Order, by: Principal = BUYER) -> Order:
        payment = payments.create_payment(by, order.id)
        self.gateway.set(str(payment.transaction), "captured")
        payments.settle(DEFAULT, payment.id)
        return orders.get(DEFAULT, order.id)

    def buy(self, *parcels: Parcel) -> Order:
        """Ordered, paid for and handed over, with all that follows."""
        order = self.pay(self.order(*parcels))
        deliver.all()
        return orders.get(DEFAULT, order.id)

    def parcel(self, parcel: Parcel) -> Parcel:
        return service.get(DEFAULT, parcel.id)


@pytest.fixture
def shop(world, photographers, monkeypatch):
    shop = Shop(world, FakeLab(), FakeGateway())
    monkeypatch.setattr(labs, "lab", lambda: shop.lab)
    monkeypatch.setattr(labs, "account_of", account)
    monkeypatch.setattr(gateways, "of_name", lambda name: shop.gateway)
    noi = photographers("noi")
    events.assign(ADMIN, world.event.id, noi.known_user)
    files = [jpeg(seed, size=(96, 72)) for seed in (1, 2, 3)]
    taken = [*world.upload(*files[:2]), *world.upload(files[2], by=noi)]
    shop.photos = [photos.approve_photo(ADMIN, photo.id).photo for photo in taken]
    for product in (SMALL, LARGE):
        service.add_product(ADMIN, product)
    configuration.change(ADMIN, "prints", 0, {"shipping": {"TH": SHIPPING, "SG": 300_00}})
    deliver.forget()
    return shop
