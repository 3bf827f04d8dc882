"""What organizations of earlier releases lack."""

from collections.abc import Sequence

from chalicelib.core.migrations import filling
from chalicelib.core.table import Item, Record, Write
from chalicelib.organizations import store


@filling("list-organizations")
def list_organizations(record: type[Record], item: Item) -> Sequence[Write]:
    """Put organizations from before the platform's list into it."""
    if record is not store.OrganizationRecord:
        return ()
    organization = record.from_raw_data(item).value()
    return () if store.is_listed(organization) else (store.listed(organization),)
