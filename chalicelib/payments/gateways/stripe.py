"""Stripe: cards and whatever else an account has switched on, in the buyer's browser through Stripe's own fields.

A charge is a PaymentIntent. docs/gateways.md says which of Stripe's documents each fact here is from.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

from chalicelib.core import clock
from chalicelib.core.errors import Unprocessable
from chalicelib.core.secrets import secrets
from chalicelib.core.settings import settings
from chalicelib.payments.gateways.contract import (
    Charge,
    GatewayAccount,
    Headers,
    HostedFields,
    Located,
    Method,
    Notification,
    Offer,
    Returned,
    State,
    Status,
)
from chalicelib.payments.gateways.wire import (
    DECODER,
    MALFORMED,
    forged,
    identifier,
    refused,
    session,
    text,
    unavailable,
)

if TYPE_CHECKING:
    from stripe import RequestsClient, StripeClient

T = TypeVar("T")
Object = Mapping[str, Any]

LIFETIME = timedelta(hours=1)
"""A PaymentIntent has no end of its own; one that is older is cancelled when it is looked at."""
TOLERANCE = 300  # seconds that a webhook may be old
WEBHOOK_LIMIT = 256 * 1024
MOST_REFUNDS = 100  # that one list holds; an order has fewer

_TWO_DECIMALS = (
    "AED AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF IDR ILS INR LAK MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD"
)
_ZERO_DECIMALS = "CLP JPY KRW PYG RWF VND XAF XOF XPF"
_THREE_DECIMALS = "BHD JOD KWD OMR TND"
_WRITTEN_WITH_CENTS = "ISK UGX"
"""They have none any more, but Stripe still counts in hundredths of them."""
CURRENCIES = tuple(" ".join((_TWO_DECIMALS, _ZERO_DECIMALS, _THREE_DECIMALS, _WRITTEN_WITH_CENTS)).split())

_STATES: Mapping[str, State] = {
    "requires_payment_method": "pending",
    "requires_confirmation": "pending",
    "requires_action": "pending",
    "requires_capture": "authorized",
    "processing": "pending",
    "succeeded": "captured",
}
_RAN_OUT = (None, "abandoned", "automatic", "expired")
"""Reasons why a PaymentIntent was cancelled that nobody's decision stands behind."""
_RETURNED: Mapping[str, Literal["pending", "settled", "failed"]] = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "settled",
    "failed": "failed",
    "canceled": "failed",
}


