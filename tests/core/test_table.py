import base64
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.session import Session
from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import GetError, TransactWriteError

from chalicelib.core import aws, table
from chalicelib.core.errors import AppError, Conflict, Invalid, NotFound, Unavailable
from chalicelib.core.limits import LimitRecord
from chalicelib.core.table import (
    Moment,
    Page,
    PageRequest,
    Record,
    check,
    create,
    delete,
    page,
    transact,
    update,
    writes,
)
from tests.core.parcels import PARCEL, Colour, Parcel, ParcelRecord, record, stored
from tests.core.scripts import failure

pytestmark = pytest.mark.usefixtures("aws")


# --- values across ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parcel",
    [
        PARCEL,
        replace(
            PARCEL,
            fragile=True,
            due_on=date(2026, 12, 1),
            note="ระวังแตก 🏺",
            sent_at=datetime(2026, 11, 21, tzinfo=UTC),
            price=0,
            second_colour=Colour.BLUE,
            insured=False,
        ),
        replace(PARCEL, note="", sizes=(), weight=-(10**15)),
    ],
)
def test_a_value_comes_back_as_it_went(parcel):
    transact(create(ParcelRecord.of(parcel, pk="T#org_1#PAR#x", sk="-")))

    found = ParcelRecord.fetch("T#org_1#PAR#x", "-")
    assert found is not None
    assert found.value() == parcel


def test_whole_numbers_come_back_as_whole_numbers():
    transact(create(record(price=7900)))

    parcel = stored()
    assert parcel is not None
    assert (type(parcel.weight), type(parcel.price), type(parcel.version)) == (int, int, int)


def test_nothing_is_stored_for_none():
    transact(create(record()))

    item = ParcelRecord.get("T#org_1#PAR#par_1", "-").serialize()
    assert not {"note", "price", "sent_at", "due_on", "ttl", "list_pk"} & item.keys()


def test_a_moment_is_stored_in_utc_and_sorts_as_text():
    local = datetime(2026, 11, 20, 15, 0, tzinfo=timezone(timedelta(hours=7)))

    assert Moment().serialize(local) == "2026-11-20T08:00:00.000Z"


def test_what_is_not_there_is_none():
    assert ParcelRecord.fetch("T#org_1#PAR#nothing", "-") is None


def test_a_record_without_a_field_of_its_model_is_no_class():
    with pytest.raises(TypeError, match=r"Half stores no .*colour, .*weight of Parcel"):

        class Half(Record):
            Meta = table.table("events")
            model = Parcel
            id = UnicodeAttribute()
            name = UnicodeAttribute()


def test_a_typo_among_the_keys_is_refused():
    with pytest.raises(ValueError, match="list_pq"):
        ParcelRecord.of(PARCEL, pk="T#org_1#PAR#par_1", sk="-", list_pq="x")


def test_a_record_lives_in_the_table_of_its_domain():
    assert ParcelRecord.Meta.table_name == "thepixstock-test-events"


# --- single writes ------------------------------------------------------------------------------------------


def test_create_holds_for_the_first_only():
    transact(create(record(name="first")))

    with pytest.raises(Conflict, match="already_exists"):
        transact(create(record(name="second")))
    assert stored() == replace(PARCEL, name="first")


def test_replace_takes_the_version_up():
    transact(create(record()))

    transact(table.replace(record(name="new"), 1))

    assert stored() == replace(PARCEL, name="new", version=2)


@pytest.mark.parametrize("version", [0, 2, 7])
def test_replace_of_another_version_is_refused(version):
    transact(create(record()))

    with pytest.raises(Conflict, match="version_conflict") as refusal:
        transact(table.replace(record(name="new"), version))
    assert refusal.value.field == "version"
    assert stored() == PARCEL


def test_replace_of_nothing_is_refused():
    with pytest.raises(Conflict, match="version_conflict"):
        transact(table.replace(record(), 1))
    assert stored() is None


def test_update_changes_what_it_names():
    transact(create(record()))

    transact(update(record(), ParcelRecord.name.set("new"), ParcelRecord.weight.add(5)))

    assert stored() == replace(PARCEL, name="new", weight=905)


def test_update_holds_only_under_its_condition():
    transact(create(record()))

    with pytest.raises(Conflict, match="changed_meanwhile"):
        transact(update(record(), ParcelRecord.name.set("new"), condition=ParcelRecord.weight > 1000))
    assert stored() == PARCEL


