"""Payouts: collect what is owed, approve it by a second person, send it, and say what became of it.

A party's bookings have an order, that of its account. A batch takes those after the place where the batch before ended;
that place moves in the transaction that makes the item, so a booking is in one batch at most. What fails is booked back
into the account, behind that place, and is due again.

Where an item's money goes is taken down, sealed, when it is made: the second person approves that, too, and what
somebody changes later counts for the next batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, log, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, NotFound
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.ledger import service as ledger
from chalicelib.ledger.service import Entry, Movement, Posting
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import BankAccount
from chalicelib.payouts import sheets, store
from chalicelib.payouts.messages import PayoutEnded, PayoutItemFailed, PayoutItemSent, PayoutOpened, PayoutSent
from chalicelib.payouts.model import TAKEN, Item, ItemState, Payout, State, account_of, must_be_over
from chalicelib.photographers import service as photographers
from chalicelib.revenue import service as revenue

_UNDER_WAY = "payouts-due"
_BANK = "bank"
_OPEN = (State.DRAFT, State.APPROVED, State.SENT)
"""Of a batch in these states some transfers may fail."""

UNKNOWN = "bank_account_missing"
"""Why an item is held."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a batch; with `parties`, ids of users or of the organization, only that theirs failed."""

    state: State
    reason: str | None
    parties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Transfer:
    """An item as people see it: who gets it, where nobody forgot them, and the account with its number masked."""

    item: Item
    name: str | None
    account: BankAccount | None


# --- making -------------------------------------------------------------------------------------------------


def open_payout(actor: Principal, until: datetime, key: str) -> Payout:
    """Begin a batch of all that is owed from before `until`, once for each idempotency key; a job collects it.

    Raises Invalid `period_not_over`, Conflict `idempotency_key_reused`.
    """
    organization, at = actor.organization, clock.now()
    must_be_over(until, at)
    payout = Payout(
        id=ids.derived("pot", organization, actor.known_user, key),
        organization=organization,
        until=until,
        currency=organizations.get(organization).currency,
        state=State.COLLECTING,
        made_by=actor.known_user,
        made_at=at,
    )
    told = _audited(actor, "opened", payout, after={"until": until})
    opened = outbox.publish(PayoutOpened(organization=organization, payout=payout.id))
    try:
        transact(store.add(payout), told, opened)
    except Conflict as refused:
        earlier = store.get(organization, payout.id)
        if earlier.until != until:
            raise Conflict("idempotency_key_reused", "This key came with another period before.") from refused
    return store.get(organization, payout.id)


def collect(organization: str, payout_id: str) -> Outcome:
    """Take what is due to each party into the batch. Goes on where it was cut off."""
    payout = store.get(organization, payout_id)
    if payout.state is not State.COLLECTING:
        return Outcome.SKIPPED
    for party in _parties(organization):
        _take_in(payout, party)
    items = list(store.items(organization, payout_id))
    draft = payout.collected(items)
    transact(store.save(draft, was=payout))
    log.info("payout collected", organization=organization, payout=payout_id, count=len(items))
    return Outcome.SUCCESS


def _parties(organization: str) -> Iterator[str]:
    """Everybody but the platform, which is where the money lies."""
    yield f"organizer:{organization}"
    for user in revenue.earners(organization):
        yield f"photographer:{user}"


def _take_in(payout: Payout, party: str) -> None:
    """Raises Conflict where another batch took some of it at the same moment."""
    if store.find_item(payout.organization, payout.id, party) is not None:
        return
    position = store.position(payout.organization, party)
    amount, through = 0, position.through
    for place, booked in ledger.between(payout.organization, party, position.through, payout.until):
        amount -= booked.amount if booked.kind != TAKEN else 0
        through = place
    if amount <= 0:
        return  # nothing, or more was taken back than earned: that waits for what is earned next
    account = _known_account(payout.organization, party)
    item = Item(
        payout=payout.id,
        organization=payout.organization,
        party=party,
        reference=ids.derived("pit", payout.id, party),
        amount=amount,
        currency=payout.currency,
        since=position.through,
        through=through,
        state=ItemState.DUE if account else ItemState.HELD,
        at=payout.made_at,
        reason=None if account else UNKNOWN,
        account=account,
    )
    if account is None:
        transact(store.hold_item(item))
        return
    entry = _entry(item, TAKEN, Posting(party, amount), Posting(_UNDER_WAY, -amount))
    transact(*store.add_item(item, position), *ledger.book(entry))


