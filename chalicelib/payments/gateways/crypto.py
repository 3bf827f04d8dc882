"""Cryptocurrencies by hosted charges, as Coinbase Commerce has them: a page per charge, and a story of what came to it.

What came is compared with what was asked here, not there: too little or too much waits for a person. Nothing goes back
by itself. Not verified live; docs/gateways.md has what was assumed.
"""

import hashlib
import hmac
import json
import re
from decimal import Decimal
from typing import Annotated, ClassVar, Self, TypeVar

from pydantic import AwareDatetime, Field, ValidationError

from chalicelib.core.errors import Unprocessable
from chalicelib.core.secrets import secrets
from chalicelib.core.settings import settings
from chalicelib.payments.gateways.contract import (
    Charge,
    GatewayAccount,
    Headers,
    Located,
    Method,
    Notification,
    Offer,
    Redirect,
    Returned,
    State,
    Status,
)
from chalicelib.payments.gateways.wire import Line, Wire, answered, forged, refused, unavailable

VERSION = "2018-03-22"
WEBHOOK_LIMIT = 256 * 1024
_TWO_DECIMALS = "AUD BRL CAD CHF CZK DKK EUR GBP HKD INR MXN MYR NOK NZD PHP PLN SEK SGD THB USD ZAR"
_WITHOUT_DECIMALS = "JPY KRW"
CURRENCIES = tuple(f"{_TWO_DECIMALS} {_WITHOUT_DECIMALS}".split())
_NAME = re.compile(r"([A-Za-z0-9-]{1,60})(?:\.([1-9][0-9]{0,2}))?")

_STATES: dict[str, State] = {
    "NEW": "pending",
    "SIGNED": "pending",
    "PENDING": "pending",
    "COMPLETED": "captured",
    "UNRESOLVED": "captured",
    "RESOLVED": "captured",
    "REFUND PENDING": "captured",
    "REFUNDED": "captured",
    "EXPIRED": "expired",
    "CANCELED": "expired",
    "FAILED": "failed",
}
"""By the last thing that happened. `UNRESOLVED` is money that came otherwise than asked: late, or another amount."""


class _Money(Wire):
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    value: Annotated[Decimal, Field(ge=0, lt=10**11, alias="amount")]

    @property
    def amount(self) -> int:
        """Minor units; a part of one is nobody's."""
        return int(self.value.scaleb(_decimals(self.currency)))


class _Local(Wire):
    local: _Money


class _Seen(Wire):
    status: str


class _Payment(_Seen):
    value: _Local

    @property
    def is_confirmed(self) -> bool:
        return self.status.upper() == "CONFIRMED"


_AnyPayment = TypeVar("_AnyPayment", bound=_Seen)


class _Metadata(Wire):
    reference: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")


class _Step(Wire):
    status: str


class _Paid(Wire):
    """A charge as far as webhooks are read."""

    id: str = Field(pattern=r"^[A-Za-z0-9-]{1,60}$")
    metadata: _Metadata
    payments: tuple[_Seen, ...] = ()

    @property
    def name(self) -> str:
        """Of the money that came last: the first is the charge's own, each other one has a name of its own."""
        count = len(_held(self.payments))
        return f"{self.id}.{count}" if count > 1 else self.id


class _Charge(_Paid):
    page: str = Field(alias="hosted_url")
    expires_at: AwareDatetime
    pricing: _Local
    timeline: Annotated[tuple[_Step, ...], Field(min_length=1)]
    payments: tuple[_Payment, ...] = ()

    def told(self, number: int) -> Status:
        """Of the first money, the second and so on: money that is there counts, whatever became of the charge."""
        happened, came = self.timeline[-1].status, _held(self.payments)
        name = self.id if number == 1 else f"{self.id}.{number}"
        state, money = _STATES.get(happened, "unknown"), self.pricing.local
        is_all = happened == "COMPLETED" and len(came) <= number == 1
        if state not in ("pending", "unknown") and not is_all:
            if number <= len(came):
                state, money = (
                    ("captured" if came[number - 1].is_confirmed else "pending"),
                    came[number - 1].value.local,
                )
            elif state == "captured":
                state = "pending"  # it was seen, and is to come
        return Status(name, state, money.amount, money.currency, self.metadata.reference, None)


class _Answer(Wire):
    charge: _Charge = Field(alias="data")


class _About(Wire):
    charge: _Paid = Field(alias="data")


class _Event(Wire):
    event: _About


