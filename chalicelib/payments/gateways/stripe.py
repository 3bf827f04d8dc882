"""Stripe: cards and whatever else an account has switched on, in the buyer's browser through Stripe's own fields.

A charge is a PaymentIntent. docs/gateways.md says which of Stripe's documents each fact here is from.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from chalicelib.core import clock
from chalicelib.core.errors import Unprocessable
from chalicelib.core.secrets import secrets
from chalicelib.core.settings import settings
from chalicelib.payments.gateways.contract import (
    Charge,
    Disputed,
    GatewayAccount,
    Headers,
    Located,
    Method,
    Notification,
    Offer,
    Returned,
    Status,
)
from chalicelib.payments.gateways.stripe_wire import (
    CURRENCIES,
    LIFETIME,
    MOST_REFUNDS,
    TOLERANCE,
    Object,
    charge,
    disputed,
    method,
    moment,
    page_of,
    returned,
    returned_for,
    status_of,
    to_stripe,
    token_of,
    webhook,
)
from chalicelib.payments.gateways.wire import MALFORMED, forged, identifier, refused, session, text, unavailable

if TYPE_CHECKING:
    from stripe import RequestsClient, StripeClient

T = TypeVar("T")


class Stripe:
    """`timeout` is in seconds: to connect, and between two bytes of the answer."""

    name = "stripe"
    offer: ClassVar[Offer] = Offer(name, "Card", "card", CURRENCIES, holds=True, keeps=True, disputes=True)
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
            return_url=held.return_url or "",
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
            lambda intent: (status_of(intent, transaction_id), moment(intent["created"])),
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
        asked = to_stripe(amount, currency)
        found = self._ask(
            account,
            lambda client: client.v1.refunds.list({"payment_intent": transaction_id, "limit": MOST_REFUNDS}),
            lambda held: returned_for(key, held["data"], asked),
            sure=False,
        )
        params: Any = {"payment_intent": transaction_id, "amount": asked, "metadata": {"key": key}}
        return found or self._ask(
            account,
            lambda client: client.v1.refunds.create(params, {"idempotency_key": key}),
            returned,
            sure=False,
        )

    def dispute(self, account: GatewayAccount, dispute: str) -> Disputed:
        return self._ask(account, lambda client: client.v1.disputes.retrieve(dispute), disputed)

    def describe_method(self, account: GatewayAccount, token: str) -> Method:
        try:
            return self._ask(account, lambda client: client.v1.payment_methods.retrieve(token), method)
        except Unprocessable:
            raise Unprocessable("payment_method_unknown", "The payment service knows no such card.") from None

    def enrol(self, account: GatewayAccount, key: str) -> str:
        params: Any = {"metadata": {"key": key}}
        return self._ask(
            account,
            lambda client: client.v1.customers.create(params, {"idempotency_key": key}),
            lambda customer: identifier(customer["id"]),
        )

    def dismiss(self, account: GatewayAccount, customer: str) -> None:
        with suppress(Unprocessable):  # gone already
            self._ask(account, lambda client: client.v1.customers.delete(customer), lambda _: None)

    def detach(self, account: GatewayAccount, token: str) -> None:
        with suppress(Unprocessable):  # nobody's any more
            self._ask(account, lambda client: client.v1.payment_methods.detach(token), lambda _: None, sure=False)

    def keep(self, account: GatewayAccount, transaction_id: str, customer: str) -> None:
        self._change(account, transaction_id, customer)

    def confirm(self, account: GatewayAccount, transaction_id: str, customer: str, token: str, back: str) -> str | None:
        self._change(account, transaction_id, customer, payment_method=token)
        params: Any = {"return_url": back, "off_session": False}
        return self._ask(
            account, lambda client: client.v1.payment_intents.confirm(transaction_id, params), page_of, sure=False
        )

    def kept(self, account: GatewayAccount, transaction_id: str) -> str | None:
        return self._ask(account, lambda client: client.v1.payment_intents.retrieve(transaction_id), token_of)

    def locate(self, raw: bytes, headers: Headers) -> Located:
        return webhook(raw)

    def verify(self, account: GatewayAccount, raw: bytes, headers: Headers) -> Notification:
        from stripe import SignatureVerificationError, WebhookSignature

        about = webhook(raw)
        header = headers.get("stripe-signature", "")
        if not header.isascii():  # which the SDK can not compare
            raise forged()
        for secret in account.webhook_secrets:
            try:
                WebhookSignature.verify_header(raw.decode(), header, secret, TOLERANCE)
            except SignatureVerificationError:
                continue
            return Notification(about.transaction_id, about.reference, about.dispute)
        raise forged()

    def acknowledgement(self, told: Notification) -> dict[str, object]:
        return {"received": True}

    def _open(
        self, account: GatewayAccount, amount: int, currency: str, reference: str, more: Mapping[str, object]
    ) -> Charge:
        params: Any = {
            "amount": to_stripe(amount, currency),
            "currency": currency.lower(),
            "automatic_payment_methods": {"enabled": True},
            "metadata": {"reference": reference},
            **more,
        }
        return self._ask(
            account,
            lambda client: client.v1.payment_intents.create(params, {"idempotency_key": reference}),
            lambda intent: charge(intent, account, amount, currency),
        )

    def _change(self, account: GatewayAccount, transaction_id: str, customer: str, **more: str) -> None:
        """Whose it is; and what it is paid with is kept for the next time."""
        params: Any = {"customer": customer, "setup_future_usage": "on_session", **more}
        self._ask(account, lambda client: client.v1.payment_intents.update(transaction_id, params), lambda _: None)

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
