"""A copy of everything that is kept of somebody: a ZIP of JSON and of their own files."""

import json
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from chalicelib.core import clock, ids, limits, log, outbox, secrets, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, NotFound
from chalicelib.core.table import transact
from chalicelib.organizations import service as organizations
from chalicelib.privacy import store
from chalicelib.privacy.holdings import HOLDINGS
from chalicelib.privacy.messages import ExportAsked, ExportDropped, ExportReady
from chalicelib.privacy.model import EXPORT_LASTS, MOST_BYTES, Export, ExportState, export_key

_A_DAY = 24 * 3600
_EXPORTS_A_DAY = 3
_SWEEP_AT_MOST = 100


def ask(actor: Principal) -> Export:
    """Ask for a copy; while one is being made it is that one. Raises Limited after three a day."""
    organization, user = actor.organization, actor.known_user
    for export in store.exports(organization, user):
        if export.state is ExportState.ASKED:
            return export
    limits.take(organization, "export", user, limit=_EXPORTS_A_DAY, seconds=_A_DAY)
    now = clock.now()
    export = Export(ids.new("exp"), organization, user, ExportState.ASKED, now, now + EXPORT_LASTS)
    fact = ExportAsked(organization=organization, user=user, export=export.id)
    transact(store.add_export(export), outbox.publish(fact))
    return export


def exports_of(actor: Principal) -> list[Export]:
    return sorted(store.exports(actor.organization, actor.known_user), key=lambda export: export.created_at)


def make(organization: str, user: str, export_id: str) -> bool:
    """Write the ZIP and tell its owner; False where nobody waits for it. Cut off, it goes on with what is missing."""
    export = store.find_export(organization, user, export_id)
    if export is None:  # given up while a run was gathering: what that run left goes now
        storage.remove("documents", export_key(organization, user, export_id))
        return False
    if export.state is not ExportState.ASKED:
        storage.delete("documents", export.draft_key)
        return False
    told = _gathered(export)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "export.zip"
        _write(export, told, file, Path(folder) / "part")
        storage.upload("documents", export.key, file, content_type="application/zip")
        ready = export.ready(file.stat().st_size, clock.now())
    fact = ExportReady(organization=organization, user=user, export=export.id)
    transact(store.save_export(ready, was=export), outbox.publish(fact))
    storage.delete("documents", export.draft_key)
    return True


def link(export: Export) -> str:
    """Where the mail leads: whoever holds the address may fetch the file while it is there."""
    address = f"{organizations.url_of(export.organization)}/exports/{export.user}/{export.id}"
    return f"{address}/{secrets.sign('export', export.organization, export.user, export.id)}"


def opened(organization: str, user: str, export_id: str, token: str) -> Export:
    """The export behind a mailed link. Raises NotFound, once it has expired too."""
    missing = NotFound("export_not_found", "There is no such export.")
    if not (ids.is_id("usr", user) and ids.is_id("exp", export_id)):
        raise missing
    if not secrets.is_signature(token, "export", organization, user, export_id):
        raise missing
    export = store.get_export(organization, user, export_id)
    if export.state is not ExportState.READY or export.expires_at <= clock.now():
        raise missing
    return export


def address_of(export: Export) -> str:
    """A signed address of the file, for five minutes."""
    return storage.read_url("documents", export.key, filename=f"{export.id}.zip")


def find(organization: str, user: str, export: str) -> Export | None:
    return store.find_export(organization, user, export)


def remove_file(organization: str, user: str, export: str) -> bool:
    """Remove the file of an export that is no more; False while there is one."""
    if store.find_export(organization, user, export) is not None:
        return False
    storage.remove("documents", export_key(organization, user, export))
    return True


def expire_due() -> int:
    """Forget exports whose time is up; returns how many."""
    gone = 0
    for export in store.exports_due(clock.now(), _SWEEP_AT_MOST):
        fact = ExportDropped(organization=export.organization, user=export.user, export=export.id)
        try:
            transact(store.remove_export(export), outbox.publish(fact))
            gone += 1
        except AppError as refusal:
            log.warning("export not removed", organization=export.organization, code=refusal.code)
        except Exception as failure:  # noqa: BLE001 (tried again in a minute; the others have their turn now)
            log.bug("export not removed", failure, organization=export.organization)
    return gone


def _gathered(export: Export) -> dict[str, Any]:
    """What each holding has, by its name. The draft in storage grows with each that has told."""
    held = storage.find("documents", export.draft_key)
    told: dict[str, Any] = json.loads(held.content) if held else {}
    for holding in HOLDINGS:
        if holding.name not in told:
            found = holding.export(export.organization, export.user)
            told[holding.name] = to_jsonable_python(found, serialize_unknown=True)
            storage.upload("documents", export.draft_key, _text(told).encode(), content_type="application/json")
    return told


def _write(export: Export, told: Mapping[str, Any], file: Path, part: Path) -> None:
    """Each holding's JSON, then files while there is room; what is left out is listed."""
    room, left_out = MOST_BYTES, []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for holding in HOLDINGS:
            archive.writestr(f"{holding.name}.json", _text(told[holding.name]))
        for holding in HOLDINGS:
            for held in holding.files(export.organization, export.user):
                if room <= 0 or not storage.download(held.bucket, held.key, part):
                    left_out.append(held.name)
                    continue
                room -= part.stat().st_size
                archive.write(part, held.name)
        archive.writestr("left_out.json", _text(left_out))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
