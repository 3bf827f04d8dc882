from dataclasses import replace

import pytest

from chalicelib.organizations.service import DEFAULT
from chalicelib.profiles import store
from chalicelib.profiles.model import MOST_ADDRESSES
from tests.profiles.conftest import refusal

HOME = {"label": "Home", "recipient": "Anna Bird", "country": "KZ", "city": "Almaty", "line1": "Abay Avenue 10"}
WORK = {**HOME, "label": "Work", "line1": "Satpaev Street 22", "line2": "Floor 3", "postalCode": "050013"}


def defaults(person):
    return [address["id"] for address in person.get("/users/addresses")["items"] if address["isDefault"]]


def test_the_first_address_is_the_default_until_another_is(anna):
    home = anna.call("POST", "/users/addresses", HOME)
    work = anna.post("/users/addresses", WORK)

    assert home.status == 201
    first = home.json()["data"]
    assert home.header("Location") == f"/users/addresses/{first['id']}"
    assert (first["isDefault"], work["isDefault"]) == (True, False)
    assert (work["postalCode"], work["line2"], work["region"], work["phone"]) == ("050013", "Floor 3", None, None)
    made = anna.put(f"/users/addresses/{work['id']}/default")
    assert [address["isDefault"] for address in made["items"]] == [False, True]
    assert defaults(anna) == [work["id"]]


def test_the_oldest_that_is_left_follows_a_default_that_is_removed(anna):
    first, second, third = (anna.post("/users/addresses", HOME | {"line1": str(n)})["id"] for n in (1, 2, 3))

    assert anna.call("DELETE", f"/users/addresses/{first}").status == 204
    assert defaults(anna) == [second]
    assert anna.call("DELETE", f"/users/addresses/{third}").status == 204
    assert defaults(anna) == [second]
    assert anna.call("DELETE", f"/users/addresses/{second}").status == 204
    assert anna.get("/users/addresses") == {"items": []}
    assert refusal(anna.call("DELETE", f"/users/addresses/{second}")) == (404, "address_not_found")


def test_an_address_is_changed_in_its_place(anna):
    home, _ = anna.post("/users/addresses", HOME), anna.post("/users/addresses", WORK)

    changed = anna.put(f"/users/addresses/{home['id']}", HOME | {"city": "Astana", "label": None})

    assert changed == home | {"city": "Astana", "label": None}
    assert anna.get("/users/addresses")["items"][0] == changed


def test_who_adds_the_same_address_again_has_it_once(anna):
    first = anna.post("/users/addresses", HOME)

    assert anna.post("/users/addresses", HOME) == first
    assert len(anna.get("/users/addresses")["items"]) == 1


def test_a_full_book_takes_no_more(anna):
    for number in range(MOST_ADDRESSES):
        anna.post("/users/addresses", HOME | {"line1": str(number)})

    assert refusal(anna.call("POST", "/users/addresses", HOME)) == (409, "too_many_addresses")
    assert len(anna.get("/users/addresses")["items"]) == MOST_ADDRESSES


def test_nobody_reaches_the_address_of_somebody_else(anna, berta):
    hers = anna.post("/users/addresses", HOME)["id"]

    for method, path, body in (
        ("PUT", f"/users/addresses/{hers}", WORK),
        ("DELETE", f"/users/addresses/{hers}", None),
        ("PUT", f"/users/addresses/{hers}/default", None),
    ):
        assert refusal(berta.call(method, path, body)) == (404, "address_not_found")
    assert berta.get("/users/addresses") == {"items": []}
    assert len(anna.get("/users/addresses")["items"]) == 1


def test_two_who_add_at_once_both_get_what_they_asked_for(anna, monkeypatch):
    old = store.addresses_of(DEFAULT, anna.principal.known_user)
    anna.post("/users/addresses", HOME)
    read, seen = store.addresses_of, []

    def late(*args):
        seen.append(args)
        return old if len(seen) == 1 else read(*args)

    monkeypatch.setattr(store, "addresses_of", late)
    anna.post("/users/addresses", WORK)

    assert len(seen) == 2
    assert [address["label"] for address in anna.get("/users/addresses")["items"]] == ["Home", "Work"]


@pytest.mark.parametrize(
    ("part", "value", "code"),
    [
        ("city", "two\nlines", "one_line_expected"),
        ("recipient", "  ", "one_line_expected"),
        ("postalCode", "\x07", "one_line_expected"),
        ("country", "kz", "validation_failed"),
        ("country", "KAZ", "validation_failed"),
        ("phone", "call me", "validation_failed"),
        ("line1", "", "validation_failed"),
        ("line1", "x" * 121, "validation_failed"),
        ("isDefault", True, "validation_failed"),
    ],
)
def test_what_is_no_address_is_refused(anna, part, value, code):
    answer = anna.call("POST", "/users/addresses", HOME | {part: value})

    assert refusal(answer) == (400, code)
    assert answer.json()["errors"][0]["field"] == part
    assert anna.get("/users/addresses") == {"items": []}


def test_a_book_is_never_without_a_default_as_long_as_there_is_an_address(anna):
    anna.post("/users/addresses", HOME)
    book = store.addresses_of(DEFAULT, anna.principal.known_user)

    again = book.add(replace(book.addresses[0], id="adr_2")).make_default("adr_2").remove("adr_2")

    assert (again.default, again.addresses) == (book.default, book.addresses)
