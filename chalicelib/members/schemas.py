"""Members on the wire."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints

from chalicelib.core.wire import Input, Output
from chalicelib.members import model
from chalicelib.members.model import MOST_DEPARTMENTS, Language
from chalicelib.organizations.schemas import Currency

Email = Annotated[str, StringConstraints(min_length=3, max_length=254)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Role = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Roles = Annotated[list[Role], Field(min_length=1, max_length=10)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Label = Annotated[str, StringConstraints(min_length=3, max_length=40)]
Sorted = Annotated[list[str], BeforeValidator(sorted)]


class NewInvitation(Input):
    email: Email
    roles: Roles
    department: Code | None = None
    language: Language | None = None


class Invitation(Output):
    id: str
    email: str
    roles: Sorted
    department: str | None
    invited_by: str
    created_at: datetime
    expires_at: datetime


class Acceptance(Input):
    """`token` is the last part of the mailed link."""

    token: Token
    name: Name
    password: Password


class Member(Output):
    id: str
    email: str | None
    name: str
    roles: Sorted
    department: str | None
    verified: bool
    created_at: datetime


class MemberChange(Input):
    """What is left out stays. A `department` of null is none."""

    roles: Roles | None = None
    department: Code | None = None

    def changes(self) -> dict[str, Any]:
        return {"roles": self.roles, "department": self.department, "moves": "department" in self.model_fields_set}


class Transfer(Input):
    user: Annotated[str, StringConstraints(min_length=1, max_length=60)]


class Department(Output):
    code: str
    name: str
    parent: str | None


class Departments(Output):
    items: list[Department]
    version: int


class DepartmentInput(Input):
    code: Code
    name: Name
    parent: Code | None = None


class DepartmentsChange(Input):
    """The whole tree, at the `version` that was read."""

    items: list[DepartmentInput] = Field(max_length=MOST_DEPARTMENTS)
    version: int = Field(ge=0)

    def departments(self) -> list[model.Department]:
        return [model.Department(item.code, item.name, item.parent) for item in self.items]


class NewTenant(Input):
    """`currency` is ISO 4217 and stays: all that is sold is paid in it. Without a `subdomain` the name suggests one."""

    name: Name
    owner_email: Email
    plan: Code = "free"
    subdomain: Label | None = None
    currency: Currency = "THB"
    timezone: Annotated[str, StringConstraints(max_length=64)] = "Asia/Bangkok"
    language: Language = "en"


class Joined(Output):
    """Somebody as they are from now on."""

    id: str
    email: str | None
    name: str
    roles: Sorted


class Founded(Output):
    id: str
    name: str
    plan: str | None
    host: str | None
    created_at: datetime


class Entry(Output):
    """`url` is where the token is good; it can not be refreshed."""

    access_token: str
    token_type: str
    expires_in: int
    url: str
