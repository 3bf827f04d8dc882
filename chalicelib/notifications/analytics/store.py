"""Who agreed that the links of their mails count.

| access                                 | key                                      |
|----------------------------------------|------------------------------------------|
| whether the links of a user count      | pk T#{org}#USR#{user} / sk MEASURED      |

The row is there while they agree. What was counted lies in `core.tallies`, a kind for each month.
"""

from chalicelib.core.table import Record, Write, delete, table


class MeasuredRecord(Record):
    Meta = table("notifications")
    keys = ("T#{}#USR#{}", "MEASURED")


def is_measured(organization: str, user: str) -> bool:
    return MeasuredRecord.fetch(*_key(organization, user)) is not None


def measure(organization: str, user: str) -> Write:
    return Write("put", MeasuredRecord(*_key(organization, user)))


def forget(organization: str, user: str) -> Write:
    return delete(MeasuredRecord(*_key(organization, user)))


def _key(organization: str, user: str) -> tuple[str, str]:
    return f"T#{organization}#USR#{user}", "MEASURED"
