"""Proving who one is, and the staff's review of the documents."""

from chalicelib.core.auth import SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging
from chalicelib.verification import schemas, service
from chalicelib.verification.model import Document, Standing
from chalicelib.verification.service import Offered, Opened

routes = Routes("verification")


@routes.get("/users/me/verification", permission=SIGNED_IN, returns=schemas.Standing, aliases=("/users/verification",))
def my_standing(principal: Principal) -> Standing:
    """How far the caller is proven: unverified, email, phone, identity or full; and what is missing."""
    return service.standing_of(principal.organization, principal.known_user)


@routes.post(
    "/users/me/documents",
    permission=SIGNED_IN,
    guarded=True,
    returns=schemas.Offered,
    status=202,
    limit=(20, 3600),
    aliases=("/users/identity/upload",),
)
def offer_document(principal: Principal, body: schemas.DocumentOffer) -> Offered:
    """Announce an identity document or a proof of address. The answer says how to send the file."""
    return service.offer(principal, kind=body.kind, content_type=body.content_type, size=body.size, sha256=body.sha256)


@routes.post("/users/me/documents/{id}/submit", permission=SIGNED_IN, guarded=True, returns=schemas.Document)
def submit_document(principal: Principal, id: str) -> Document:
    """Ask for a review, once the file has been sent."""
    return service.submit(principal, id)


@routes.delete("/users/me/documents/{id}", permission=SIGNED_IN, guarded=True)
def withdraw_document(principal: Principal, id: str) -> None:
    """Take a document back; its file is removed."""
    service.withdraw(principal, id)


@routes.get("/verification/review", permission="verification.review", returns=schemas.Document, many=True)
def to_review(principal: Principal, query: Paging) -> Page[Document]:
    """Documents that wait for a review, what waits longest first."""
    return service.to_review(principal, query.request())


@routes.get("/verification/{user}", permission="verification.review", returns=schemas.Standing)
def standing_of(principal: Principal, user: str) -> Standing:
    """How far somebody is proven."""
    return service.standing_of(principal.organization, user)


@routes.get("/verification/{user}/documents/{id}", permission="verification.review", returns=schemas.Opened)
def open_document(principal: Principal, user: str, id: str) -> Opened:
    """A document, with an address that shows it for five minutes."""
    return service.open_document(principal, user, id)


@routes.put("/verification/{user}/documents/{id}/approve", permission="verification.review", returns=schemas.Document)
def approve_document(principal: Principal, user: str, id: str, body: schemas.Approval) -> Document:
    """Accept a document, until it runs out."""
    return service.approve(principal, user, id, body.valid_until)


@routes.put("/verification/{user}/documents/{id}/reject", permission="verification.review", returns=schemas.Document)
def reject_document(principal: Principal, user: str, id: str, body: schemas.Rejection) -> Document:
    """Refuse a document; its owner is mailed the reason."""
    return service.reject(principal, user, id, body.reason)
