import hashlib
import re
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.core import clock, ids

parts = st.lists(st.text(max_size=20), max_size=4)


def test_a_new_id_has_its_prefix_and_shape():
    assert re.fullmatch(r"evt_[0-7][0-9A-HJKMNP-TV-Z]{25}", ids.new("evt"))


def test_new_ids_differ():
    assert len({ids.new("evt") for _ in range(1000)}) == 1000


def test_ids_of_later_sort_later():
    early = ids.new("evt")
    with clock.travel(timedelta(milliseconds=5)):
        late = ids.new("evt")

    assert early < late


@given(parts)
def test_a_derived_id_is_stable_and_has_the_shape(given_parts):
    assert ids.derived("pay", *given_parts) == ids.derived("pay", *given_parts)
    assert ids.is_id("pay", ids.derived("pay", *given_parts))


def test_a_derived_id_is_the_same_in_every_process():
    assert ids.derived("org", "default") == "org_7DJN743YHZ75EER7QTTEK2E07Y"


@given(parts, parts)
def test_other_parts_give_other_ids(one, other):
    assume(one != other)

    assert ids.derived("pay", *one) != ids.derived("pay", *other)
    assert ids.joined(*one) != ids.joined(*other)


@pytest.mark.parametrize(
    ("one", "other"), [(("ab", "c"), ("a", "bc")), (("a\x1fb",), ("a", "b")), (('a","b',), ("a", "b")), ((), ("",))]
)
def test_parts_do_not_run_together(one, other):
    assert ids.derived("pay", *one) != ids.derived("pay", *other)


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        ("evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", True),
        ("ord_01ARZ3NDEKTSV4RRFFQ69G5FAV", False),
        ("evt_01arz3ndektsv4rrffq69g5fav", False),
        ("evt_01ARZ3NDEKTSV4RRFFQ69G5FAU", False),  # Crockford's alphabet has no U
        ("evt_01ARZ3NDEKTSV4RRFFQ69G5FA", False),
        ("evt_01ARZ3NDEKTSV4RRFFQ69G5FAVX", False),
        ("evt_01ARZ3NDEKTSV4RRFFQ69G5FAV\n", False),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", False),
        ("", False),
    ],
)
def test_is_id(value, is_one):
    assert ids.is_id("evt", value) is is_one


@pytest.mark.parametrize("length", [1, 8, 12])
def test_a_code_has_its_length(length):
    assert len(ids.code(length)) == length


def test_codes_use_the_whole_alphabet_and_nothing_that_reads_like_something_else():
    assert set(ids.code(5000)) == set("23456789ABCDEFGHJKLMNPQRSTUVWXYZ")


def test_a_token_carries_256_bits_that_need_no_escaping():
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", ids.token())
    assert len({ids.token() for _ in range(100)}) == 100


def test_a_digest_is_sha256_in_hex():
    assert ids.digest("s3cret") == hashlib.sha256(b"s3cret").hexdigest()


def test_a_value_keeps_its_shard():
    assert [ids.shard_of("evt_1", 16) for _ in range(3)] == [ids.shard_of("evt_1", 16)] * 3


def test_shards_share_the_load():
    found = Counter(ids.shard_of(f"evt_{number}", 4) for number in range(4000))

    assert set(found) == {0, 1, 2, 3}
    assert min(found.values()) > 800


@pytest.mark.parametrize(("raw", "text"), [(b"", ""), (b"\xff\xff", "__8"), (b"\xfb\xff\xfe", "-__-")])
def test_urlsafe_has_no_padding(raw, text):
    assert ids.urlsafe(raw) == text