def test_delete_holds_only_under_its_condition():
    transact(create(record()))

    with pytest.raises(Conflict, match="changed_meanwhile"):
        transact(delete(record(), ParcelRecord.weight > 1000))
    assert stored() == PARCEL
    transact(delete(record(), ParcelRecord.weight < 1000))
    assert stored() is None


def test_check_changes_nothing_and_guards_the_rest():
    transact(create(record("par_1")))
    gone = NotFound("gone", "Gone.")

    transact(check(record("par_1"), ParcelRecord.pk.exists(), gone), create(record("par_2")))
    with pytest.raises(NotFound, match="gone"):
        transact(check(record("par_9"), ParcelRecord.pk.exists(), gone), create(record("par_3")))
    assert (stored("par_1"), stored("par_2"), stored("par_3")) == (PARCEL, replace(PARCEL, id="par_2"), None)


@pytest.mark.parametrize(
    "write",
    [
        lambda refused: create(record(), refused),
        lambda refused: table.replace(record(), 9, refused),
        lambda refused: update(
            record(), ParcelRecord.name.set("n"), condition=ParcelRecord.weight > 1000, refused=refused
        ),
    ],
)
def test_a_write_can_say_what_its_refusal_means(write):
    transact(create(record()))
    refused = Conflict("taken", "Taken.")

    with pytest.raises(Conflict) as refusal:
        transact(write(refused))

    assert refusal.value is refused


def test_two_like_writes_are_two():
    assert len({create(record()), create(record())}) == 2


# --- transactions -------------------------------------------------------------------------------------------

KINDS: dict[str, Callable[[ParcelRecord, bool, AppError], table.Write]] = {
    "put": lambda item, holds, refused: table.replace(item, 1 if holds else 5, refused),
    "update": lambda item, holds, refused: update(
        item, ParcelRecord.note.set("seen"), condition=ParcelRecord.version == (1 if holds else 5), refused=refused
    ),
    "check": lambda item, holds, refused: check(item, ParcelRecord.version == (1 if holds else 5), refused),
    "delete": lambda item, holds, refused: table.Write(
        "delete", item, ParcelRecord.version == (1 if holds else 5), refused=refused
    ),
}


@pytest.mark.parametrize("order", list(itertools.permutations(KINDS)), ids=" ".join)
def test_the_first_failed_write_in_call_order_is_told(order):
    transact(*[create(record(kind)) for kind in KINDS])

    for pattern in itertools.product([True, False], repeat=4):
        if all(pattern):
            continue
        writes = [
            KINDS[kind](record(kind), holds, Conflict(kind, "No.")) for kind, holds in zip(order, pattern, strict=True)
        ]
        with pytest.raises(Conflict) as refusal:
            transact(*writes)
        assert refusal.value.code == order[pattern.index(False)], pattern


def test_two_writes_of_a_kind_are_told_apart():
    transact(create(record("par_2")))
    writes = [create(record(id), Conflict(id, "No.")) for id in ("par_1", "par_2", "par_3")]

    with pytest.raises(Conflict, match="par_2"):
        transact(*writes)


def test_all_or_nothing():
    transact(create(record("par_3")))

    with pytest.raises(Conflict):
        transact(create(record("par_1")), create(record("par_2")), create(record("par_3")))

    assert (stored("par_1"), stored("par_2")) == (None, None)


def test_a_hundred_writes_go_at_once():
    transact(*[create(record(f"par_{number}")) for number in range(100)])

    assert stored("par_0") is not None
    assert stored("par_99") is not None


@pytest.mark.parametrize("count", [0, 101])
def test_no_writes_and_too_many_are_refused(count, scripted):
    script = scripted("dynamodb", "TransactWriteItems")

    with pytest.raises(ValueError, match=f"not {count}"):
        transact(*[create(record(f"par_{number}")) for number in range(count)])
    assert script.calls == 0


@pytest.fixture
def waits(monkeypatch):
    """The seconds that `transact` would have slept."""
    slept: list[float] = []
    monkeypatch.setattr(writes.time, "sleep", slept.append)
    return slept


CANCELLED = "TransactionCanceledException"
CONFLICT = failure(CANCELLED, "TransactionConflict")


