"""`python3 -m infra audit`: do the books balance, and does what is stored agree with itself? It reads, and only reads.

Every table is read whole. A system that is in use changes meanwhile, so what does not agree is looked at once more,
and told only if it still does not. `--tables PREFIX` looks at tables that were restored beside those of the stage.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3
from rich.console import Console
from rich.table import Table

from chalicelib.core import ids
from chalicelib.core.errors import AppError
from chalicelib.core.migrations import domains
from chalicelib.core.settings import settings
from chalicelib.core.table import Item, record_of
from chalicelib.invoices.model import NUMBERS
from chalicelib.revenue.model import Takings
from chalicelib.wallet.model import Wallet
from infra import stages

SECOND_LOOK = 5.0  # seconds: longer than a request, a job's transaction or an index needs


@dataclass(frozen=True, order=True)
class Difference:
    """`check` and `subject` say what does not agree; `text` says how."""

    check: str
    subject: str
    text: str = field(compare=False)


@dataclass
class Report:
    """What was looked at, by check, and what does not agree."""

    looked_at: Counter[str]
    differences: list[Difference]


KEPT = {
    "CodeRecord": ("order",),
    "CreditRecord": ("organization", "user", "grants", "holds"),
    "CountRecord": ("pk", "sk", "pending", "approved", "rejected"),
    "DepositRecord": ("id", "order", "line", "amount", "releasing", "released", "forfeited"),
    "DisputeRecord": ("id", "state", "withdrawn", "fee", "refund", "held"),
    "EmailRecord": ("user",),
    "EventRecord": ("id", "deleted_at"),
    "GrantRecord": ("organization", "order", "resource", "subject", "price", "revoked_at", "returned_at"),
    "InvoiceRecord": ("organization", "number"),
    "OrderRecord": ("id", "organization", "owner", "status", "payment", "total", "lines", "discounts", "history"),
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
    "TakingsRecord": ("pk", "sk", "sold", "platform", "photographer", "organizer"),
    "UserRecord": ("id",),
}
"""What the checks look at of each record class: a table is larger than memory, this is not."""


class Books:
    """All records of all tables whose names begin with `prefix`, and the checks over them."""

    def __init__(self, prefix: str, client: Any = None) -> None:
        self._prefix = prefix
        self._client: Any = client or boto3.client("dynamodb")
        self._records: dict[str, list[Any]] = defaultdict(list)
        self._unread: list[Difference] = []
        self._items_read = 0

    def audit(self) -> Report:
        for domain in domains():
            for item in self._items(domain):
                self._read(domain, item)
        report = Report(Counter({"items": self._items_read}), list(self._unread))
        for check in CHECKS:
            name = check.__name__.replace("_", " ").strip()
            report.looked_at[name] = 0
            for subject, wrong in check(self):
                report.looked_at[name] += 1
                if wrong:
                    report.differences.append(Difference(name, subject, wrong))
        return report

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
        self._items_read += 1
        subject = f"{domain} {item['pk']['S']} {item['sk']['S']}"
        record = record_of(domain, item)
        if record is None:
            self._unread.append(Difference("items", subject, "no record has such keys"))
            return
        try:
            found = record.from_raw_data(item)
            found.serialize()  # raises where a value that must be there is not
        except (AppError, ValueError, TypeError) as failure:
            self._unread.append(Difference("items", subject, f"can not be read as {record.__name__}: {failure}"))
            return
        if record.__name__ in KEPT:
            kept = {name: getattr(found, name) for name in KEPT[record.__name__]}
            self._records[record.__name__].append(SimpleNamespace(**kept))


def audit(prefix: str, client: Any = None) -> Report:
    """Look at the tables of a prefix (`thepixstock-prod`), twice if the first look finds differences."""
    report = Books(prefix, client).audit()
    if report.differences:
        time.sleep(SECOND_LOOK)
        again = Books(prefix, client).audit()
        report = Report(again.looked_at, sorted(set(again.differences) & set(report.differences)))
    return report


# --- checks: each gives (subject, what is wrong or nothing) -------------------------------------------------

Findings = Iterator[tuple[str, str | None]]
_RECEIVED = ("captured", "review", "returned")
_PAID = ("paid", "paid_late", "completed", "refunded")


def entries(books: Books) -> Findings:
    """Each entry sums to zero in each currency, and none of its postings is missing."""
    found: dict[str, list[Any]] = defaultdict(list)
    for posting in books.of("PostingRecord"):
        found[posting.pk].append(posting)
    for entry, postings in found.items():
        sums: Counter[str] = Counter()
        for posting in postings:
            sums[posting.currency] += int(posting.amount)
        numbers = sorted(int(posting.sk) for posting in postings)
        wrong = [f"sums to {amount} {currency}" for currency, amount in sums.items() if amount]
        if numbers != list(range(len(postings))):
            wrong.append(f"has postings {numbers}")
        yield entry, _told(wrong)


def balances(books: Books) -> Findings:
    """The index of each account sums to the same as the table does."""
    sums: Counter[str] = Counter()
    for posting in books.of("PostingRecord"):
        sums[f"T#{posting.organization}#ACC#{posting.account}"] += int(posting.amount)
    for account, amount in sums.items():
        indexed = books.balance(account)
        yield account, None if indexed == amount else f"its postings sum to {amount}, its index to {indexed}"


def captures(books: Books) -> Findings:
    """Money that a payment received is in the ledger with the same amount, and nothing else is."""
    booked: Counter[str] = Counter()
    for_orders: dict[str, set[str]] = defaultdict(set)
    payments = {payment.id: payment for payment in books.of("PaymentRecord")}
    for posting in books.of("PostingRecord"):
        kind, payment, *stray = posting.entry.split("#")
        if kind != "capture":
            continue
        if payment not in payments:
            yield posting.entry, "is booked for a payment that does not exist"
        elif not stray:  # a stray transaction of a payment is booked apart, for a person to look at
            for_orders[payment].add(posting.order)
            if posting.account.startswith(("gateway:", "gateway-fees", "bank", "credits:")):
                booked[payment] += int(posting.amount)
    for id, payment in payments.items():
        received = int(payment.received or 0) if payment.state in _RECEIVED else 0
        wrong = [f"received {received}, booked {booked[id]}"] if booked[id] != received else []
        wrong += [f"is booked for {sorted(for_orders[id])}"] if for_orders[id] - {payment.order} else []
        yield id, _told(wrong)


def orders(books: Books) -> Findings:
    """An order is paid exactly when one captured payment of the same amount says so."""
    captured: dict[str, list[Any]] = defaultdict(list)
    for payment in books.of("PaymentRecord"):
        if payment.state == "captured":
            captured[payment.order].append(payment)
    for order in books.of("OrderRecord"):
        payments = captured.pop(order.id, [])
        wanted = [order.payment] if order.status in _PAID else []
        wrong = []
        if [payment.id for payment in payments] != wanted:
            wrong.append(f"is {order.status}, captured are {[payment.id for payment in payments]}")
        wrong += [f"costs {order.total}, paid are {each.amount}" for each in payments if each.amount != order.total]
        yield order.id, _told(wrong)
    for id in captured:
        yield id, "has a captured payment and does not exist"


def refunds(books: Books) -> Findings:
    """What went back is booked once, no payment gives back more than came, and what is set aside is on its way."""
    booked: Counter[str] = Counter()
    strays: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    for posting in books.of("PostingRecord"):
        kind, of, *stray = posting.entry.split("#")
        if kind == "refund" and posting.account.startswith(("gateway:", "bank", "credits:", "disputes")):
            booked[of] -= int(posting.amount)
        if kind == "capture" and stray and posting.account.startswith(("gateway:", "gateway-fees")):
            strays[of] += int(posting.amount)
    for refund in books.of("RefundRecord"):
        amount = int(refund.tail) + int(refund.excess) + sum(part.amount for part in refund.parts)
        amount += int(refund.deposit or 0)
        gone[refund.payment] += amount if refund.state in ("submitted", "settled") else 0
        due = amount if refund.state == "settled" else 0
        yield refund.id, None if booked[refund.id] == due else f"gave back {due}, booked {booked[refund.id]}"
    for payment in books.of("PaymentRecord"):
        came = int(payment.received or 0) + strays[payment.id]
        left = came if payment.refundable is None else int(payment.refundable)
        wrong = [f"of {came} that came {gone[payment.id]} went back"] if gone[payment.id] > came else []
        if payment.refundable is not None and left + gone[payment.id] != came:
            wrong.append(f"of {came} that came {gone[payment.id]} went back and {left} is left")
        yield payment.id, _told(wrong)


def disputes(books: Books) -> Findings:
    """What a bank took is in `disputes` until it is decided, then with us or gone; shares are held back as long."""
    booked: Counter[tuple[str, str, str]] = Counter()
    for posting in books.of("PostingRecord"):
        kind, of, *_ = posting.entry.split("#")
        booked[kind, of, posting.account] += int(posting.amount)
    for dispute in books.of("DisputeRecord"):
        is_lost, is_over = dispute.state == "lost", dispute.state in ("won", "lost", "closed")
        ends = booked["dispute-lost", dispute.id, "disputes"] + booked["refund", dispute.refund, "disputes"]
        there = booked["dispute", dispute.id, "disputes"] + ends
        gone = there - ends + booked["dispute", dispute.id, "dispute-losses"]
        fee = booked["dispute", dispute.id, "gateway-fees"]
        held = booked["dispute-hold", dispute.id, "disputed-shares"]
        freed = booked["dispute-free", dispute.id, "disputed-shares"]
        at_stake = sum(things.gross for each in dispute.held for things in each.things)
        wrong = [f"took {dispute.withdrawn}, booked is {gone}"] if gone != int(dispute.withdrawn) else []
        wrong += [f"is {dispute.state} with {there} undecided"] if there != (0 if is_lost else gone) else []
        wrong += [f"cost {dispute.fee}, booked is {fee}"] if fee != int(dispute.fee) else []
        if (held, freed) != (-at_stake, at_stake if is_over else 0):
            wrong.append(f"{at_stake} of shares are at stake, {-held} were held back and {freed} freed")
        yield dispute.id, _told(wrong)


def deposits(books: Books) -> Findings:
    """What came as a deposit is held, went back or was kept, to the last satang, and the ledger holds the same."""
    booked: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    back: Counter[tuple[str, str]] = Counter()
    for posting in books.of("PostingRecord"):
        if posting.account == "deposits":
            booked[posting.order] -= int(posting.amount)
            kind, of, *_ = posting.entry.split("#")
            kept[of] += int(posting.amount) * (kind == "forfeit")
    for refund in books.of("RefundRecord"):
        back[str(refund.deposit_of), str(refund.state)] += int(refund.deposit or 0)
    held = {(deposit.order, deposit.line): deposit for deposit in books.of("DepositRecord")}
    for (order_id, _), deposit in held.items():
        went = {"releasing": back[deposit.id, "submitted"], "released": back[deposit.id, "settled"]}
        went["forfeited"] = kept[deposit.id]
        wrong = [f"has {getattr(deposit, name)} {name}, booked are {due}" for name, due in went.items()
                 if int(getattr(deposit, name)) != due]  # fmt: skip
        outstanding = int(deposit.amount) - sum(went.values())
        wrong += [f"{outstanding} of it is outstanding"] if outstanding < 0 else []
        booked[order_id] -= outstanding + went["releasing"]
        yield deposit.id, _told(wrong)
    for order in books.of("OrderRecord"):
        paid = [line for line in order.lines if line.deposit and order.payment]
        wrong = [f"{line.id} has no deposit" for line in paid if (order.id, line.id) not in held]
        wrong += [f"the ledger holds {booked[order.id]} too much of its deposits"] if booked[order.id] else []
        if paid or wrong:
            yield order.id, _told(wrong)


def shares(books: Books) -> Findings:
    """What a line brought is owed to whom it belongs to, to the last satang, once it is handed over."""
    booked, back = _shared(books), _taken_back(books)
    for order in books.of("OrderRecord"):
        for line in order.lines:
            found, due = booked.pop((order.id, line.id), Counter()), _due(order.organization, line)
            due.subtract(_owed(order.organization, line, back[order.id, line.id]))
            wrong = []
            brought = sum(share.takings.gross for share in line.shares)
            if line.shares and brought != line.amount - _tax(line):
                wrong.append(f"brought {line.amount - _tax(line)} without tax, its shares come to {brought}")
            if found != due and (found or order.status == "completed"):
                wrong.append(f"is shared as {dict(due)}, booked as {dict(found)}")
            if found and order.status not in _PAID:
                wrong.append(f"is shared out, and its order {order.status}")
            yield f"{order.id} {line.id}", _told(wrong)
    for order_id, line_id in booked:
        yield f"{order_id} {line_id}", "is shared out and does not exist"


def taxes(books: Books) -> Findings:
    """The tax of a line that is handed over is owed, less what went back of it with refunds, and nothing else is."""
    booked: Counter[tuple[str, str]] = Counter()
    back: Counter[tuple[str, str]] = Counter()
    for posting in books.of("PostingRecord"):
        if posting.account == f"tax:{posting.organization}":
            booked[posting.order, posting.entry.split("#")[2]] -= int(posting.amount)
    for refund in books.of("RefundRecord"):
        back.update({(refund.order, part.line): part.tax for part in refund.parts})
    for order in books.of("OrderRecord"):
        for line in order.lines:
            key = order.id, line.id
            owed, due = booked[key], _tax(line) - back[key]
            wrong = owed != due and (key in booked or order.status == "completed")
            yield f"{order.id} {line.id}", f"{due} of tax is due, booked is {owed}" if wrong else None
            booked.pop(key, None)
    for order_id, line_id in booked:
        yield f"{order_id} {line_id}", "is booked as tax and does not exist"


def _tax(line: Any) -> int:
    return line.tax.amount if line.tax else 0


def takings(books: Books) -> Findings:
    """The sums of what was taken are those of the lines that were shared out."""
    booked, back = _shared(books), _taken_back(books)
    recounted: dict[str, Takings] = defaultdict(Takings)
    summed: dict[str, Takings] = defaultdict(Takings)
    for order in books.of("OrderRecord"):
        for line in order.lines:
            for number, share in enumerate(line.shares, start=1) if (order.id, line.id) in booked else ():
                of_whom = (share.photographer, f"{line.subject}#{share.photographer}") if share.photographer else ()
                gone = [-things for things in _things(back[order.id, line.id], number, share)]
                for whose in ("all", line.subject, *of_whom):
                    recounted[f"T#{order.organization}#TAKEN#{whose}"] += sum(gone, share.takings)
                for (ref, brought), minus in zip(share.by_ref(), gone, strict=True):
                    recounted[f"T#{order.organization}#TAKEN#{ref}"] += brought + minus
    for row in books.of("TakingsRecord"):
        summed[row.pk] += Takings(
            *(int(part or 0) for part in (row.sold, row.platform, row.photographer, row.organizer))
        )
    for key in sorted({*recounted, *summed}):
        same = recounted[key] == summed[key]
        yield key, None if same else f"summed up to {summed[key]}, the lines to {recounted[key]}"


def _shared(books: Books) -> dict[tuple[str, str], Counter[str]]:
    """(order, line) -> account -> what was booked there of its shares."""
    booked: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for posting in books.of("PostingRecord"):
        kind, *of = posting.entry.split("#")
        if kind in ("share", "unshare"):
            booked[posting.order, of[1]][posting.account] += int(posting.amount)
    return booked


def _taken_back(books: Books) -> dict[tuple[str, str], list[Any]]:
    """(order, line) -> what settled refunds took back of its shares."""
    back: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for refund in books.of("RefundRecord"):
        for each in refund.returned:
            back[refund.order, each.line].append(each)
    return back


def _things(back: list[Any], number: int, share: Any) -> list[Takings]:
    """What was taken back of each thing of a share."""
    returned = [each.things for each in back if each.number == number]
    return [sum((things[position] for things in returned), Takings()) for position in range(len(share.refs))]


def _owed(organization: str, line: Any, back: list[Any]) -> Counter[str]:
    """Account -> what refunds took back of it."""
    owed: Counter[str] = Counter()
    for number, share in enumerate(line.shares, start=1):
        takings = sum(_things(back, number, share), Takings())
        owed["revenue-shares"] += takings.gross
        owed["platform"] -= takings.platform
        owed[f"organizer:{organization}"] -= takings.organizer
        owed[f"photographer:{share.photographer}"] -= takings.photographer
    return owed


def _due(organization: str, line: Any) -> Counter[str]:
    """Account -> what the shares of a line come to."""
    due: Counter[str] = Counter()
    for share in line.shares:
        due["revenue-shares"] += share.takings.gross
        due["platform"] -= share.takings.platform
        due[f"organizer:{organization}"] -= share.takings.organizer
        due[f"photographer:{share.photographer}"] -= share.takings.photographer
    return due


def grants(books: Books) -> Findings:
    """What was handed over of an order is granted, once, and nothing else is."""
    held: dict[str, Counter[str]] = defaultdict(Counter)
    withdrawn: set[tuple[str, str]] = set()
    for grant in books.of("GrantRecord"):
        held[grant.order][grant.resource] += 1
        if grant.revoked_at is not None:
            withdrawn.add((grant.order, grant.resource))
    for order in books.of("OrderRecord"):
        over = [line for line in order.lines if line.status == "fulfilled"]
        back = [line for line in order.lines if line.status == "revoked"]
        due = Counter(ref for line in over for ref in line.refs if line.kind == "photos")
        granted = held.pop(order.id, Counter())
        for ref in (ref for line in back for ref in line.refs if (order.id, ref) in withdrawn):
            del granted[ref]
        wrong = [f"{sorted(due - granted)} not granted"] if due - granted else []
        wrong += [f"{sorted(granted - due)} granted for nothing"] if granted - due else []
        if (order.status == "completed") != (len(over) > 0 and len(over) + len(back) == len(order.lines)):
            wrong.append(f"is {order.status} with {len(over)} of {len(order.lines)} lines handed over")
        yield order.id, _told(wrong)
    for id in held:
        yield id, "has grants and does not exist"


def sales(books: Books) -> Findings:
    """What is counted as sold of each event is what was granted of it and not given back."""
    counted: Counter[tuple[str, str]] = Counter()
    unpriced: set[str] = set()
    for row in books.of("SalesRecord"):
        counted.update({(row.pk, "files"): int(row.files or 0), (row.pk, "satang"): int(row.amount or 0)})
    for grant in books.of("GrantRecord"):
        if grant.subject is not None and grant.returned_at is None:
            pk = f"T#{grant.organization}#SOLD#{grant.subject}"
            counted.subtract({(pk, "files"): 1, (pk, "satang"): int(grant.price or 0)})
            unpriced |= {pk} if grant.price is None else set()  # by an earlier release
    for (pk, what), left in counted.items():
        if what == "files" or pk not in unpriced:
            yield f"{pk} {what}", f"{left} too many are counted" if left else None


def wallets(books: Books) -> Findings:
    """Each wallet holds what the ledger owes for it, and each line of credit that was handed over came into one."""
    owed: Counter[str] = Counter()
    bought: dict[str, int] = {}
    for posting in books.of("PostingRecord"):
        if posting.account.startswith("credits:"):
            owed[f"{posting.organization} {posting.account}"] -= int(posting.amount)
        if posting.entry.startswith("bought#") and posting.account == "sales":
            bought[posting.entry] = int(posting.amount)
    for row in books.of("CreditRecord"):
        account = f"{row.organization} credits:{row.user}"
        held = Wallet(row.organization, row.user, row.grants, row.holds).total
        booked = owed.pop(account, 0)
        yield account, None if held == booked else f"holds {held}, booked is {booked}"
    for account, amount in owed.items():  # whoever left has no wallet any more
        yield account, f"has no wallet, booked is {amount}" if amount else None
    for order in books.of("OrderRecord"):
        for line in order.lines:
            came = bought.pop(f"bought#{order.id}#{line.id}", 0)
            due = {0} if line.kind != "credits" or line.status == "held" else {line.amount}
            if line.status == "revoked" or order.owner is None:  # before it was handed over, or nobody was there
                due.add(0)
            if line.kind == "credits" or came:
                yield f"{order.id} {line.id}", None if came in due else f"brought {max(due)}, {came} went into a wallet"
    for entry in bought:
        yield entry, "is booked and no order has such a line"


def payouts(books: Books) -> Findings:
    """Each booking of who earned is in one payout or is still owed, and each item is booked as far as it has come."""
    booked: dict[tuple[str, str, str], int] = {}
    taken: Counter[str] = Counter()
    places: dict[str, list[Any]] = defaultdict(list)
    for posting in books.of("PostingRecord"):
        kind, payout, *party = posting.entry.split("#")
        if kind in ("payout", "payout-settled", "payout-returned") and posting.account == "payouts-due":
            booked[kind, payout, party[0]] = int(posting.amount)
        places[f"{posting.organization} {posting.account}"].append(posting)
    for item in books.of("PayoutItemRecord"):
        amount, key = int(item.amount), (item.payout, item.party)
        taken[item.payout] += amount * (item.state != "held")
        found = [booked.pop((kind, *key), 0) for kind in ("payout", "payout-settled", "payout-returned")]
        due = [-amount * (item.state != "held"), amount * (item.state == "settled"), amount * (item.state == "failed")]
        yield " ".join(key), None if found == due else f"is {item.state} with {amount}, booked are {found}"
    for payout in books.of("PayoutRecord"):
        amount, of_items = int(payout.amount), taken[payout.id]
        wrong = payout.state != "collecting" and amount != of_items
        yield payout.id, f"comes to {amount}, its items to {of_items}" if wrong else None
    for row in books.of("PositionRecord"):
        account = f"{row.organization} {row.party}"
        passed = [each for each in places[account] if each.account_sk <= row.through]
        taken_out = [each for each in places[account] if each.entry.startswith("payout#") and each not in passed]
        left = sum(int(each.amount) for each in (*passed, *taken_out))
        yield account, f"{-left} of what was passed is in no payout" if left else None
    for kind, payout, party in booked:
        yield f"{payout} {party}", f"is booked as {kind} and does not exist"


def promotions(books: Books) -> Findings:
    """Each code was counted as often as orders have it that were not given up, and took off what these say."""
    counted: Counter[str] = Counter()
    for row in books.of("TakenRecord"):
        counted[row.pk] += int(row.n or 0)
    redeemed = {(row.pk, row.order): int(row.amount) for row in books.of("RedemptionRecord")}
    for order in books.of("OrderRecord"):
        off = sum(line.discount for line in order.lines)
        said = sum(each.amount for each in order.discounts)
        wrong = [f"codes took off {said}, the lines {off}"] if said != off else []
        stands = order.status == "awaiting_payment" or any(step.status == "paid" for step in order.history)
        for each in order.discounts if stands else ():
            pk = f"T#{order.organization}#PRM#{each.promotion}"
            counted[pk] -= 1
            if redeemed.pop((pk, order.id), None) != each.amount:
                wrong.append(f"{each.code} does not know of it")
        yield order.id, _told(wrong)
    for pk, order_id in redeemed:
        yield order_id, f"gave up what is still counted of {pk}"
    for pk, left in counted.items():
        yield pk, f"is counted {left} times too often" if left else None


def invoices(books: Books) -> Findings:
    """The numbers of receipts and credit notes have no gap, and each is that of one document."""
    issued = Counter(f"{row.organization} {row.number}" for row in books.of("InvoiceRecord"))
    for series in books.of("SeriesRecord"):
        for count in range(1, int(series.last) + 1):
            number = f"{series.organization} {NUMBERS[series.kind].format(year=int(series.year), count=count)}"
            found = issued.pop(number, 0)
            yield number, None if found == 1 else f"is on {found} documents"
    for number in issued:
        yield number, "is on a document and was never given"


def counters(books: Books) -> Findings:
    """The counts of each event are those of its photos, shard by shard."""
    recounted: dict[str, Counter[str]] = defaultdict(Counter)
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for photo in books.of("PhotoRecord"):
        if photo.processing == "ready":
            shard = ids.shard_of(photo.id, 16)
            key = f"T#{photo.organization}#EVT#{photo.event}#COUNTS {shard:02d}"
            recounted[key][photo.approval.value] += 1
    for row in books.of("CountRecord"):
        for state in ("pending", "approved", "rejected"):
            if amount := int(getattr(row, state) or 0):
                counted[f"{row.pk} {row.sk}"][state] = amount
    for key in sorted({*recounted, *counted}):
        same = recounted[key] == counted[key]
        yield key, None if same else f"counted {dict(counted[key])}, there are {dict(recounted[key])}"


def pointers(books: Books) -> Findings:
    """What is found by a code, an address, a slug or a gateway's reference is there, and is found by it."""
    named = {
        "OrderRecord": {row.order for row in books.of("CodeRecord")},
        "PaymentRecord": {row.pk.rpartition("#")[2] for row in books.of("PointerRecord")},
        "UserRecord": {row.user for row in books.of("EmailRecord")},
        "EventRecord": {row.event for row in books.of("SlugRecord")},
        "PhotoRecord": {row.photo for row in books.of("OwnerRecord")},
    }
    for record, ids_named in named.items():
        there = {row.id for row in books.of(record) if not getattr(row, "deleted_at", None)}
        for id in sorted(ids_named | there):
            wrong = None if id in there else "is pointed at and does not exist"
            yield id, wrong if id in ids_named else "exists and nothing points at it"