def _known_account(organization: str, party: str) -> str | None:
    """Sealed; None also for one that nobody can read any more."""
    whose = party.partition(":")[2]
    if whose == organization:
        sealed = organizations.get(organization).bank_account
    else:
        sealed = photographers.sealed_account(organization, whose)
    return sealed if organizations.open_account(organization, whose, sealed) else None


# --- deciding -----------------------------------------------------------------------------------------------


def approve(actor: Principal, payout_id: str) -> Payout:
    """Raises NotFound, Forbidden `second_person_needed`, Conflict `payout_state`."""
    was = store.get(actor.organization, payout_id)
    now = was.approved(actor.known_user, clock.now())
    transact(store.save(now, was=was), _audited(actor, "approved", now))
    return store.get(actor.organization, payout_id)


def tell(actor: Principal, payout_id: str, told: Told) -> Payout:
    """Say that a batch was sent, was settled or failed; or that some parties' transfers of one are not made or failed.

    Raises NotFound (payout, party), Invalid `parties_fail_alone`, Conflict `payout_state`.
    """
    was, at = store.get(actor.organization, payout_id), clock.now()
    if told.parties and told.state is not State.FAILED:
        raise Invalid("parties_fail_alone", "Of some parties alone only a failure is told.", field="parties")
    if told.parties:
        was.must_be(*_OPEN)
        return _fail_some(actor, was, told)
    now = was.sent(at) if told.state is State.SENT else was.ended(told.state, at, told.reason)
    known = {"organization": was.organization, "payout": was.id}
    followed = PayoutEnded(**known) if now.ended_at else PayoutSent(**known)
    log_it = _audited(actor, told.state.value, now, after={"state": now.state, "reason": told.reason})
    transact(store.save(now, was=was), log_it, outbox.publish(followed))
    return store.get(actor.organization, payout_id)


def announce(organization: str, payout_id: str) -> Outcome:
    """Have each photographer told that their money is on its way. Told again it is mailed once."""
    due = [item for item in store.items(organization, payout_id) if item.earner and item.state is not ItemState.HELD]
    for item in due:
        transact(outbox.publish(PayoutItemSent(organization=organization, payout=payout_id, party=item.party)))
    return Outcome.SUCCESS if due else Outcome.SKIPPED


def end_items(organization: str, payout_id: str) -> Outcome:
    """What became of a batch became of the items that nobody told of before. Goes on where it was cut off."""
    payout = store.get(organization, payout_id)
    state = ItemState.SETTLED if payout.state is State.SETTLED else ItemState.FAILED
    due = [item for item in store.items(organization, payout_id) if item.state is ItemState.DUE]
    for item in due:
        transact(*_ended(item, state, payout.reason), *(_told(item, state) if payout.sent_at else ()))
    return Outcome.SUCCESS if due else Outcome.SKIPPED


def _fail_some(actor: Principal, payout: Payout, told: Told) -> Payout:
    for item in [_item(payout, party) for party in told.parties]:
        if item.state is ItemState.DUE:
            less = store.save(payout.without(item.amount), was=payout)
            log_it = _audited(actor, "failed", payout, after={"party": item.party, "reason": told.reason})
            ended = (*_ended(item, ItemState.FAILED, told.reason), *_told(item, ItemState.FAILED))
            transact(less, *ended, log_it)
            payout = store.get(payout.organization, payout.id)
            payout.must_be(*_OPEN)
    return payout


def _ended(item: Item, state: ItemState, reason: str | None) -> list[Any]:
    """The writes that end an item: the money left, or is owed again."""
    settled = state is ItemState.SETTLED
    kind, account = ("payout-settled", _BANK) if settled else ("payout-returned", item.party)
    entry = _entry(item, kind, Posting(_UNDER_WAY, item.amount), Posting(account, -item.amount))
    return [store.save_item(item.ended(state, reason), was=item), *ledger.book(entry)]


def _told(item: Item, state: ItemState) -> tuple[Any, ...]:
    """Who earned it hears of what failed; that it is on its way they heard when the batch was sent."""
    if state is not ItemState.FAILED or item.earner is None:
        return ()
    fact = PayoutItemFailed(organization=item.organization, payout=item.payout, party=item.party)
    return (outbox.publish(fact),)


# --- seeing -------------------------------------------------------------------------------------------------


def listed(principal: Principal, request: PageRequest) -> Page[Payout]:
    return store.listed(principal.organization, request)


