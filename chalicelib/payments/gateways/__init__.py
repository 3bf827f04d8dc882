"""Payment gateways behind one contract. An adapter joins by its line in `ADAPTERS`."""

from collections.abc import Collection
from functools import cache

from chalicelib.core.errors import Unprocessable
from chalicelib.payments.gateways.bank_transfer import BankTransfer
from chalicelib.payments.gateways.cloudpayments import CloudPayments
from chalicelib.payments.gateways.contract import Adapter, Disputer, Gateway, GatewayAccount, Holder, Keeper, Offer
from chalicelib.payments.gateways.crypto import Crypto
from chalicelib.payments.gateways.kaspi import Kaspi
from chalicelib.payments.gateways.paynoi import PayNoi
from chalicelib.payments.gateways.paypal import PayPal
from chalicelib.payments.gateways.promptpay import PromptPay
from chalicelib.payments.gateways.stripe import Stripe

ADAPTERS: tuple[type[Adapter], ...] = (
    PayNoi,
    Stripe,
    PromptPay,
    PayPal,
    Crypto,
    CloudPayments,
    Kaspi,
    BankTransfer,
)
"""In the order in which they are offered where an organization has not chosen one."""

_BY_NAME = {adapter.offer.gateway: adapter for adapter in ADAPTERS}
NAMES = frozenset(_BY_NAME)
"""The gateways that payments may go through."""

FIRST = PayNoi.offer.gateway
"""The one that was there before there were several: what names none means it."""


def open_to(organization: str, currency: str, named: Collection[str]) -> list[Offer]:
    """The ways to pay an organization could offer in a currency: those of gateways where it has an account.

    What is by choice only if it is `named`.
    """
    return [
        adapter.offer
        for adapter in ADAPTERS
        if currency in adapter.offer.currencies
        and (adapter.offer.gateway in named or not adapter.offer.by_choice)
        and adapter.account_of(organization) is not None
    ]


@cache
def of_name(name: str) -> Gateway:
    """Raises KeyError for a gateway that is not known."""
    return _BY_NAME[name].connected()


def offer_of(name: str) -> Offer:
    """Raises KeyError for a gateway that is not known."""
    return _BY_NAME[name].offer


def holder(name: str) -> Holder:
    """Raises LookupError for a gateway that can not set money aside."""
    found = of_name(name)
    if not isinstance(found, Holder):
        raise LookupError(f"{name} sets no money aside")
    return found


def knows_disputes(name: str) -> bool:
    return name in _BY_NAME and _BY_NAME[name].offer.disputes


def disputer(name: str) -> Disputer:
    """Raises LookupError for a gateway through which nothing is disputed."""
    found = of_name(name)
    if not isinstance(found, Disputer):
        raise LookupError(f"{name} knows no disputes")
    return found


def keeper(name: str) -> Keeper:
    """Raises Unprocessable for a gateway that keeps nothing."""
    found = of_name(name)
    if not isinstance(found, Keeper):
        raise Unprocessable("method_not_saved_here", "This payment service keeps no payment methods.")
    return found


def account_of(organization: str, name: str) -> GatewayAccount:
    """The organization's account at a gateway. `name` as in `of_name`. Raises Unprocessable where it has none."""
    account = _BY_NAME[name].account_of(organization)
    if account is None:
        raise Unprocessable("gateway_not_set_up", "There is no account at this payment service.")
    return account