class Stripe:
    """`timeout` is in seconds: to connect, and between two bytes of the answer."""

    name = "stripe"
    offer: ClassVar[Offer] = Offer(name, "Card", "card", CURRENCIES, holds=True)
    refunds = True

    def __init__(self, base_url: str, *, timeout: tuple[float, float] = (2, 8)) -> None:
        self._url = base_url.rstrip("/")
        self._timeout = timeout
        self._threads = threading.local()

    @classmethod
    def connected(cls) -> Self:
        return cls(settings().stripe_url)

    @staticmethod
    def account_of(organization: str) -> GatewayAccount | None:
        known = secrets()
        held = known.stripe_of_organizations.get(organization, known.stripe)
        if held is None:
            return None
        return GatewayAccount(
            api_key=held.secret_key.get_secret_value(),
            publishable_key=held.publishable_key,
            webhook_secrets=tuple(secret.get_secret_value() for secret in held.webhook_secrets),
        )

    def create(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        # The usual way of capturing knows its fee only some time after the money.
        return self._open(account, amount, currency, reference, {"capture_method": "automatic"})

    def hold(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        return self._open(account, amount, currency, reference, {"capture_method": "manual"})

    def capture(self, account: GatewayAccount, transaction_id: str) -> None:
        try:
            self._ask(account, lambda client: client.v1.payment_intents.capture(transaction_id), lambda _: None)
        except Unprocessable:
            if self._state(account, transaction_id) != "succeeded":
                raise

    def check(self, account: GatewayAccount, transaction_id: str) -> Status:
        status, created = self._ask(
            account,
            lambda client: client.v1.payment_intents.retrieve(
                transaction_id, {"expand": ["latest_charge.balance_transaction"]}
            ),
            lambda intent: (_status(intent, transaction_id), _moment(intent["created"])),
        )
        if status.state == "pending" and created + LIFETIME <= clock.now():
            with suppress(Unprocessable):  # it is being paid at this moment, or was
                self.cancel(account, transaction_id)
                return Status(transaction_id, "expired", status.amount, status.currency, status.reference, None)
        return status

    def cancel(self, account: GatewayAccount, transaction_id: str) -> None:
        try:
            self._ask(
                account,
                lambda client: client.v1.payment_intents.cancel(transaction_id, {"cancellation_reason": "abandoned"}),
                lambda _: None,
            )
        except Unprocessable:
            if self._state(account, transaction_id) != "canceled":
                raise

    def refund(self, account: GatewayAccount, *, transaction_id: str, amount: int, currency: str, key: str) -> Returned:
        """Looks for the refund first: its idempotency key is forgotten after a day, what it stands for is not."""
        asked = _to_stripe(amount, currency)
        found = self._ask(
            account,
            lambda client: client.v1.refunds.list({"payment_intent": transaction_id, "limit": MOST_REFUNDS}),
            lambda held: _returned_for(key, held["data"], asked),
            sure=False,
        )
        params: Any = {"payment_intent": transaction_id, "amount": asked, "metadata": {"key": key}}
        return found or self._ask(
            account,
            lambda client: client.v1.refunds.create(params, {"idempotency_key": key}),
            _returned,
            sure=False,
        )

    def describe_method(self, account: GatewayAccount, token: str) -> Method:
        try:
            return self._ask(account, lambda client: client.v1.payment_methods.retrieve(token), _method)
        except Unprocessable:
            raise Unprocessable("payment_method_unknown", "The payment service knows no such card.") from None

    def locate(self, raw: bytes, headers: Headers) -> Located:
        return Located(*_webhook(raw))

    def verify(self, account: GatewayAccount, raw: bytes, headers: Headers) -> Notification:
        from stripe import SignatureVerificationError, WebhookSignature

        transaction_id, reference = _webhook(raw)
        header = headers.get("stripe-signature", "")
        if not header.isascii():  # which the SDK can not compare
            raise forged()
        for secret in account.webhook_secrets:
            try:
                WebhookSignature.verify_header(raw.decode(), header, secret, TOLERANCE)
            except SignatureVerificationError:
                continue
            return Notification(transaction_id, reference)
        raise forged()

    def acknowledgement(self, told: Notification) -> dict[str, object]:
        return {"received": True}

    def _open(
        self, account: GatewayAccount, amount: int, currency: str, reference: str, more: Mapping[str, object]
    ) -> Charge:
        params: Any = {
            "amount": _to_stripe(amount, currency),
            "currency": currency.lower(),
            "automatic_payment_methods": {"enabled": True},
            "metadata": {"reference": reference},
            **more,
        }
        return self._ask(
            account,
            lambda client: client.v1.payment_intents.create(params, {"idempotency_key": reference}),
            lambda intent: _charge(intent, account, amount, currency),
        )

    def _state(self, account: GatewayAccount, transaction_id: str) -> str:
        return self._ask(
            account,
            lambda client: client.v1.payment_intents.retrieve(transaction_id),
            lambda intent: text(intent["status"]),
        )

    def _ask(
        self,
        account: GatewayAccount,
        call: Callable[["StripeClient"], Any],
        read: Callable[[Object], T],
        *,
        sure: bool = True,
    ) -> T:
        """What `read` makes of the answer. The texts of Stripe's errors stop here: they may quote the request.

        Where it is not `sure` that a refusal of the key means that nothing ever happened, it counts as no answer.
        """
        import stripe

        closed = (stripe.AuthenticationError, stripe.PermissionError)
        refusals = (stripe.InvalidRequestError, stripe.IdempotencyError, stripe.CardError)
        try:
            answer = call(self._client(account))
        except closed:
            raise (refused() if sure else unavailable()) from None
        except refusals:
            raise refused() from None
        except stripe.StripeError:
            raise unavailable() from None
        try:
            return read(answer.to_dict())
        except (KeyError, TypeError, AttributeError, *MALFORMED):
            raise unavailable() from None

    def _client(self, account: GatewayAccount) -> "StripeClient":
        import stripe

        if not hasattr(self._threads, "http"):
            stripe.enable_telemetry = False
            logging.getLogger("stripe").setLevel(logging.CRITICAL)  # below that it tells Stripe's texts
            quiet = session()
            quiet.max_redirects = 0  # the request carries the key: to the address we know or nowhere
            self._threads.http = stripe.RequestsClient(timeout=self._timeout, session=quiet)
        http: RequestsClient = self._threads.http
        return stripe.StripeClient(
            account.api_key, base_addresses={"api": self._url}, http_client=http, max_network_retries=0
        )


def _charge(intent: Object, account: GatewayAccount, amount: int, currency: str) -> Charge:
    if _currency(intent) != currency or _amount(intent["amount"], currency) != amount:
        raise ValueError("not what was asked for")
    return Charge(
        transaction_id=identifier(intent["id"]),
        payable=amount,
        currency=currency,
        means=HostedFields(text(intent["client_secret"]), account.publishable_key),
        expires_at=_moment(intent["created"]) + LIFETIME,
    )


def _status(intent: Object, transaction_id: str) -> Status:
    if intent["id"] != transaction_id:
        raise ValueError("the answer is about another transaction")
    currency, told = _currency(intent), text(intent["status"])
    state = _STATES.get(told, "unknown")
    if told == "canceled":
        state = "expired" if intent["cancellation_reason"] in _RAN_OUT else "failed"
    return Status(
        transaction_id=transaction_id,
        state=state,
        amount=_amount(intent["amount_received" if state == "captured" else "amount"], currency),
        currency=currency,
        reference=text(intent["metadata"].get("reference", "")),
        account=None,
        fee=_fee(intent, currency) if state == "captured" else None,
    )


def _fee(intent: Object, currency: str) -> int | None:
    """What Stripe kept, where it did so in the currency that was paid."""
    kept = (intent["latest_charge"] or {}).get("balance_transaction")
    if not kept or _currency(kept) != currency:
        return None
    return _amount(kept["fee"], currency)


def _returned_for(key: str, refunds: Sequence[Object], amount: int) -> Returned | None:
    """The refund of a key, if there is one. Raises Unprocessable where it is of another amount."""
    for refund in refunds:
        if refund["metadata"].get("key") == key:
            if refund["amount"] != amount:
                raise refused()
            return _returned(refund)
    return None


def _returned(refund: Object) -> Returned:
    return Returned(_RETURNED[refund["status"]], identifier(refund["id"]))


def _method(found: Object) -> Method:
    """Raises Unprocessable for what is no card."""
    if found["type"] != "card":
        raise refused()
    card = found["card"]
    return Method(text(card["brand"]), text(card["last4"]), f"{int(card['exp_year']):04d}-{int(card['exp_month']):02d}")


def _webhook(raw: bytes) -> tuple[str, str]:
    """PaymentIntent and reference of an event about one. Raises Unauthorized for anything else."""
    if len(raw) > WEBHOOK_LIMIT:
        raise forged()
    try:
        event = DECODER.decode(raw.decode())
        intent = event["data"]["object"]
        if (event["object"], intent["object"]) != ("event", "payment_intent"):
            raise ValueError("not about a payment")
        return identifier(intent["id"]), identifier(intent["metadata"]["reference"])
    except (KeyError, TypeError, *MALFORMED):
        raise forged() from None


def _currency(held: Object) -> str:
    return text(held["currency"]).upper()


def _moment(seconds: object) -> datetime:
    if type(seconds) is not int:
        raise ValueError("not a time")
    return datetime.fromtimestamp(seconds, UTC)


def _to_stripe(amount: int, currency: str) -> int:
    """Minor units as Stripe counts them. Raises Unprocessable for what it does not take."""
    if currency in _THREE_DECIMALS and amount % 10:
        raise refused()  # it takes no thousandths
    return amount * 100 if currency in _WRITTEN_WITH_CENTS else amount


def _amount(given: object, currency: str) -> int:
    """Minor units of ours."""
    if type(given) is not int or given < 0:
        raise ValueError("not an amount")
    whole, rest = divmod(given, 100) if currency in _WRITTEN_WITH_CENTS else (given, 0)
    if rest:
        raise ValueError("a part of a minor unit")
    return whole
