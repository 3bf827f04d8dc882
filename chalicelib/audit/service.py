"""What every room calls when it changes something that somebody may ask about later."""

from collections.abc import Mapping
from typing import Any

from chalicelib.audit import store
from chalicelib.audit.model import Entry, Search, differing, masked
from chalicelib.core import clock, ids, log
from chalicelib.core.auth import Principal
from chalicelib.core.table import Page, PageRequest, Write

_EXPORTED_AT_ONCE = 500


def entry(
    principal: Principal,
    *,
    action: str,
    entity: str,
    entity_id: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    organization: str | None = None,
) -> Write:
    """A write for the transaction of the change: one commits with the other or not at all.

    `action` is `{entity}.{what was done}`, like `user.roles_changed`. `before` and `after` map the fields that the
    change is about, by their names in the model; those that stayed alike are left out and secrets are masked here.
    `organization` is whose log it is, where that is not the caller's own.
    """
    was, became = differing(before, after)
    return store.add(
        Entry(
            id=ids.new("aud"),
            organization=organization or principal.organization,
            actor=principal.user,
            session=principal.session,
            source=principal.source,
            correlation=log.correlation(),
            action=action,
            entity=entity,
            entity_id=entity_id,
            before=masked(entity, was),
            after=masked(entity, became),
            at=clock.now(),
        )
    )


def find(organization: str, search: Search, request: PageRequest) -> Page[Entry]:
    """A page of entries, newest first. Raises Invalid for a cursor of another list."""
    return store.find(organization, search, request)


def export(organization: str, search: Search, cursor: str | None) -> Page[Entry]:
    """As `find`, in the larger pages of a download."""
    return store.find(organization, search, PageRequest(_EXPORTED_AT_ONCE, cursor))
