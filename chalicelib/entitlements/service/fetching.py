"""What a buyer may fetch, and fetching it."""

import hashlib
from collections import Counter
from contextlib import suppress
from datetime import datetime

from chalicelib.core import clock, outbox, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound, Unavailable, Unprocessable
from chalicelib.core.secrets import is_signature, sign
from chalicelib.core.table import Write, transact
from chalicelib.entitlements import store
from chalicelib.entitlements.chain import Step
from chalicelib.entitlements.licences import model as licences
from chalicelib.entitlements.messages import DownloadBegun
from chalicelib.entitlements.model import Download, Downloads, Grant, Sales, Size
from chalicelib.entitlements.service.history import append
from chalicelib.entitlements.sizes import service as sizes
from chalicelib.media import service as media
from chalicelib.organizations import service as organizations

_AT_ONCE = 40
_TRIES = 16


def list_grants(principal: Principal, order: str) -> list[Grant]:
    """The grants of an order, for its owner and for whoever holds its token. Others all meet one NotFound."""
    grants = store.of_order(principal.organization, order)
    if not grants or not _may_open(principal, grants[0]):
        raise _missing()
    return grants


def open_grants(principal: Principal, order: str) -> list[Grant]:
    """As `list_grants`, for staff too."""
    if not principal.may("order.read_all"):
        return list_grants(principal, order)
    if found := store.of_order(principal.organization, order):
        return found
    raise _missing()


def downloads(principal: Principal, order: str) -> Downloads:
    """The grants of an order and how often they were renewed. Raises NotFound as `list_grants` does."""
    return Downloads(order, list_grants(principal, order), store.renewals_of(principal.organization, order))


def download(
    principal: Principal, order: str, resource: str, *, size: Size = Size.ORIGINAL, licensed: bool = False
) -> Download:
    """A signed URL to one file, for five minutes at most; it takes one of the grant's downloads.

    Within those minutes the same download is handed out again, in other sizes too, without taking another. A `licensed`
    one is a copy of the original with the licence in it. Raises NotFound as `list_grants` does, Forbidden
    `download_limit_reached`, `download_expired` or `download_revoked`, Unprocessable `not_embeddable`, and Conflict
    `size_in_preparation`, which takes nothing: ask again.
    """
    now = clock.now()
    granted = _opened(principal, order, resource)
    key, sha256 = size.key_of(granted.key), granted.sha256
    if licensed and granted.is_available(now):
        key, sha256 = _licensed_copy(granted)
    elif size is not Size.ORIGINAL and granted.is_available(now):
        sha256 = sizes.digest_of(granted, size)
    current = _handed_out(granted, size, "licensed" if licensed else size.value, sha256, now)
    assert current.window_until is not None
    filename = current.filename_in(size)
    return Download(
        url=storage.read_url("originals", key, lasts=current.window_until - now, filename=filename),
        filename=filename,
        content_type=current.type_in(size),
        sha256=sha256,
        remaining=current.remaining,
        expires_at=current.window_until,
    )


def original(principal: Principal, resource: str, order: str | None = None, *, size: Size = Size.ORIGINAL) -> Download:
    """`download` of what the caller bought, whichever order it came by; who has only an order's token names the order.

    Raises NotFound for what they did not buy, and else as `download` does.
    """
    if order is None and principal.user is not None:
        order = store.order_of(principal.organization, principal.user, resource)
    if order is None:
        raise _missing()
    return download(principal, order, resource, size=size)


def take_each(organization: str, order: str, size: Size = Size.ORIGINAL) -> tuple[str, ...]:
    """Take one download of each file that can be had, for all of them at once; one that is open takes no other.

    Raises Forbidden where none can be had.
    """
    for _ in range(_TRIES):
        now = clock.now()
        held = store.of_order(organization, order)
        available = [grant for grant in held if grant.is_available(now)]
        if not available:
            raise held[0].refusal(now)
        closed = [grant for grant in available if not grant.is_open(now)][:_AT_ONCE]
        if not closed:
            return tuple(grant.resource for grant in available)
        writes = [store.begin(grant, now, {}) for grant in closed]
        subjects = Counter(grant.subject for grant in closed if grant.subject is not None)
        counts = [store.count(organization, order, name, Sales(downloads=n)) for name, n in subjects.items()]
        with suppress(store.NotBegun):
            facts = {"photos": len(closed), "size": size.value}
            told = _begun(organization, order, [grant.resource for grant in closed], size)
            append(organization, order, Step.ARCHIVE_ASKED, facts, *writes, *counts, told)
    raise Unavailable("busy", "Too much happens to this order at once. Try again.", retry_after=1)


