"""The tree of departments."""

from collections.abc import Iterable

from chalicelib.audit import service as audit
from chalicelib.core.auth import Principal
from chalicelib.core.table import transact
from chalicelib.members import store
from chalicelib.members.model import Department, Departments


def departments_of(principal: Principal) -> Departments:
    return store.departments_of(principal.organization)


def set_departments(principal: Principal, *, version: int, items: Iterable[Department]) -> Departments:
    """Replace the whole tree while it is at `version`; 0 is one that was never stored.

    Who is in a department that goes keeps its code, which then means nothing. Raises Conflict, Invalid.
    """
    was = store.departments_of(principal.organization)
    tree = was.changed(version, tuple(items))
    told = audit.entry(
        principal,
        action="departments.changed",
        entity="departments",
        entity_id=principal.organization,
        before=_names(was),
        after=_names(tree),
    )
    transact(store.save_departments(tree, was=was), told)
    return tree


def _names(tree: Departments) -> dict[str, str]:
    return {item.code: f"{item.parent or ''}/{item.name}" for item in tree.items}
