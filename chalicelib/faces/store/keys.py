"""Keys of faces, and deleting many at once."""

from collections.abc import Iterable

from chalicelib.core.table import MOST_WRITES, Record, Write, delete, transact

SHARDS = 4


def delete_all(found: Iterable[Record]) -> None:
    in_steps([delete(type(record)(record.pk, record.sk)) for record in found])


def in_steps(writes: list[Write]) -> None:
    for start in range(0, len(writes), MOST_WRITES):
        transact(*writes[start : start + MOST_WRITES])


def event_pk(organization: str, event: str) -> str:
    return f"T#{organization}#EVT#{event}"


def index_pk(organization: str, index_id: str) -> str:
    return f"T#{organization}#FIX#{index_id}"


def search_pk(organization: str, search: str) -> str:
    return f"T#{organization}#FSR#{search}"


def user_pk(organization: str, user: str) -> str:
    return f"T#{organization}#USR#{user}"
