"""PromptPay without a gateway between: a bill of ours in the QR code, and the biller's bank asked whether it was paid.

The bank is Siam Commercial Bank with its interface for billers: a token for key and secret, an inquiry by references
and day, and a notice to an address of ours. It signs nothing, so that address ends in a key. Not verified live;
docs/gateways.md has what was assumed. A QR code stays payable for good: nothing withdraws it at the bank.
"""

import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlencode
from uuid import uuid4

from pydantic import AfterValidator, Field

from chalicelib.core import clock
from chalicelib.core.errors import Unprocessable
from chalicelib.core.secrets import secrets
from chalicelib.core.settings import settings
from chalicelib.payments.gateways import emvco
from chalicelib.payments.gateways.contract import (
    WEBHOOK_KEY,
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
)
from chalicelib.payments.gateways.terms import Terms
from chalicelib.payments.gateways.wire import Line, Tokens, Wire, answered, forged, refused

CURRENCY = "THB"
BILL_IN_QR = "00300100"
"""What the bank calls a payment of a bill by QR code."""

PAYABLE_FOR = timedelta(minutes=15)
THAILAND = timezone(timedelta(hours=7))
WEBHOOK_LIMIT = 64 * 1024

_DAYS = 3
"""On which a charge is asked about: it may begin before a midnight, and is watched for a day after it expired."""

_NO_RECORD = 1104
_STAYED: dict[str, State] = {"": "captured", "N": "captured", "R": "failed"}
"""By what the bank notes beside money: whether it was taken back."""


def _in_thailand(moment: datetime) -> datetime:
    """The bank's times have a zone, and mean Thailand's where one has none."""
    return moment if moment.tzinfo else moment.replace(tzinfo=THAILAND)


def _whole_satang(baht: Decimal) -> Decimal:
    if baht * 100 % 1:
        raise ValueError("not a whole number of satang")
    return baht


class _Notice(Wire):
    id: str = Field(alias="transactionId", pattern=r"^[A-Za-z0-9]{1,64}$")
    at: Annotated[datetime, AfterValidator(_in_thailand)] = Field(alias="transactionDateandTime")
    first: str = Field(alias="billPaymentRef1")
    second: str = Field(alias="billPaymentRef2")


class _Payment(_Notice):
    """What the bank has of one payment of a bill."""

    amount: Annotated[Decimal, Field(gt=0, lt=10**11), AfterValidator(_whole_satang)]
    currency: str = Field(alias="currencyCode")
    biller: str = Field(alias="payeeProxyId")
    taken_back: str | None = Field(None, alias="reverseFlag")

    @property
    def state(self) -> State:
        return _STAYED.get(self.taken_back or "", "unknown")


class _Code(Wire):
    code: int


class _Refusal(Wire):
    status: _Code


class _Success(Wire):
    code: Literal[1000]


class _Found(Wire):
    status: _Success
    data: tuple[_Payment, ...] | None = None


class _Grant(Wire):
    token: str = Field(alias="accessToken", pattern=r"^[!-~]+$")
    seconds: int = Field(alias="expiresIn", gt=0)


class _Granted(Wire):
    status: _Success
    data: _Grant


@dataclass(frozen=True, slots=True)
class _Asked:
    """A transaction's name: its terms, and of money that a notice told of, the day and the bank's own id."""

    terms: Terms
    day: date | None = None
    id: str | None = None

    @property
    def name(self) -> str:
        return self.terms.name if self.day is None else f"{self.terms.name}.{self.day:%Y%m%d}.{self.id}"

    @classmethod
    def read(cls, name: str) -> Self:
        """Raises ValueError."""
        terms, *told = name.split(".")
        if not told:
            return cls(Terms.read(terms))
        day, id = told
        return cls(Terms.read(terms), datetime.strptime(day, "%Y%m%d").replace(tzinfo=THAILAND).date(), id)

    def days(self) -> list[date]:
        """In Thailand, on which money for it may have come."""
        first = (self.terms.until - PAYABLE_FOR).astimezone(THAILAND).date()
        last = min(clock.now().astimezone(THAILAND).date(), first + timedelta(days=_DAYS - 1))
        found = {first + timedelta(days=n) for n in range((last - first).days + 1)}
        return sorted(found | ({self.day} if self.day else set()))


