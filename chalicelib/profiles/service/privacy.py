"""What profiles keep of somebody, told and forgotten."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core import log, storage
from chalicelib.core.sealing import NotSealed
from chalicelib.core.storage import StoredFile
from chalicelib.core.table import MOST_WRITES, transact
from chalicelib.profiles import store
from chalicelib.profiles.model import Profile
from chalicelib.profiles.service.avatars import folder_of, picture_key
from chalicelib.profiles.service.people import number_of


def personal_data(organization: str, user: str) -> Mapping[str, Any]:
    """The profile with the whole national id, the addresses, and what somebody likes."""
    profile = store.profile_of(organization, user)
    return {
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "birth_date": profile.birth_date,
        "national_id": _national_id(profile),
        "addresses": store.addresses_of(organization, user).addresses,
        "favorites": [
            {"kind": liked.kind, "ref": liked.ref, "added_at": liked.added_at}
            for liked in store.all_favorites(organization, user)
        ],
    }


def own_files(organization: str, user: str) -> list[StoredFile]:
    """The picture that is shown."""
    shown = store.profile_of(organization, user).avatar.shown
    return [StoredFile("previews", picture_key(organization, user, shown), "avatar.jpg")] if shown else []


def erase_person(organization: str, user: str) -> None:
    """Forget the profile and all pictures, those on their way too. May run again where it was cut off."""
    writes = list(store.forget(organization, user))
    for start in range(0, len(writes), MOST_WRITES):
        transact(*writes[start : start + MOST_WRITES])
    storage.remove("originals", f"{folder_of(organization, user)}/")
    storage.remove("previews", f"{folder_of(organization, user)}/")


def _national_id(profile: Profile) -> Mapping[str, str] | None:
    """None also for one that no accepted key opens: it can not be told to anybody any more."""
    try:
        number = number_of(profile)
    except NotSealed:
        log.warning("a national id that nobody can read", organization=profile.organization)
        return None
    held = profile.national_id
    return {"country": held.country, "number": number} if held and number else None
