"""Double entry: an entry is a set of postings that sums to zero. Entries are never changed."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Posting:
    """`amount` in minor units: positive is a debit (we hold more, or are owed more), negative a credit.

    `subject` is what was sold from, an event's id, where the account alone does not tell.
    """

    account: str
    amount: int
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """`id` names the business event (`capture#pay_...`), so the same event can not be booked twice.

    `order` is None where no order is behind it.
    """

    id: str
    organization: str
    order: str | None
    currency: str
    at: datetime
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        if sum(posting.amount for posting in self.postings) != 0:
            raise ValueError(f"entry {self.id} does not balance")


@dataclass(frozen=True, slots=True)
class Movement:
    """A posting as the account it stands in has it: `kind` is the first part of its entry's id."""

    entry: str
    order: str | None
    amount: int
    subject: str | None
    currency: str
    at: datetime

    @property
    def kind(self) -> str:
        return self.entry.partition("#")[0]


def capture(
    payment: str,
    *,
    organization: str,
    order: str,
    into: str,
    received: int,
    owed: int,
    currency: str,
    at: datetime,
    fee: int = 0,
    deposit: int = 0,
) -> Entry:
    """The money of an order came in. A gateway's satang tail above what was owed is booked apart from the sale.

    What of it is a deposit is the buyer's still.
    """
    postings = [*_arrived(into, received, fee), *_sold(owed, deposit)]
    if received != owed:
        postings.append(Posting("payment-tails", owed - received))
    return Entry(f"capture#{payment}", organization, order, currency, at, tuple(postings))


def _sold(owed: int, deposit: int) -> list[Posting]:
    kept = [Posting("deposits", -deposit)] if deposit else []
    return [Posting("sales", deposit - owed), *kept]


def _arrived(into: str, received: int, fee: int) -> list[Posting]:
    """What buyers paid: some of it the gateway kept, the rest is in the account `into`."""
    kept = [Posting("gateway-fees", fee)] if fee else []
    return [Posting(into, received - fee), *kept]


def spending(
    payment: str,
    *,
    organization: str,
    order: str,
    account: str,
    amount: int,
    currency: str,
    at: datetime,
    deposit: int = 0,
) -> Entry:
    """An order was paid with what we owed its buyer already, in `account`."""
    postings = (Posting(account, amount), *_sold(amount, deposit))
    return Entry(f"capture#{payment}", organization, order, currency, at, postings)


def instalment(
    payment: str,
    *,
    organization: str,
    order: str,
    into: str,
    received: int,
    currency: str,
    at: datetime,
    fee: int = 0,
) -> Entry:
    """Some of an order's price came in, or its buyer's credit was taken: it stays the buyer's until all is there."""
    postings = (*_arrived(into, received, fee), Posting("instalments", -received))
    return Entry(f"capture#{payment}", organization, order, currency, at, postings)


def covered(order: str, *, organization: str, received: int, owed: int, currency: str, at: datetime) -> Entry:
    """All instalments of an order are there and pay it, what gateways added as a tail."""
    postings = [Posting("instalments", received), *_sold(owed, 0)]
    if received != owed:
        postings.append(Posting("payment-tails", owed - received))
    return Entry(f"covered#{order}", organization, order, currency, at, tuple(postings))


def lapse(payment: str, *, organization: str, order: str, received: int, currency: str, at: datetime) -> Entry:
    """An instalment pays nothing any more: it is to go back."""
    postings = (Posting("instalments", received), Posting("suspense", -received))
    return Entry(f"lapse#{payment}", organization, order, currency, at, postings)


def suspense(
    payment: str,
    *,
    organization: str,
    order: str,
    into: str,
    received: int,
    currency: str,
    at: datetime,
    fee: int = 0,
) -> Entry:
    """Money came in that no order accounts for; it waits for a person to refund or assign it."""
    postings = (*_arrived(into, received, fee), Posting("suspense", -received))
    return Entry(f"capture#{payment}", organization, order, currency, at, postings)


