"""Kaspi Pay: the buyer scans a QR code, or follows the link in it, and pays in Kaspi's app, in tenge.

Kaspi is asked how a link stands, as often as it wants to be; it tells nobody by itself. Its documents are given to
partners only, so this is what partners made public. Not verified live; docs/gateways.md says what was assumed.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self
from urllib.parse import urlencode

from pydantic import AwareDatetime, BeforeValidator, Field, ValidationError

from chalicelib.core.errors import Unprocessable
from chalicelib.core.secrets import secrets
from chalicelib.core.settings import settings
from chalicelib.payments.gateways import emvco, returns
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
)
from chalicelib.payments.gateways.store import Kept
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
    unavailable,
)

if TYPE_CHECKING:
    from ssl import SSLContext

CURRENCY = "KZT"
_BUSY = -999
"""What Kaspi says when it can not answer at the moment; any other code than 0 is a refusal."""

_STATES: dict[str, State] = {
    **dict.fromkeys(("QrTokenCreated", "Wait", "QrTokenScanned", "PaymentConfirmation"), "pending"),
    "RemotePaymentCreated": "pending",
    "Processed": "captured",
    **dict.fromkeys(("QrTokenDiscarded", "Expired"), "expired"),
    **dict.fromkeys(("Error", "ProcessingFailed", "Rejected", "InsufficientFunds", "NotConfirmedByUser"), "failed"),
    **dict.fromkeys(("CancelledByUser", "CancelledByExternalSource"), "failed"),
    **dict.fromkeys(("RemotePaymentCanceled", "RemotePaymentRejected"), "failed"),
}


_Tiyn = Annotated[int, BeforeValidator(minor_units)]


class _Said(Wire):
    code: int = Field(alias="StatusCode")
    data: Any = Field(None, alias="Data")


class _Behaviour(Wire):
    interval: int = Field(5, alias="StatusPollingInterval", ge=1, le=60)


class _Link(Wire):
    id: int = Field(alias="PaymentId", gt=0, lt=10**18)
    url: str = Field(alias="PaymentLink", pattern=r"^https?://[!-~]+$")
    ends: AwareDatetime = Field(alias="ExpireDate")
    behaviour: _Behaviour = Field(_Behaviour(), alias="PaymentBehaviorOptions")


class _Standing(Wire):
    status: str = Field(alias="Status")


class _Details(Wire):
    id: int = Field(alias="QrPaymentId")
    total: _Tiyn = Field(alias="TotalAmount")
    left: _Tiyn = Field(alias="AvailableReturnAmount")


class _Given(Wire):
    number: int = Field(alias="ReturnOperationId")


@dataclass(frozen=True, slots=True)
class _Payment:
    """A transaction's name: what was agreed, and Kaspi's own number."""

    terms: Terms
    number: int

    @property
    def name(self) -> str:
        return f"{self.terms.name}.{self.number}"

    @classmethod
    def asked(cls, name: str) -> Self:
        """Raises Unprocessable for a name that no payment has."""
        terms, _, number = name.partition(".")
        try:
            return cls(Terms.read(terms), int(number))
        except ValueError:
            raise refused() from None


class Kaspi:
    """`timeout` as of `wire.Line`. `journal` remembers refunds: Kaspi knows them by no key of ours."""

    name = "kaspi"
    offer: ClassVar[Offer] = Offer(name, "Kaspi", "qr_code", (CURRENCY,))
    refunds = True

    def __init__(
        self, base_url: str, *, timeout: tuple[float, float] = (2, 8), journal: returns.Journal | None = None
    ) -> None:
        self._open = partial(Line, base_url, timeout)
        self._lines: dict[str, Line] = {}
        self._opening = threading.Lock()
        self._journal = journal or Kept()

    @classmethod
    def connected(cls) -> Self:
        return cls(settings().kaspi_url)

    @staticmethod
    def account_of(organization: str) -> GatewayAccount | None:
        known = secrets()
        held = known.kaspi_of_organizations.get(organization, known.kaspi)
        if held is None:
            return None
        return GatewayAccount(
            api_key=held.api_key.get_secret_value(),
            key_id=held.device_token.get_secret_value(),
            account=held.organization_bin,
            certificate=held.certificate.get_secret_value() if held.certificate else "",
        )

    def create(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        if currency != CURRENCY:
            raise refused()
        wanted = _desk(account) | {"Amount": decimals(amount), "ExternalId": reference}
        link = _read(_Link, self._ask(account, "POST", "/r3/v01/qr/create-link", wanted))
        payment = _Payment(Terms(reference, link.ends, amount), link.id)
        means = Picture(emvco.png(link.url), link.url, link.url)
        return Charge(payment.name, amount, CURRENCY, means, link.ends.astimezone(UTC), link.behaviour.interval)

    def check(self, account: GatewayAccount, transaction_id: str) -> Status:
        payment = _Payment.asked(transaction_id)
        found = _read(_Standing, self._ask(account, "GET", f"/r3/v02/payment/status/{payment.number}"))
        state = _STATES.get(found.status, "unknown")
        return Status(
            transaction_id=transaction_id,
            state=state,
            amount=self._details(account, payment).total if state == "captured" else payment.terms.amount,
            currency=CURRENCY,
            reference=payment.terms.reference,
            account=None,
        )

    def cancel(self, account: GatewayAccount, transaction_id: str) -> None:
        """A link ends by itself within minutes; nothing ends it sooner."""
        if self.check(account, transaction_id).state == "captured":
            raise refused()

    def refund(self, account: GatewayAccount, *, transaction_id: str, amount: int, currency: str, key: str) -> Returned:
        payment = _Payment.asked(transaction_id)

        def ask() -> str:
            wanted = _desk(account) | {"QrPaymentId": payment.number, "Amount": decimals(amount)}
            return str(_read(_Given, self._ask(account, "POST", "/r3/v01/payment/return", wanted)).number)

        return returns.give_back(
            self._journal, transaction_id, key, amount, lambda: self._details(account, payment).left, ask
        )

    def describe_method(self, account: GatewayAccount, token: str) -> Method:
        raise Unprocessable("method_not_saved_here", "Nothing is saved at this payment service.")

    def locate(self, raw: bytes, headers: Headers) -> Located:
        raise forged()

    def verify(self, account: GatewayAccount, raw: bytes, headers: Headers) -> Notification:
        raise forged()

    def acknowledgement(self, told: Notification) -> dict[str, object]:
        return {}

    def _details(self, account: GatewayAccount, payment: _Payment) -> _Details:
        query = urlencode({"QrPaymentId": payment.number, "DeviceToken": account.key_id})
        found = _read(_Details, self._ask(account, "GET", f"/r3/v01/payment/details?{query}"))
        if found.id != payment.number:
            raise unavailable()
        return found

    def _ask(self, account: GatewayAccount, method: str, path: str, wanted: Mapping[str, object] | None = None) -> Any:
        """The data of an answer. What Kaspi says of a refusal stops here."""
        body = None if wanted is None else as_json(wanted)
        status, raw = self._line(account).send(method, path, headers={"Api-Key": account.api_key}, body=body)
        if 400 <= status < 500 and status != HTTPStatus.TOO_MANY_REQUESTS:
            raise refused()
        if status != HTTPStatus.OK:
            raise unavailable()
        try:
            said = _Said.model_validate(DECODER.decode(raw.decode()))
        except MALFORMED:
            raise unavailable() from None
        if said.code == _BUSY:
            raise unavailable()
        if said.code != 0:
            raise refused()
        return said.data

    def _line(self, account: GatewayAccount) -> Line:
        """One for each certificate: Kaspi knows by it who calls."""
        with self._opening:
            if account.certificate not in self._lines:
                self._lines[account.certificate] = self._open(identity=identity(account.certificate))
            return self._lines[account.certificate]


def identity(certificate: str) -> "SSLContext | None":
    """The PEM of a certificate and its key as TLS uses it; None for none. Raises ssl.SSLError."""
    import ssl
    from tempfile import NamedTemporaryFile

    if not certificate:
        return None
    context = ssl.create_default_context()
    with NamedTemporaryFile("w", suffix=".pem") as file:  # readable by us alone, and only while it is loaded
        file.write(certificate)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _desk(account: GatewayAccount) -> dict[str, object]:
    return {"DeviceToken": account.key_id, "OrganizationBin": account.account}


def _read(kind: type[Answer], given: object) -> Answer:
    try:
        return kind.model_validate(given)
    except ValidationError:
        raise unavailable() from None
