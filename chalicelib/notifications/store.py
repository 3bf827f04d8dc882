"""Notifications.

| access                  | key                                          |
|-------------------------|----------------------------------------------|
| what a user wants       | pk T#{org}#USR#{user} / sk PREFERENCES       |
"""

from collections.abc import Mapping

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core.table import Item, Record, Typed, Write, create, delete, replace, table
from chalicelib.notifications.model import Channel, Kind, Preferences
from chalicelib.notifications.quiet.model import QuietHours


def _with_quiet_hours(item: Item) -> Item:
    """Nobody has any yet. A release that does not know them must not write over them."""
    return item


class PreferencesRecord(Record):
    Meta = table("notifications")
    keys = ("T#{}#USR#{}", "PREFERENCES")
    model = Preferences
    upgrades = (_with_quiet_hours,)

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    chosen = Typed[Mapping[Channel, Mapping[Kind, bool]]](dict[Channel, dict[Kind, bool]])
    quiet = Typed[QuietHours](QuietHours, null=True)


def preferences_of(organization: str, user: str) -> Preferences:
    """As they are stored, or those of version 0: nothing chosen yet."""
    record = PreferencesRecord.fetch(_pk(organization, user), "PREFERENCES")
    return record.value() if record else Preferences(organization, user)


def save(preferences: Preferences, *, was: Preferences) -> Write:
    """A write that holds only while the stored version is `was.version`; 0 stands for nothing stored."""
    pk = _pk(preferences.organization, preferences.user)
    record = PreferencesRecord.of(preferences, pk=pk, sk="PREFERENCES")
    return replace(record, was.version) if was.version else create(record)


def forget(organization: str, user: str) -> Write:
    return delete(PreferencesRecord(_pk(organization, user), "PREFERENCES"))


def _pk(organization: str, user: str) -> str:
    return f"T#{organization}#USR#{user}"
