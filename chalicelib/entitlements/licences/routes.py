"""Licences over HTTP."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.auth import ANONYMOUS, PUBLIC, Principal
from chalicelib.core.routing import Routes
from chalicelib.entitlements import service as entitlements
from chalicelib.entitlements.licences import schemas, service
from chalicelib.entitlements.licences.service import Verdict

routes = Routes("licenses")


@routes.get("/orders/{id}/licenses", permission=PUBLIC, guarded=True, returns=schemas.Licences)
def list_licences(principal: Principal, id: str) -> dict[str, list[Mapping[str, Any]]]:
    """The signed licences of an order, one a photo. For its owner, with its token, and for staff."""
    return {"licenses": service.shown(entitlements.open_grants(principal, id))}


@routes.post("/licenses/verify", permission=ANONYMOUS, returns=schemas.Verdict, limit=(60, 60))
def verify_licence(principal: Principal, body: schemas.Claim) -> Verdict:
    """Say whether a licence or a delivery receipt is true: signed by this organization, and not withdrawn."""
    return service.verify(principal, body.document)
