"""Downloads that were paid for: granting, handing out and withdrawing them."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from chalicelib.core import clock, ids, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound
from chalicelib.core.secrets import is_signature, sign
from chalicelib.core.table import MOST_WRITES, transact
from chalicelib.entitlements import store
from chalicelib.entitlements.model import Download, File, Grant
from chalicelib.organizations import service as organizations

__all__ = [
    "Download",
    "File",
    "Grant",
    "download",
    "forget_owner",
    "grant",
    "link",
    "list_grants",
    "of_order",
    "revoke",
]


def grant(organization: str, *, order: str, owner: str | None, files: Sequence[File], limit: int, hours: int) -> None:
    """Let the buyer of an order download each file `limit` times within `hours` from now.

    May run twice, and go on where it was cut off: what is granted stays. Does nothing after `revoke`.
    """
    now = clock.now()
    wanted = {
        file.resource: Grant(
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
        )
        for file in files
    }
    while missing := wanted.keys() - {held.resource for held in store.of_order(organization, order)}:
        some = [wanted[resource] for resource in sorted(missing)[: MOST_WRITES - 1]]
        try:
            transact(store.not_revoked(organization, order), *(store.add(grant) for grant in some))
        except store.AlreadyGranted:
            continue  # by another run of the same message: look again what is left
        except store.AlreadyRevoked:
            return


def revoke(organization: str, order: str) -> None:
    """Withdraw all downloads of an order, also those that a late `grant` would bring. May run twice.

    A link handed out before ends by itself, five minutes after it was made at the latest.
    """
    now = clock.now()
    with suppress(store.AlreadyRevoked):
        transact(store.mark_revoked(organization, order, now))
    standing = [grant for grant in store.of_order(organization, order) if not grant.revoked]
    for start in range(0, len(standing), MOST_WRITES):
        transact(*(store.revoke(grant, now) for grant in standing[start : start + MOST_WRITES]))


def forget_owner(organization: str, order: str) -> None:
    """Withdraw the downloads of an order and forget whose they were. May run twice."""
    revoke(organization, order)
    owned = [grant for grant in store.of_order(organization, order) if grant.owner is not None]
    for start in range(0, len(owned), MOST_WRITES):
        transact(*(store.forget_owner(grant) for grant in owned[start : start + MOST_WRITES]))


def of_order(organization: str, order: str) -> list[Grant]:
    """The grants of an order, for the house itself: nobody's right to see them is checked."""
    return store.of_order(organization, order)


def list_grants(principal: Principal, order: str) -> list[Grant]:
    """The grants of an order, for its owner and for whoever holds its token. Others all meet one NotFound."""
    grants = store.of_order(principal.organization, order)
    if not grants or not _may_open(principal, grants[0]):
        raise NotFound("download_not_found", "There is no such download.")
    return grants


def download(principal: Principal, order: str, resource: str) -> Download:
    """A signed URL to one file, for five minutes at most; it takes one of the grant's downloads.

    Within those minutes the same download is handed out again, without taking another. Raises NotFound as
    `list_grants` does, Forbidden `download_limit_reached`, `download_expired` or `download_revoked`.
    """
    now = clock.now()
    granted = store.get(principal.organization, order, resource)
    if not _may_open(principal, granted):
        raise NotFound("download_not_found", "There is no such download.")
    with suppress(store.NotBegun):
        transact(store.begin(granted, now))
    # Begun now, begun before or refused: what the table holds tells which link to hand out, or why none.
    current = store.get(principal.organization, order, resource)
    if current.window_until is None or not current.is_open(now):
        raise current.refusal(now)
    return Download(
        url=storage.read_url("originals", current.key, lasts=current.window_until - now, filename=current.filename),
        filename=current.filename,
        content_type=current.content_type,
        sha256=current.sha256,
        remaining=current.remaining,
        expires_at=current.window_until,
    )


def link(organization: str, order: str) -> str:
    """The address of an order's download page, for its mail: whoever holds it may download."""
    return f"{organizations.url_of(organization)}/d/{order}/{sign('order', organization, order)}"


def _may_open(principal: Principal, grant: Grant) -> bool:
    if grant.owner is not None and grant.owner == principal.user:
        return True
    return is_signature(principal.tokens.get("order", ""), "order", grant.organization, grant.order)
