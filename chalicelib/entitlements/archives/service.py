"""Asking for everything in one file, and fetching it."""

from collections.abc import Sequence
from contextlib import suppress

from chalicelib.core import clock, ids, outbox, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import Write, transact
from chalicelib.entitlements import service as entitlements
from chalicelib.entitlements.archives import store
from chalicelib.entitlements.archives.messages import ArchiveDue
from chalicelib.entitlements.archives.model import LASTS, Archive, Progress, State
from chalicelib.entitlements.chain import Step
from chalicelib.entitlements.model import Grant, Size
from chalicelib.entitlements.sizes import service as sizes


def begin(principal: Principal, order: str, size: Size = Size.ORIGINAL) -> Progress:
    """Have everything of an order packed that can still be had, in a size; it takes one download of each photo.

    An archive in another size takes the place of the one before. While there is one that is good, it is answered again
    and takes nothing. Raises NotFound for a stranger, Forbidden where nothing can be had.
    """
    held = entitlements.list_grants(principal, order)
    now, was = clock.now(), store.find(principal.organization, order)
    if was is not None and was.is_current(now, size) and not _is_withdrawn(was, held):
        return _shown(was)
    resources = entitlements.take_each(principal.organization, order, size)
    archive = Archive(
        id=ids.new("zip"),
        organization=principal.organization,
        order=order,
        state=State.BUILDING,
        resources=resources,
        created_at=now,
        expires_at=now + LASTS,
        size_of_photos=size,
        version=was.version if was else 0,
    )
    try:
        transact(store.save(archive), *_due(archive))
    except Conflict:
        return show(principal, order)  # asked for twice at the same moment
    return _shown(archive)


def _due(archive: Archive) -> Sequence[Write]:
    """What is to be done for it: photos that are not sold as they are packed are made first."""
    if archive.photo_size is Size.ORIGINAL:
        due = ArchiveDue(organization=archive.organization, order=archive.order, archive=archive.id)
        return [outbox.publish(due)]
    held = entitlements.of_order(archive.organization, archive.order)
    originals = [grant.key for grant in held if grant.resource in archive.resources]
    return sizes.wanted_by(archive.organization, archive.order, archive.id, originals, archive.photo_size)


def show(principal: Principal, order: str) -> Progress:
    """How far the archive of an order is. Raises NotFound for a stranger and where there is none (any more)."""
    held = entitlements.list_grants(principal, order)
    archive = store.find(principal.organization, order)
    if archive is None or archive.expires_at <= clock.now() or _is_withdrawn(archive, held):
        raise NotFound("archive_not_found", "Nothing was packed of this order. Ask for it first.")
    return _shown(archive)


def _is_withdrawn(archive: Archive, held: Sequence[Grant]) -> bool:
    """Whether it holds what the buyer may not have any more."""
    return any(grant.revoked and grant.resource in archive.resources for grant in held)


def _shown(archive: Archive) -> Progress:
    """With an address for five minutes at most; that it is handed out is told in the order's receipt."""
    if archive.state is not State.READY:
        return Progress(archive)
    now = clock.now()
    ends = archive.next_window(now)
    facts = {"archive": archive.id, "size": archive.photo_size.value, "until": clock.stamp(ends)}
    with suppress(store.NotOpened):
        window = store.open_window(archive, now)
        entitlements.append(archive.organization, archive.order, Step.LINK_ISSUED, facts, window)
    return Progress(archive, storage.read_url("originals", archive.key, lasts=ends - now, filename=archive.filename))
