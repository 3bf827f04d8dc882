"""The people of an organization, over HTTP."""

from chalicelib.accounts.administration import schemas, service
from chalicelib.accounts.model import User
from chalicelib.accounts.schemas import Accepted
from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page

routes = Routes("people")


@routes.get("/admin/users", permission="user.manage", returns=schemas.Person, many=True)
def list_people(principal: Principal, query: schemas.PersonList) -> Page[User]:
    """All people by name, or those whose name, e-mail address or phone begins as given."""
    return service.find_people(
        principal.organization, query.request(), name=query.name, email=query.email, phone=query.phone
    )


@routes.get("/admin/users/{id}", permission="user.manage", returns=schemas.Person, aliases=("/admin/admins/{id}",))
def read_person(principal: Principal, id: str) -> User:
    """One of them."""
    return service.get_person(principal.organization, id)


@routes.put("/admin/users/{id}", permission="user.manage", returns=schemas.Person)
def change_person(principal: Principal, id: str, body: schemas.PersonChange) -> User:
    """Correct a name or a language. Addresses and passwords are changed by their owners alone."""
    return service.change_person(principal, id, name=body.name, language=body.language)


@routes.put("/admin/users/{id}/block", permission="user.manage", returns=schemas.Person)
def block_person(principal: Principal, id: str, body: schemas.Block) -> User:
    """Lock somebody out from the next request on, or let them in again."""
    return service.block(principal, id, blocked=body.blocked, reason=body.reason)


@routes.post(
    "/admin/notifications/templates/{kind}/{channel}/{language}/test",
    permission="settings.manage",
    returns=Accepted,
    status=202,
    limit=(30, 60),
)
def send_sample(principal: Principal, kind: str, channel: str, language: str) -> Accepted:
    """Send a notice as it reads now to the caller's own proven address, with made-up values."""
    service.ask_for_sample(principal, kind, channel, language)
    return Accepted(message="Look into your mailbox or at your phone: it is on its way.")


@routes.get("/admin/admins", permission="user.manage", returns=schemas.Person, many=True)
def list_staff(principal: Principal, query: schemas.StaffList) -> Page[User]:
    """Who works for the organization, by name."""
    return service.list_staff(principal.organization, query.request())


@routes.post("/admin/admins", permission="user.manage", returns=schemas.Person, status=201)
def appoint(principal: Principal, body: schemas.Appointment) -> User:
    """Give somebody who has an account a role of staff."""
    return service.appoint(principal, body.email, body.role)


@routes.delete("/admin/admins/{id}", permission="user.manage")
def dismiss(principal: Principal, id: str) -> None:
    """Take all roles of staff from somebody, who stays a customer."""
    service.dismiss(principal, id)
