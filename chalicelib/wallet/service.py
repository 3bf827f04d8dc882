"""Wallets: give, hold, spend, take back, expire. Each movement is booked in the transaction that moves it.

The ledger's account `credits:{user}` is the history of a wallet and, taken together, what the organization owes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, log, once
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict, Invalid
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.events import service as events
from chalicelib.ledger import service as ledger
from chalicelib.ledger.service import Entry, Movement, Posting
from chalicelib.organizations import service as organizations
from chalicelib.wallet import store
from chalicelib.wallet.model import Grant, Source, Wallet

GIVEN = "credits-given"
"""The account of what credit cost that nobody paid for."""
_EXPIRED = "credits-expired"
_TRIES = 8
_SWEEP_AT_MOST = 100
_KEYS_LAST = timedelta(days=2)

Change = tuple[Wallet, Entry | None]


@dataclass(frozen=True, slots=True)
class Terms:
    """What staff gives. `event` is an id or a slug."""

    amount: int
    source: Source
    priority: int
    expires_at: datetime | None
    event: str | None


def account(user: str) -> str:
    """The name of somebody's account in the ledger."""
    return f"credits:{user}"


def of_user(organization: str, user: str) -> Wallet:
    """An empty one where there is none."""
    return store.find(organization, user)


def history(organization: str, user: str, request: PageRequest) -> Page[Movement]:
    """What moved in somebody's wallet, the newest first."""
    return ledger.movements(organization, account(user), request)


# --- staff --------------------------------------------------------------------------------------------------


def wallet_of(principal: Principal, user: str) -> Wallet:
    """Somebody's wallet, for staff. Raises NotFound."""
    return store.find(principal.organization, accounts.get_user(principal.organization, user).id)


def grant(actor: Principal, user: str, terms: Terms, reason: str, key: str) -> Wallet:
    """Give credit for nothing, once for each idempotency key.

    Raises NotFound (user, event), Invalid `expired_already`, Conflict `too_many_credits`, Unprocessable (the key).
    """
    organization, at = actor.organization, clock.now()
    user = accounts.get_user(organization, user).id
    if terms.expires_at is not None and terms.expires_at <= at:
        raise Invalid("expired_already", "Credit must expire later than now.", field="expiresAt")
    event = events.get(organization, terms.event).id if terms.event is not None else None
    given = Grant(
        id=ids.derived("crd", organization, user, key),
        source=terms.source,
        amount=terms.amount,
        left=terms.amount,
        granted_at=at,
        priority=terms.priority,
        expires_at=terms.expires_at,
        event=event,
    )
    told = audit.entry(
        actor,
        action="credit.granted",
        entity="credit",
        entity_id=user,
        after={"grant": given.id, "amount": given.amount, "source": given.source, "reason": reason},
    )
    claimed = _claim(organization, user, key, ["grant", terms, reason])
    return give(organization, user, given, (Posting(GIVEN, given.amount, event),), claimed, told)


def take_back(actor: Principal, user: str, grant_id: str, amount: int | None, reason: str, key: str) -> Wallet:
    """Take a grant back, or so much of it (minor units), once for each idempotency key.

    Raises NotFound (user, credit), Conflict `not_enough_credit`, Unprocessable (the key).
    """
    organization = actor.organization
    user = accounts.get_user(organization, user).id
    claimed = _claim(organization, user, key, ["take back", grant_id, amount, reason])
    movement = f"taken#{ids.derived('crd', organization, user, key)}"

    def taken(wallet: Wallet) -> Change:
        less = wallet.find(grant_id).left if amount is None else amount
        return wallet.take(grant_id, less), _entry(wallet, movement, -less, (Posting(GIVEN, -less),))

    told = audit.entry(
        actor,
        action="credit.taken_back",
        entity="credit",
        entity_id=user,
        after={"grant": grant_id, "amount": amount, "reason": reason},
    )
    return _move(organization, user, movement, taken, claimed, told)


def _claim(organization: str, user: str, key: str, request: Any) -> Write:
    """What a key stands for. Raises Unprocessable when it came with another request."""
    scope, body = f"credit#{user}", once.fingerprint(request)
    once.recall(organization, scope, key, body)
    return once.claim(organization, scope, key, result=user, body=body, keep=_KEYS_LAST)


# --- what other rooms move ----------------------------------------------------------------------------------


def give(
    organization: str, user: str, given: Grant, against: tuple[Posting, ...], *more: Write, order: str | None = None
) -> Wallet:
    """Put a grant into a wallet, once, and book it against accounts whose postings come to its amount.

    Raises Conflict `too_many_credits`.
    """
    movement = f"{'bought' if given.source is Source.BOUGHT else 'granted'}#{given.id}"

    def grown(wallet: Wallet) -> Change:
        return wallet.give(given), _entry(wallet, movement, given.amount, against, order)

    return _move(organization, user, movement, grown, *more)


