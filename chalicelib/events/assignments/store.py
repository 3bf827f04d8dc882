"""Assignments, in the partitions of their events.

| access                              | key                                                |
|-------------------------------------|----------------------------------------------------|
| one assignment                      | pk T#{org}#EVT#{event} / sk assignment#{user}      |

Whether somebody is assigned, and who is first, stands in the event itself. A row is there from the first terms or the
first photo on. It outlives an assignment that photos came of, since these still count.
"""

from collections.abc import Sequence

from pynamodb.attributes import BooleanAttribute, NumberAttribute
from pynamodb.expressions.update import Action

from chalicelib.core.errors import Conflict
from chalicelib.core.table import Choice, Record, Write, delete, table, update
from chalicelib.events.assignments.model import Assignment, Role


class AssignmentRecord(Record):
    """`barred` is there where uploads are switched off."""

    Meta = table("events")
    keys = ("T#{}#EVT#{}", "assignment#{}")

    role = Choice(Role, null=True)
    barred = BooleanAttribute(null=True)
    quota = NumberAttribute(null=True)
    clock_offset = NumberAttribute(null=True)
    used = NumberAttribute(null=True)


class TakenMeanwhile(Conflict):
    """Photos were offered, or the terms changed, at the same moment: look again."""

    def __init__(self) -> None:
        super().__init__("version_conflict", "This changed at the same moment. Try again.")


def get(organization: str, event: str, user: str) -> Assignment:
    """On the usual terms where none are stored."""
    row = AssignmentRecord.fetch(_pk(organization, event), f"assignment#{user}")
    return _assignment(organization, event, user, row)


def find(organization: str, wanted: Sequence[tuple[str, str]]) -> list[Assignment]:
    """The assignments of (event, user), in that order."""
    keys = {(event, user): (_pk(organization, event), f"assignment#{user}") for event, user in wanted}
    rows = {(row.pk, row.sk): row for row in AssignmentRecord.batch_get(keys.values(), consistent_read=True)}
    return [_assignment(organization, event, user, rows.get(keys[event, user])) for event, user in wanted]


def save_terms(changed: Assignment, was: Assignment) -> Write:
    """Sets the terms that differ, whatever is offered meanwhile."""
    actions: list[Action] = []
    if changed.role is not was.role:
        actions.append(AssignmentRecord.role.set(changed.role))
    if changed.may_upload is not was.may_upload:
        actions.append(AssignmentRecord.barred.remove() if changed.may_upload else AssignmentRecord.barred.set(True))
    if changed.quota != was.quota:
        quota = AssignmentRecord.quota
        actions.append(quota.remove() if changed.quota is None else quota.set(changed.quota))
    if changed.clock_offset != was.clock_offset:
        actions.append(AssignmentRecord.clock_offset.set(changed.clock_offset))
    return update(_row(changed), *actions)


def end(was: Assignment) -> Write:
    """Drops the terms; what the photos that are there count as, and the clock they came by, stays."""
    if was.used:
        gone = (AssignmentRecord.role, AssignmentRecord.barred, AssignmentRecord.quota)
        return update(_row(was), *(attribute.remove() for attribute in gone))
    nothing = AssignmentRecord.used.does_not_exist() | (AssignmentRecord.used == 0)
    return Write("delete", _row(was), nothing, refused=TakenMeanwhile())


def take(held: Assignment, photos: int) -> Write:
    """Counts photos that are offered, as long as the terms are those of `held` and leave room for them."""
    quota, used = AssignmentRecord.quota, AssignmentRecord.used
    if held.quota is None:
        room = quota.does_not_exist()
    else:
        room = (quota == held.quota) & (used.does_not_exist() | (used <= held.quota - photos))
    allowed = AssignmentRecord.barred.does_not_exist() & room
    return update(_row(held), used.add(photos), condition=allowed, refused=TakenMeanwhile())


def give_back(organization: str, event: str, user: str, photos: int) -> Write:
    """For photos that were counted, and are gone or somebody else's now."""
    return update(_row(Assignment(organization, event, user)), AssignmentRecord.used.add(-photos))


def forget(organization: str, event: str, user: str) -> Write:
    return delete(_row(Assignment(organization, event, user)))


def _assignment(organization: str, event: str, user: str, row: AssignmentRecord | None) -> Assignment:
    if row is None:
        return Assignment(organization, event, user)
    return Assignment(
        organization,
        event,
        user,
        role=row.role or Role.SECONDARY,
        may_upload=not row.barred,
        quota=None if row.quota is None else int(row.quota),
        clock_offset=int(row.clock_offset or 0),
        used=int(row.used or 0),
    )


def _row(assignment: Assignment) -> AssignmentRecord:
    return AssignmentRecord(_pk(assignment.organization, assignment.event), f"assignment#{assignment.user}")


def _pk(organization: str, event: str) -> str:
    return f"T#{organization}#EVT#{event}"