@pytest.mark.parametrize(
    "answer", [CONFLICT, failure("TransactionConflictException"), failure(CANCELLED, "None", "TransactionConflict")]
)
def test_a_conflict_with_another_transaction_is_tried_again(answer, scripted, waits):
    script = scripted("dynamodb", "TransactWriteItems")
    script.answers = [answer] * 3

    transact(create(record()))

    assert stored() == PARCEL
    assert (script.calls, len(waits)) == (4, 3)


def test_the_tries_wait_longer_and_differently(scripted, waits):
    scripted("dynamodb", "TransactWriteItems").answers = [CONFLICT] * 8

    with pytest.raises(Unavailable):
        transact(create(record()))

    assert all(0 <= wait <= 0.02 * 2**attempt for attempt, wait in enumerate(waits, 1))
    assert len(set(waits)) == len(waits)


def test_a_conflict_without_end_is_told_as_unavailable(scripted, waits):
    script = scripted("dynamodb", "TransactWriteItems")
    script.answers = [CONFLICT] * 99

    with pytest.raises(Unavailable) as refusal:
        transact(create(record()))

    assert (refusal.value.code, refusal.value.retry_after) == ("busy", 1)
    assert (script.calls, len(waits)) == (8, 7)


def test_a_failed_condition_beside_a_conflict_is_final(scripted, waits):
    script = scripted("dynamodb", "TransactWriteItems")
    script.answers = [failure(CANCELLED, "TransactionConflict", "ConditionalCheckFailed")]

    with pytest.raises(Conflict, match="par_2"):
        transact(*[create(record(id), Conflict(id, "No.")) for id in ("par_1", "par_2")])

    assert (script.calls, waits) == (1, [])


@pytest.mark.parametrize(
    "answer",
    [
        failure(CANCELLED, "ValidationError"),
        failure(CANCELLED, "ItemCollectionSizeLimitExceeded"),
        failure(CANCELLED, "ThrottlingError"),
        failure("ValidationException"),
        failure("AccessDeniedException"),
        failure("ResourceNotFoundException"),
    ],
)
def test_any_other_failure_is_tried_once(answer, scripted, waits):
    script = scripted("dynamodb", "TransactWriteItems")
    script.answers = [answer]

    with pytest.raises(TransactWriteError):
        transact(create(record()))

    assert (script.calls, waits) == (1, [])


def test_a_transaction_that_is_not_answered_is_busy_and_not_ours_to_retry(scripted, waits):
    """botocore has retried it, with one token; whether it was committed is not known here."""
    script = scripted("dynamodb", "TransactWriteItems")
    script.answers = [ReadTimeoutError(endpoint_url="https://aws.test")] * 9

    with pytest.raises(TransactWriteError) as failed:
        transact(create(record()))

    assert table.is_busy(failed.value)
    assert (script.calls, waits) == (1, [])


def test_every_try_is_a_transaction_of_its_own(scripted, waits):
    """A cancelled transaction is over; its token must not meet the next try."""
    tokens = []
    client = aws.client("dynamodb")
    handler = lambda params, **_: tokens.append(json.loads(params["body"])["ClientRequestToken"])  # noqa: E731
    client.meta.events.register("before-call.dynamodb.TransactWriteItems", handler)
    scripted("dynamodb", "TransactWriteItems").answers = [CONFLICT]

    transact(create(record()))
    client.meta.events.unregister("before-call.dynamodb.TransactWriteItems", handler)

    assert len(tokens) == len(set(tokens)) == 2


# --- busy or broken -----------------------------------------------------------------------------------------


def client_error(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "AnyCall",
    )


@pytest.mark.parametrize(
    ("failed", "busy"),
    [
        (client_error("ThrottlingException"), True),
        (client_error("ProvisionedThroughputExceededException"), True),
        (client_error("SlowDown", 503), True),
        (client_error("RequestThrottled"), True),
        (client_error("AnythingElse", 500), True),
        (client_error("AccessDenied", 403), False),
        (client_error("NoSuchBucket", 404), False),
        (ConnectTimeoutError(endpoint_url="https://aws.test"), True),
        (ReadTimeoutError(endpoint_url="https://aws.test"), True),
        (EndpointConnectionError(endpoint_url="https://aws.test"), True),
        (ParamValidationError(report="a bug of ours"), False),
        (GetError("", client_error("RequestLimitExceeded")), True),
        (GetError("", client_error("ValidationException")), False),
        (GetError("", ReadTimeoutError(endpoint_url="https://aws.test")), True),
        (GetError("without a cause"), False),
        (ValueError("no"), False),
        (TimeoutError(), False),
    ],
)
def test_whether_aws_is_busy(failed, busy):
    assert table.is_busy(failed) is busy


