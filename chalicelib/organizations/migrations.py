"""What organizations of earlier releases lack."""

from collections.abc import Sequence

from chalicelib.core import clock
from chalicelib.core.migrations import filling
from chalicelib.core.table import Item, Record, Write
from chalicelib.organizations import store
from chalicelib.organizations.service import LOOKED_EVERY


@filling("list-organizations")
def list_organizations(record: type[Record], item: Item) -> Sequence[Write]:
    """Put organizations from before the platform's list into it."""
    if record is not store.OrganizationRecord:
        return ()
    organization = record.from_raw_data(item).value()
    return () if store.is_listed(organization) else (store.listed(organization),)


@filling("check-domains")
def check_domains(record: type[Record], item: Item) -> Sequence[Write]:
    """Have domains that were proven before they were looked at each day looked at, too."""
    if record is not store.DomainRecord:
        return ()
    domain = record.from_raw_data(item).value()
    if not domain.verified or domain.check_at is not None:
        return ()
    return store.schedule(domain, clock.now() + LOOKED_EVERY)
