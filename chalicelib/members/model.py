"""Invitations, and the tree of departments."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, Self

from chalicelib.accounts.model import User
from chalicelib.core.errors import Conflict, Invalid

Language = Literal["th", "en"]

INVITED_FOR = timedelta(days=7)
MOST_DEPARTMENTS = 200
DEEPEST = 8

_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody is asked to work for an organization. The token of the mail follows from `nonce`; it is not stored.

    `invited_by` is empty once whoever invited is forgotten.
    """

    id: str
    organization: str
    email: str
    roles: frozenset[str]
    department: str | None
    language: Language
    invited_by: str
    nonce: str = field(repr=False)
    created_at: datetime
    expires_at: datetime
    version: int

    def is_open(self, at: datetime) -> bool:
        return at < self.expires_at

    def sent_again(self, nonce: str, at: datetime) -> Self:
        """The link of the mail before stops working."""
        return replace(self, nonce=nonce, expires_at=at + INVITED_FOR, version=self.version + 1)

    def without_inviter(self) -> Self:
        return replace(self, invited_by="", version=self.version + 1)


@dataclass(frozen=True, slots=True)
class Department:
    """`code` names it in its organization; `parent` is the code of the one above."""

    code: str
    name: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Departments:
    """All departments of an organization: stored whole, so that nobody closes a circle while somebody else looks.

    Version 0 is a tree that was never stored.
    """

    organization: str
    items: tuple[Department, ...]
    version: int

    def changed(self, version: int, items: tuple[Department, ...]) -> Self:
        """The version after `version`. Raises Conflict when this is not at it, Invalid for what is no tree."""
        if version != self.version:
            raise Conflict("version_conflict", "Somebody else changed this first. Load it again.", field="version")
        _check(items)
        return replace(self, items=items, version=version + 1)

    def must_have(self, code: str) -> None:
        """Raises Invalid."""
        if all(item.code != code for item in self.items):
            raise Invalid("unknown_department", "There is no such department.", field="department")


@dataclass(frozen=True, slots=True)
class MemberOf:
    """Somebody who works for an organization, and where."""

    user: User
    department: str | None


def _check(items: tuple[Department, ...]) -> None:
    above = {item.code: item.parent for item in items}
    if len(above) != len(items):
        raise Invalid("department_twice", "Two departments have the same code.", field="items")
    for number, item in enumerate(items):
        if not _CODE.fullmatch(item.code):
            raise Invalid(
                "invalid_code", "A code is of small letters, digits and hyphens.", field=f"items.{number}.code"
            )
        if not item.name.strip() or not item.name.isprintable():
            raise Invalid("one_line_expected", "Write one line of plain text.", field=f"items.{number}.name")
        way, at = 0, item.parent
        while at is not None:
            way += 1
            if at not in above or way >= DEEPEST:
                problem = f"A parent is another department, and there are up to {DEEPEST} levels without a circle."
                raise Invalid("no_tree", problem, field=f"items.{number}.parent")
            at = above[at]
