import io
from urllib.parse import urlsplit

import pytest
from PIL import Image

from chalicelib.core.queues import Outcome
from chalicelib.organizations.service import DEFAULT
from chalicelib.profiles import service, store
from tests import deliver
from tests.lines.photos.pictures import File, broken, jpeg
from tests.media.photos import encoded, picture
from tests.profiles.conftest import arrive, previews, refusal, tell

AVATAR = "/users/profile/avatar"


def offered(person, file: File):
    return person.post(AVATAR, {name: file.wire[name] for name in ("size", "type", "sha256")})


def shown(person):
    found = person.get("/users/profile")
    return bool(found["avatarUrl"]), found["avatarPending"], found["avatarFailure"]


def test_a_picture_is_drawn_anew_and_shown(anna):
    file = jpeg(1, size=(900, 600))

    form = offered(anna, file)
    assert (shown(anna), previews()) == ((False, True, None), {})
    assert arrive(form, file.content) is Outcome.SUCCESS

    assert shown(anna) == (True, False, None)
    ((key, content),) = previews().items()
    assert urlsplit(anna.get("/users/profile")["avatarUrl"]).path.endswith(key)
    assert b"CANARY" not in content
    assert b"Exif" not in content
    with Image.open(io.BytesIO(content)) as drawn:
        assert (drawn.format, drawn.size, drawn.mode) == ("JPEG", (400, 400), "RGB")


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_other_formats_become_jpegs_and_nothing_is_enlarged(anna, kind):
    content = encoded(picture(120, 90), kind)

    form = anna.post(AVATAR, {"size": len(content), "type": f"image/{kind}", "sha256": "00" * 32})
    assert arrive(form, content) is Outcome.SUCCESS

    with Image.open(io.BytesIO(*previews().values())) as drawn:
        assert (drawn.format, drawn.size) == ("JPEG", (90, 90))


def test_a_new_picture_takes_the_place_of_the_one_before_which_is_deleted(anna):
    arrive(offered(anna, jpeg(1)), jpeg(1).content)
    (first,) = previews()
    form = offered(anna, jpeg(2))
    assert shown(anna) == (True, True, None)

    arrive(form, jpeg(2).content)
    deliver.all()

    (second,) = previews()
    assert second != first
    assert shown(anna) == (True, False, None)


def test_a_picture_that_is_taken_away_is_deleted_and_none_on_its_way_comes(anna):
    arrive(offered(anna, jpeg(1)), jpeg(1).content)
    form = offered(anna, jpeg(2))

    assert anna.call("DELETE", AVATAR).status == 204
    assert anna.call("DELETE", AVATAR).status == 204
    assert arrive(form, jpeg(2).content) is Outcome.SKIPPED
    deliver.all()

    assert (shown(anna), previews()) == ((False, False, None), {})


def test_a_file_that_is_offered_twice_is_one(anna):
    form, again = offered(anna, jpeg(1)), offered(anna, jpeg(1))

    assert form["fields"]["key"] == again["fields"]["key"]
    assert arrive(again, jpeg(1).content) is Outcome.SUCCESS
    assert offered(anna, jpeg(1))["fields"]["key"] != again["fields"]["key"]


def test_of_two_offers_the_last_one_counts_in_whatever_order_the_files_arrive(anna):
    first, second = offered(anna, jpeg(1)), offered(anna, jpeg(2))

    assert arrive(first, jpeg(1).content) is Outcome.SKIPPED
    assert shown(anna) == (False, True, None)
    assert arrive(second, jpeg(2).content) is Outcome.SUCCESS
    assert arrive(first, jpeg(1).content) is Outcome.SKIPPED
    deliver.all()

    assert [key.rpartition("/")[2] for key in previews()] == ["2.jpg"]


def test_a_file_at_fault_is_told_of_and_the_picture_before_stays(anna):
    arrive(offered(anna, jpeg(1)), jpeg(1).content)
    bad = broken()

    assert arrive(offered(anna, bad), bad.content) is Outcome.SUCCESS

    assert shown(anna) == (True, False, "truncated")
    arrive(offered(anna, jpeg(2)), jpeg(2).content)
    assert shown(anna) == (True, False, None)


def test_a_notice_that_comes_twice_or_names_nothing_changes_nothing(anna):
    form = offered(anna, jpeg(1))
    arrive(form, jpeg(1).content)
    before = store.profile_of(DEFAULT, anna.principal.known_user)
    key = form["fields"]["key"]

    assert arrive(form, jpeg(3).content) is Outcome.SKIPPED
    for other in (f"{key}0", key.rpartition("/")[0], key.replace("avatars/", "uploads/"), "avatars/x/y/1"):
        assert tell(other) is Outcome.SKIPPED
    deliver.all()

    assert store.profile_of(DEFAULT, anna.principal.known_user) == before
    assert len(previews()) == 1


def test_a_file_that_expired_before_anybody_looked_is_skipped(anna):
    assert tell(offered(anna, jpeg(1))["fields"]["key"]) is Outcome.SKIPPED
    assert shown(anna) == (False, True, None)


def test_a_picture_that_is_overtaken_while_it_is_drawn_leaves_nothing(anna, monkeypatch):
    form = offered(anna, jpeg(1))
    draw = service.avatars.media.avatar

    def slowly(*args):
        monkeypatch.undo()
        offered(anna, jpeg(2))
        return draw(*args)

    monkeypatch.setattr(service.avatars.media, "avatar", slowly)
    assert arrive(form, jpeg(1).content) is Outcome.SKIPPED
    assert len(previews()) == 1
    deliver.all()

    assert (previews(), shown(anna)) == ({}, (False, True, None))


@pytest.mark.parametrize(
    "change",
    [{"size": 0}, {"size": 11 * 1024 * 1024}, {"type": "image/svg+xml"}, {"sha256": "x"}, {"name": "me.jpg"}],
)
def test_a_form_for_anything_else_is_refused(anna, change):
    file = {"size": 1, "type": "image/png", "sha256": "00" * 32}

    assert refusal(anna.call("POST", AVATAR, file | change)) == (400, "validation_failed")
    assert shown(anna) == (False, False, None)
