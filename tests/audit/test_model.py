from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

import pytest

from chalicelib.audit.model import MASK, differing, masked


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Point:
    x: int
    token: str


def test_secrets_and_what_tells_who_somebody_is_are_only_known_to_be_there():
    state = {"password": "a digest", "email": "anna@buyer.example", "phone": None, "roles": frozenset({"b", "a"})}

    assert masked("user", state) == {"password": MASK, "email": MASK, "phone": None, "roles": ["a", "b"]}


@pytest.mark.parametrize(("entity", "shown"), [("user", MASK), ("event", "Night Run")])
def test_a_name_is_hidden_where_it_is_a_persons(entity, shown):
    assert masked(entity, {"name": "Night Run"}) == {"name": shown}


def test_secrets_are_found_however_deep_they_lie():
    state = {"providers": [{"id": 1, "secret": "s3cr3t"}], "point": Point(3, "t0k3n")}

    assert masked("settings", state) == {
        "providers": [{"id": 1, "secret": MASK}],
        "point": {"x": 3, "token": MASK},
    }


def test_values_become_json():
    state = {"day": date(2026, 11, 20), "at": datetime(2026, 11, 20, tzinfo=UTC), "colour": Colour.RED, "on": False}

    assert masked("event", state) == {"day": "2026-11-20", "at": "2026-11-20T00:00:00Z", "colour": "red", "on": False}


def test_long_texts_and_lists_are_cut():
    shown = masked("event", {"text": "x" * 600, "list": list(range(300))})

    assert shown == {"text": "x" * 500 + "…", "list": list(range(100))}


def test_only_what_differs_is_kept():
    before, after = {"a": 1, "b": 2, "gone": None}, {"a": 1, "b": 3, "new": "n"}

    assert differing(before, after) == ({"b": 2, "gone": None}, {"b": 3, "new": "n"})


def test_a_beginning_and_an_end_are_kept_whole():
    assert differing(None, {"a": 1}) == (None, {"a": 1})
    assert differing({"a": 1}, None) == ({"a": 1}, None)
