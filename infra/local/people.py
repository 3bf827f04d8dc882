"""The people and the event that a local system starts with. Their passwords are made up anew and kept in its folder."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.client import Person

_FILE = "people.json"
_ROLES = {"admin": ("admin",), "photographer": ("photographer",), "customer": ("customer",)}


@dataclass(frozen=True)
class LogIn:
    role: str
    email: str
    password: str
    user: str


def log_ins(home: Path) -> dict[str, LogIn]:
    """One log-in per role, made at the first start in `home` and found again while its tables last."""
    from chalicelib.accounts import service as accounts
    from chalicelib.organizations.service import DEFAULT

    path = home / _FILE
    kept = json.loads(path.read_text()) if path.exists() else {}
    found = {}
    for role, roles in _ROLES.items():
        known = LogIn(**kept[role]) if role in kept else None
        if known is None or accounts.find_by_email(DEFAULT, known.email) is None:
            email, password = f"{role}@example.com", secrets.token_urlsafe(12)
            user = accounts.create_user(DEFAULT, email=email, password=password, name=role.title(), roles=roles)
            known = LogIn(role, email, password, user.id)
        found[role] = known
    path.write_text(json.dumps({role: vars(known) for role, known in found.items()}))
    path.chmod(0o600)
    return found


def plan_event(admin: Person, photographer: str, name: str, slug: str) -> dict[str, Any]:
    """An event that `photographer` (a user id) may upload to."""
    event = admin.post(
        "/events",
        {
            "name": name,
            "slug": slug,
            "date": "2026-04-13",
            "timezone": "Asia/Bangkok",
            "venue": "Lumphini Park",
            "description": "Ten kilometres along the lake, with water at every turn.",
            "location": {"lat": 13.7307, "lon": 100.5418, "address": "Bangkok"},
        },
        expect=201,
    )
    admin.put(f"/events/{event['id']}/photographers/{photographer}")
    return move(admin, event["id"], "uploading")


def move(admin: Person, event: str, status: str) -> dict[str, Any]:
    current = admin.get(f"/events/{event}")
    moved: dict[str, Any] = admin.put(f"/events/{event}/status", {"status": status, "version": current["version"]})
    return moved