def get(principal: Principal, payout_id: str) -> Payout:
    """Raises NotFound."""
    return store.get(principal.organization, payout_id)


def items(principal: Principal, payout_id: str, request: PageRequest) -> Page[Transfer]:
    """Raises NotFound."""
    found = store.page_of_items(principal.organization, get(principal, payout_id).id, request)
    users = [item.whose for item in found.items if item.whose != item.organization]
    names = {user.id: user.name for user in accounts.find_users(principal.organization, users).values()}
    names[principal.organization] = organizations.get(principal.organization).name
    return found.map(lambda item: _shown(item, names.get(item.whose)))


def mine(principal: Principal, request: PageRequest) -> Page[Transfer]:
    """What the caller's photos were paid, the newest first."""
    return store.of_party(principal.organization, f"photographer:{principal.known_user}", request).map(_shown)


def _shown(item: Item, name: str | None = None) -> Transfer:
    account = organizations.open_account(item.organization, item.whose, item.account)
    return Transfer(item, name, account.masked if account else None)


def find_transfer(organization: str, payout_id: str, party: str) -> Transfer | None:
    """What one party gets of a batch."""
    item = store.find_item(organization, payout_id, party)
    return _shown(item) if item else None


def bank_file(actor: Principal, payout_id: str) -> str:
    """The file for the bank. Who was given the numbers stands in the audit log.

    Raises NotFound, Conflict (`payout_state`, `bank_account_missing` where somebody was forgotten meanwhile).
    """
    payout = store.get(actor.organization, payout_id)
    payout.must_be(State.APPROVED, State.SENT)
    due = [item for item in store.items(payout.organization, payout.id) if item.state is ItemState.DUE]
    transfers = []
    for item in due:
        account = organizations.open_account(item.organization, item.whose, item.account)
        if account is None:
            raise Conflict(UNKNOWN, f"The bank account of {item.whose} is not known any more.", field=item.whose)
        transfers.append((item, account))
    told = {"items": len(due), "amount": sum(item.amount for item in due)}
    transact(_audited(actor, "exported", payout, after=told))
    return sheets.transfers(transfers)


def statement(principal: Principal, payout_id: str, whose: str) -> str:
    """What somebody's item is made of, by day, event and kind. Raises NotFound."""
    item = _item(get(principal, payout_id), whose)
    return sheets.statement(item, _booked(item))


def my_statement(principal: Principal, payout_id: str) -> str:
    """As `statement`, of what the caller got. Raises NotFound where that is nothing."""
    return statement(principal, payout_id, principal.known_user)


def personal_data(organization: str, user: str) -> list[dict[str, Any]]:
    """The last hundred payouts to somebody, and where they went."""
    found = store.of_party(organization, f"photographer:{user}", PageRequest(size=100)).map(_shown)
    return [
        {
            "at": paid.item.at,
            "amount": paid.item.amount,
            "currency": paid.item.currency,
            "state": paid.item.state,
            "account": paid.account,
        }
        for paid in found.items
    ]


def erase_person(organization: str, user: str) -> None:
    """Forget where somebody's money went. What is still to be sent there can only be failed, and is owed again."""
    request: PageRequest | None = PageRequest(size=100)
    while request is not None:
        found = store.of_party(organization, f"photographer:{user}", request)
        for item in found.items:
            if item.account is not None:
                transact(store.save_item(item.without_account(), was=item))
        request = PageRequest(size=100, cursor=found.cursor) if found.cursor else None


def _booked(item: Item) -> Iterator[Movement]:
    for place, booked in ledger.between(item.organization, item.party, item.since, None):
        if place > item.through:
            return
        if booked.kind != TAKEN:
            yield booked


def _item(payout: Payout, whose: str) -> Item:
    item = store.find_item(payout.organization, payout.id, account_of(whose))
    if item is None:
        raise NotFound("payout_not_found", "There is no such payout.")
    return item


def _entry(item: Item, kind: str, *postings: Posting) -> Entry:
    name = f"{kind}#{item.payout}#{item.party}"
    return Entry(name, item.organization, None, item.currency, clock.now(), postings)


def _audited(actor: Principal, done: str, payout: Payout, after: dict[str, Any] | None = None) -> Any:
    after = after or {"amount": payout.amount, "parties": payout.parties}
    return audit.entry(actor, action=f"payout.{done}", entity="payout", entity_id=payout.id, after=after)
