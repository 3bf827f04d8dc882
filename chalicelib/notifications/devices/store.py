"""Devices.

| access                       | key                                          |
|------------------------------|----------------------------------------------|
| the devices of somebody      | pk T#{org}#DEVICES#{user} / sk -             |
| whose a device is            | pk T#{org}#DEVICE#{digest} / sk -            |

A device belongs to one person: who signs in there last.
"""

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core.table import Item, Record, Several, Write, create, delete, replace, table
from chalicelib.notifications.devices.model import Device, Devices


def _with_line(item: Item) -> Item:
    """Nobody has linked it yet. A release that does not know it can not read who has."""
    return item


class DevicesRecord(Record):
    Meta = table("notifications")
    keys = ("T#{}#DEVICES#{}", "-")
    model = Devices
    upgrades = (_with_line,)

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    devices = Several(Device)


class DeviceOwnerRecord(Record):
    Meta = table("notifications")
    keys = ("T#{}#DEVICE#{}", "-")

    user = UnicodeAttribute()


def devices_of(organization: str, user: str) -> Devices:
    record = DevicesRecord.fetch(_pk(organization, user), "-")
    return record.value() if record else Devices(organization, user)


def save(devices: Devices) -> Write:
    """A write that holds only while the stored version is `devices.version`."""
    record = DevicesRecord.of(devices, pk=_pk(devices.organization, devices.user), sk="-")
    return replace(record, devices.version) if devices.version else create(record)


def forget(organization: str, user: str) -> Write:
    return delete(DevicesRecord(_pk(organization, user), "-"))


def owner_of(organization: str, device: str) -> str | None:
    record = DeviceOwnerRecord.fetch(_device_pk(organization, device), "-")
    return record.user if record else None


def own(organization: str, device: str, user: str, *, was: str | None) -> Write:
    """A write that holds while the device is still that of `was`."""
    free = DeviceOwnerRecord.pk.does_not_exist() if was is None else DeviceOwnerRecord.user == was
    return Write("put", DeviceOwnerRecord(_device_pk(organization, device), "-", user=user), free)


def disown(organization: str, device: str) -> Write:
    """To be committed with the list of the one whose it was, whose version says that it still is."""
    return delete(DeviceOwnerRecord(_device_pk(organization, device), "-"))


def _pk(organization: str, user: str) -> str:
    return f"T#{organization}#DEVICES#{user}"


def _device_pk(organization: str, device: str) -> str:
    return f"T#{organization}#DEVICE#{device}"