class Crypto:
    """`timeout` as of `wire.Line`."""

    name = "crypto"
    offer: ClassVar[Offer] = Offer(name, "Cryptocurrency", "redirect", CURRENCIES, by_choice=True)
    refunds = False

    def __init__(self, base_url: str, *, timeout: tuple[float, float] = (2, 8)) -> None:
        self._url = base_url.rstrip("/")
        self._line = Line(self._url, timeout)

    @classmethod
    def connected(cls) -> Self:
        return cls(settings().crypto_url)

    @staticmethod
    def account_of(organization: str) -> GatewayAccount | None:
        known = secrets()
        held = known.crypto_of_organizations.get(organization, known.crypto)
        if held is None:
            return None
        return GatewayAccount(
            api_key=held.api_key.get_secret_value(),
            webhook_secrets=tuple(secret.get_secret_value() for secret in held.webhook_secrets),
            return_url=held.return_url,
        )

    def create(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        if currency not in CURRENCIES:
            raise refused()
        page = account.returning(reference)
        body = {
            "name": "Photos",
            "description": reference,
            "pricing_type": "fixed_price",
            "local_price": {"amount": f"{Decimal(amount).scaleb(-_decimals(currency)):f}", "currency": currency},
            "metadata": {"reference": reference},
            "redirect_url": page,
            "cancel_url": page,
        }
        made = self._ask(account, "POST", "/charges", body)
        asked = made.pricing.local
        if (asked.amount, asked.currency) != (amount, currency) or not made.page.startswith(("https://", self._url)):
            raise unavailable()
        return Charge(made.id, amount, currency, Redirect(made.page), made.expires_at)

    def check(self, account: GatewayAccount, transaction_id: str) -> Status:
        name = _NAME.fullmatch(transaction_id)
        if name is None:
            raise refused()
        charge = self._ask(account, "GET", f"/charges/{name[1]}")
        if charge.id != name[1]:
            raise unavailable()
        return charge.told(int(name[2] or 1))

    def cancel(self, account: GatewayAccount, transaction_id: str) -> None:
        try:
            self._ask(account, "POST", f"/charges/{transaction_id}/cancel", {})
        except Unprocessable:
            if self.check(account, transaction_id).state != "expired":
                raise

    def refund(self, account: GatewayAccount, *, transaction_id: str, amount: int, currency: str, key: str) -> Returned:
        raise Unprocessable("refund_by_hand", "Nobody can take back what came over a chain. Transfer it.")

    def describe_method(self, account: GatewayAccount, token: str) -> Method:
        raise Unprocessable("method_not_saved_here", "Nothing is saved for cryptocurrencies.")

    def locate(self, raw: bytes, headers: Headers) -> Located:
        told = _told(raw)
        return Located(told.name, told.metadata.reference)

    def verify(self, account: GatewayAccount, raw: bytes, headers: Headers) -> Notification:
        told, proof = _told(raw), headers.get("x-cc-webhook-signature", "").encode()
        keys = [secret.encode() for secret in account.webhook_secrets]
        # A sum, so that every secret is compared and time does not tell which one fitted.
        if not sum(hmac.compare_digest(hmac.new(key, raw, hashlib.sha256).hexdigest().encode(), proof) for key in keys):
            raise forged()
        return Notification(told.name, told.metadata.reference)

    def acknowledgement(self, told: Notification) -> dict[str, object]:
        return {"received": True}

    def _ask(self, account: GatewayAccount, method: str, path: str, body: object = None) -> _Charge:
        headers = {"X-CC-Api-Key": account.api_key, "X-CC-Version": VERSION}
        written = None if body is None else json.dumps(body).encode()
        status, raw = self._line.send(method, path, headers=headers, body=written)
        return answered(_Answer, status, raw).charge


def _held(payments: tuple[_AnyPayment, ...]) -> tuple[_AnyPayment, ...]:
    """Those that did not come to nothing."""
    return tuple(payment for payment in payments if payment.status.upper() != "FAILED")


def _told(raw: bytes) -> _Paid:
    """What an event is about. Raises Unauthorized for anything but a well-formed one about a charge."""
    if len(raw) > WEBHOOK_LIMIT:
        raise forged()
    try:
        return _Event.model_validate_json(raw).event.charge
    except ValidationError:
        raise forged() from None


def _decimals(currency: str) -> int:
    return 0 if currency in _WITHOUT_DECIMALS.split() else 2
