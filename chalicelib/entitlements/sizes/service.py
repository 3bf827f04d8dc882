"""Making files smaller than they were sold.

A size of a file is the same for all its buyers, and the same each time it is made. Storage keeps its digest beside it,
and that it is there says that it is finished.
"""

import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.core import log, once, outbox, storage
from chalicelib.core.errors import Conflict
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Write, transact
from chalicelib.entitlements.archives.messages import ArchiveDue
from chalicelib.entitlements.model import Grant, Size
from chalicelib.entitlements.sizes.messages import SizesDue
from chalicelib.media import service as media

BUDGET = 20.0
"""Seconds after which the next message goes on."""

_AT_ONCE = 20
_ASKED_FOR = timedelta(minutes=1)


def digest_of(grant: Grant, size: Size) -> str:
    """SHA-256 (hex) of a file in a size. Where it is not there yet, has it made: Conflict `size_in_preparation`."""
    if found := storage.digest_of("originals", size.key_of(grant.key)):
        return found
    due = SizesDue(organization=grant.organization, originals=[grant.key], size=size)
    with suppress(once.Taken):
        asked = once.claim(grant.organization, "size", size.key_of(grant.key), result="-", keep=_ASKED_FOR)
        transact(asked, outbox.publish(due))
    raise Conflict("size_in_preparation", "This size is being made. Ask again in a moment.")


def wanted_by(organization: str, order: str, archive: str, originals: Sequence[str], size: Size) -> list[Write]:
    """The writes that have files made for an archive, which goes on whenever some of them are there."""
    groups = (originals[start : start + _AT_ONCE] for start in range(0, len(originals), _AT_ONCE))
    facts = (
        SizesDue(organization=organization, originals=list(group), size=size, order=order, archive=archive)
        for group in groups
    )
    return [outbox.publish(fact) for fact in facts]


def make(due: SizesDue) -> Outcome:
    """Make what is not there yet, for as long as a message may take; the rest follows by the next `SizesDue`."""
    ends = time.monotonic() + BUDGET
    made = 0
    failure: str | None = None
    for number, original in enumerate(due.originals):
        if storage.digest_of("originals", due.size.key_of(original)) is not None:
            continue
        if time.monotonic() >= ends:
            transact(outbox.publish(due.model_copy(update={"originals": due.originals[number:]})))
            return Outcome.SUCCESS
        failure = _make(original, due.size) or failure
        made += 1
    if due.order is not None and due.archive is not None:
        names = {"organization": due.organization, "order": due.order, "archive": due.archive}
        transact(outbox.publish(ArchiveDue(**names, failure=failure)))
    return Outcome.SUCCESS if made or due.archive else Outcome.SKIPPED


def _make(original: str, size: Size) -> str | None:
    """Why it can not be made, if it can not."""
    assert size.long_side is not None
    with TemporaryDirectory(prefix="size-") as folder:
        file = Path(folder) / "original"
        if not storage.download("originals", original, file):
            return "file_missing"
        try:
            content = media.upright(file, media.inspect(file), size.long_side)
        except media.Rejected as refusal:
            log.warning("size failed", code=refusal.code)
            return refusal.code
    digest = hashlib.sha256(content).hexdigest()
    storage.upload("originals", size.key_of(original), content, content_type="image/jpeg", sha256=digest)
    return None
