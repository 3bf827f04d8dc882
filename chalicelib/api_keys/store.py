"""API keys, beside the accounts that made them.

| access                       | key                                    |
|------------------------------|----------------------------------------|
| one key of an organization   | pk T#{org}#KEYS / sk {id}              |
| its keys, oldest first       | the same                               |
"""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from chalicelib.api_keys.model import ApiKey
from chalicelib.core.errors import NotFound
from chalicelib.core.table import (
    Moment,
    Page,
    PageRequest,
    Record,
    Typed,
    Write,
    create,
    delete,
    page,
    replace,
    table,
    update,
)


class ApiKeyRecord(Record):
    Meta = table("accounts")
    keys = ("T#{}#KEYS", "{}")
    model = ApiKey

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    name = UnicodeAttribute()
    secret_digest = UnicodeAttribute()
    hint = UnicodeAttribute()
    permissions = Typed[frozenset[str]](frozenset[str])
    created_by = UnicodeAttribute()
    created_at = Moment()
    expires_at = Moment()
    revoked_at = Moment(null=True)
    used_at = Moment(null=True)


def find(organization: str, key_id: str) -> ApiKey | None:
    record = ApiKeyRecord.fetch(_pk(organization), key_id)
    found: ApiKey | None = record.value() if record else None
    return found


def get(organization: str, key_id: str) -> ApiKey:
    """Raises NotFound, for a foreign key too."""
    key = find(organization, key_id)
    if key is None:
        raise NotFound("api_key_not_found", "There is no such API key.")
    return key


def of(organization: str, request: PageRequest) -> Page[ApiKey]:
    found = page(ApiKeyRecord, ApiKeyRecord, _pk(organization), request)
    return found.map(lambda record: record.value())


def add(key: ApiKey) -> Write:
    return create(_record(key))


def save(key: ApiKey, *, was: ApiKey) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_record(key), was.version)


def seen(key: ApiKey, at: datetime) -> Write:
    """Note when it was used; refused with Conflict where somebody noted it at this moment."""
    before = ApiKeyRecord.used_at.does_not_exist() if key.used_at is None else ApiKeyRecord.used_at == key.used_at
    return update(ApiKeyRecord(_pk(key.organization), key.id), ApiKeyRecord.used_at.set(at), condition=before)


def made_by(organization: str, user: str) -> Iterator[ApiKey]:
    """Reads all keys of the organization, of which there are few."""
    found = ApiKeyRecord.query(_pk(organization), consistent_read=True)
    return (record.value() for record in found if record.created_by == user)


def remove(key: ApiKey) -> Write:
    return delete(ApiKeyRecord(_pk(key.organization), key.id))


def _record(key: ApiKey) -> ApiKeyRecord:
    return ApiKeyRecord.of(key, pk=_pk(key.organization), sk=key.id)


def _pk(organization: str) -> str:
    return f"T#{organization}#KEYS"
