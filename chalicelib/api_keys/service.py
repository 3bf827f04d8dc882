"""Making, listing and revoking API keys, and who calls with one."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from hmac import compare_digest
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.second_factor import service as second_factor
from chalicelib.api_keys import store
from chalicelib.api_keys.model import GRANTABLE, SEEN_EVERY, ApiKey, NewApiKey, parts_of, token_of
from chalicelib.audit import service as audit
from chalicelib.core import clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, Invalid, Unauthorized
from chalicelib.core.table import Page, PageRequest, transact


def create(principal: Principal, *, name: str, permissions: frozenset[str], days: int) -> NewApiKey:
    """A key for `days`. Raises Invalid for what no key may have, Forbidden for what its maker may not.

    For who has logged in a moment ago: a key lasts longer than a session that was left open.
    """
    second_factor.require_fresh(principal)
    if not permissions <= GRANTABLE:
        raise Invalid("unknown_permission", f"Keys may {', '.join(sorted(GRANTABLE))}.", field="permissions")
    if not permissions <= principal.permissions:
        raise Forbidden("key_too_wide", "A key may not more than who makes it.", field="permissions")
    now, secret = clock.now(), ids.token()
    key = ApiKey(
        id=ids.new("key"),
        organization=principal.organization,
        name=name,
        secret_digest=ids.digest(secret),
        hint=secret[-4:],
        permissions=permissions,
        created_by=principal.known_user,
        created_at=now,
        expires_at=now + timedelta(days=days),
        revoked_at=None,
        used_at=None,
        version=1,
    )
    told = audit.entry(
        principal,
        action="api_key.created",
        entity="api_key",
        entity_id=key.id,
        after={"name": name, "permissions": permissions, "expires_at": key.expires_at},
    )
    transact(store.add(key), told)
    return NewApiKey(key, token_of(key.id, secret))


def find(principal: Principal, key_id: str) -> ApiKey:
    """Raises NotFound, for a foreign key too."""
    return store.get(principal.organization, key_id)


def keys(principal: Principal, request: PageRequest) -> Page[ApiKey]:
    """The organization's keys, revoked and expired ones among them, oldest first."""
    return store.of(principal.organization, request)


def revoke(principal: Principal, key_id: str) -> None:
    """From the next request on it opens nothing. Raises NotFound, Conflict."""
    key = store.get(principal.organization, key_id)
    if key.revoked_at is not None:
        return
    now = clock.now()
    told = audit.entry(
        principal,
        action="api_key.revoked",
        entity="api_key",
        entity_id=key.id,
        before={"revoked_at": None},
        after={"revoked_at": now},
    )
    transact(store.save(key.revoke(now), was=key), told)


def principal_of(organization: str, token: str) -> Principal:
    """Who calls with a key: its maker, with the maker's roles of now, and what the key was given. Raises Unauthorized.

    The API lets through what both give.
    """
    key_id, secret = parts_of(token)
    key = store.find(organization, key_id) if ids.is_id("key", key_id) else None
    now = clock.now()
    refused = Unauthorized("invalid_token", "The API key is not valid.")
    if key is None or not compare_digest(key.secret_digest, ids.digest(secret)) or not key.lives(now):
        raise refused
    maker = accounts.find_user(organization, key.created_by)
    if maker is None or maker.blocked:
        raise refused
    if key.used_at is None or now - key.used_at >= SEEN_EVERY:
        with suppress(Conflict):  # another request noted it
            transact(store.seen(key, now))
    return Principal(
        organization,
        user=maker.id,
        session=key.id,
        roles=maker.roles,
        permissions=key.permissions,
        key=key.id,
    )


def personal_data(organization: str, user: str) -> list[Mapping[str, Any]]:
    """The keys that somebody made, without what opens anything."""
    return [
        {
            "id": key.id,
            "name": key.name,
            "permissions": key.permissions,
            "created_at": key.created_at,
            "expires_at": key.expires_at,
            "revoked_at": key.revoked_at,
            "used_at": key.used_at,
        }
        for key in store.made_by(organization, user)
    ]


def erase_person(organization: str, user: str) -> None:
    """Forget the keys that somebody made: they open nothing without their maker. May run again where it was cut off."""
    for key in store.made_by(organization, user):
        transact(store.remove(key))
