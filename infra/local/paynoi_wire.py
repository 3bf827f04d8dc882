"""What the PayNoi sandbox keeps of a charge, and how amounts, times and QR codes are written on the wire."""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, Self

from chalicelib.payments.gateways import emvco
from chalicelib.payments.gateways.emvco import Proxy
from infra.local.sandbox import ANYWHERE
from infra.local.webhooks import Webhook

THAILAND = timezone(timedelta(hours=7))

FAULTS = {
    "create": ANYWHERE | {"early_webhook": "paid, and the webhook sent, before the answer"},
    "check": ANYWHERE | {"odd_status": "a payment status nobody has heard of"},
    "cancel": ANYWHERE,
}


@dataclass
class Transaction:
    """Amounts in satang, times in UTC. `received` is what was really paid."""

    trans_id: str
    ref1: str
    requested: int
    payable: int
    key_id: str
    account: str
    type: str
    created_at: datetime
    expires_at: datetime
    status: Literal["pending", "completed", "expired", "failed"] = "pending"
    received: int | None = None
    webhook: Webhook = field(default_factory=Webhook)

    @property
    def amount(self) -> int:
        return self.payable if self.received is None else self.received

    @property
    def promptpay(self) -> str:
        return promptpay(self.account, self.type, self.payable)

    @property
    def qr_png(self) -> str:
        """Base64, without a `data:` prefix."""
        return base64.b64encode(emvco.png(self.promptpay)).decode()

    def stored(self) -> dict[str, Any]:
        return asdict(self) | {
            "created_at": self.created_at.isoformat(),
            "expires_at": self.expires_at.isoformat(),
        }

    @classmethod
    def restored(cls, stored: dict[str, Any]) -> Self:
        times = {name: datetime.fromisoformat(stored[name]) for name in ("created_at", "expires_at")}
        return cls(**stored | times | {"webhook": Webhook(**stored["webhook"])})


def promptpay(account: str, kind: str, amount: int) -> str:
    """The EMVCo text of a PromptPay QR code. `kind` 1 is a phone, 2 a national id; `amount` is in satang."""
    return emvco.credit_transfer(Proxy.PHONE if kind == "1" else Proxy.TAX_ID, account, amount)


def satang(given: object) -> int | None:
    """A positive amount in baht, number or text, in satang; None if it is not one."""
    try:
        amount = Decimal(str(given)) * 100
        return int(amount) if 0 < amount <= 10**9 and amount == int(amount) else None
    except InvalidOperation:
        return None


def baht(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d}"


def wire(fields: Mapping[str, object], *, amount: int) -> str:
    """JSON with `amount` as a number in baht, written exactly: a float never holds money."""
    return f'{json.dumps(fields, ensure_ascii=False)[:-1]}, "amount": {baht(amount)}}}'


def thai(moment: datetime) -> str:
    return moment.astimezone(THAILAND).strftime("%Y-%m-%d %H:%M:%S")
