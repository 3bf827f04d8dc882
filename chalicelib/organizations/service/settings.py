"""What an organization is like, and who changes it."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from chalicelib.audit import service as audit
from chalicelib.core import ids, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound
from chalicelib.core.table import Write, transact
from chalicelib.media import service as media
from chalicelib.organizations import store
from chalicelib.organizations.model import Organization
from chalicelib.organizations.roles import ROLES
from chalicelib.organizations.service.held import Held

DEFAULT: str = ids.derived("org", "default")
"""The organization of a single-tenant deployment: it is there before anybody stores it."""

_DEFAULT_NAME = "ThePixStock"
_DEFAULT_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def get(organization: str) -> Organization:
    """Raises NotFound."""
    found = store.find(organization)
    if found is None and organization == DEFAULT:
        return Organization.founded(DEFAULT, _DEFAULT_NAME, _DEFAULT_SINCE)
    if found is None:
        raise NotFound("organization_not_found", "There is no such organization.")
    return found


def own(principal: Principal, organization: str) -> Organization:
    """The caller's organization, by its id. Raises NotFound for any other."""
    if organization != principal.organization:
        raise NotFound("organization_not_found", "There is no such organization.")
    return get(organization)


def known(organization: str) -> Organization:
    """What `get` answered within the last minute."""
    return _known(organization)


def currency_of(organization: str) -> str:
    """ISO 4217. It never changes: prices, books and orders are in it. Raises NotFound."""
    return known(organization).currency


def origins_of(organization: str) -> frozenset[str]:
    """The web origins that may call for an organization, at most a minute old."""
    return frozenset(known(organization).origins)


def update(organization: str, *, version: int, by: Principal | None = None, **changes: Any) -> Organization:
    """Change settings while the organization is still at `version`. Raises Conflict, Invalid or NotFound.

    `by` is None for an operator.
    """
    current = get(organization)
    changed = current.changed(version, changes)
    save(current, changed, by, "organization.updated")
    return changed


def save(current: Organization, changed: Organization, by: Principal | None, action: str, *more: Write) -> None:
    """Commit a change with its entry in the organization's audit log, and with `more` that belongs to it."""
    writes = [store.save(changed, was=current), *more]
    if by is not None:
        before, after = _told(current), _told(changed)
        writes.append(
            audit.entry(
                by,
                action=action,
                entity="organization",
                entity_id=current.id,
                before=before,
                after=after,
                organization=current.id,
            )
        )
    transact(*writes)
    forget(current.id)


def _told(organization: Organization) -> Mapping[str, Any]:
    return asdict(organization)


def set_watermark_image(
    organization: str, *, version: int, image_png: bytes | None, by: Principal | None = None
) -> Organization:
    """Take a PNG as the mark on previews, or take it away. Photos that are ready keep theirs.

    Raises Invalid for what is no usable PNG, Conflict.
    """
    if image_png is None:
        return update(organization, version=version, by=by, watermark_image=None)
    media.check_watermark(media.Watermark(image_png=image_png))
    key = f"watermarks/{organization}/{hashlib.sha256(image_png).hexdigest()}.png"
    storage.upload("originals", key, image_png, content_type="image/png")
    return update(organization, version=version, by=by, watermark_image=key)


def watermark_of(organization: str) -> media.Watermark:
    """The mark that previews of an organization carry: its image where it has one, else its text."""
    policy = get(organization)
    return media.Watermark(
        text=None if policy.watermark_image else policy.watermark_text,
        image_png=_image(policy.watermark_image) if policy.watermark_image else None,
        style=policy.watermark_style,
        opacity=policy.watermark_opacity,
    )


@lru_cache(maxsize=32)
def _image(key: str) -> bytes:
    """Named by its content, so it never changes."""
    return storage.read("originals", key)


def role_names(organization: str) -> frozenset[str]:
    """The roles that people of an organization can have."""
    return frozenset(ROLES) if organization == DEFAULT else frozenset(ROLES) - {"platform_admin"}


def forget(organization: str | None = None) -> None:
    """Read again at the next use."""
    _known.forget(organization)


_known = Held(get)
