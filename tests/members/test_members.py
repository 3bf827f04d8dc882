"""Inviting, joining, moving and leaving; who may give which role; ownership; tenants founded and entered."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from moto.ses.models import ses_backends

from app import app
from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Tokens, User
from chalicelib.audit.store import AuditRecord
from chalicelib.core import auth, clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict, Forbidden, Invalid, Limited, NotFound, Unprocessable
from chalicelib.core.table import PageRequest
from chalicelib.members import service
from chalicelib.members.model import Department
from chalicelib.organizations import service as organizations
from chalicelib.organizations.plans import PLANS, Plan, Resource
from chalicelib.organizations.roles import permissions_of
from infra.local.gateway import Gateway
from tests import deliver
from tests.stack import ACCOUNT, REGION

pytestmark = pytest.mark.usefixtures("aws")
PASSWORD = "a long enough phrase"
PAGE = PageRequest()


@pytest.fixture
def shop() -> str:
    return organizations.create("River", subdomain="river", language="en").id


def hire(organization: str, name: str, *roles: str) -> User:
    email = f"{name}@people.example"
    return accounts.create_user(organization, email=email, password=PASSWORD, name=name, roles=roles)


def signed_in(user: User) -> Principal:
    assert user.email is not None
    tokens = accounts.log_in(user.organization, email=user.email, password=PASSWORD)
    assert isinstance(tokens, Tokens)
    known = auth.verify(tokens.access_token, user.organization)
    return replace(known, permissions=permissions_of(known.roles))


@pytest.fixture
def owner(shop) -> Principal:
    return signed_in(hire(shop, "owner", "owner"))


@pytest.fixture
def admin(shop) -> Principal:
    return signed_in(hire(shop, "admin", "admin"))


@pytest.fixture
def manager(shop) -> Principal:
    return signed_in(hire(shop, "manager", "manager"))


@pytest.fixture
def platform() -> Principal:
    return signed_in(hire(organizations.DEFAULT, "platform", "platform_admin"))


def links() -> list[str]:
    """The links of all mails so far, the last one last."""
    deliver.all()
    bodies = [mail.body for mail in ses_backends[ACCOUNT][REGION].sent_messages]
    return [found[0] for body in bodies if (found := re.search(r"https?://\S+/invitations/[\w/-]+", body))]


def token(link: str) -> str:
    return link.rpartition("/")[2]


def members(principal: Principal) -> dict[str, tuple[frozenset[str], str | None]]:
    found = service.list_members(principal, PAGE).items
    return {member.user.name: (member.user.roles, member.department) for member in found}


def used(organization: str) -> int:
    return organizations.usage_of(organization).used[Resource.STAFF]


# --- invitations ----------------------------------------------------------------------------------------------


def test_who_is_invited_joins_by_the_mailed_link(shop, admin):
    invitation = service.invite(admin, email="Anna@People.example", roles=["photographer", "support"], language="en")
    (link,) = links()
    assert link.startswith(f"https://river.shops.example/invitations/{invitation.id}/")

    joined = service.join(Principal(shop), invitation.id, token=token(link), name="Anna", password=PASSWORD)

    assert (joined.email, joined.verified, joined.roles) == (
        "anna@people.example",
        True,
        frozenset({"photographer", "support"}),
    )
    assert members(admin)["Anna"] == (frozenset({"photographer", "support"}), None)
    assert signed_in(joined).user == joined.id
    assert service.list_invitations(admin, PAGE).items == []
    assert used(shop) == 2


def test_a_link_works_once_and_for_its_own_invitation(shop, admin):
    first = service.invite(admin, email="anna@people.example", roles=["courier"])
    service.invite(admin, email="ben@people.example", roles=["courier"])
    anna, ben = links()

    for id, secret in ((first.id, token(ben)), (first.id, ""), (first.id, "x" * 43), (ids.new("inv"), token(anna))):
        with pytest.raises(NotFound, match="invitation_not_found"):
            service.join(Principal(shop), id, token=secret, name="Eve", password=PASSWORD)
    service.join(Principal(shop), first.id, token=token(anna), name="Anna", password=PASSWORD)
    with pytest.raises(NotFound):
        service.join(Principal(shop), first.id, token=token(anna), name="Eve", password=PASSWORD)
    other = organizations.create("Other").id
    with pytest.raises(NotFound):
        service.join(Principal(other), first.id, token=token(anna), name="Eve", password=PASSWORD)


def test_a_weak_password_leaves_the_link_as_it_is(shop, admin):
    invitation = service.invite(admin, email="anna@people.example", roles=["courier"])
    (link,) = links()

    with pytest.raises(Invalid, match="password_common"):
        service.join(Principal(shop), invitation.id, token=token(link), name="Anna", password="password1")
    assert service.join(Principal(shop), invitation.id, token=token(link), name="Anna", password=PASSWORD)


def test_a_second_mail_ends_the_link_of_the_first(shop, admin):
    invitation = service.invite(admin, email="anna@people.example", roles=["courier"])
    (first,) = links()
    service.invite_again(admin, invitation.id)
    second = links()[-1]

    with pytest.raises(NotFound):
        service.open_invitation(shop, invitation.id, token(first))
    assert service.open_invitation(shop, invitation.id, token(second)).email == "anna@people.example"


def test_a_mail_that_comes_late_is_not_sent_for_an_invitation_that_is_gone(admin):
    invitation = service.invite(admin, email="anna@people.example", roles=["courier"])
    service.revoke(admin, invitation.id)

    assert links() == []
    with pytest.raises(NotFound):
        service.revoke(admin, invitation.id)


def test_an_invitation_ends_after_a_week_and_the_address_is_free_again(shop, admin):
    invitation = service.invite(admin, email="anna@people.example", roles=["courier"])
    (link,) = links()
    with pytest.raises(Conflict, match="already_invited"):
        service.invite(admin, email="anna@people.example", roles=["courier"])

    with clock.travel(timedelta(days=7)):
        with pytest.raises(NotFound):
            service.open_invitation(shop, invitation.id, token(link))
        with pytest.raises(NotFound):
            service.read_invitation(admin, invitation.id)
        assert service.list_invitations(admin, PAGE).items == []
        assert service.invite(admin, email="anna@people.example", roles=["courier"])


def test_who_has_an_account_is_not_invited(shop, admin):
    hire(shop, "anna", "customer")

    with pytest.raises(Conflict, match="email_taken"):
        service.invite(admin, email="anna@people.example", roles=["courier"])


def test_an_address_is_not_mailed_all_day(admin):
    invitation = service.invite(admin, email="anna@people.example", roles=["courier"])
    for _ in range(9):
        service.invite_again(admin, invitation.id)

    with pytest.raises(Limited):
        service.invite_again(admin, invitation.id)


def test_the_plan_has_so_many_desks(shop, admin, monkeypatch):
    monkeypatch.setitem(PLANS, "enterprise", Plan(staff=2))
    first = service.invite(admin, email="anna@people.example", roles=["support"])
    second = service.invite(admin, email="ben@people.example", roles=["support"])
    anna, ben = links()
    service.join(Principal(shop), first.id, token=token(anna), name="Anna", password=PASSWORD)

    with pytest.raises(Forbidden, match="plan_limit"):
        service.join(Principal(shop), second.id, token=token(ben), name="Ben", password=PASSWORD)
    with pytest.raises(Forbidden, match="plan_limit"):
        service.invite(admin, email="carl@people.example", roles=["manager"])
    assert service.invite(admin, email="dora@people.example", roles=["photographer"])
    assert accounts.find_by_email(shop, "ben@people.example") is None


def test_the_page_of_the_link_is_enough_to_join(shop, admin):
    invitation = service.invite(admin, email="anna@people.example", roles=["courier"], language="en")
    (link,) = links()
    path = link.removeprefix("https://river.shops.example")
    front, headers = Gateway(app), {"Host": "river.shops.example"}

    shown = front.handle("GET", path, headers)
    weak = front.handle("POST", path, headers, b"name=Anna&password=short")
    joined = front.handle("POST", path, headers, b"name=Anna+%3Cb%3E&password=a+long+enough+phrase")
    again = front.handle("GET", path, headers)

    assert (shown.status, weak.status, joined.status, again.status) == (200, 400, 200, 404)
    assert b"anna@people.example" in shown.body
    assert b"script" not in shown.body
    assert "form-action 'self'" in (shown.header("content-security-policy") or "")
    assert b"Please choose a password" in weak.body
    assert b"Welcome" in joined.body
    assert b"anna@people.example" not in again.body
    assert accounts.find_by_email(shop, "anna@people.example").roles == frozenset({"courier"})
    assert invitation.id not in {each.id for each in service.list_invitations(admin, PAGE).items}


# --- who may give what ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["owner", "admin", "platform_admin"])
def test_nobody_invites_to_more_than_they_may(manager, role):
    with pytest.raises(AppError) as refused:
        service.invite(manager, email="anna@people.example", roles=[role])

    assert refused.value.code in {"role_beyond_own", "unknown_role"}
    assert links() == []


def test_a_manager_neither_makes_nor_unmakes_an_admin(shop, manager):
    anna, boss = hire(shop, "anna", "support"), hire(shop, "boss", "admin")

    with pytest.raises(Forbidden, match="role_beyond_own"):
        service.change_member(manager, anna.id, roles=["admin"])
    with pytest.raises(Forbidden, match="role_beyond_own"):
        service.remove_member(manager, boss.id)
    with pytest.raises(Forbidden, match="role_beyond_own"):
        service.change_member(manager, boss.id, department=None, roles=["support"])
    assert service.change_member(manager, anna.id, roles=["operator"]).user.roles == frozenset({"operator"})


def test_the_owner_is_nobodys_to_give_or_take(shop, owner, admin):
    anna = hire(shop, "anna", "support")

    for principal in (owner, admin):
        with pytest.raises(Conflict, match="owner_stays"):
            accounts.set_roles(principal, anna.id, ["owner"])
    with pytest.raises(Conflict, match="owner_stays"):
        accounts.set_roles(admin, owner.known_user, ["customer"])


def test_no_tenant_has_a_platform_admin(shop, owner):
    anna = hire(shop, "anna", "support")

    with pytest.raises(Invalid, match="unknown_role"):
        accounts.set_roles(owner, anna.id, ["platform_admin"])
    with pytest.raises(Invalid, match="unknown_role"):
        hire(shop, "eve", "platform_admin")


def test_ownership_is_handed_over_in_one_step(shop, owner):
    anna = hire(shop, "anna", "manager")

    accounts.transfer_ownership(owner, anna.id)

    assert accounts.get_user(shop, anna.id).roles == frozenset({"manager", "owner"})
    assert accounts.get_user(shop, owner.known_user).roles == frozenset({"admin"})
    assert not accounts.session_lives(owner)
    assert {entry.action for entry in AuditRecord.scan()} >= {"organization.transferred"}
    assert used(shop) == 2


def test_ownership_goes_to_another_member_alone(shop, owner):
    customer = hire(shop, "customer", "customer")

    for user, error in ((customer.id, Conflict), (owner.known_user, Conflict), (ids.new("usr"), NotFound)):
        with pytest.raises(error):
            accounts.transfer_ownership(owner, user)
    assert accounts.get_user(shop, owner.known_user).roles == frozenset({"owner"})


# --- members and departments ----------------------------------------------------------------------------------


def test_members_are_whoever_has_a_role_beside_customer(shop, admin):
    hire(shop, "customer", "customer")
    hire(shop, "courier", "courier", "customer")
    promoted = hire(shop, "promoted", "customer")
    accounts.set_roles(admin, promoted.id, ["analyst"])

    assert members(admin).keys() == {"admin", "courier", "promoted"}
    assert used(shop) == 2

    service.remove_member(admin, promoted.id)
    assert members(admin).keys() == {"admin", "courier"}
    assert accounts.get_user(shop, promoted.id).roles == frozenset({"customer"})
    assert used(shop) == 1
    with pytest.raises(NotFound, match="member_not_found"):
        service.remove_member(admin, promoted.id)


def test_who_is_let_go_may_nothing_at_once(shop, admin):
    anna = hire(shop, "anna", "support")
    principal = signed_in(anna)
    assert accounts.session_lives(principal)

    service.remove_member(admin, anna.id)

    assert not accounts.session_lives(principal)


def test_a_member_of_another_organization_is_none(admin):
    other = hire(organizations.create("Other").id, "other", "support")

    for attempt in (service.remove_member, service.change_member):
        with pytest.raises(NotFound, match="member_not_found"):
            attempt(admin, other.id)


def test_departments_are_a_tree_that_members_belong_to(shop, admin):
    tree = [Department("media", "Media"), Department("video", "Video", "media")]
    anna = hire(shop, "anna", "support")

    stored = service.set_departments(admin, version=0, items=tree)
    service.change_member(admin, anna.id, department="video", moves=True)

    assert service.departments_of(admin) == stored
    assert members(admin)["anna"] == (frozenset({"support"}), "video")
    with pytest.raises(Invalid, match="unknown_department"):
        service.change_member(admin, anna.id, department="audio", moves=True)
    service.change_member(admin, anna.id, roles=["analyst"])
    assert members(admin)["anna"] == (frozenset({"analyst"}), "video")
    service.change_member(admin, anna.id, department=None, moves=True)
    assert members(admin)["anna"] == (frozenset({"analyst"}), None)


@pytest.mark.parametrize(
    ("tree", "code"),
    [
        ([Department("a", "A", "b"), Department("b", "B", "a")], "no_tree"),
        ([Department("a", "A", "a")], "no_tree"),
        ([Department("a", "A", "nowhere")], "no_tree"),
        ([Department("a", "A"), Department("a", "B")], "department_twice"),
        ([Department("A b", "A")], "invalid_code"),
        ([Department("a", "\n")], "one_line_expected"),
        ([Department(f"d{n}", "D", f"d{n - 1}" if n else None) for n in range(9)], "no_tree"),
    ],
)
def test_what_is_no_tree_is_refused(admin, tree, code):
    with pytest.raises(Invalid) as refused:
        service.set_departments(admin, version=0, items=tree)

    assert refused.value.code == code
    assert service.departments_of(admin).version == 0


def test_of_two_who_change_the_tree_the_first_wins(admin):
    service.set_departments(admin, version=0, items=[Department("a", "A")])

    with pytest.raises(Conflict, match="version_conflict"):
        service.set_departments(admin, version=0, items=[])


# --- tenants --------------------------------------------------------------------------------------------------


def test_a_tenant_is_founded_for_its_owner(platform):
    tenant = service.found_tenant(platform, name="Hill Runs", owner_email="boss@hill.example", plan="basic")
    (link,) = links()
    id = link.split("/")[-2]
    boss = service.join(Principal(tenant.id), id, token=token(link), name="Boss", password=PASSWORD)

    assert (tenant.plan, tenant.host) == ("basic", "hill-runs.shops.example")
    assert boss.roles == frozenset({"owner"})
    assert organizations.tenant_of("hill-runs.shops.example") == tenant.id
    with pytest.raises(Conflict, match="host_taken"):
        service.found_tenant(platform, name="Hill Runs", owner_email="other@hill.example", plan="basic")


def test_who_enters_a_tenant_is_its_admin_for_a_while_and_both_logs_tell(shop, platform, admin):
    entry = accounts.enter(platform, shop)
    inside = auth.verify(entry.access_token, shop)

    assert entry.url == "https://river.shops.example"
    assert (inside.user, inside.roles) == (platform.user, frozenset({"admin"}))
    assert accounts.session_lives(inside)
    assert accounts.me(inside).id == platform.user
    told = [item for item in AuditRecord.scan() if item.action == "organization.entered"]
    assert {(item.organization, item.actor) for item in told} == {
        (shop, platform.user),
        (organizations.DEFAULT, platform.user),
    }
    assert platform.user not in {member.user.id for member in service.list_members(admin, PAGE).items}
    with clock.travel(timedelta(hours=1)):
        assert not accounts.session_lives(inside)


def test_an_entry_ends_with_the_rights_of_who_entered(shop, platform):
    inside = auth.verify(accounts.enter(platform, shop).access_token, shop)
    chief = signed_in(hire(organizations.DEFAULT, "chief", "platform_admin"))

    accounts.set_roles(chief, platform.known_user, ["customer"])

    assert not accounts.session_lives(inside)


def test_nobody_of_a_tenant_founds_or_enters_one(shop, owner):
    other = organizations.create("Other").id

    with pytest.raises(Forbidden):
        accounts.enter(owner, other)
    with pytest.raises(Forbidden):
        service.found_tenant(owner, name="Mine", owner_email="me@people.example", plan="pro")


def found(principal: Principal, **changes: str) -> str:
    given = {"organization": "Anna's Runs", "subdomain": None, "email": "anna@people.example", "name": "Anna"}
    return accounts.found_organization(principal, **(given | {"password": PASSWORD} | changes))  # type: ignore[arg-type]


def test_somebody_founds_an_organization_by_signing_up():
    host = found(Principal(organizations.DEFAULT, source="10.0.0.1"))

    assert host == "anna-s-runs.shops.example"
    organization = organizations.tenant_of(host)
    owner = accounts.find_by_email(organization, "anna@people.example")
    assert owner is not None
    assert (owner.roles, owner.verified) == (frozenset({"owner"}), False)
    assert organizations.get(organization).plan == "free"
    assert used(organization) == 1
    assert accounts.find_by_email(organizations.DEFAULT, "anna@people.example") is None


def test_nobody_founds_one_inside_of_another_nor_many(shop):
    with pytest.raises(Unprocessable, match="organizations_not_offered"):
        found(Principal(shop))
    visitor = Principal(organizations.DEFAULT, source="10.0.0.2")
    for number in range(5):
        found(visitor, subdomain=f"runs-{number}")
    with pytest.raises(Limited):
        found(visitor, subdomain="runs-6")
    with pytest.raises(Conflict, match="host_taken"):
        found(Principal(organizations.DEFAULT, source="10.0.0.3"), subdomain="runs-1")
    with pytest.raises(Invalid, match="invalid_subdomain"):
        found(Principal(organizations.DEFAULT, source="10.0.0.3"), organization="ภาพวิ่ง")