def acceptance(
    payment: str,
    *,
    organization: str,
    order: str,
    kept: int,
    owed: int,
    currency: str,
    at: datetime,
    deposit: int = 0,
) -> Entry:
    """Money that waited for a person pays its order after all; what is short of the price is booked as a tail is."""
    postings = [Posting("suspense", kept), *_sold(owed, deposit)]
    if kept != owed:
        postings.append(Posting("payment-tails", owed - kept))
    return Entry(f"accept#{payment}", organization, order, currency, at, tuple(postings))


def refund(
    refund: str,
    *,
    organization: str,
    order: str,
    source: str,
    sales: int,
    tail: int,
    suspended: int,
    currency: str,
    at: datetime,
    deposit: int = 0,
) -> Entry:
    """Money went back out of the account `source`: of what was sold, of its tail, of what no order accounted for, of
    what the buyer had left with us."""
    of = {"sales": sales, "payment-tails": tail, "suspense": suspended, "deposits": deposit}
    parts = (Posting(account, amount) for account, amount in of.items() if amount)
    postings = (Posting(source, -sum(of.values())), *parts)
    return Entry(f"refund#{refund}", organization, order, currency, at, postings)


def distribution(
    part: str,
    *,
    organization: str,
    order: str,
    subject: str,
    photographer: str | None,
    platform_part: int,
    photographer_part: int,
    organizer_part: int,
    currency: str,
    at: datetime,
    kind: str = "share",
    against: str = "revenue-shares",
) -> Entry:
    """What was sold is owed to whom it belongs to: `part` names the piece of the order. Parts below zero take it back.

    `revenue-shares` mirrors `sales`: of an order that is handed over the two come to nothing. What is only held back
    stands in another account.
    """
    owed = [("platform", platform_part), (f"organizer:{organization}", organizer_part)]
    if photographer is not None:
        owed.append((f"photographer:{photographer}", photographer_part))
    gross = sum(amount for _, amount in owed)
    credits = (Posting(whose, -amount, subject) for whose, amount in owed)
    postings = (Posting(against, gross, subject), *credits)
    return Entry(f"{kind}#{part}", organization, order, currency, at, postings)


def taxation(
    part: str, *, organization: str, order: str, amount: int, currency: str, at: datetime, kind: str = "tax"
) -> Entry:
    """What of a sale is tax belongs to nobody who shares in it: `part` names the line. Below zero takes it back."""
    postings = (Posting("sales", amount), Posting(f"tax:{organization}", -amount))
    return Entry(f"{kind}#{part}", organization, order, currency, at, postings)


def dispute(
    part: str,
    *,
    organization: str,
    order: str,
    source: str,
    into: str,
    withdrawn: int,
    fee: int,
    currency: str,
    at: datetime,
) -> Entry:
    """A buyer's bank took money out of the account `source`, and the gateway its fee. Below zero it came back."""
    parts = Posting(source, -withdrawn - fee), Posting(into, withdrawn), Posting("gateway-fees", fee)
    return Entry(f"dispute#{part}", organization, order, currency, at, tuple(part for part in parts if part.amount))


def dispute_loss(dispute: str, *, organization: str, order: str, amount: int, currency: str, at: datetime) -> Entry:
    """What a bank keeps beyond what was left of a payment is the house's loss."""
    postings = (Posting("disputes", -amount), Posting("dispute-losses", amount))
    return Entry(f"dispute-lost#{dispute}", organization, order, currency, at, postings)


def fee(payment: str, *, organization: str, order: str, source: str, amount: int, currency: str, at: datetime) -> Entry:
    """What a gateway kept of a payment, where it told only afterwards."""
    postings = (Posting(source, -amount), Posting("gateway-fees", amount))
    return Entry(f"fee#{payment}", organization, order, currency, at, postings)


def forfeiture(
    part: str, *, organization: str, order: str, subject: str, amount: int, currency: str, at: datetime
) -> Entry:
    """What a buyer had left with us is the organizer's now: no sale, so nobody shares in it, and no tax is on it."""
    postings = (Posting("deposits", amount), Posting(f"organizer:{organization}", -amount, subject))
    return Entry(f"forfeit#{part}", organization, order, currency, at, postings)
