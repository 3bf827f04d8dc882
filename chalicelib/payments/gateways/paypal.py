"""PayPal: the buyer agrees on a page of PayPal's, and we take the money when we see that they did.

A charge is an order (Orders v2). What nobody captures costs nobody anything, so an order that we withdraw is marked as
such at PayPal and left alone. Not verified live; docs/gateways.md says which of PayPal's documents each fact is from.
"""

import base64
import json
import re
import zlib
from contextlib import suppress
from http import HTTPStatus
from typing import Any, ClassVar, Self

from pydantic import ValidationError

from chalicelib.core import clock
from chalicelib.core.errors import Unprocessable
from chalicelib.core.secrets import secrets
from chalicelib.core.settings import PAYPAL, settings
from chalicelib.payments.gateways.certificates import Certificates
from chalicelib.payments.gateways.contract import (
    Charge,
    Disputed,
    GatewayAccount,
    Headers,
    Located,
    Method,
    Notification,
    Offer,
    Redirect,
    Returned,
    Status,
)
from chalicelib.payments.gateways.paypal_disputes import Dispute
from chalicelib.payments.gateways.paypal_wire import (
    CURRENCIES,
    LIFETIME,
    WITHDRAWN,
    Done,
    Event,
    Grant,
    Order,
    Refund,
    written,
)
from chalicelib.payments.gateways.wire import Line, Tokens, answered, forged, refused, unavailable

WEBHOOK_LIMIT = 256 * 1024
_ORDERS = "/v2/checkout/orders"
_DISPUTES = "/v1/customer/disputes"
_ORDER = re.compile(r"[A-Z0-9]{1,36}")
_DISPUTE = re.compile(r"[A-Za-z0-9-]{1,64}")
_TRANSMISSION = re.compile(r"[A-Za-z0-9-]{1,64}")
_TIME = re.compile(r"[0-9TZ:.+-]{1,40}")
_SIGNED_WITH = "SHA256withRSA"
_SUBJECTS = {PAYPAL: "messageverificationcerts.paypal.com"}
_OTHER_SUBJECT = "messageverificationcerts.sandbox.paypal.com"


