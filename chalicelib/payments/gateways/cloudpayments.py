"""CloudPayments: cards and what else a site takes in Kazakhstan and Russia, on a page of CloudPayments' own.

A charge is a link that is paid once. Links can not be asked about, only what was paid for an invoice; so the invoice
says what was agreed (`terms.py`). Not verified live; docs/gateways.md has the facts and what was assumed.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import parse_qsl

from pydantic import BeforeValidator, Field, ValidationError

from chalicelib.core import clock
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
from chalicelib.payments.gateways.terms import Terms
from chalicelib.payments.gateways.wire import (
    DECODER,
    MALFORMED,
    Answer,
    Line,
    Wire,
    as_json,
    decimals,
    forged,
    minor_units,
    refused,
    text,
    unavailable,
)

CURRENCIES = ("KZT", "RUB", "USD", "EUR", "GBP", "AMD", "AZN", "BYN", "GEL", "KGS", "UZS")
"""Those with two decimals of what CloudPayments lists; which of them a site takes is in its contract."""

PAYABLE_FOR = timedelta(minutes=55)
"""A link is found again by the request that made it, whose answer is kept for an hour."""

WEBHOOK_LIMIT = 64 * 1024
_NOT_FOUND = "Not found"
_CLOSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_STATES: dict[str, State] = {
    "AwaitingAuthentication": "pending",
    "Declined": "pending",  # the same link takes another card
    "Authorized": "authorized",
    "Completed": "captured",
    "Cancelled": "failed",
}
_RETURNED: dict[str, Literal["pending", "settled", "failed"]] = {
    "AwaitingAuthentication": "pending",
    "Authorized": "pending",
    "Completed": "settled",
    "Declined": "failed",
    "Cancelled": "failed",
}


def _object(written: object) -> object:
    """What was sent along with an operation: as an object, as its text, or nothing."""
    return json.loads(written) if isinstance(written, str) and written else written or {}


class _Operation(Wire):
    """A payment, or with `original` what was given back of one."""

    number: int = Field(alias="TransactionId")
    amount: Annotated[int, BeforeValidator(minor_units)] = Field(alias="Amount")
    currency: str = Field(alias="Currency")
    invoice: str = Field(alias="InvoiceId")
    status: str = Field(alias="Status")
    original: int | None = Field(None, alias="OriginalTransactionId")
    data: Annotated[Mapping[str, Any], BeforeValidator(_object)] = Field({}, alias="JsonData")


class _Order(Wire):
    id: str = Field(alias="Id", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    url: str = Field(alias="Url", pattern=r"^https?://[!-~]+$")


class _Made(Wire):
    number: int = Field(alias="TransactionId")


class _Said(Wire):
    """`model` is about a declined payment even where `success` is not."""

    success: bool = Field(alias="Success")
    message: str | None = Field(None, alias="Message")
    model: Any = Field(None, alias="Model")


@dataclass(frozen=True, slots=True)
class _Invoice:
    """What CloudPayments calls a charge, and so do we: its terms and currency."""

    terms: Terms
    currency: str

    @property
    def name(self) -> str:
        return f"{self.terms.name}.{self.currency}"

    @classmethod
    def read(cls, name: str) -> Self:
        """Raises ValueError."""
        terms, _, currency = name.partition(".")
        if currency not in CURRENCIES:
            raise ValueError("not a currency that is offered")
        return cls(Terms.read(terms), currency)

    @classmethod
    def asked(cls, name: str) -> Self:
        """Raises Unprocessable for a name that no invoice has."""
        try:
            return cls.read(name)
        except ValueError:
            raise refused() from None


class CloudPayments:
    """`timeout` as of `wire.Line`."""

    name = "cloudpayments"
    offer: ClassVar[Offer] = Offer(name, "Card", "redirect", CURRENCIES, holds=True)
    refunds = True

    def __init__(self, base_url: str, *, timeout: tuple[float, float] = (2, 8)) -> None:
        self._line = Line(base_url, timeout)

    @classmethod
    def connected(cls) -> Self:
        return cls(settings().cloudpayments_url)

    @staticmethod
    def account_of(organization: str) -> GatewayAccount | None:
        known = secrets()
        held = known.cloudpayments_of_organizations.get(organization, known.cloudpayments)
        if held is None:
            return None
        before = held.previous_api_secret
        return GatewayAccount(
            api_key=held.api_secret.get_secret_value(),
            key_id=held.public_id,
            previous_api_key=before.get_secret_value() if before else None,
            return_url=held.return_url or "",
        )

    def create(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        return self._open(account, amount, currency, reference, two_steps=False)

    def hold(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        return self._open(account, amount, currency, reference, two_steps=True)

    def check(self, account: GatewayAccount, transaction_id: str) -> Status:
        invoice = _Invoice.asked(transaction_id)
        return _status(invoice, self._payment(account, invoice))

    def capture(self, account: GatewayAccount, transaction_id: str) -> None:
        payment = self._payment(account, _Invoice.asked(transaction_id))
        if payment is None or payment.status not in ("Authorized", "Completed"):
            raise refused()
        if payment.status == "Authorized":
            wanted = {"TransactionId": payment.number, "Amount": decimals(payment.amount)}
            self._ask(account, "/payments/confirm", wanted)

    def cancel(self, account: GatewayAccount, transaction_id: str) -> None:
        invoice = _Invoice.asked(transaction_id)
        payment = self._payment(account, invoice)
        match _status(invoice, payment).state:
            case "authorized" if payment is not None:
                self._ask(account, "/payments/void", {"TransactionId": payment.number})
            case "pending":
                order = self._order(account, invoice, two_steps=False)  # asked again: the one that was made
                self._ask(account, "/orders/cancel", {"Id": order.id})
            case "captured":
                raise refused()

    def refund(self, account: GatewayAccount, *, transaction_id: str, amount: int, currency: str, key: str) -> Returned:
        """Looks at the latest operation first: what a request id stands for is forgotten after an hour."""
        invoice = _Invoice.asked(transaction_id)
        latest = self._latest(account, invoice, sure=False)
        if latest is None:
            raise refused()
        if latest.original is not None and latest.data.get("key") == key:
            return _returned(latest, amount)
        wanted = {
            "TransactionId": latest.original or latest.number,
            "Amount": decimals(amount),
            "JsonData": {"key": key},
        }
        made = _read(_Made, self._ask(account, "/payments/refund", wanted, request=key, sure=False))
        return _returned(self._operation(account, made.number), amount)

    def describe_method(self, account: GatewayAccount, token: str) -> Method:
        raise Unprocessable("method_not_saved_here", "Nothing is saved at this payment service.")

    def locate(self, raw: bytes, headers: Headers) -> Located:
        invoice = _told(raw, headers)
        return Located(invoice.name, invoice.terms.reference)

    def verify(self, account: GatewayAccount, raw: bytes, headers: Headers) -> Notification:
        invoice, shown = _told(raw, headers), headers.get("content-hmac", "").encode()
        keys = [key.encode() for key in (account.api_key, account.previous_api_key) if key]
        proofs = [base64.b64encode(hmac.digest(key, raw, hashlib.sha256)) for key in keys]
        # A sum, so that every key is tried and time does not tell which one fitted.
        if not sum(hmac.compare_digest(proof, shown) for proof in proofs):
            raise forged()
        return Notification(invoice.name, invoice.terms.reference)

    def acknowledgement(self, told: Notification) -> dict[str, object]:
        return {"code": 0}

    def _open(self, account: GatewayAccount, amount: int, currency: str, reference: str, *, two_steps: bool) -> Charge:
        if currency not in CURRENCIES:
            raise refused()
        invoice = _Invoice(Terms(reference, clock.now() + PAYABLE_FOR, amount), currency)
        order = self._order(account, invoice, two_steps=two_steps)
        return Charge(invoice.name, amount, currency, Redirect(order.url), invoice.terms.until)

    def _order(self, account: GatewayAccount, invoice: _Invoice, *, two_steps: bool) -> _Order:
        wanted: dict[str, object] = {
            "Amount": decimals(invoice.terms.amount),
            "Currency": invoice.currency,
            "Description": invoice.terms.reference,
            "InvoiceId": invoice.name,
            "RequireConfirmation": two_steps,
            "SendEmail": False,
        }
        if account.return_url:
            back = account.returning(invoice.terms.reference)
            wanted |= {"SuccessRedirectUrl": back, "FailRedirectUrl": back}
        return _read(_Order, self._ask(account, "/orders/create", wanted, request=invoice.name))

    def _payment(self, account: GatewayAccount, invoice: _Invoice) -> _Operation | None:
        latest = self._latest(account, invoice)
        if latest is None or latest.original is None:
            return latest
        return self._operation(account, latest.original)

    def _latest(self, account: GatewayAccount, invoice: _Invoice, *, sure: bool = True) -> _Operation | None:
        """The last thing that happened for an invoice, a refund too; None where nobody has tried to pay it."""
        said = self._said(account, "/v2/payments/find", {"InvoiceId": invoice.name}, sure=sure)
        if said.model is None:
            if said.success or said.message != _NOT_FOUND:
                raise refused()
            return None
        found = _read(_Operation, said.model)
        if found.invoice != invoice.name:
            raise unavailable()
        return found

    def _operation(self, account: GatewayAccount, number: int) -> _Operation:
        said = self._said(account, "/payments/get", {"TransactionId": number}, sure=False)
        found = _read(_Operation, said.model)
        if found.number != number:
            raise unavailable()
        return found

    def _ask(
        self,
        account: GatewayAccount,
        path: str,
        wanted: Mapping[str, object],
        *,
        request: str | None = None,
        sure: bool = True,
    ) -> Any:
        """The model of an answer. What CloudPayments says of a refusal stops here."""
        said = self._said(account, path, wanted, request=request, sure=sure)
        if not said.success:
            raise refused()
        return said.model

    def _said(
        self,
        account: GatewayAccount,
        path: str,
        wanted: Mapping[str, object],
        *,
        request: str | None = None,
        sure: bool = True,
    ) -> _Said:
        """Where it is not `sure` that a refusal of the key means that nothing ever happened, it counts as no answer."""
        proof = base64.b64encode(f"{account.key_id}:{account.api_key}".encode()).decode()
        headers = {"Authorization": f"Basic {proof}"} | ({"X-Request-ID": request} if request else {})
        status, raw = self._line.send("POST", path, headers=headers, body=as_json(wanted))
        if status in _CLOSED and not sure:
            raise unavailable()
        if 400 <= status < 500 and status != HTTPStatus.TOO_MANY_REQUESTS:
            raise refused()
        if status != HTTPStatus.OK:
            raise unavailable()
        try:
            return _Said.model_validate(DECODER.decode(raw.decode()))
        except MALFORMED as error:
            raise unavailable() from error


def _status(invoice: _Invoice, payment: _Operation | None) -> Status:
    state: State = "pending" if payment is None else _STATES.get(payment.status, "unknown")
    if state == "pending" and clock.now() >= invoice.terms.until:
        state = "expired"
    return Status(
        transaction_id=invoice.name,
        state=state,
        amount=invoice.terms.amount if payment is None else payment.amount,
        currency=invoice.currency if payment is None else payment.currency,
        reference=invoice.terms.reference,
        account=None,
    )


def _returned(refund: _Operation, amount: int) -> Returned:
    """Raises Unprocessable where its key stands for another amount."""
    if refund.amount != amount:
        raise refused()
    if refund.status not in _RETURNED:
        raise unavailable()
    return Returned(_RETURNED[refund.status], str(refund.number))


def _told(raw: bytes, headers: Headers) -> _Invoice:
    """What a notice is about. Raises Unauthorized for anything but a well-formed one about a charge of ours."""
    if len(raw) > WEBHOOK_LIMIT:
        raise forged()
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            return _Invoice.read(text(DECODER.decode(raw.decode())["InvoiceId"]))
        names = [value for name, value in parse_qsl(raw.decode(), strict_parsing=True) if name == "InvoiceId"]
        (invoice,) = names  # two readers of a name that stands twice would each believe another one
        return _Invoice.read(invoice)
    except (KeyError, TypeError, *MALFORMED):
        raise forged() from None


def _read(kind: type[Answer], given: object) -> Answer:
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise unavailable() from error
