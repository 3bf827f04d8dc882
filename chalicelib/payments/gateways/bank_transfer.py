"""A transfer to the organization's own bank account. Nobody can be asked about it: people look at the statement."""

from datetime import timedelta
from typing import ClassVar, Self

from chalicelib.configuration import service as configuration
from chalicelib.core import clock
from chalicelib.core.errors import Unprocessable
from chalicelib.organizations import service as organizations
from chalicelib.payments.gateways import emvco
from chalicelib.payments.gateways.contract import (
    Charge,
    GatewayAccount,
    Headers,
    Located,
    Method,
    Notification,
    Offer,
    Picture,
    Returned,
    State,
    Status,
    Transfer,
)
from chalicelib.payments.gateways.terms import Terms
from chalicelib.payments.gateways.wire import forged, refused
from chalicelib.payments.settings import PaymentMethods

CURRENCY = "THB"
_READ_OUT = 8
"""Characters of a reference, which people type."""

_PROXIES = {"phone": emvco.Proxy.PHONE, "national_id": emvco.Proxy.TAX_ID, "e_wallet": emvco.Proxy.EWALLET}


class BankTransfer:
    name = "bank_transfer"
    offer: ClassVar[Offer] = Offer(name, "Bank transfer", "transfer", (CURRENCY,), by_choice=True)
    refunds = False

    @classmethod
    def connected(cls) -> Self:
        return cls()

    @staticmethod
    def account_of(organization: str) -> GatewayAccount | None:
        held = organizations.get(organization)
        account = organizations.open_account(held.id, held.id, held.bank_account)
        if account is None:
            return None
        days = configuration.read(organization, PaymentMethods).transfer_days
        return GatewayAccount(
            api_key="",
            key_id=account.bank,
            account=account.number,
            type=account.holder,
            payable_for=timedelta(days=days),
            proxy=(account.promptpay.kind, account.promptpay.number) if account.promptpay else None,
        )

    def create(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        if currency != CURRENCY or account.payable_for is None:
            raise refused()
        terms = Terms(reference, clock.now() + account.payable_for, amount)
        where = Transfer(account.key_id, account.account, account.type, reference[-_READ_OUT:])
        return Charge(terms.name, amount, CURRENCY, where, terms.until, code=_code(account, amount))

    def check(self, account: GatewayAccount, transaction_id: str) -> Status:
        """Never captured: that is what people say, not a gateway."""
        try:
            terms = Terms.read(transaction_id)
        except ValueError as error:
            raise refused() from error
        state: State = "pending" if clock.now() < terms.until else "expired"
        return Status(transaction_id, state, terms.amount, CURRENCY, terms.reference, None)

    def cancel(self, account: GatewayAccount, transaction_id: str) -> None:
        """Nobody needs to be told."""

    def refund(self, account: GatewayAccount, *, transaction_id: str, amount: int, currency: str, key: str) -> Returned:
        raise Unprocessable("refund_by_hand", "A bank account gives no money back by itself. Transfer it.")

    def describe_method(self, account: GatewayAccount, token: str) -> Method:
        raise Unprocessable("method_not_saved_here", "Nothing can be saved for a transfer.")

    def locate(self, raw: bytes, headers: Headers) -> Located:
        raise forged()

    def verify(self, account: GatewayAccount, raw: bytes, headers: Headers) -> Notification:
        raise forged()

    def acknowledgement(self, told: Notification) -> dict[str, object]:
        return {}


def _code(account: GatewayAccount, amount: int) -> Picture | None:
    """Asks for the amount, to whoever has the number. It can be paid for good, and knows no reference."""
    if account.proxy is None:
        return None
    kind, number = account.proxy
    text = emvco.credit_transfer(_PROXIES[kind], number, amount)
    return Picture(emvco.png(text), text)
