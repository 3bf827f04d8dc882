"""The currencies that may be sold in."""

import pytest

from chalicelib.core.errors import Invalid
from chalicelib.core.money import decimals
from chalicelib.lines.photos.pricing import PriceList, default_packages
from chalicelib.organizations import service
from chalicelib.organizations.model import CURRENCIES
from chalicelib.payments.gateways import ADAPTERS


@pytest.mark.parametrize("currency", CURRENCIES)
def test_each_has_a_way_to_pay_and_packages_to_begin_with(currency):
    packages = default_packages(currency)

    assert any(currency in adapter.offer.currencies for adapter in ADAPTERS)
    assert PriceList("org_1", None, packages).packages == packages
    assert packages == default_packages("THB") if currency == "THB" else packages != default_packages("THB")
    assert [each.price for each in packages] == sorted({each.price for each in packages})
    assert decimals(currency) in (0, 2)


def test_another_one_is_refused_and_nothing_is_founded(aws):
    with pytest.raises(Invalid, match="unknown_currency"):
        service.create("Trail", currency="XAU")


def test_a_currency_from_before_there_was_a_list_still_has_prices():
    assert default_packages("XOF") == default_packages("THB")