class PromptPay:
    """`timeout` as of `wire.Line`."""

    name = "promptpay"
    offer: ClassVar[Offer] = Offer(name, "PromptPay", "qr_code", (CURRENCY,))
    refunds = False

    def __init__(self, base_url: str, *, timeout: tuple[float, float] = (2, 8)) -> None:
        self._line = Line(base_url, timeout)
        self._tokens = Tokens()

    @classmethod
    def connected(cls) -> Self:
        return cls(settings().promptpay_url)

    @staticmethod
    def account_of(organization: str) -> GatewayAccount | None:
        known = secrets()
        held = known.promptpay_of_organizations.get(organization, known.promptpay)
        if held is None:
            return None
        return GatewayAccount(
            api_key=held.api_secret.get_secret_value(),
            key_id=held.api_key.get_secret_value(),
            account=held.biller_id,
            type=held.reference_prefix,
            webhook_secrets=tuple(key.get_secret_value() for key in held.webhook_keys),
        )

    def create(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        if currency != CURRENCY:
            raise refused()
        terms = Terms(reference, clock.now() + PAYABLE_FOR, amount)
        code = emvco.bill_payment(account.account, *terms.halves, amount, terminal=account.type)
        return Charge(terms.name, amount, CURRENCY, Picture(emvco.png(code), code), terms.until)

    def check(self, account: GatewayAccount, transaction_id: str) -> Status:
        """Of several payments of one bill the first is the charge's own; each of the others has a name of its own."""
        try:
            asked = _Asked.read(transaction_id)
        except ValueError as error:
            raise refused() from error
        terms = asked.terms
        came = sorted(self._paid(account, asked), key=lambda paid: (paid.at, paid.id))
        wanted = [paid for paid in came if asked.id in (None, paid.id)]
        if not wanted:
            state: State = "pending" if clock.now() < terms.until else "expired"
            return Status(transaction_id, state, terms.amount, CURRENCY, terms.reference, None)
        paid = wanted[0]
        return Status(
            transaction_id=terms.name if paid is came[0] else transaction_id,
            state=paid.state,
            amount=int(paid.amount * 100),
            currency=CURRENCY if paid.currency == emvco.BAHT else paid.currency,
            reference=terms.reference,
            account=paid.biller,
        )

    def cancel(self, account: GatewayAccount, transaction_id: str) -> None:
        if self.check(account, transaction_id).state == "captured":
            raise refused()

    def refund(self, account: GatewayAccount, *, transaction_id: str, amount: int, currency: str, key: str) -> Returned:
        raise Unprocessable("refund_by_hand", "The bank gives no money back by itself. Transfer it.")

    def describe_method(self, account: GatewayAccount, token: str) -> Method:
        raise Unprocessable("method_not_saved_here", "Nothing can be saved for a QR code.")

    def locate(self, raw: bytes, headers: Headers) -> Located:
        told = _told(raw)
        return Located(told.name, told.terms.reference)

    def verify(self, account: GatewayAccount, raw: bytes, headers: Headers) -> Notification:
        told, key = _told(raw), headers.get(WEBHOOK_KEY, "").encode()
        # A sum, so that every key is compared and time does not tell which one fitted.
        if not sum(hmac.compare_digest(key, known.encode()) for known in account.webhook_secrets):
            raise forged()
        return Notification(told.name, told.terms.reference)

    def acknowledgement(self, told: Notification) -> dict[str, object]:
        return {"resCode": "00", "resDesc": "success", "transactionId": _Asked.read(told.transaction_id).id}

    def _paid(self, account: GatewayAccount, asked: _Asked) -> Iterator[_Payment]:
        """What came for a bill, on all days on which it may have come."""
        first, second = asked.terms.halves
        for day in asked.days():
            wanted = {
                "eventCode": BILL_IN_QR,
                "transactionDate": day.isoformat(),
                "billerId": account.account,
                "reference1": first,
                "reference2": second,
            }
            for paid in self._inquire(account, f"/v1/payment/billpayment/inquiry?{urlencode(wanted)}"):
                if (paid.first, paid.second) == (first, second):
                    yield paid

    def _inquire(self, account: GatewayAccount, path: str) -> tuple[_Payment, ...]:
        status, raw = self._send("GET", path, account, token=self._token(account))
        if status == HTTPStatus.UNAUTHORIZED:  # the bank ended the token before its time
            self._tokens.forget(account)
            status, raw = self._send("GET", path, account, token=self._token(account))
        if status != HTTPStatus.NOT_FOUND:
            return answered(_Found, status, raw).data or ()
        if answered(_Refusal, HTTPStatus.OK, raw).status.code != _NO_RECORD:
            raise refused()
        return ()

    def _token(self, account: GatewayAccount) -> str:
        def ask() -> tuple[str, int]:
            body = {"applicationKey": account.key_id, "applicationSecret": account.api_key}
            status, raw = self._send("POST", "/v1/oauth/token", account, body=body)
            grant = answered(_Granted, status, raw).data
            return grant.token, grant.seconds

        return self._tokens.of(account, ask)

    def _send(
        self, method: str, path: str, account: GatewayAccount, *, body: Any = None, token: str | None = None
    ) -> tuple[int, bytes]:
        headers = {"resourceOwnerId": account.key_id, "requestUId": uuid4().hex, "accept-language": "EN"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        written = None if body is None else json.dumps(body).encode()
        return self._line.send(method, path, headers=headers, body=written)


def _told(raw: bytes) -> _Asked:
    """What a notice is about. Raises Unauthorized for anything but a well-formed one about a charge of ours."""
    if len(raw) > WEBHOOK_LIMIT:
        raise forged()
    try:
        notice = _Notice.model_validate_json(raw)
        terms = Terms.read(f"{notice.first}{notice.second}")
    except ValueError as error:
        raise forged() from error
    return _Asked(terms, notice.at.astimezone(THAILAND).date(), notice.id)
