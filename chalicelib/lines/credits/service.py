"""Offering packs of credit, selling them, and putting what was bought into the buyer's wallet."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, log, once
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.events import service as events
from chalicelib.events.model import Event
from chalicelib.ledger.service import Posting
from chalicelib.lines.contract import Sold
from chalicelib.lines.credits import store
from chalicelib.lines.credits.model import Pack
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import Grant, Source

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Terms:
    """What staff offers; the fields are those of `Pack`, `event` an id or a slug."""

    name: str
    credit: int
    price: int
    event: str | None
    bound: bool
    opens_at: datetime | None
    closes_at: datetime | None
    priority: int
    expires_at: datetime | None
    days: int | None

    def fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Terms.__dataclass_fields__}


def offer(actor: Principal, terms: Terms, key: str) -> Pack:
    """Sell credit from now on, once for each idempotency key. Raises NotFound (event), Invalid."""
    organization = actor.organization
    event = events.get(organization, terms.event).id if terms.event is not None else None
    pack = Pack(
        id=ids.derived("pck", organization, actor.known_user, key),
        organization=organization,
        created_at=clock.now(),
        **terms.fields() | {"event": event},
    )
    told = audit.entry(
        actor, action="credit_pack.offered", entity="credit_pack", entity_id=pack.id, after=terms.fields()
    )
    try:
        transact(store.add(pack), told)
    except Conflict as refused:
        earlier = store.get(organization, pack.id)
        if once.fingerprint(_terms_of(earlier)) != once.fingerprint(_terms_of(pack)):
            raise Conflict("idempotency_key_reused", "This key came with another pack before.") from refused
    return store.get(organization, pack.id)


def withdraw(actor: Principal, pack_id: str) -> None:
    """Sell a pack no more. Who bought it keeps their credit, and who ordered it gets it. Raises NotFound."""
    for _ in range(_TRIES):
        was = store.get(actor.organization, pack_id)
        if was.withdrawn_at is not None:
            return
        now = was.withdrawn(clock.now())
        told = audit.entry(
            actor,
            action="credit_pack.withdrawn",
            entity="credit_pack",
            entity_id=pack_id,
            before={"withdrawn_at": None},
            after={"withdrawn_at": now.withdrawn_at},
        )
        try:
            transact(store.save(now, was=was), told)
            return
        except Conflict:
            continue
    raise Conflict("changed_meanwhile", "The pack keeps changing. Try again.")


def on_sale(principal: Principal, event: str | None, request: PageRequest) -> Page[Pack]:
    """A page of the packs that are sold now, those of one event (id or slug) or all. It may be short.

    Of events that the caller may not see there are none. Raises NotFound, Forbidden for such an event.
    """
    only = events.visible(principal, event).id if event is not None else None
    found = store.listed(principal.organization, request)
    wanted = [pack for pack in found.items if only is None or pack.event == only]
    return replace(found, items=[pack for pack in wanted if _is_shown(principal, pack)])


def why_not(pack: Pack, at: datetime) -> AppError | None:
    """What speaks against buying a pack now."""
    try:
        pack.must_sell(at, _event_of(pack))
    except AppError as refusal:
        return refusal
    return None


def grant(sold: Sold) -> None:
    """Put what was bought into the buyer's wallet, once for each order line.

    What was paid leaves `sales`, where the payment put it: it is owed to the buyer now, and what the pack gave on top
    is our cost. Raises Conflict `too_many_credits`.
    """
    if sold.owner is None:
        log.warning("credit without an owner", order=sold.order)  # erased between paying and now
        return
    pack = store.get(sold.organization, sold.refs[0])
    given = Grant(
        id=grant_id(sold),
        source=Source.BOUGHT,
        amount=pack.credit,
        left=pack.credit,
        granted_at=sold.paid_at,
        priority=pack.priority,
        expires_at=pack.ends_for(sold.paid_at),
        event=pack.event if pack.bound else None,
        paid=sold.amount,
    )
    against = (Posting("sales", sold.amount), Posting(wallet.GIVEN, pack.credit - sold.amount))
    wallet.give(sold.organization, sold.owner, given, against, order=sold.order)


def revoke(sold: Sold) -> None:
    """Take back what is left of it. May run twice."""
    if sold.owner is not None:
        wallet.revoke(sold.organization, sold.owner, grant_id(sold), sold.order)


def grant_id(sold: Sold) -> str:
    """The line's effect: the same for every try."""
    return f"{sold.order}#{sold.line}"


def packs(organization: str, pack_ids: Sequence[str]) -> dict[str, Pack]:
    return store.find(organization, pack_ids)


def _is_shown(principal: Principal, pack: Pack) -> bool:
    try:
        event = events.visible(principal, pack.event) if pack.event is not None else None
        pack.must_sell(clock.now(), event)
    except AppError:
        return False
    return True


def _event_of(pack: Pack) -> Event | None:
    return events.get(pack.organization, pack.event) if pack.event is not None else None


def _terms_of(pack: Pack) -> dict[str, Any]:
    return {name: getattr(pack, name) for name in Terms.__dataclass_fields__}
