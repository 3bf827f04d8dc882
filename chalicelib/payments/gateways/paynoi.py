"""PayNoi: PromptPay by QR code, in baht.

Sources disagree on the encoding of its signatures, so both are accepted: HMAC-SHA256 in lowercase hex or
Base64, keyed with the API key, over the bytes of the `data` value exactly as they were sent.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import ClassVar, Self, TypeVar

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
    Picture,
    Returned,
    State,
    Status,
)
from chalicelib.payments.gateways.wire import (
    DECODER,
    MALFORMED,
    Line,
    forged,
    identifier,
    refused,
    text,
    unavailable,
)

T = TypeVar("T")
Answer = Mapping[str, object]

CURRENCY = "THB"  # PromptPay settles in nothing else
THAILAND = timezone(timedelta(hours=7))  # no daylight saving time, now or planned
WEBHOOK_LIMIT = 64 * 1024
PNG = b"\x89PNG\r\n\x1a\n"
STATES: dict[object, State] = {
    "pending": "pending",
    "completed": "captured",
    "expired": "expired",
    "failed": "failed",
}
_SIGNATURE = re.compile(r"[0-9a-f]{64}|[A-Za-z0-9+/]{43}=")
_SPACE = re.compile(r"[ \t\n\r]*")
_BAHT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")


class PayNoi:
    """`timeout` as of `wire.Line`."""

    name = "paynoi"
    offer: ClassVar[Offer] = Offer(name, "PromptPay", "qr_code", (CURRENCY,))
    refunds = False

    def __init__(self, base_url: str, *, timeout: tuple[float, float] = (2, 8)) -> None:
        self._line = Line(base_url, timeout)

    @classmethod
    def connected(cls) -> Self:
        return cls(settings().paynoi_url)

    @staticmethod
    def account_of(organization: str) -> GatewayAccount:
        known = secrets()
        held = known.paynoi_of_organizations.get(organization, known.paynoi)
        return GatewayAccount(
            api_key=held.api_key.get_secret_value(),
            key_id=held.key_id,
            account=held.account,
            type=held.type,
            previous_api_key=held.previous_api_key.get_secret_value() if held.previous_api_key else None,
        )

    def create(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        fields = {
            "method": "create",
            "api_key": account.api_key,
            "ref1": reference,
            "key_id": account.key_id,
            "account": account.account,
            "type": account.type,
        }
        # Written into the text because a JSON number made by Python would have to be a float first.
        body = f'{json.dumps(fields)[:-1]}, "amount": {amount // 100}.{amount % 100:02d}}}'
        return self._ask(body, lambda answer: _charge(answer, amount))

    def check(self, account: GatewayAccount, transaction_id: str) -> Status:
        fields = {"method": "check", "api_key": account.api_key, "trans_id": transaction_id}
        return self._ask(json.dumps(fields), lambda answer: _status(answer, transaction_id))

    def cancel(self, account: GatewayAccount, transaction_id: str) -> None:
        fields = {"method": "cancel", "api_key": account.api_key, "trans_id": transaction_id}
        self._ask(json.dumps(fields), lambda _: None)

    def refund(self, account: GatewayAccount, *, transaction_id: str, amount: int, currency: str, key: str) -> Returned:
        raise Unprocessable("refund_by_hand", "This gateway gives no money back. Transfer it from the bank account.")

    def describe_method(self, account: GatewayAccount, token: str) -> Method:
        raise Unprocessable("method_not_saved_here", "This gateway keeps no payment methods.")

    def locate(self, raw: bytes, headers: Headers) -> Located:
        transaction_id, reference, _, _ = _webhook(raw)
        return Located(transaction_id, reference)

    def verify(self, account: GatewayAccount, raw: bytes, headers: Headers) -> Notification:
        transaction_id, reference, data, signature = _webhook(raw)
        keys = [key for key in (account.api_key, account.previous_api_key) if key]
        expected = [code for key in keys for code in _signatures(key, data)]
        # A sum, so that every candidate is compared and time does not tell which one fitted.
        if not sum(hmac.compare_digest(code, signature) for code in expected):
            raise forged()
        return Notification(transaction_id, reference)

    def acknowledgement(self, told: Notification) -> dict[str, object]:
        return {"status": 1}

    def _ask(self, body: str, read: Callable[[Answer], T]) -> T:
        status, raw = self._line.send("POST", "/ppay_api", headers={}, body=body.encode())
        # 4xx is left to the body: a refusal explains itself there, and anything else does not parse.
        if status >= 500 or status == 429 or 300 <= status < 400:
            raise unavailable()
        try:
            answer = DECODER.decode(raw.decode())
            if not isinstance(answer, dict) or "status" not in answer:
                raise ValueError("not an answer")
            # Its `msg` is a stranger's text, so it stops here: it could quote the request, key included.
            if status >= 400 or answer["status"] not in (1, "1"):
                raise refused()
            return read(answer)
        except (KeyError, *MALFORMED) as error:
            raise unavailable() from error


def _charge(answer: Answer, requested: int) -> Charge:
    payable = _satang(answer["amount"])
    if str(answer.get("amount_check", payable)) != str(payable):  # the same in satang
        raise ValueError("the answer names two amounts")
    if abs(payable - requested) >= 100:
        raise ValueError("more than a tail of satang away from what was asked")
    qr_png = base64.b64decode(text(answer["qr_image_base64"]), validate=True)
    if not qr_png.startswith(PNG):
        raise ValueError("the QR code is not a PNG")
    expires_at = datetime.fromisoformat(text(answer["expire_at"]))
    if expires_at.tzinfo is None:
        expires_at = expires_at.replace(tzinfo=THAILAND)
    return Charge(identifier(answer["trans_id"]), payable, CURRENCY, Picture(qr_png), expires_at.astimezone(UTC))


def _status(answer: Answer, transaction_id: str) -> Status:
    """Transaction, currency and account are not promised in this answer; if they are there, they count."""
    if answer.get("trans_id", transaction_id) != transaction_id:
        raise ValueError("the answer is about another transaction")
    account = answer.get("account")
    return Status(
        transaction_id=transaction_id,
        state=STATES.get(text(answer["payment_status"]), "unknown"),
        amount=_satang(answer["amount"]),
        currency=text(answer.get("currency", CURRENCY)),
        reference=text(answer["ref1"]),
        account=None if account is None else text(account),
    )


def _satang(value: object) -> int:
    """Baht, as a JSON number or as text, to whole satang; a part of a satang is an error, never rounded."""
    if isinstance(value, str) and _BAHT.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 < value < 10**9:
        raise ValueError("not an amount in baht")
    satang = int(value * 100)
    if Decimal(satang).scaleb(-2) != value:
        raise ValueError("not a whole number of satang")
    return satang


def _signatures(key: str, data: bytes) -> tuple[bytes, bytes]:
    """Compared as text, so that each has one spelling only and no decoder is asked to be lenient."""
    digest = hmac.new(key.encode(), data, hashlib.sha256).digest()
    return digest.hex().encode(), base64.b64encode(digest)


def _webhook(raw: bytes) -> tuple[str, str, bytes, bytes]:
    """Transaction id, reference, signed bytes and signature of `{"data": {...}, "signature": "..."}`."""
    if len(raw) > WEBHOOK_LIMIT:
        raise forged()
    try:
        members = _members(raw.decode())
        (data, signed), (signature, _) = members["data"], members["signature"]
        if not isinstance(data, dict) or not _SIGNATURE.fullmatch(text(signature)):
            raise ValueError("not a signed object")
        return (
            identifier(data["trans_id"]),
            identifier(data["ref1"]),
            signed.encode(),
            text(signature).encode(),
        )
    except (KeyError, *MALFORMED):
        raise forged() from None


def _members(raw: str) -> dict[str, tuple[object, str]]:
    """Each member of the one object in `raw`: its value, and the value's text exactly as it was sent.

    The standard decoder does the parsing; only the outermost level is walked here, because it does not tell
    where a value began. Encoding a slice of strictly decoded UTF-8 again gives the bytes that were received.
    """
    members: dict[str, tuple[object, str]] = {}
    at, separator = _past(raw, 0, "{"), ","
    while separator == ",":
        name, at = DECODER.raw_decode(raw, at)
        start = _past(raw, at, ":")
        value, at = DECODER.raw_decode(raw, start)
        if text(name) in members:
            raise ValueError("a name stands twice")
        members[text(name)] = (value, raw[start:at])
        at = _blank(raw, at)
        separator = raw[at : at + 1]
        at = _blank(raw, at + 1)
    if separator != "}" or at != len(raw):
        raise ValueError("the object does not end where the text does")
    return members


def _past(raw: str, at: int, mark: str) -> int:
    at = _blank(raw, at)
    if not raw.startswith(mark, at):
        raise ValueError(f"expected {mark}")
    return _blank(raw, at + 1)


def _blank(raw: str, at: int) -> int:
    space = _SPACE.match(raw, at)
    return space.end() if space else at