def revoke(organization: str, user: str, grant_id: str, order: str) -> Wallet:
    """Take back what is left of a grant that was bought, once: the part that was paid for returns to `sales`.

    What a payment holds of it just now is spent, or it expires when it is given back.
    """
    movement = f"revoked#{grant_id}"

    def ended(wallet: Wallet) -> Change:
        found = next((grant for grant in wallet.grants if grant.id == grant_id), None)
        if found is None or not found.left:
            return wallet, None
        paid = found.paid_part(found.left)
        back = (Posting("sales", -paid), Posting(GIVEN, paid - found.left))
        return wallet.end(grant_id, clock.now()), _entry(wallet, movement, -found.left, back, order)

    return _move(organization, user, movement, ended)


def refund_grant(organization: str, user: str) -> str:
    """The id of the grant into which returns what somebody had spent."""
    return ids.derived("crd", organization, user, "refunds")


def give_back(organization: str, user: str, amount: int) -> Write:
    """A write that returns what was spent (minor units); the caller books `ledger.refund` with it.

    Conflict at commit: read again.
    """
    wallet = store.find(organization, user)
    return store.save(wallet.give_back(refund_grant(organization, user), amount, clock.now()), was=wallet)


def hold(organization: str, user: str, hold_id: str, charges: Mapping[str, int], amount: int | None = None) -> Write:
    """A write that sets credit aside for what is bought, by what it is sold from, or for so much of it.

    Conflict at commit: read again.

    Raises Conflict `not_enough_credit`.
    """
    wallet = store.find(organization, user)
    return store.save(wallet.hold(hold_id, charges, clock.now(), amount), was=wallet)


def spend(organization: str, user: str, hold_id: str) -> Write:
    """A write that takes what is held; the caller books `spending` with it. Raises Conflict where nothing is."""
    wallet = store.find(organization, user)
    if not wallet.holds_for(hold_id):
        raise Conflict("credit_not_held", "This credit is not held any more.")
    return store.save(wallet.spend(hold_id), was=wallet)


def release(organization: str, user: str, hold_id: str) -> tuple[Write, ...]:
    """The write that gives back what is held; none where nothing is."""
    wallet = store.find(organization, user)
    return (store.save(wallet.release(hold_id), was=wallet),) if wallet.holds_for(hold_id) else ()


# --- what time and people end -------------------------------------------------------------------------------


def expire_due() -> int:
    """Book back the credit whose time is up; returns in how many wallets."""
    at, expired = clock.now(), 0
    for organization, user in store.overdue(at, _SWEEP_AT_MOST):
        try:
            _end(organization, user, "expired", lambda wallet: wallet.without_expired(at))
            expired += 1
        except AppError as refusal:
            log.warning("credit not expired", organization=organization, user=user, code=refusal.code)
        except Exception as failure:  # noqa: BLE001 (tried again in a minute; the others have their turn now)
            log.bug("credit not expired", failure, organization=organization, user=user)
    return expired


def personal_data(organization: str, user: str) -> dict[str, Any]:
    """What somebody has, and the last hundred movements."""
    moved = history(organization, user, PageRequest(size=100))
    return {"grants": store.find(organization, user).grants, "movements": moved.items}


def erase_person(organization: str, user: str) -> None:
    """Whoever leaves gives up their credit. May run twice; the ledger keeps the movements under a pseudonym."""
    _end(organization, user, "forfeited", lambda wallet: Wallet(organization, user))
    for _ in range(_TRIES):
        wallet = store.find(organization, user)
        if not wallet.version or wallet.total:
            return
        try:
            transact(store.remove(wallet))
        except Conflict:
            continue


def _end(organization: str, user: str, why: str, change: Callable[[Wallet], Wallet]) -> None:
    """Book what a wallet loses. The number of the wallet's version tells one such movement from the next."""
    movement = f"{why}#{user}#{store.find(organization, user).version}"

    def ended(wallet: Wallet) -> Change:
        now = change(wallet)
        lost = wallet.total - now.total
        return now, _entry(wallet, movement, -lost, (Posting(_EXPIRED, -lost),)) if lost else None

    _move(organization, user, movement, ended)


def _move(organization: str, user: str, movement: str, change: Callable[[Wallet], Change], *more: Write) -> Wallet:
    """Change a wallet as it is now and book that, once. Answers the wallet after it."""
    for _ in range(_TRIES):
        was = store.find(organization, user)
        try:
            now, entry = change(was)
        except AppError:
            if ledger.postings(organization, movement):  # an earlier try succeeded, and the wallet went on
                return was
            raise
        if entry is None:
            return was
        try:
            transact(*ledger.book(entry), store.save(now, was=was), *more)
            return now
        except (ledger.Booked, once.Taken):
            return store.find(organization, user)
        except Conflict:
            continue
    raise Conflict("changed_meanwhile", "The wallet keeps changing. Try again.")


def _entry(wallet: Wallet, movement: str, amount: int, against: tuple[Posting, ...], order: str | None = None) -> Entry:
    """`amount` (minor units) comes into the wallet, or with a minus goes."""
    currency = organizations.get(wallet.organization).currency
    postings = tuple(posting for posting in against if posting.amount)
    own = Posting(account(wallet.user), -amount)
    return Entry(movement, wallet.organization, order, currency, clock.now(), (*postings, own))