@pytest.mark.parametrize(
    ("answer", "busy"),
    [
        (failure(CANCELLED, "None", "ThrottlingError"), True),
        (failure(CANCELLED, "ProvisionedThroughputExceeded"), True),
        (failure(CANCELLED, "ValidationError"), False),
        (failure("TransactionInProgressException"), True),
    ],
)
def test_whether_a_cancelled_transaction_says_busy(answer, busy, scripted):
    scripted("dynamodb", "TransactWriteItems").answers = [answer] * 9

    with pytest.raises(TransactWriteError) as failed:
        transact(create(record()))

    assert table.is_busy(failed.value) is busy


def test_no_record_class_and_no_transaction_makes_a_client_of_its_own(monkeypatch):
    """Each would cost a cold start as much as the first one."""
    made: list[str] = []
    make = Session.create_client

    def noted(session, service, *args, **named):
        made.append(service)
        return make(session, service, *args, **named)

    monkeypatch.setattr(Session, "create_client", noted)
    aws.forget()

    transact(create(record()))
    ParcelRecord.fetch("T#org_1", "-")
    LimitRecord.fetch("T#org_1", "-")

    assert made == ["dynamodb"]


# --- pages --------------------------------------------------------------------------------------------------

SHELF = "T#org_1#SHELF#a"


def fill(count: int, shelf: str = SHELF) -> list[str]:
    """Puts parcels on a shelf; returns their ids in the order of the index."""
    ids = [f"par_{number:03d}" for number in range(count)]
    for start in range(0, count, 100):
        transact(
            *[
                create(
                    ParcelRecord.of(
                        replace(PARCEL, id=id), pk=f"{shelf}#PAR#{id}", sk="-", list_pk=shelf, list_sk=f"S#{id}"
                    )
                )
                for id in ids[start : start + 100]
            ]
        )
    return ids


def shelf_page(request: PageRequest, shelf: str = SHELF, *, newest_first: bool = False) -> Page[str]:
    return page(ParcelRecord, ParcelRecord.by_list, shelf, request, newest_first=newest_first).map(
        lambda found: str(found.id)
    )


def walk(size: int, *, newest_first: bool = False) -> list[list[str]]:
    """All pages by cursor, from the first."""
    pages = [shelf_page(PageRequest(size), newest_first=newest_first)]
    while pages[-1].cursor is not None:
        pages.append(shelf_page(PageRequest(size, pages[-1].cursor), newest_first=newest_first))
    return [each.items for each in pages]


@pytest.mark.parametrize(
    ("count", "size", "sizes"),
    [
        (0, 3, [0]),
        (1, 3, [1]),
        (2, 3, [2]),
        (3, 3, [3]),
        (4, 3, [3, 1]),
        (6, 3, [3, 3]),
        (7, 3, [3, 3, 1]),
        (2, 1, [1, 1]),
    ],
)
def test_pages_end_exactly(count, size, sizes):
    ids = fill(count)

    pages = walk(size)

    assert [len(each) for each in pages] == sizes
    assert list(itertools.chain(*pages)) == ids


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_newest_comes_first_on_demand(size):
    ids = fill(5)

    assert list(itertools.chain(*walk(size, newest_first=True))) == ids[::-1]


def test_a_page_holds_nothing_of_another_list():
    fill(2)

    assert shelf_page(PageRequest(5), "T#org_2#SHELF#a").items == []


def test_a_page_of_the_table_itself():
    for number in range(3):
        transact(create(ParcelRecord.of(PARCEL, pk="T#org_1#ALL", sk=f"S#{number}")))

    first = page(ParcelRecord, ParcelRecord, "T#org_1#ALL", PageRequest(2))
    second = page(ParcelRecord, ParcelRecord, "T#org_1#ALL", PageRequest(2, first.cursor))

    assert [found.sk for found in first.items] == ["S#0", "S#1"]
    assert ([found.sk for found in second.items], second.cursor) == (["S#2"], None)


