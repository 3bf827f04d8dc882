"""From a paid line to downloads, and withdrawing them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby

from chalicelib.core import clock, ids, signing, storage
from chalicelib.core.money import allocate
from chalicelib.core.table import MOST_WRITES, Write, transact
from chalicelib.entitlements import store
from chalicelib.entitlements.chain import Step
from chalicelib.entitlements.licences import service as licences
from chalicelib.entitlements.model import File, Grant, Sale, Sales
from chalicelib.entitlements.service.history import append

_COUNTED = 10
"""Writes of a transaction that are left to counts and to the condition."""


def grant(
    organization: str,
    *,
    order: str,
    owner: str | None,
    files: Sequence[File],
    limit: int,
    hours: int,
    sale: Sale | None = None,
) -> None:
    """Let the buyer of an order download each file `limit` times within `hours` from now.

    With the sale behind it, each comes with its licence, and the order's log begins with the payment. May run twice,
    and go on where it was cut off: what is granted stays. Does nothing after `revoke`.
    """
    if not files:
        return
    now = clock.now()
    priced = {file.resource: file for file in files}
    wanted = {file.resource: _granted(organization, order, owner, file, limit, hours, now) for file in files}
    if sale is not None:
        paid: dict[str, str | int] = {"payment": sale.payment, "paidAt": clock.stamp(sale.paid_at), "code": sale.code}
        append(organization, order, Step.PAID, paid, once=True)
        signing.keep(organization)
    firsts = {file.subject: file.resource for file in sorted(files, key=lambda file: file.resource, reverse=True)}
    while missing := wanted.keys() - {held.resource for held in store.of_order(organization, order)}:
        some = sorted(missing)[: (MOST_WRITES - _COUNTED) // 2]
        grants = [wanted[resource] for resource in some]
        if sale is not None and sale.buyer is not None:
            grants = [licences.issued(grant, sale, price=priced[grant.resource].price) for grant in grants]
        counted = _counted(organization, order, [priced[resource] for resource in some], firsts)
        try:
            listed = (write for grant in grants for write in store.own(grant))
            transact(store.not_revoked(organization, order), *(store.add(grant) for grant in grants), *listed, *counted)
        except store.AlreadyGranted:
            continue  # by another run of the same message: look again what is left
        except store.AlreadyRevoked:
            return


def _granted(
    organization: str, order: str, owner: str | None, file: File, limit: int, hours: int, now: datetime
) -> Grant:
    return Grant(
        id=ids.derived("grt", organization, order, file.resource),
        organization=organization,
        order=order,
        owner=owner,
        resource=file.resource,
        title=file.title,
        key=file.key,
        filename=file.filename,
        content_type=file.content_type,
        sha256=file.sha256,
        limit=limit,
        remaining=limit,
        expires_at=now + timedelta(hours=hours),
        created_at=now,
        subject=file.subject,
        price=file.price,
    )


def _counted(organization: str, order: str, files: Sequence[File], firsts: Mapping[str | None, str]) -> list[Write]:
    """What is sold of each subject with these files. The order counts with its first file of a subject."""
    counted = sorted((file for file in files if file.subject), key=lambda file: str(file.subject))
    return [
        store.count(organization, order, str(subject), _sold(list(group), firsts[subject]))
        for subject, group in groupby(counted, key=lambda file: file.subject)
    ]


def _sold(files: Sequence[File], first: str) -> Sales:
    begins = any(file.resource == first for file in files)
    return Sales(orders=int(begins), files=len(files), amount=sum(file.price for file in files))


def revoke(organization: str, order: str) -> None:
    """Withdraw all downloads of an order, also those that a late `grant` would bring. May run twice.

    A link handed out before ends by itself, five minutes after it was made at the latest.
    """
    now = clock.now()
    with suppress(store.AlreadyRevoked):
        append(organization, order, Step.REVOKED, {}, store.mark_revoked(organization, order, now))
    standing = [grant for grant in store.of_order(organization, order) if not grant.revoked]
    for start in range(0, len(standing), MOST_WRITES):
        transact(*(store.revoke(grant, now) for grant in standing[start : start + MOST_WRITES]))


def revoke_some(organization: str, order: str, resources: Sequence[str]) -> None:
    """Withdraw the downloads of some resources that were granted together, with their licences and any archive that
    holds one: their money went back, and they count as sold no more.

    May run twice. A `grant` that comes late brings them back: whoever calls this sees to it that none does.
    """
    now = clock.now()
    while standing := _standing(organization, order, resources):
        some = standing[: MOST_WRITES - _COUNTED]
        begins = any(grant.resource == min(resources) for grant in some)
        gone = Sales(orders=int(begins), files=len(some), amount=sum(grant.sold_for for grant in some))
        writes = [store.give_back(grant, now) for grant in some]
        if some[0].subject is not None:
            writes.append(store.count(organization, order, some[0].subject, -gone))
        withdrawn = sum(not grant.revoked for grant in some)
        with suppress(store.AlreadyReturned):  # by another run: look again what is left
            if withdrawn:
                append(organization, order, Step.REVOKED, {"photos": withdrawn}, *writes)
            else:
                transact(*writes)


def lower(organization: str, order: str, resources: Sequence[str], amount: int) -> None:
    """Let resources that were granted together count as sold for `amount` (minor units): the rest was given back.

    May run twice, and late: it never raises what they count for. Does nothing before they are granted.
    """
    prices = dict(zip(resources, allocate(amount, [1] * len(resources)), strict=True))
    while dearer := [
        grant
        for grant in _standing(organization, order, resources)
        if grant.subject is not None and grant.sold_for > prices[grant.resource]
    ]:
        some = dearer[: MOST_WRITES - _COUNTED]
        less = Sales(amount=sum(prices[grant.resource] - grant.sold_for for grant in some))
        with suppress(store.AlreadyReturned):
            counted = store.count(organization, order, str(some[0].subject), less)
            transact(*(store.lower(grant, prices[grant.resource]) for grant in some), counted)


def _standing(organization: str, order: str, resources: Sequence[str]) -> list[Grant]:
    """Those grants of an order that were not given back."""
    wanted = set(resources)
    held = store.of_order(organization, order)
    return [grant for grant in held if grant.resource in wanted and grant.returned_at is None]


def forget_owner(organization: str, order: str) -> None:
    """Withdraw the downloads of an order and forget whose they were. May run twice.

    Files that were made for the buyer name them in their licences, and go.
    """
    revoke(organization, order)
    for made in ("archives", "licensed"):
        storage.remove("originals", f"{made}/{organization}/{order}/")
    owned = [
        grant for grant in store.of_order(organization, order) if grant.owner is not None or grant.licence is not None
    ]
    for start in range(0, len(owned), MOST_WRITES // 2):
        some = owned[start : start + MOST_WRITES // 2]
        transact(*(write for grant in some for write in (store.forget_owner(grant), *store.disown(grant))))


def of_order(organization: str, order: str) -> list[Grant]:
    """The grants of an order, for the house itself: nobody's right to see them is checked."""
    return store.of_order(organization, order)


def sales_of(organization: str, subject: str) -> Sales:
    """What was granted of a subject, in how many orders, and how often it was fetched."""
    return store.sales_of(organization, subject)
