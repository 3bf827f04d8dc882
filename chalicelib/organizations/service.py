"""Organizations: founding one, its settings, and which one a host speaks for."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Generic, TypeVar

from chalicelib.core import clock, ids, storage
from chalicelib.core.errors import Invalid, NotFound
from chalicelib.core.settings import settings
from chalicelib.core.table import transact
from chalicelib.media import service as media
from chalicelib.organizations import store
from chalicelib.organizations.model import Organization, host_of
from chalicelib.organizations.roles import ROLES

DEFAULT: str = ids.derived("org", "default")
"""The organization of a single-tenant deployment: it is there before anybody stores it."""

_DEFAULT_NAME = "ThePixStock"
_DEFAULT_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
_HOLD = timedelta(seconds=60)
_HELD_AT_MOST = 1000  # hosts may be made up by whoever calls

V = TypeVar("V")


class _Held(Generic[V]):
    """Answers of `read`, kept in this process for a minute: every request asks."""

    def __init__(self, read: Callable[[str], V]) -> None:
        self._read = read
        self._answers: dict[str, tuple[datetime, V]] = {}

    def __call__(self, key: str) -> V:
        now = clock.now()
        read_at, answer = self._answers.get(key, (now, None))
        if answer is not None and now - _HOLD < read_at <= now:
            return answer
        answer = self._read(key)
        if len(self._answers) >= _HELD_AT_MOST:
            self._answers.clear()
        self._answers[key] = (now, answer)
        return answer

    def forget(self, key: str | None = None) -> None:
        if key is None:
            self._answers.clear()
        else:
            self._answers.pop(key, None)


def tenant_of(host: str) -> str:
    """The organization behind `host` (of the request context, never of a header), else the default."""
    try:
        return _tenants(host_of(host))
    except Invalid:
        return DEFAULT


def origins_of(organization: str) -> frozenset[str]:
    """The web origins that may call for an organization, at most a minute old."""
    return _origins(organization)


def get(organization: str) -> Organization:
    """Raises NotFound."""
    found = store.find(organization)
    if found is None and organization == DEFAULT:
        return Organization.founded(DEFAULT, _DEFAULT_NAME, _DEFAULT_SINCE)
    if found is None:
        raise NotFound("organization_not_found", "There is no such organization.")
    return found


def create(name: str, **changes: Any) -> Organization:
    """Found an organization; `changes` are fields of `Organization`. Raises Invalid."""
    blank = Organization.founded(ids.new("org"), name, clock.now())
    founded = blank.changed(blank.version, changes)
    transact(store.save(founded, was=blank))
    return founded


def update(organization: str, *, version: int, **changes: Any) -> Organization:
    """Change settings while the organization is still at `version`. Raises Conflict, Invalid or NotFound."""
    current = get(organization)
    changed = current.changed(version, changes)
    transact(store.save(changed, was=current))
    forget(organization)
    return changed


def set_watermark_image(organization: str, *, version: int, image_png: bytes | None) -> Organization:
    """Take a PNG as the mark on previews, or take it away. Photos that are ready keep theirs.

    Raises Invalid for what is no usable PNG, Conflict.
    """
    if image_png is None:
        return update(organization, version=version, watermark_image=None)
    media.check_watermark(media.Watermark(image_png=image_png))
    key = f"watermarks/{organization}/{hashlib.sha256(image_png).hexdigest()}.png"
    storage.upload("originals", key, image_png, content_type="image/png")
    return update(organization, version=version, watermark_image=key)


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


def map_host(host: str, organization: str) -> None:
    """Let requests to `host` speak for an organization. The first host is where the links of its mails lead.

    Raises Conflict while another one has the host.
    """
    name = host_of(host)
    current = get(organization)
    writes = [store.map_host(name, current.id)]
    if current.host is None:
        writes.append(store.save(current.changed(current.version, {"host": name}), was=current))
    transact(*writes)
    _tenants.forget(name)


def url_of(organization: str) -> str:
    """The public base URL of an organization, without a slash at the end."""
    host = get(organization).host
    return f"https://{host}" if host else settings().api_url


def role_names() -> frozenset[str]:
    """The roles people can have."""
    return frozenset(ROLES)


def forget(organization: str | None = None) -> None:
    """Read again at the next use: after a change, and for tests that swap the database."""
    _origins.forget(organization)
    if organization is None:
        _tenants.forget()


_tenants = _Held(lambda host: store.organization_of_host(host) or DEFAULT)
_origins = _Held(lambda organization: frozenset(get(organization).origins))
