"""A photographer and an organization who told where their money goes, and sales of an event."""

import pytest

from chalicelib.core import ids
from chalicelib.lines.contract import QuoteLine
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import BankAccount
from chalicelib.organizations.service import DEFAULT
from chalicelib.photographers import service as photographer_pages
from chalicelib.revenue import service as revenue
from tests.events.people import caller, planned
from tests.lines.photos.conftest import photographers

__all__ = ["photographers"]

MAKER, SECOND = caller("manager"), caller("owner")
ACCOUNT, HOUSE = BankAccount("BBL", "=Anna", "1234567890"), BankAccount("SCB", "ThePixStock", "9876543210")


@pytest.fixture
def anna(photographers, banked):
    anna = photographers("anna")
    bank_at(anna, ACCOUNT)
    return anna


@pytest.fixture
def banked(aws):
    organizations.set_bank_account(SECOND, version=organizations.get(DEFAULT).version, account=HOUSE)


def bank_at(photographer, account):
    version = photographer_pages.show_own(photographer).photographer.version
    photographer_pages.change(photographer, version=version, told={"bank_account": account})


@pytest.fixture
def event(aws):
    return planned()


@pytest.fixture
def sell(event):
    """Books the shares of a photo of somebody's: half of it is theirs, a fifth the organizer's."""

    def sold(photographer, amount=100_00):
        line = QuoteLine("photos", event.id, "-", (ids.new("pho"),), (), amount, amount, "-", (photographer.user,))
        (shares,) = revenue.shares_of(DEFAULT, [line])
        order = ids.new("ord")
        revenue.book(DEFAULT, order=order, line="line-1", subject=event.id, shares=shares, currency="THB")
        return order

    return sold