def received(principal: Principal, order: str, resource: str, sha256: str) -> None:
    """The buyer says that what was fetched has arrived: whoever names its digest has its bytes. Twice is once.

    Raises NotFound as `list_grants` does, Unprocessable `not_fetched`, `not_what_was_sold`.
    """
    grant = _opened(principal, order, resource)
    if grant.window_until is None:
        raise Unprocessable("not_fetched", "Nothing of this photo was fetched yet.")
    if sha256 not in (grant.sha256, grant.licensed_sha256, *(grant.handed or {}).values()):
        raise Unprocessable("not_what_was_sold", "These are not the bytes of the file that was sold.", field="sha256")
    facts = {"photo": resource, "sha256": sha256}
    with suppress(store.AlreadyReceived):
        append(grant.organization, order, Step.BYTES_SERVED, facts, store.receive(grant))


def link(organization: str, order: str) -> str:
    """The address of an order's download page, for its mail: whoever holds it may download."""
    return f"{organizations.url_of(organization)}/d/{order}/{sign('order', organization, order)}"


def _handed_out(grant: Grant, size: Size, form: str, sha256: str | None, now: datetime) -> Grant:
    """The grant with a download that runs, in which this form is handed out; each is told once in the receipt."""
    facts = {"photo": grant.resource, "size": size.value, "sha256": sha256 or ""}
    handed = {form: sha256 or ""}
    counted = []
    if grant.subject is not None:
        counted.append(store.count(grant.organization, grant.order, grant.subject, Sales(downloads=1)))

    def tell(until: datetime, *writes: Write) -> None:
        append(grant.organization, grant.order, Step.LINK_ISSUED, facts | {"until": clock.stamp(until)}, *writes)

    with suppress(store.NotBegun):
        told = _begun(grant.organization, grant.order, [grant.resource], size)
        tell(grant.next_window(now), store.begin(grant, now, handed), *counted, told)
    for _ in range(_TRIES):
        # Begun now, begun before or refused: what the table holds tells which link to hand out, or why none.
        current = store.get(grant.organization, grant.order, grant.resource)
        if current.window_until is None or not current.is_open(now):
            raise current.refusal(now)
        if form in (current.handed or {}):
            return current
        with suppress(store.NotBegun):
            tell(current.window_until, store.hand_out(current, handed))
    raise Unavailable("busy", "Too much happens to this order at once. Try again.", retry_after=1)


def _begun(organization: str, order: str, photos: list[str], size: Size) -> Write:
    return outbox.publish(DownloadBegun(organization=organization, order=order, photos=photos, size=size))


def _licensed_copy(grant: Grant) -> tuple[str, str]:
    """Make the copy with the licence in it; its key and digest. The same at each time."""
    if grant.licence is None or grant.content_type != "image/jpeg":
        raise Unprocessable("not_embeddable", "Only a JPEG that was sold with a licence takes it.")
    content = media.with_xmp(storage.read("originals", grant.key), licences.packet(grant.licence))
    key, sha256 = f"licensed/{grant.organization}/{grant.order}/{grant.resource}", hashlib.sha256(content).hexdigest()
    storage.upload("originals", key, content, content_type=grant.content_type)
    if grant.licensed_sha256 != sha256:
        transact(store.keep_licensed_digest(grant, sha256))
    return key, sha256


def _opened(principal: Principal, order: str, resource: str) -> Grant:
    granted = store.get(principal.organization, order, resource)
    if not _may_open(principal, granted):
        raise _missing()
    return granted


def _may_open(principal: Principal, grant: Grant) -> bool:
    if grant.owner is not None and grant.owner == principal.user:
        return True
    return is_signature(principal.tokens.get("order", ""), "order", grant.organization, grant.order)


def _missing() -> NotFound:
    return NotFound("download_not_found", "There is no such download.")
