"""Issuing licences, showing them, and telling true ones from others."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.core import signing
from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound
from chalicelib.entitlements import chain, store
from chalicelib.entitlements.licences import model
from chalicelib.entitlements.model import Grant, Sale
from chalicelib.organizations import service as organizations


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a document is ours and stands; `reason` says why not."""

    valid: bool
    reason: str | None = None


def issued(grant: Grant, sale: Sale, *, price: int) -> Grant:
    """The grant with its licence. Its organization's key must be kept (`signing.keep`)."""
    name = organizations.get(grant.organization).name
    document = model.document(grant, sale, price=price, name=name)
    return replace(grant, licence=signing.signed(grant.organization, document))


def shown(grants: list[Grant]) -> list[Mapping[str, Any]]:
    """The licences of an order. Raises NotFound where there are none."""
    found = [grant.licence for grant in grants if grant.licence is not None]
    if not found:
        raise NotFound("licenses_not_found", "This order has no licences.")
    return found


def verify(principal: Principal, text: str) -> Verdict:
    """Judge a licence or a delivery receipt of the organization, as JSON text.

    Reasons: `malformed`, `unknown_key`, `altered`, `broken_chain`; `revoked` for a true one that was withdrawn.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return Verdict(False, "malformed")
    if not isinstance(document, dict):
        return Verdict(False, "malformed")
    if flaw := signing.flaw(principal.organization, document):
        return Verdict(False, flaw)
    if document.get("type") == model.TYPE:
        return _standing(principal.organization, document)
    if not chain.is_whole(document["entries"]):
        return Verdict(False, "broken_chain")
    return Verdict(True)


def _standing(organization: str, document: Mapping[str, Any]) -> Verdict:
    """What is signed was written by us: its parts are there."""
    order, photo = document["order"]["id"], document["photo"]["id"]
    try:
        grant = store.get(organization, order, photo)
    except NotFound:
        return Verdict(False, "revoked")
    return Verdict(False, "revoked") if grant.revoked or grant.id != document["id"] else Verdict(True)
