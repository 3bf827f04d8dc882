"""Who works for an organization; and tenants founded and entered by the platform."""

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Entry, User
from chalicelib.core.auth import ANONYMOUS, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging, Reply, Request
from chalicelib.members import page, schemas, service
from chalicelib.members.model import Departments, Invitation, MemberOf
from chalicelib.organizations.model import Organization

routes = Routes("members")


@routes.get("/members", permission="member.read", returns=schemas.Member, many=True, aliases=("/users",))
def list_members(principal: Principal, query: Paging) -> Page[schemas.Member]:
    """Whoever has a role beside customer, the longest known first."""
    return service.list_members(principal, query.request()).map(_shown)


@routes.put("/members/{id}", permission="member.manage", returns=schemas.Member, aliases=("/users/{id}",))
def change_member(principal: Principal, id: str, body: schemas.MemberChange) -> schemas.Member:
    """Give a member other roles or another department."""
    return _shown(service.change_member(principal, id, **body.changes()))


@routes.delete("/members/{id}", permission="member.manage", aliases=("/users/{id}",))
def remove_member(principal: Principal, id: str) -> None:
    """Let a member go: their roles end at once, and they stay as a customer."""
    service.remove_member(principal, id)


@routes.put("/organization/owner", permission="organization.own", returns=schemas.Joined)
def transfer_ownership(principal: Principal, body: schemas.Transfer) -> User:
    """Hand the organization over to a member. Who owned it stays as admin."""
    return accounts.transfer_ownership(principal, body.user)


def _shown(member: MemberOf) -> schemas.Member:
    user = member.user
    return schemas.Member(
        id=user.id,
        email=user.email,
        name=user.name,
        roles=list(user.roles),
        department=member.department,
        verified=user.verified,
        created_at=user.created_at,
    )


# --- departments ----------------------------------------------------------------------------------------------


@routes.get("/departments", permission="member.read", returns=schemas.Departments)
def read_departments(principal: Principal) -> Departments:
    """The tree of departments, each with the code of the one above."""
    return service.departments_of(principal)


@routes.put("/departments", permission="member.manage", returns=schemas.Departments)
def set_departments(principal: Principal, body: schemas.DepartmentsChange) -> Departments:
    """Replace the tree of departments. Version 0 is one that was never set."""
    return service.set_departments(principal, version=body.version, items=body.departments())


# --- invitations ----------------------------------------------------------------------------------------------


@routes.get("/invitations", permission="member.manage", returns=schemas.Invitation, many=True)
def list_invitations(principal: Principal, query: Paging) -> Page[Invitation]:
    """Invitations that nobody took up yet, newest first."""
    return service.list_invitations(principal, query.request())


@routes.post(
    "/invitations",
    permission="member.manage",
    returns=schemas.Invitation,
    status=201,
    aliases=("/users", "/members"),
    location="invitations",
)
def invite(principal: Principal, body: schemas.NewInvitation) -> Invitation:
    """Invite somebody to work here: the mailed link is good for a week and sets name and password."""
    return service.invite(
        principal, email=body.email, roles=body.roles, department=body.department, language=body.language
    )


@routes.get("/invitations/{id}", permission="member.manage", returns=schemas.Invitation)
def read_invitation(principal: Principal, id: str) -> Invitation:
    """One invitation that nobody took up yet."""
    return service.read_invitation(principal, id)


@routes.post("/invitations/{id}/resend", permission="member.manage", returns=schemas.Invitation)
def invite_again(principal: Principal, id: str) -> Invitation:
    """Mail a new link; the one before stops working."""
    return service.invite_again(principal, id)


@routes.delete("/invitations/{id}", permission="member.manage")
def revoke_invitation(principal: Principal, id: str) -> None:
    """Take an invitation back."""
    service.revoke(principal, id)


@routes.post("/invitations/{id}/accept", permission=ANONYMOUS, returns=schemas.Joined, limit=(30, 60))
def accept_invitation(principal: Principal, id: str, body: schemas.Acceptance) -> User:
    """Join with the token of the mailed link, a name and a password. Then log in with them."""
    return service.join(principal, id, token=body.token, name=body.name, password=body.password)


@routes.get("/invitations/{id}/{token}", permission=ANONYMOUS, raw="text/html", hidden=True, limit=(30, 60))
def show_invitation(principal: Principal, id: str, token: str) -> Reply:
    """The page behind the mailed link. Looking at it takes nothing up: programs that scan mail follow links."""
    return page.form(principal, id, token)


@routes.post("/invitations/{id}/{token}", permission=ANONYMOUS, raw="text/html", hidden=True, limit=(30, 60))
def join_by_form(principal: Principal, request: Request, id: str, token: str) -> Reply:
    """What the form of the page sends."""
    return page.joined(principal, request, id, token)


# --- the platform ---------------------------------------------------------------------------------------------


@routes.post("/organizations", permission="platform.manage", returns=schemas.Founded)
def found_tenant(principal: Principal, body: schemas.NewTenant) -> Organization:
    """Found a tenant, and invite its owner."""
    return service.found_tenant(principal, **body.model_dump(by_alias=False))


@routes.post("/organizations/{id}/entry", permission="platform.manage", returns=schemas.Entry, limit=(30, 60))
def enter_tenant(principal: Principal, id: str) -> Entry:
    """Enter a tenant with the rights of its admins, for as long as one token lasts. Both audit logs tell it."""
    return accounts.enter(principal, id)
