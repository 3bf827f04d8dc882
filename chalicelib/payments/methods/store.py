"""Saved payment methods.

| access                  | key                                  |
|-------------------------|--------------------------------------|
| a user's methods        | pk T#{org}#USR#{user} / sk WALLET    |
"""

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core.table import Record, Several, Typed, Write, create, delete, replace, table
from chalicelib.payments.methods.model import Customer, SavedMethod, Wallet


class WalletRecord(Record):
    Meta = table("payments")
    keys = ("T#{}#USR#{}", "WALLET")
    model = Wallet

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    methods = Typed[tuple[SavedMethod, ...]](tuple[SavedMethod, ...])
    default = UnicodeAttribute(null=True)
    customers = Several[Customer](Customer)


def wallet_of(organization: str, user: str) -> Wallet:
    """As it is stored, or an empty one of version 0."""
    record = WalletRecord.fetch(_pk(organization, user), "WALLET")
    return record.value() if record else Wallet(organization, user)


def save(wallet: Wallet, *, was: Wallet) -> Write:
    """A write that holds only while the stored version is `was.version`; 0 stands for nothing stored."""
    record = WalletRecord.of(wallet, pk=_pk(wallet.organization, wallet.user), sk="WALLET")
    return replace(record, was.version) if was.version else create(record)


def forget(organization: str, user: str) -> Write:
    return delete(WalletRecord(_pk(organization, user), "WALLET"))


def _pk(organization: str, user: str) -> str:
    return f"T#{organization}#USR#{user}"
