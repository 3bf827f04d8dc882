"""DynamoDB through PynamoDB: one record base, writes as values, one `transact`, authenticated cursors.

A store describes a record by listing its attributes under the names of the model's fields; `Record.of` and
`Record.value` carry values across. Nothing outside a `store.py` sees a key.
"""

from chalicelib.core.table.attributes import Choice, Moment, Several, Typed
from chalicelib.core.table.failures import NewerRelease, error_code, is_busy
from chalicelib.core.table.lists import Page, PageRequest, page
from chalicelib.core.table.records import Item, Record, Upgrade, each_gets, index, record_of, records, schema_of, table
from chalicelib.core.table.writes import (
    MOST_WRITES,
    Write,
    check,
    create,
    delete,
    replace,
    stamp_schema,
    transact,
    update,
)

__all__ = [
    "MOST_WRITES",
    "Choice",
    "Item",
    "Moment",
    "NewerRelease",
    "Page",
    "PageRequest",
    "Record",
    "Several",
    "Typed",
    "Upgrade",
    "Write",
    "check",
    "create",
    "delete",
    "each_gets",
    "error_code",
    "index",
    "is_busy",
    "page",
    "record_of",
    "records",
    "replace",
    "schema_of",
    "stamp_schema",
    "table",
    "transact",
    "update",
]
