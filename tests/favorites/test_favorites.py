import pytest

from chalicelib import lines
from chalicelib.organizations.service import DEFAULT
from tests.profiles.conftest import Person, person, refusal
from tests.selling import Things

MOST_ON_A_PAGE = 2


@pytest.fixture
def anna(aws, monkeypatch) -> Person:
    monkeypatch.setattr(lines, "discover", lambda: {"things": Things()})
    return person("anna")


def like(person, ref):
    return person.call("POST", f"/favorites/{ref}", {"kind": "things"})


def liked(person):
    return [item["id"] for item in person.get("/favorites")["items"]]


def is_liked(person, ref):
    return person.get(f"/favorites/check/{ref}")["isFavorite"]


def test_what_is_liked_is_listed_the_newest_things_first_and_by_pages(anna):
    for ref in ("thing_b", "thing_a", "thing_c"):
        assert like(anna, ref).status == 200

    first = anna.get(f"/favorites?pageSize={MOST_ON_A_PAGE}")
    second = anna.get(f"/favorites?pageSize={MOST_ON_A_PAGE}&cursor={first['nextCursor']}")

    assert [item["id"] for item in first["items"] + second["items"]] == ["thing_c", "thing_b", "thing_a"]
    assert second["hasMore"] is False
    assert {(item["title"], item["available"], item["kind"]) for item in first["items"]} == {("Things", True, "things")}


def test_what_is_liked_twice_is_listed_once_and_keeps_its_time(anna):
    first, again = like(anna, "thing").json()["data"], like(anna, "thing").json()["data"]

    assert (first, liked(anna)) == (again, ["thing"])


def test_what_is_liked_no_more_is_gone(anna):
    like(anna, "thing")
    assert (is_liked(anna, "thing"), is_liked(anna, "other")) == (True, False)

    assert anna.call("DELETE", "/favorites/thing").status == 204
    assert anna.call("DELETE", "/favorites/thing").status == 204

    assert (is_liked(anna, "thing"), liked(anna)) == (False, [])


def test_what_is_not_sold_any_more_stays_and_says_so(anna, monkeypatch):
    like(anna, "thing")
    monkeypatch.setattr(Things, "quote", lambda self, organization, items, at: lines.contract.Quote())

    (item,) = anna.get("/favorites")["items"]

    assert (item["id"], item["title"], item["available"]) == ("thing", None, False)


def test_what_is_not_on_sale_or_of_no_kind_is_refused(anna):
    assert refusal(like(anna, "gone")) == (409, "thing_gone")
    assert refusal(anna.call("POST", "/favorites/thing", {"kind": "dreams"})) == (400, "unknown_kind")
    assert liked(anna) == []


def test_nobody_sees_what_somebody_else_likes(anna):
    berta = person("berta")
    like(anna, "thing")

    assert (is_liked(berta, "thing"), liked(berta)) == (False, [])
    assert berta.call("DELETE", "/favorites/thing").status == 204
    assert liked(anna) == ["thing"]
    assert anna.principal.organization == berta.principal.organization == DEFAULT
