from datetime import timedelta

import pytest
from moto.ses.models import ses_backends

from chalicelib.carts import service as carts
from chalicelib.core import clock
from chalicelib.core.queues import Outcome
from chalicelib.core.table import transact
from chalicelib.entitlements import service as entitlements
from chalicelib.lines.contract import Item
from chalicelib.orders import jobs, service, store
from chalicelib.orders.messages import LineDue, OrderCompleted, OrderPaid, OrderPaidLate
from chalicelib.orders.model import PAYABLE_FOR, Status
from chalicelib.organizations.service import DEFAULT
from tests import deliver, selling
from tests.stack import ACCOUNT, REGION

pytestmark = pytest.mark.usefixtures("things")


@pytest.fixture
def order(buyer):
    carts.add(buyer, [Item("things", "a"), Item("things", "b")])
    return service.place_order(buyer, "checkout-1", email="buyer@example.com", language="en", expected_total=None)


def sent():
    return ses_backends[ACCOUNT][REGION].sent_messages


def grant(order):
    file = entitlements.File("a", "Photo a", "deliveries/a.jpg", "a.jpg", "image/jpeg")
    entitlements.grant(DEFAULT, order=order.id, owner=order.owner, files=[file], limit=3, hours=72)


def test_a_paid_order_is_handed_over_and_leaves_the_cart(order, buyer):
    transact(*service.pay(order, "pay_1"))

    deliver.all()

    assert service.get(DEFAULT, order.id).status is Status.COMPLETED
    assert selling.given(DEFAULT, order.id) == 1
    assert carts.current(buyer).items == ()


def test_every_message_twice_changes_nothing_more(order):
    transact(*service.pay(order, "pay_1"))
    deliver.all()
    before = service.get(DEFAULT, order.id)

    told = {"organization": DEFAULT, "order": order.id}
    again = [
        jobs.hand_over(LineDue(**told, line="line-1")),
        jobs.clear_cart(OrderPaid(**told)),
        jobs.settle_late(OrderPaidLate(**told)),
    ]

    assert again == [Outcome.SKIPPED] * 3
    assert service.get(DEFAULT, order.id) == before


def test_late_money_is_handed_over_too(order):
    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        service.expire_due()
    transact(*service.pay(service.get(DEFAULT, order.id), "pay_1"))

    deliver.all()

    assert service.get(DEFAULT, order.id).status is Status.COMPLETED
    assert selling.left(DEFAULT) == 98


def test_the_buyer_gets_one_mail_with_the_link(order):
    grant(order)
    fact = OrderCompleted(organization=DEFAULT, order=order.id)

    assert jobs.mail_downloads(fact) is Outcome.SUCCESS
    assert jobs.mail_downloads(fact) is Outcome.SKIPPED

    (mail,) = sent()
    assert mail.destinations["ToAddresses"] == ["buyer@example.com"]
    assert order.code in mail.subject
    assert entitlements.link(DEFAULT, order.id) in mail.body
    assert f"{entitlements.link(DEFAULT, order.id)}/invoice" in mail.body


def test_an_order_without_downloads_sends_no_mail_of_them(order):
    assert jobs.mail_downloads(OrderCompleted(organization=DEFAULT, order=order.id)) is Outcome.SKIPPED
    assert sent() == []


def test_an_order_of_which_nothing_is_downloaded_gets_its_receipt_by_one_mail(order):
    transact(*service.pay(order, "pay_1"))
    deliver.all()
    fact = OrderCompleted(organization=DEFAULT, order=order.id)

    assert jobs.mail_downloads(fact) is Outcome.SKIPPED

    (mail,) = sent()
    assert mail.subject == f"Your receipt for order {order.code}"
    assert f"{entitlements.link(DEFAULT, order.id)}/invoice" in mail.body


def test_a_buyer_who_was_forgotten_gets_no_receipt(order):
    transact(*service.pay(order, "pay_1"))
    paid = service.get(DEFAULT, order.id)
    transact(store.save(paid.without_buyer(), was=paid))

    deliver.all()

    assert sent() == []
