"""What accounts of earlier releases lack."""

from collections.abc import Sequence

from chalicelib.accounts import store
from chalicelib.core.migrations import filling
from chalicelib.core.table import Item, Record, Write
from chalicelib.organizations import service as organizations


@filling("list-members")
def list_members(record: type[Record], item: Item) -> Sequence[Write]:
    """Put staff from before the list of members into it, and count their desks."""
    if record is not store.UserRecord:
        return ()
    user = record.from_raw_data(item).value()
    missing = organizations.enlisting(user.organization, user.id, user.roles)
    return (store.unchanged(user), *missing) if missing else ()


@filling("tally-users")
def tally(record: type[Record], item: Item) -> Sequence[Write]:
    """Count users of before there were counts of all of an organization's."""
    if record is not store.UserRecord:
        return ()
    user = record.from_raw_data(item).value()
    return (
        ()
        if store.is_counted(user.organization, user.id)
        else (store.unchanged(user), *store.count(user.organization, user.id))
    )
