"""Building an archive: photos are read from storage, and go back to it as parts of one file.

In memory are one photo and the part that it belongs to. A part ends with a photo, so what is noted after each part is
enough for any process to go on; large archives are passed on from message to message. Everything is the same each time
it is done, so two runs at once write the same bytes, and the condition on what is noted lets one of them go on.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace

from chalicelib.core import log, outbox, signing, storage
from chalicelib.core.errors import Conflict
from chalicelib.core.table import transact
from chalicelib.entitlements import store as grants
from chalicelib.entitlements.archives import store
from chalicelib.entitlements.archives.messages import ArchiveDue
from chalicelib.entitlements.archives.model import Archive, State
from chalicelib.entitlements.archives.packing import Pack
from chalicelib.entitlements.chain import Step
from chalicelib.entitlements.model import Grant, Size
from chalicelib.entitlements.service import append

PART = 8 << 20
"""Bytes from which on a part is sent; storage takes none below 5 MB but the last."""

BUDGET = 5.0
"""Seconds after which the next message goes on: ten messages of a batch share a minute."""

LICENCES = "licenses.json"


class _Spoilt(Exception):
    """What is stored is not what was sold, or it was withdrawn: trying again does not help."""


def build(organization: str, order: str, archive_id: str, failure: str | None = None) -> bool:
    """Go on with an archive, to its end, to a photo that is still being made, or as long as a message may take.

    False where there is nothing to do. With a `failure` it never can be built.
    """
    archive = store.find(organization, order)
    if archive is None or archive.id != archive_id or archive.state is not State.BUILDING:
        return False
    held = {grant.resource: grant for grant in grants.of_order(organization, order)}
    try:
        if failure is not None:
            raise _Spoilt(failure)
        _go_on(archive, held)
    except _Spoilt as reason:
        log.warning("archive failed", organization=organization, order=order, code=str(reason))
        transact(store.save(replace(_stored(archive), state=State.FAILED)))
    except storage.UploadGone:
        _recover(archive)
    return True


def _go_on(archive: Archive, held: Mapping[str, Grant]) -> None:
    ends = time.monotonic() + BUDGET
    if archive.upload is None:
        upload = storage.begin_parts("originals", archive.key, content_type="application/zip")
        archive = _noted(archive.begun(upload))
    pack = Pack(archive.size, archive.packed, archive.created_at)
    for resource in archive.waiting:
        grant = held[resource]
        content = _content(grant, archive.photo_size)
        if content is None:
            return  # whoever makes it publishes the next `ArchiveDue`
        pack.add(grant.filename_in(archive.photo_size), content)
        if pack.held >= PART:
            archive = _sent(archive, pack)
            if time.monotonic() >= ends:
                due = ArchiveDue(organization=archive.organization, order=archive.order, archive=archive.id)
                transact(store.save(archive), outbox.publish(due))
                return
            archive = _noted(archive)
    if documents := [held[resource].licence for resource in archive.resources if held[resource].licence is not None]:
        keys = [key.jwk for key in signing.published(archive.organization)]
        pack.add(LICENCES, json.dumps({"licenses": documents, "keys": keys}, ensure_ascii=False, indent=1).encode())
    pack.close()
    archive = _sent(archive, pack)
    storage.finish_parts("originals", archive.key, archive.upload or "", archive.parts)
    _ready(archive, archive.size)


def _sent(archive: Archive, pack: Pack) -> Archive:
    """The archive with what the pack holds in storage, not noted yet."""
    part = pack.take()
    number = len(archive.parts) + 1
    tag = storage.put_part("originals", archive.key, archive.upload or "", number, part)
    return archive.grown(tag, pack.packed, archive.size + len(part))


def _noted(archive: Archive) -> Archive:
    """Raises Conflict where another run was faster: it goes on."""
    transact(store.save(archive))
    return replace(archive, version=archive.version + 1)


def _content(grant: Grant, size: Size) -> bytes | None:
    """None for one that is not made yet."""
    if grant.revoked:
        raise _Spoilt("download_revoked")
    if size is not Size.ORIGINAL:
        made = storage.find("originals", size.key_of(grant.key))
        return made.content if made is not None else None
    content = storage.read("originals", grant.key)
    if grant.sha256 is not None and hashlib.sha256(content).hexdigest() != grant.sha256:
        raise _Spoilt("file_changed")
    return content


def _recover(archive: Archive) -> None:
    """The upload is over: finished by a run that could not note it, or given up by storage after a day."""
    size = storage.size_of("originals", archive.key)
    if size is not None:
        _ready(archive, size)
        return
    due = ArchiveDue(organization=archive.organization, order=archive.order, archive=archive.id)
    transact(store.save(replace(_stored(archive), upload=None, parts=(), packed=(), size=0)), outbox.publish(due))


def _stored(archive: Archive) -> Archive:
    """The archive as it is noted now. Raises Conflict where another run was faster, or another one was asked for."""
    found = store.find(archive.organization, archive.order)
    if found is None or found.id != archive.id or found.state is not State.BUILDING:
        raise Conflict("changed_meanwhile", "Another run was faster.")
    return found


def _ready(archive: Archive, size: int) -> None:
    ready = replace(_stored(archive), state=State.READY, size=size)
    facts: dict[str, str | int] = {"archive": archive.id, "photos": len(archive.resources), "bytes": size}
    facts["size"] = archive.photo_size.value
    append(archive.organization, archive.order, Step.ARCHIVE_BUILT, facts, store.save(ready))
