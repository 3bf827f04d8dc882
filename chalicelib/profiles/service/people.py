"""Showing and changing what somebody tells of themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import User
from chalicelib.audit import service as audit
from chalicelib.core import clock, sealing, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Invalid
from chalicelib.core.table import transact
from chalicelib.profiles import national_ids, store
from chalicelib.profiles.model import NationalId, Profile
from chalicelib.profiles.service.avatars import picture_key


@dataclass(frozen=True, slots=True)
class ShownNationalId:
    """`masked` shows the last four digits."""

    country: str
    masked: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A person as they see themselves. `avatar_url` works for some minutes."""

    user: User
    profile: Profile
    national_id: ShownNationalId | None
    avatar_url: str | None


def show_profile(principal: Principal) -> Shown:
    user = accounts.get_user(principal.organization, principal.known_user)
    return _shown(user, store.profile_of(principal.organization, user.id))


def change_profile(principal: Principal, *, version: int, told: Mapping[str, Any]) -> Shown:
    """Change what was told: fields of `Profile`, and the account's own `name` and `language`.

    `national_id` comes as (country, number) and is sealed here. Raises Invalid, or Conflict when the profile is not at
    `version` any more.
    """
    at = clock.now()
    user = accounts.get_user(principal.organization, principal.known_user)
    profile = store.profile_of(principal.organization, user.id)
    of_profile = {name: value for name, value in told.items() if name not in ("name", "language")}
    if told.get("national_id") is not None:
        of_profile["national_id"] = _sealed(profile, *told["national_id"])
    changed = profile.changed(version, of_profile, at)
    _check_birth(changed)
    named, writes = accounts.rename(user, name=told.get("name"), language=told.get("language"))
    noted = audit.entry(
        principal,
        action="profile.changed",
        entity="profile",
        entity_id=user.id,
        before=_told(profile, user),
        after=_told(changed, named),
    )
    transact(store.save(changed, was=profile), *writes, noted)
    return _shown(named, changed)


def _told(profile: Profile, user: User) -> dict[str, Any]:
    """What the audit log compares; it says which of these changed, and of none what it is."""
    return {
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "birth_date": profile.birth_date,
        "national_id": profile.national_id.sealed if profile.national_id else None,
        "name": user.name,
        "language": user.language,
    }


def number_of(profile: Profile) -> str | None:
    """The national id, opened. Raises sealing.NotSealed."""
    if profile.national_id is None:
        return None
    return sealing.unseal(profile.organization, _purpose(profile), profile.national_id.sealed)


def _sealed(profile: Profile, country: str, text: str) -> NationalId:
    number, _ = national_ids.read(country, text)
    return NationalId(country, sealing.seal(profile.organization, _purpose(profile), number))


def _check_birth(profile: Profile) -> None:
    """Raises Invalid where the birth date is not the one that the national id tells."""
    number, told = number_of(profile), profile.birth_date
    if number is None or told is None or profile.national_id is None:
        return
    born: date | None = national_ids.read(profile.national_id.country, number)[1].born
    if born not in (None, told):
        raise Invalid("birth_date_differs", "The national id tells of another birth date.", field="birthDate")


def _purpose(profile: Profile) -> str:
    return f"national-id#{profile.user}"


def _shown(user: User, profile: Profile) -> Shown:
    number, held = number_of(profile), profile.national_id
    national_id = ShownNationalId(held.country, national_ids.masked(number)) if held and number else None
    seen = profile.avatar.shown
    url = storage.read_url("previews", picture_key(profile.organization, profile.user, seen)) if seen else None
    return Shown(user, profile, national_id, url)