class PayPal:
    """`timeout` as of `wire.Line`, `authority` as of `Certificates`."""

    name = "paypal"
    offer: ClassVar[Offer] = Offer(name, "PayPal", "redirect", CURRENCIES, disputes=True)
    refunds = True

    def __init__(self, base_url: str, *, timeout: tuple[float, float] = (2, 8), authority: str | None = None) -> None:
        self._url = base_url.rstrip("/")
        self._line = Line(self._url, timeout)
        self._tokens = Tokens()
        self._certificates = Certificates(self._url, _SUBJECTS.get(self._url, _OTHER_SUBJECT), timeout, authority)

    @classmethod
    def connected(cls) -> Self:
        return cls(settings().paypal_url, authority=settings().paypal_authority)

    @staticmethod
    def account_of(organization: str) -> GatewayAccount | None:
        known = secrets()
        held = known.paypal_of_organizations.get(organization, known.paypal)
        if held is None:
            return None
        return GatewayAccount(
            api_key=held.client_secret.get_secret_value(),
            key_id=held.client_id,
            webhook_secrets=held.webhook_ids,
            return_url=held.return_url,
        )

    def create(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        page = account.returning(reference)
        body = {
            "intent": "CAPTURE",
            "purchase_units": [{"invoice_id": reference, "amount": written(amount, currency)}],
            "payment_source": {
                "paypal": {
                    "experience_context": {
                        "user_action": "PAY_NOW",
                        "shipping_preference": "NO_SHIPPING",
                        "return_url": page,
                        "cancel_url": page,
                    }
                }
            },
        }
        order = answered(Order, *self._ask(account, "POST", _ORDERS, body, key=reference))
        asked = order.unit.money.amount, order.unit.money.currency, order.unit.reference
        pages = [link.url for link in order.links if link.to in ("payer-action", "approve")]
        if asked != (amount, currency, reference) or not pages or not pages[0].startswith(("https://", self._url)):
            raise unavailable()
        return Charge(order.id, amount, currency, Redirect(pages[0]), order.created + LIFETIME)

    def check(self, account: GatewayAccount, transaction_id: str) -> Status:
        """Takes the money, too, where the buyer agreed."""
        order = self._order(account, transaction_id)
        if order.is_to_be_captured(clock.now()):
            with suppress(Unprocessable):  # declined, or captured at this moment: the order says which
                self._must(account, "POST", f"{_path(order.id)}/capture", {}, key=f"{order.id}.{order.changed}")
            order = self._order(account, transaction_id)
        return order.told(clock.now())

    def cancel(self, account: GatewayAccount, transaction_id: str) -> None:
        path = "/purchase_units/@reference_id=='default'/custom_id"
        self._must(account, "PATCH", _path(transaction_id), [{"op": "add", "path": path, "value": WITHDRAWN}])

    def refund(self, account: GatewayAccount, *, transaction_id: str, amount: int, currency: str, key: str) -> Returned:
        """Looks for the refund first: PayPal forgets keys, but not what they stand for."""
        money = written(amount, currency)
        payments = self._order(account, transaction_id, sure=False).unit.payments
        for refund in payments.refunds:
            if refund.key == key:
                if (refund.money.amount, refund.money.currency) != (amount, currency):
                    raise refused()
                return refund.returned
        if payments.capture is None:
            raise refused()
        path = f"/v2/payments/captures/{payments.capture.id}/refund"
        asked = self._ask(account, "POST", path, {"amount": money, "custom_id": key}, key=key, sure=False)
        return answered(Refund, *asked).returned

    def dispute(self, account: GatewayAccount, dispute: str) -> Disputed:
        if not _DISPUTE.fullmatch(dispute):
            raise refused()
        found = answered(Dispute, *self._ask(account, "GET", f"{_DISPUTES}/{dispute}"))
        if found.id != dispute:
            raise unavailable()
        return found.told

    def describe_method(self, account: GatewayAccount, token: str) -> Method:
        raise Unprocessable("method_not_saved_here", "Nothing is saved at PayPal.")

    def locate(self, raw: bytes, headers: Headers) -> Located:
        return _told(raw)

    def verify(self, account: GatewayAccount, raw: bytes, headers: Headers) -> Notification:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        told = _told(raw)
        id, at, signature, url, algorithm = (
            headers.get(f"paypal-{name}", "")
            for name in ("transmission-id", "transmission-time", "transmission-sig", "cert-url", "auth-algo")
        )
        if algorithm != _SIGNED_WITH or not _TRANSMISSION.fullmatch(id) or not _TIME.fullmatch(at):
            raise forged()
        try:
            proof = base64.b64decode(signature, validate=True)
        except ValueError:
            raise forged() from None
        key = self._certificates.key(url)
        for webhook in account.webhook_secrets:
            with suppress(InvalidSignature):
                key.verify(proof, f"{id}|{at}|{webhook}|{zlib.crc32(raw)}".encode(), PKCS1v15(), SHA256())
                return Notification(told.transaction_id, told.reference, told.dispute)
        raise forged()

    def acknowledgement(self, told: Notification) -> dict[str, object]:
        return {"received": True}

    def _order(self, account: GatewayAccount, id: str, *, sure: bool = True) -> Order:
        order = answered(Order, *self._ask(account, "GET", _path(id), sure=sure))
        if order.id != id:
            raise unavailable()
        return order

    def _must(self, account: GatewayAccount, method: str, path: str, body: Any, *, key: str | None = None) -> None:
        """Of what the answer is not read."""
        status, raw = self._ask(account, method, path, body, key=key)
        if status != HTTPStatus.NO_CONTENT:
            answered(Done, status, raw)

    def _ask(
        self,
        account: GatewayAccount,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        sure: bool = True,
    ) -> tuple[int, bytes]:
        """Where it is not `sure` that a refusal of our keys means that nothing ever happened, it is no answer."""
        headers = {"Prefer": "return=representation"} | ({"PayPal-Request-Id": key} if key else {})
        status, raw = self._send(account, method, path, headers, body)
        if status == HTTPStatus.UNAUTHORIZED:  # PayPal may end a token before its time
            self._tokens.forget(account)
            status, raw = self._send(account, method, path, headers, body)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and not sure:
            raise unavailable()
        return status, raw

    def _send(
        self, account: GatewayAccount, method: str, path: str, headers: dict[str, str], body: Any
    ) -> tuple[int, bytes]:
        try:
            token = self._tokens.of(account, lambda: self._granted(account))
        except Unprocessable:
            return HTTPStatus.UNAUTHORIZED, b""
        written = None if body is None else json.dumps(body).encode()
        sent = headers | {"Authorization": f"Bearer {token}"}
        return self._line.send(method, path, headers=sent, body=written)

    def _granted(self, account: GatewayAccount) -> tuple[str, int]:
        keys = base64.b64encode(f"{account.key_id}:{account.api_key}".encode()).decode()
        headers = {"Authorization": f"Basic {keys}", "Content-Type": "application/x-www-form-urlencoded"}
        form = b"grant_type=client_credentials"
        grant = answered(Grant, *self._line.send("POST", "/v1/oauth2/token", headers=headers, body=form))
        return grant.token, grant.seconds


def _path(id: str) -> str:
    """Raises Unprocessable for what is no order's id."""
    if not _ORDER.fullmatch(id):
        raise refused()
    return f"{_ORDERS}/{id}"


def _told(raw: bytes) -> Located:
    """What an event is about. Raises Unauthorized for anything but a well-formed one about a charge or a dispute."""
    if len(raw) > WEBHOOK_LIMIT:
        raise forged()
    try:
        return Event.model_validate_json(raw).about
    except ValidationError:
        raise forged() from None
