"""Seeing each day whether proven domains still are their organizations'."""

from datetime import datetime

from chalicelib.audit import service as audit
from chalicelib.core import clock, log, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Unavailable
from chalicelib.core.table import transact
from chalicelib.organizations import dns, store
from chalicelib.organizations.messages import DomainDue, DomainLost
from chalicelib.organizations.model import Domain
from chalicelib.organizations.service.hosts import LOOKED_EVERY, forget_host, homes_without, record_of

MISSED_DAYS = 3
"""So many looks in a row may find nothing before a domain is not proven any more."""

_SWEEP_AT_MOST = 20


def begin_due() -> int:
    """Have the domains looked at whose day has come; returns how many. Each is planned anew first."""
    begun = 0
    for row in store.domains_due(clock.now(), _SWEEP_AT_MOST):
        try:
            begun += _begin(row)
        except AppError as refusal:
            log.warning("domain not looked at", organization=row.organization, code=refusal.code)
        except Exception as failure:  # noqa: BLE001 (tried again in a minute; the others have their turn now)
            log.bug("domain not looked at", failure, organization=row.organization)
    return begun


def _begin(row: store.DomainDueRecord) -> bool:
    domain = store.find_domain(row.organization, row.host)
    if domain is None or domain.check_at is None or clock.stamp(domain.check_at) not in row.sk:
        transact(store.drop_due(row))  # it was removed, lost or planned anew
        return False
    fact = DomainDue(organization=domain.organization, host=domain.host, at=domain.check_at)
    transact(*store.schedule(domain, clock.now() + LOOKED_EVERY), outbox.publish(fact))
    return True


def look_again(organization: str, host: str, at: datetime) -> bool:
    """Count a day on which the record is not there; after three the domain is lost. False where nothing is to be done.

    Name servers that do not answer prove nothing: another day will tell.
    """
    domain = store.find_domain(organization, host)
    if domain is None or not domain.verified or (domain.looked_at and domain.looked_at >= at):
        return False
    name, value = record_of(domain)
    try:
        missed = 0 if value in dns.txt(name) else int(domain.missed or 0) + 1
    except Unavailable:
        log.warning("name servers do not answer", organization=organization)
        return False
    if missed < MISSED_DAYS:
        transact(store.looked(domain, at, missed))
    else:
        _lose(domain, at)
    return True


def _lose(domain: Domain, at: datetime) -> None:
    noted = audit.entry(
        Principal(domain.organization),
        action="domain.lost",
        entity="domain",
        entity_id=domain.host,
        before={"verified": True},
        after={"verified": False},
    )
    told = outbox.publish(DomainLost(organization=domain.organization, host=domain.host, at=at))
    transact(*store.lose_domain(domain), *homes_without(domain), noted, told)
    forget_host(domain.host)
