"""Downloads that were paid for: granting, handing out, granting anew, withdrawing; and what happened, provably."""

from chalicelib.entitlements.model import Download, File, Grant, Sale, Sales, Size
from chalicelib.entitlements.service.fetching import (
    download,
    downloads,
    link,
    list_grants,
    open_grants,
    original,
    received,
    take_each,
)
from chalicelib.entitlements.service.granting import (
    forget_owner,
    grant,
    lower,
    of_order,
    revoke,
    revoke_some,
    sales_of,
)
from chalicelib.entitlements.service.history import append, receipt
from chalicelib.entitlements.service.renewing import allow, renew

__all__ = [
    "Download",
    "File",
    "Grant",
    "Sale",
    "Sales",
    "Size",
    "allow",
    "append",
    "download",
    "downloads",
    "forget_owner",
    "grant",
    "link",
    "list_grants",
    "lower",
    "of_order",
    "open_grants",
    "original",
    "receipt",
    "received",
    "renew",
    "revoke",
    "revoke_some",
    "sales_of",
    "take_each",
]