CHECKS: tuple[Callable[[Books], Findings], ...] = (
    entries,
    balances,
    captures,
    orders,
    refunds,
    disputes,
    deposits,
    shares,
    taxes,
    takings,
    grants,
    sales,
    wallets,
    payouts,
    promotions,
    invoices,
    counters,
    pointers,
)


def _told(wrong: list[str]) -> str | None:
    return "; ".join(wrong) or None


# --- the command --------------------------------------------------------------------------------------------


def show(console: Console, report: Report) -> None:
    table = Table("check", "looked at", "differences", title="Audit", title_justify="left")
    wrong = Counter(difference.check for difference in report.differences)
    for check, count in report.looked_at.items():
        table.add_row(check, f"{count:,}", str(wrong[check]))
    console.print(table)
    for difference in report.differences[:50]:
        console.print(f"{difference.check}: {difference.subject}: {difference.text}", highlight=False)


def main(words: list[str] | None = None) -> int:
    """1 when something does not agree."""
    parser = argparse.ArgumentParser(prog="python3 -m infra audit", description=__doc__)
    parser.add_argument("--stage", choices=stages.STAGES, default="local")
    parser.add_argument("--tables", metavar="PREFIX", help="as thepixstock-prod-restored; the stage's own without it")
    wanted = parser.parse_args(words)
    console = Console()
    try:
        stages.enter(wanted.stage)
    except stages.NotReached as reason:
        console.print(str(reason), highlight=False)
        return 1
    report = audit(wanted.tables or f"{settings().app}-{settings().stage}")
    show(console, report)
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
