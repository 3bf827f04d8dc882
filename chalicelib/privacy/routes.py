"""What people agree to, a copy of their data, and being forgotten."""

from chalicelib.core import signing
from chalicelib.core.auth import PUBLIC, SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging, Reply
from chalicelib.privacy import page, schemas
from chalicelib.privacy.model import Consent, Erasure, Export
from chalicelib.privacy.service import consents, erasures, exports

routes = Routes("privacy")


@routes.get("/users/me/consents", permission=SIGNED_IN, returns=schemas.Consents)
def my_consents(principal: Principal) -> dict[str, list[Consent]]:
    """What the caller agrees to, as it stands."""
    return {"items": consents.consents_of(principal)}


@routes.put("/users/me/consents", permission=SIGNED_IN, guarded=True, returns=schemas.Consents)
def answer(principal: Principal, body: schemas.Answer) -> dict[str, list[Consent]]:
    """Agree to something, or no longer. Every answer is kept with its time and the wording it was given to."""
    return {"items": consents.answer(principal, body.kind, granted=body.granted, wording=body.wording)}


@routes.get("/users/me/consents/history", permission=SIGNED_IN, returns=schemas.Consent, many=True)
def my_answers(principal: Principal, query: Paging) -> Page[Consent]:
    """Every answer of the caller, the newest first."""
    return consents.answers(principal, query.request())


@routes.post("/users/me/exports", permission=SIGNED_IN, guarded=True, returns=schemas.Export, status=202)
def ask_for_export(principal: Principal) -> Export:
    """Ask for a copy of everything that is kept of the caller. The link to it is mailed."""
    return exports.ask(principal)


@routes.get("/users/me/exports", permission=SIGNED_IN, returns=schemas.Exports)
def my_exports(principal: Principal) -> dict[str, list[Export]]:
    """The caller's copies, and how far they are."""
    return {"items": exports.exports_of(principal)}


@routes.get("/exports/{user}/{id}/{token}", permission=PUBLIC, raw="text/html", hidden=True)
def show_export(principal: Principal, user: str, id: str, token: str) -> Reply:
    """The page behind the link of a mail. Programs that scan mail follow links, so only its button fetches."""
    return page.answer(lambda: page.shown(exports.opened(principal.organization, user, id, token)))


@routes.post("/exports/{user}/{id}/{token}", permission=PUBLIC, raw="text/html", status=303, hidden=True)
def fetch_export(principal: Principal, user: str, id: str, token: str) -> Reply:
    """Send the browser to the file."""
    return page.answer(
        lambda: page.redirect(exports.address_of(exports.opened(principal.organization, user, id, token)))
    )


@routes.get("/users/me/erasure", permission=SIGNED_IN, returns=schemas.Erasure)
def my_erasure(principal: Principal) -> Erasure:
    """The caller's last request to erase, and how far it is."""
    return erasures.current(principal)


@routes.post("/users/me/erasure", permission=SIGNED_IN, guarded=True, returns=schemas.Erasure, status=202)
def ask_for_erasure(principal: Principal, body: schemas.ErasureRequest) -> Erasure:
    """Erase the account, face data or own photos in thirty days. A signed receipt is mailed when it is done."""
    return erasures.ask(principal, body.scope)


@routes.delete("/users/me/erasure", permission=SIGNED_IN, guarded=True)
def cancel_erasure(principal: Principal) -> None:
    """Take the request back, until it has begun."""
    erasures.cancel(principal)


@routes.get("/privacy/receipts/{id}/{token}", permission=PUBLIC, raw="text/plain", hidden=True)
def show_receipt(principal: Principal, id: str, token: str) -> Reply:
    """The signed receipt behind the link of a text."""
    signed = erasures.show_receipt(principal.organization, id, token)
    return Reply(signed, content_type="text/plain; charset=utf-8", headers={"X-Robots-Tag": "noindex, nofollow"})


@routes.get("/privacy/keys", permission=PUBLIC, raw="application/json", cache=300, aliases=("/licenses/keys",))
def signing_keys(principal: Principal) -> Reply:
    """The public keys of what the organization signs: erasure receipts, licences, delivery receipts (RFC 7517)."""
    return Reply({"keys": [key.jwk for key in signing.published(principal.organization)]})