def test_a_page_of_a_range():
    fill(5)

    found = page(
        ParcelRecord,
        ParcelRecord.by_list,
        SHELF,
        PageRequest(5),
        range_condition=ParcelRecord.list_sk >= "S#par_003",
    )

    assert [each.id for each in found.items] == ["par_003", "par_004"]


@pytest.mark.parametrize(
    ("number", "items", "more"),
    [(1, ["par_000", "par_001"], True), (2, ["par_002", "par_003"], True), (3, ["par_004"], False), (4, [], False)],
)
def test_numbered_pages(number, items, more):
    fill(5)

    found = shelf_page(PageRequest(2, number=number))

    assert (found.items, found.cursor is not None, found.number) == (items, more, number)


def test_a_numbered_page_hands_over_to_the_cursor():
    fill(5)
    second = shelf_page(PageRequest(2, number=2))

    following = shelf_page(PageRequest(2, second.cursor, number=3))

    assert (following.items, following.number) == (["par_004"], None)


def test_the_deepest_page_is_fifty():
    ids = fill(51)

    assert shelf_page(PageRequest(1, number=50)).items == [ids[49]]


@pytest.mark.parametrize("number", [-1, 0, 51, 10**9])
def test_a_page_out_of_reach_is_refused(number):
    with pytest.raises(Invalid, match="page_too_deep") as refusal:
        shelf_page(PageRequest(1, number=number))

    assert refusal.value.field == "page"


def test_a_page_reads_one_item_more_than_it_shows(aws):
    fill(30)
    limits = []
    client = ParcelRecord._get_connection().connection.client
    handler = lambda params, **_: limits.append(json.loads(params["body"])["Limit"])  # noqa: E731
    client.meta.events.register("before-call.dynamodb.Query", handler)

    shelf_page(PageRequest(5))
    client.meta.events.unregister("before-call.dynamodb.Query", handler)

    assert limits == [6]


def some_cursor() -> str:
    fill(3)
    cursor = shelf_page(PageRequest(1)).cursor
    assert cursor is not None
    return cursor


def test_a_cursor_reveals_nothing_and_needs_no_escaping():
    cursor = some_cursor()

    raw = base64.urlsafe_b64decode(cursor)
    assert not any(part in raw for part in (b"T#", b"org_1", b"SHELF", b"par_", b"list_pk"))
    assert re.fullmatch(r"[A-Za-z0-9_=-]+", cursor)


def test_the_same_place_has_another_cursor_each_time():
    fill(3)

    assert shelf_page(PageRequest(1)).cursor != shelf_page(PageRequest(1)).cursor


@pytest.mark.parametrize(
    "spoil",
    [
        lambda cursor: cursor[:-1],
        lambda cursor: cursor[:40] + ("A" if cursor[40] != "A" else "B") + cursor[41:],
        lambda cursor: "A" + cursor[1:],
        lambda cursor: "x",
        lambda cursor: "ก",
        lambda cursor: "\ud800",
        lambda cursor: json.dumps({"list": SHELF, "keys": {}}),
    ],
)
def test_a_spoiled_cursor_is_refused(spoil):
    cursor = some_cursor()

    with pytest.raises(Invalid, match="invalid_cursor") as refusal:
        shelf_page(PageRequest(1, spoil(cursor)))

    assert refusal.value.field == "cursor"


@pytest.mark.parametrize("foreign", ["T#org_1#SHELF#b", "T#org_2#SHELF#a", "T#org_1#SHELF#a#x"])
def test_a_cursor_opens_its_own_list_only(foreign):
    cursor = some_cursor()

    with pytest.raises(Invalid, match="invalid_cursor"):
        shelf_page(PageRequest(1, cursor), foreign)


def test_a_cursor_keeps_its_place_when_items_come_and_go():
    ids = fill(3)
    cursor = shelf_page(PageRequest(2)).cursor
    transact(delete(ParcelRecord(f"{SHELF}#PAR#{ids[1]}", "-")))

    assert shelf_page(PageRequest(2, cursor)).items == [ids[2]]


def test_a_page_keeps_its_frame_when_its_items_change():
    assert Page([1, 2], 2, "c", 9, 3).map(str) == Page(["1", "2"], 2, "c", 9, 3)
