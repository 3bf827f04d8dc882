"""How Stripe writes what the adapter asks of it. docs/gateways.md says which of its documents each fact is from."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from chalicelib.payments.gateways.contract import (
    Charge,
    Disputed,
    DisputeState,
    GatewayAccount,
    HostedFields,
    Located,
    Method,
    Returned,
    State,
    Status,
)
from chalicelib.payments.gateways.wire import DECODER, MALFORMED, forged, identifier, refused, text

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
_DISPUTES: Mapping[str, DisputeState] = {
    "warning_needs_response": "inquiry",
    "warning_under_review": "inquiry",
    "warning_closed": "closed",
    "prevented": "closed",
    "needs_response": "open",
    "under_review": "open",
    "won": "won",
    "lost": "lost",
}


def charge(intent: Object, account: GatewayAccount, amount: int, currency: str) -> Charge:
    if _currency(intent) != currency or _amount(intent["amount"], currency) != amount:
        raise ValueError("not what was asked for")
    return Charge(
        transaction_id=identifier(intent["id"]),
        payable=amount,
        currency=currency,
        means=HostedFields(text(intent["client_secret"]), account.publishable_key),
        expires_at=moment(intent["created"]) + LIFETIME,
    )


def status_of(intent: Object, transaction_id: str) -> Status:
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


def returned_for(key: str, refunds: Sequence[Object], amount: int) -> Returned | None:
    """The refund of a key, if there is one. Raises Unprocessable where it is of another amount."""
    for refund in refunds:
        if refund["metadata"].get("key") == key:
            if refund["amount"] != amount:
                raise refused()
            return returned(refund)
    return None


def returned(refund: Object) -> Returned:
    return Returned(_RETURNED[refund["status"]], identifier(refund["id"]))


def disputed(dispute: Object) -> Disputed:
    """Stripe tells what it moved for it in the currency in which it settles: that may be another one."""
    currency = _currency(dispute)
    amount = _amount(dispute["amount"], currency)
    moved = dispute["balance_transactions"]
    net = sum(int(each["amount"]) for each in moved)  # below zero: withdrawn, and not reinstated
    if same := all(_currency(each) == currency for each in moved):
        withdrawn = _amount(max(0, -net), currency)
    else:
        withdrawn = amount if net < 0 else 0
    due_by = dispute["evidence_details"]["due_by"]
    return Disputed(
        transaction_id=identifier(dispute["payment_intent"]),
        state=_DISPUTES.get(text(dispute["status"]), "unknown"),
        amount=amount,
        currency=currency,
        reason=identifier(dispute["reason"]),
        withdrawn=withdrawn,
        fee=_amount(sum(int(each["fee"]) for each in moved), currency) if same else None,
        due_at=moment(due_by) if due_by else None,
    )


def method(found: Object) -> Method:
    """Raises Unprocessable for what is no card."""
    if found["type"] != "card":
        raise refused()
    card = found["card"]
    return Method(text(card["brand"]), text(card["last4"]), f"{int(card['exp_year']):04d}-{int(card['exp_month']):02d}")


def webhook(raw: bytes) -> Located:
    """What an event is about: a PaymentIntent, or a dispute of one. Raises Unauthorized for anything else."""
    if len(raw) > WEBHOOK_LIMIT:
        raise forged()
    try:
        event = DECODER.decode(raw.decode())
        about = event["data"]["object"]
        match event["object"], about["object"]:
            case "event", "payment_intent":
                return Located(identifier(about["id"]), identifier(about["metadata"]["reference"]))
            case "event", "dispute":
                return Located(identifier(about["payment_intent"]), "", identifier(about["id"]))
            case _:
                raise ValueError("not about a payment")
    except (KeyError, TypeError, *MALFORMED):
        raise forged() from None


def _currency(held: Object) -> str:
    return text(held["currency"]).upper()


def moment(seconds: object) -> datetime:
    if type(seconds) is not int:
        raise ValueError("not a time")
    return datetime.fromtimestamp(seconds, UTC)


def to_stripe(amount: int, currency: str) -> int:
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


def page_of(intent: Object) -> str | None:
    """Where the buyer has to agree first, if they have to."""
    if intent["status"] != "requires_action":
        return None
    page = text(intent["next_action"]["redirect_to_url"]["url"])
    if not page.startswith(("https://", "http://127.0.0.1:")):
        raise ValueError("not a page")
    return page


def token_of(intent: Object) -> str | None:
    """The PaymentMethod that stays with a customer."""
    kept = intent["customer"] and intent["setup_future_usage"] and intent["payment_method"]
    return identifier(kept) if kept else None
