"""Promotions: offer codes, take them off a quote, count them at orders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.audit import service as audit
from chalicelib.core import clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound, Unprocessable
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.events import service as events
from chalicelib.lines.contract import Problem, Quote
from chalicelib.promotions import store
from chalicelib.promotions.model import MOST_CODES, Kind, Promotion, Redeemed, Taken, discounted, normal_code

__all__ = [
    "MOST_CODES",
    "Counted",
    "Terms",
    "apply",
    "change",
    "count_again",
    "give_back",
    "listed",
    "must_hold",
    "names_of",
    "normal_code",
    "offer",
    "read",
    "redeem",
    "with_code",
]


@dataclass(frozen=True, slots=True)
class Terms:
    """What staff offers; the fields are those of `Promotion`, `subjects` ids or slugs of events."""

    name: str
    kind: Kind
    percent: int
    amount: int
    buy: int
    free: int
    minimum: int
    kinds: tuple[str, ...]
    subjects: tuple[str, ...]
    starts_at: datetime | None
    ends_at: datetime | None
    limit: int | None
    per_customer: int | None
    stacks: bool
    active: bool

    def fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Terms.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Counted:
    """A promotion and how often it was taken."""

    promotion: Promotion
    taken: Taken


# --- staff --------------------------------------------------------------------------------------------------


def offer(actor: Principal, code: str, terms: Terms) -> Counted:
    """Give a code a meaning. Raises Conflict `promo_exists`, Invalid `promotion_terms`, NotFound (event)."""
    organization, code = actor.organization, normal_code(code)
    promotion = Promotion(
        id=store.id_of(organization, code),
        organization=organization,
        code=code,
        created_at=clock.now(),
        **_fields(organization, terms),
    )
    transact(store.add(promotion), _audited(actor, "offered", promotion, None))
    return read(actor, promotion.id)


def change(actor: Principal, promotion_id: str, terms: Terms, version: int) -> Counted:
    """New terms from the next order on. Raises NotFound, Invalid, Conflict `version_conflict`."""
    was = store.get(actor.organization, promotion_id)
    now = replace(was, **_fields(actor.organization, terms), version=version)
    transact(store.save(now), _audited(actor, "changed", now, was))
    return read(actor, promotion_id)


def read(principal: Principal, promotion_id: str) -> Counted:
    """Raises NotFound."""
    promotion = store.get(principal.organization, promotion_id)
    return Counted(promotion, store.taken(promotion))


def listed(principal: Principal, request: PageRequest) -> Page[Promotion]:
    """The newest first."""
    return store.listed(principal.organization, request)


# --- at a cart ----------------------------------------------------------------------------------------------


def apply(organization: str, quote: Quote, codes: Sequence[str], customers: Iterable[str]) -> Quote:
    """The quote with what the codes take off. One that does not hold takes nothing, and is a problem of the quote.

    `customers` are names of the buyer, as far as they are known: as whom was counted what they took before.
    """
    if not codes:
        return quote
    wanted = [store.id_of(organization, code) for code in codes]
    found, names, holding, problems = store.find(organization, wanted), list(customers), [], []
    for code, id in zip(codes, wanted, strict=True):
        problem = _why_not(found.get(id), code, quote, [*found.values()], names)
        if problem is not None:
            problems.append(problem)
        else:
            holding.append(found[id])
    return discounted(replace(quote, problems=(*quote.problems, *problems)), holding)


def must_hold(quote: Quote, code: str) -> None:
    """Raises NotFound `promo_not_found`, Conflict where the code takes nothing off this quote."""
    problem = next((problem for problem in quote.problems if problem.ref == code), None)
    if problem is not None:
        kind = NotFound if problem.code == "promo_not_found" else Conflict
        raise kind(problem.code, problem.message, field="code")


def with_code(codes: Sequence[str], code: str) -> tuple[str, ...]:
    """Raises Unprocessable `too_many_codes`."""
    if code not in codes and len(codes) >= MOST_CODES:
        raise Unprocessable("too_many_codes", f"An order takes up to {MOST_CODES} codes.", field="code")
    return tuple(dict.fromkeys([*codes, code]))


def names_of(organization: str, *, user: str | None = None, email: str | None = None) -> list[str]:
    """The names under which somebody is counted: their account's and their address's, as digests."""
    known = [("user", user), ("email", email)]
    return [ids.digest(ids.joined(organization, kind, who).decode()) for kind, who in known if who is not None]


def _why_not(
    promotion: Promotion | None, code: str, quote: Quote, others: Sequence[Promotion], customers: Sequence[str]
) -> Problem | None:
    if promotion is None:
        return Problem(code, "promo_not_found", "There is no such code.")
    alone = next((each for each in others if not each.stacks), None)
    if alone is not None and len(others) > 1:
        return promotion.problem("promo_alone", f"{alone.code} does not go together with other codes.")
    problem = promotion.why_not(clock.now()) or promotion.why_not_for(quote.lines, quote.currency)
    if problem is not None:
        return problem
    if promotion.limit is not None and store.taken(promotion).total >= promotion.limit:
        return promotion.problem("promo_used_up", store.used_up(promotion).message)
    if promotion.per_customer is not None and store.taken_by(promotion, customers) >= promotion.per_customer:
        return promotion.problem("promo_used_by_you", store.used_by_you(promotion).message)
    return None


# --- at an order --------------------------------------------------------------------------------------------


def redeem(
    organization: str, quote: Quote, order: str, customers: Sequence[str]
) -> tuple[tuple[Redeemed, ...], list[Write]]:
    """What an order remembers of the codes of its quote, and the writes that count them.

    Conflict (`promo_used_up`, `promo_used_by_you`) at commit where somebody was faster.
    """
    held, writes = [], []
    found = store.find(organization, [discount.promotion for discount in quote.discounts])
    for discount in quote.discounts:
        promotion = found[discount.promotion]
        redeemed = Redeemed(
            promotion=promotion.id,
            code=promotion.code,
            name=discount.name,
            says=discount.says,
            amount=discount.amount,
            part=store.part_for(promotion, order),
            customers=tuple(customers) if promotion.per_customer is not None else (),
        )
        writes += store.redeem(promotion, store.taken(promotion), order, redeemed)
        held.append(redeemed)
    return tuple(held), writes


def give_back(organization: str, order: str, redeemed: Iterable[Redeemed]) -> list[Write]:
    """The writes that undo `redeem`: the order came to nothing."""
    return [write for each in redeemed for write in store.give_back(organization, order, each)]


def count_again(organization: str, order: str, redeemed: Iterable[Redeemed]) -> list[Write]:
    """The writes that undo `give_back`: the order was paid after all, at its old price, whatever the limits say."""
    return [write for each in redeemed for write in store.count_again(organization, order, each)]


def _fields(organization: str, terms: Terms) -> dict[str, Any]:
    subjects = tuple(dict.fromkeys(events.get(organization, each).id for each in terms.subjects))
    return terms.fields() | {"subjects": subjects}


def _audited(actor: Principal, done: str, now: Promotion, was: Promotion | None) -> Write:
    def told(promotion: Promotion) -> dict[str, Any]:
        return {"code": promotion.code} | {name: getattr(promotion, name) for name in Terms.__dataclass_fields__}

    return audit.entry(
        actor,
        action=f"promotion.{done}",
        entity="promotion",
        entity_id=now.id,
        before=told(was) if was else None,
        after=told(now),
    )
