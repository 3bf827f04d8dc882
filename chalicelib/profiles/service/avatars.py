"""A picture of oneself: offered, uploaded straight to storage, drawn anew, shown.

What was uploaded expires after a day; what is shown is rendered from it and holds no metadata.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.core import clock, log, outbox, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict
from chalicelib.core.queues import Outcome
from chalicelib.core.storage import UploadForm
from chalicelib.core.table import Write, transact
from chalicelib.media import service as media
from chalicelib.profiles import store
from chalicelib.profiles.messages import PictureReplaced
from chalicelib.profiles.model import Avatar, Profile, VersionConflict

_TRIES = 5


def begin_avatar(principal: Principal, *, content_type: str, size: int, sha256: str) -> UploadForm:
    """A form for exactly this file, of which the last one asked for counts. The picture before is shown meanwhile."""
    profile = _change(principal.organization, principal.known_user, lambda held: held.offer(sha256))
    key = f"{folder_of(profile.organization, profile.user)}/{profile.avatar.offered}"
    return storage.upload_form(key, content_type=content_type, size=size, sha256=sha256)


def remove_avatar(principal: Principal) -> None:
    """Show none any more, and take none that is on its way."""
    _change(principal.organization, principal.known_user, Avatar.removed)


def take_avatar(organization: str, user: str, attempt: int, object_version: str | None) -> Outcome:
    """Show the uploaded file, or note what is wrong with it. SKIPPED for one that nobody waits for."""
    held = store.profile_of(organization, user).avatar
    if not held.takes(attempt):
        return _forget(organization, user, attempt, held)
    with TemporaryDirectory(prefix="avatar-") as folder:
        file = Path(folder, "original")
        if not storage.download("originals", f"{folder_of(organization, user)}/{attempt}", file, object_version):
            return Outcome.SKIPPED  # it has expired
        change = _made(file, organization, user, attempt)
    done = _change(organization, user, lambda avatar: change(avatar) if avatar.takes(attempt) else avatar).avatar
    if attempt not in (done.shown, done.failed):
        return _forget(organization, user, attempt, done)
    log.info("avatar taken", organization=organization, code=done.failure)
    return Outcome.SUCCESS


def drop_picture(organization: str, user: str, attempt: int) -> Outcome:
    """Delete a picture that is not shown any more."""
    if store.profile_of(organization, user).avatar.shown == attempt:
        return Outcome.SKIPPED
    storage.delete("previews", picture_key(organization, user, attempt))
    return Outcome.SUCCESS


def picture_key(organization: str, user: str, attempt: int) -> str:
    return f"{folder_of(organization, user)}/{attempt}.jpg"


def folder_of(organization: str, user: str) -> str:
    return f"avatars/{organization}/{user}"


def _made(file: Path, organization: str, user: str, attempt: int) -> Callable[[Avatar], Avatar]:
    """Store the picture; what that, or a file that is at fault, means for the avatar."""
    try:
        picture = media.avatar(file, media.inspect(file))
    except media.Rejected as refusal:
        code = refusal.code
        return lambda avatar: avatar.refused(attempt, code)
    storage.upload("previews", picture_key(organization, user, attempt), picture, content_type="image/jpeg")
    return lambda avatar: avatar.taken(attempt)


def _forget(organization: str, user: str, attempt: int, held: Avatar) -> Outcome:
    """Another attempt has come after this one: what it may have left behind is to go."""
    if attempt not in (held.shown, held.failed):
        transact(_replaced(organization, user, attempt))
    return Outcome.SKIPPED


def _change(organization: str, user: str, change: Callable[[Avatar], Avatar]) -> Profile:
    """Change the avatar as it is now; a picture that is not shown any more is to go."""
    for _ in range(_TRIES):
        profile = store.profile_of(organization, user)
        avatar = change(profile.avatar)
        if avatar == profile.avatar:
            return profile
        changed = profile.with_avatar(avatar, clock.now())
        gone = profile.avatar.shown if profile.avatar.shown not in (0, avatar.shown) else None
        try:
            transact(store.save(changed, was=profile), *([_replaced(organization, user, gone)] if gone else []))
            return changed
        except VersionConflict:
            continue
    raise Conflict("changed_meanwhile", "Your profile keeps changing. Try again.")


def _replaced(organization: str, user: str, attempt: int) -> Write:
    return outbox.publish(PictureReplaced(organization=organization, user=user, attempt=attempt))
