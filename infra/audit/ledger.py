"""Whether the books balance, and agree with payments, refunds, wallets and payouts."""

from collections import Counter, defaultdict
from typing import Any

from chalicelib.wallet.model import Wallet
from infra.audit.books import Books, Findings, told

_RECEIVED = ("captured", "review", "returned")


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
        yield entry, told(wrong)


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
        yield id, told(wrong)


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
        yield payment.id, told(wrong)


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
