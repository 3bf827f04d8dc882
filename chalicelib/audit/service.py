"""What every room calls when it changes something that somebody may ask about later."""

from collections.abc import Mapping
from typing import Any

from chalicelib.audit import store
from chalicelib.audit.model import Entry, differing, masked
from chalicelib.core import clock, ids, log
from chalicelib.core.auth import Principal
from chalicelib.core.table import Write


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
