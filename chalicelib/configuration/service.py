"""Reading settings where they matter, and changing them while the system runs."""

from collections.abc import Mapping
from typing import Any, TypeVar

from chalicelib.audit import service as audit
from chalicelib.configuration import store
from chalicelib.configuration.model import Features, Section, Stored
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import Page, PageRequest, transact

S = TypeVar("S", bound=Section)


def read(organization: str, section: type[S]) -> S:
    """The settings as they are now: a change holds from the next request on. One consistent read."""
    stored = store.find(organization, section.section)
    return section.stored(stored.values) if stored else section()


def is_on(principal: Principal, feature: str) -> bool:
    """Whether the caller has a feature; nobody has one that nobody has heard of."""
    return feature in features(principal)


def features(principal: Principal) -> list[str]:
    """What is on for the caller."""
    return read(principal.organization, Features).of(principal.user, principal.roles)


def list_sections(organization: str) -> list[Stored]:
    """Every section that a room has declared, with its defaults where nobody has changed it."""
    stored = store.all_of(organization)
    return [
        _as_now(section, stored.get(name) or _never_stored(organization, name))
        for name, section in sorted(Section.known.items())
    ]


def public_settings(organization: str) -> dict[str, dict[str, Any]]:
    """Section -> the settings of it that anybody may know."""
    stored = store.all_of(organization)
    return {
        name: section.stored(stored[name].values if name in stored else {}).public_values()
        for name, section in sorted(Section.known.items())
        if section.public
    }


def change(principal: Principal, name: str, version: int, values: Mapping[str, Any]) -> Stored:
    """Change some settings of a section that is still at `version`. Raises NotFound, InvalidFields or Conflict."""
    section = _section(name)
    was = store.find(principal.organization, name) or _never_stored(principal.organization, name)
    if version != was.version:
        raise Conflict("version_conflict", "Somebody else changed this first. Load it again.", field="version")
    settings = section.stored(was.values)
    changed = settings.changed(values)
    became = Stored(
        organization=principal.organization,
        section=name,
        values=changed.values(),
        changed_at=clock.now(),
        changed_by=principal.user,
        version=version + 1,
    )
    told = audit.entry(
        principal,
        action="settings.changed",
        entity="settings",
        entity_id=name,
        before=settings.values(),
        after=became.values,
    )
    transact(*store.save(became, was=version), told)
    return became


def history(organization: str, name: str, request: PageRequest) -> Page[Stored]:
    """A page of what a section was set to, newest first. Raises NotFound."""
    _section(name)
    return store.versions(organization, name, request)


def _section(name: str) -> type[Section]:
    if name not in Section.known:
        raise NotFound("section_not_found", "There is no such section.")
    return Section.known[name]


def _never_stored(organization: str, name: str) -> Stored:
    return Stored(organization, name, {}, None, None, 0)


def _as_now(section: type[Section], stored: Stored) -> Stored:
    """With the defaults of what was not there to be set."""
    return Stored(
        stored.organization,
        stored.section,
        section.stored(stored.values).values(),
        stored.changed_at,
        stored.changed_by,
        stored.version,
    )
