"""What is stored, as far as the checks look at it."""

from collections import defaultdict
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3

from chalicelib.core.errors import AppError
from chalicelib.core.migrations import domains
from chalicelib.core.table import Item, record_of
from infra.audit.report import Difference

PAID = ("paid", "paid_late", "completed", "refunded")
"""What an order is once money came for it."""

KEPT = {
    "AllocationRecord": ("pool", "holder", "units"),
    "CodeRecord": ("order",),
    "CreditRecord": ("organization", "user", "grants", "holds"),
    "CountRecord": ("pk", "sk", "pending", "approved", "rejected"),
    "DepositRecord": ("id", "order", "line", "amount", "releasing", "released", "forfeited"),
    "DisputeRecord": ("id", "state", "withdrawn", "fee", "refund", "held"),
    "EmailRecord": ("user",),
    "EventRecord": ("id", "deleted_at"),
    "GrantRecord": ("organization", "order", "resource", "subject", "price", "revoked_at", "returned_at"),
    "InvoiceRecord": ("organization", "number"),
    "OrderRecord": (
        "id",
        "organization",
        "owner",
        "status",
        "payment",
        "total",
        "lines",
        "discounts",
        "history",
        "instalments",
    ),
    "OwnerRecord": ("photo",),
    "PaymentRecord": ("id", "order", "state", "amount", "received", "refundable", "suspended"),
    "PayoutItemRecord": ("payout", "party", "amount", "state"),
    "PayoutRecord": ("id", "state", "amount"),
    "PositionRecord": ("organization", "party", "through"),
    "PhotoRecord": ("id", "organization", "event", "processing", "approval"),
    "PointerRecord": ("pk",),
    "PostingRecord": ("pk", "sk", "entry", "organization", "order", "account", "account_sk", "amount", "currency"),
    "RedemptionRecord": ("pk", "order", "amount"),
    "RefundRecord": ("id", "order", "payment", "state", "parts", "tail", "excess", "returned", "deposit", "deposit_of"),
    "SalesRecord": ("pk", "files", "amount"),
    "SeriesRecord": ("organization", "kind", "year", "last"),
    "SlugRecord": ("event",),
    "TakenRecord": ("pk", "n"),
    "TaxTotalRecord": ("pk", "tax", "tax_back"),
    "TakingsRecord": ("pk", "sk", "sold", "platform", "photographer", "organizer"),
    "TicketRecord": ("order", "ref", "state"),
    "TicketTypeRecord": ("id", "capacity"),
    "UnitsRecord": ("sk", "free"),
    "UserRecord": ("id",),
}
"""What the checks look at of each record class: a table is larger than memory, this is not."""


class Books:
    """All records of all tables whose names begin with `prefix`; `unread` are items that no record could take."""

    def __init__(self, prefix: str, client: Any = None) -> None:
        self._prefix = prefix
        self._client: Any = client or boto3.client("dynamodb")
        self._records: dict[str, list[Any]] = defaultdict(list)
        self.unread: list[Difference] = []
        self.items_read = 0

    def read(self) -> None:
        """Read every item of every table."""
        for domain in domains():
            for item in self._items(domain):
                self._read(domain, item)

    def of(self, name: str) -> list[Any]:
        """What is kept of the records of a class, as `OrderRecord`."""
        return self._records[name]

    def balance(self, account_pk: str) -> int:
        """The sum of an account's postings as its index has them."""
        pages = self._client.get_paginator("query").paginate(
            TableName=f"{self._prefix}-ledger",
            IndexName="by_account",
            KeyConditionExpression="account_pk = :account",
            ExpressionAttributeValues={":account": {"S": account_pk}},
        )
        return sum(int(item["amount"]["N"]) for page in pages for item in page["Items"])

    def _items(self, domain: str) -> Iterator[Item]:
        table = f"{self._prefix}-{domain}"
        for page in self._client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]

    def _read(self, domain: str, item: Item) -> None:
        self.items_read += 1
        subject = f"{domain} {item['pk']['S']} {item['sk']['S']}"
        record = record_of(domain, item)
        if record is None:
            self.unread.append(Difference("items", subject, "no record has such keys"))
            return
        try:
            found = record.from_raw_data(item)
            found.serialize()  # raises where a value that must be there is not
        except (AppError, ValueError, TypeError) as failure:
            self.unread.append(Difference("items", subject, f"can not be read as {record.__name__}: {failure}"))
            return
        if record.__name__ in KEPT:
            kept = {name: getattr(found, name) for name in KEPT[record.__name__]}
            self._records[record.__name__].append(SimpleNamespace(**kept))


Findings = Iterator[tuple[str, str | None]]
"""What a check gives: (subject, what is wrong or nothing)."""


def told(wrong: list[str]) -> str | None:
    return "; ".join(wrong) or None
