"""What is looked for at an event, found by people, forgotten again."""

from dataclasses import replace
from datetime import timedelta

import boto3
import pytest
from PIL import Image

from chalicelib.core import clock
from chalicelib.core.errors import Conflict, NotFound, Unavailable
from chalicelib.core.table import PageRequest
from chalicelib.events import service as events
from chalicelib.faces import engines, schemas, service, store
from chalicelib.faces.engines.contract import Word
from chalicelib.faces.model import BlockState, Purpose, Search, SearchState, bibs_of
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.model import Decision, Faces, Verdict, Wanted
from chalicelib.organizations.service import DEFAULT
from chalicelib.privacy.holdings import of_scope
from chalicelib.privacy.model import ConsentKind, Scope
from chalicelib.privacy.service import consents
from tests import deliver
from tests.events.people import ADMIN, OTHER, VISITOR, caller
from tests.faces import labelled
from tests.faces.conftest import BASIS, PAGE, SELFIE, holder, stored

NOBODY = labelled.jpeg(Image.new("RGB", (200, 200), "navy"))


def everything() -> list[dict]:
    return boto3.client("dynamodb").scan(TableName="thepixstock-test-faces")["Items"]


def listed(race, **wanted) -> list[str]:
    """What the gallery shows to a visitor."""
    found = photos.event_photos(VISITOR, race.event.id, PAGE, Wanted(**wanted))
    return [shown.photo.id for shown in found.items]


def of_index(index: str) -> list[str]:
    return sorted(item["sk"]["S"].partition("#")[0] for item in everything() if f"#FIX#{index}" in item["pk"]["S"])


# --- whether faces are looked for ---------------------------------------------------------------------------


def test_nothing_is_looked_for_until_the_organizer_says_so(race, rekognition):
    (photo,) = race.sell(1)

    assert photo.faces is Faces.NOT_REQUESTED
    assert rekognition.asked == []
    with pytest.raises(Conflict, match="faces_off"):
        race.ask(VISITOR, 1)
    assert stored("selfies/") == []


def test_what_is_on_sale_already_is_looked_at_and_what_comes(race, rekognition, anna):
    (before,) = race.sell(1)
    told = race.attest()
    after, other = race.sell(1, 2)

    assert told.has_faces
    assert race.studio.photo(before.id).faces is Faces.DONE
    assert sorted(race.find(anna, 1)) == sorted([before.id, after.id])
    assert race.find(anna, 2) == [other.id]


def test_attesting_is_audited(race):
    race.attest()

    (entry,) = [
        item
        for item in boto3.client("dynamodb").scan(TableName="thepixstock-test-audit")["Items"]
        if item["action"]["S"] == "event.recognition_changed"
    ]
    assert "Runners agree" in str(entry)
    assert entry["actor"]["S"] == ADMIN.user


def test_with_minors_nobody_is_looked_for_until_their_guardians_were_asked(race, anna):
    (photo,) = race.sell(1)

    minors = race.attest(replace(BASIS, minors=True))
    with pytest.raises(Conflict, match="faces_off"):
        race.ask(anna, 1)
    asked = race.attest(replace(BASIS, minors=True, guardians=True))

    assert (minors.has_faces, asked.has_faces) == (False, True)
    assert race.find(anna, 1) == [photo.id]


def test_saying_so_twice_looks_once(race, rekognition):
    race.attest()
    race.sell(1)
    race.attest()

    assert [operation for operation, _ in rekognition.asked].count("IndexFaces") == 1


def test_two_who_say_so_at_once_do_not_both(race):
    race.attest()

    with pytest.raises(Conflict, match="version_conflict"):
        race.attest(version=0)


def test_a_deployment_without_an_engine_says_so(race, monkeypatch):
    from chalicelib.faces import engines

    monkeypatch.setattr(engines, "settings", lambda: type("None", (), {"faces": None, "texts": None}))

    with pytest.raises(Conflict, match="faces_not_offered"):
        race.attest()
    with pytest.raises(Conflict, match="bibs_not_offered"):
        race.attest(None, bibs=True)


# --- forgetting ---------------------------------------------------------------------------------------------


def test_giving_faces_up_forgets_all_that_was_found(race, rekognition, anna):
    index = race.attest().index
    race.sell(1)
    opened = race.ask(anna, 1)
    race.attest(None)

    assert rekognition.collections == {}
    assert of_index(index) == []
    with pytest.raises(Conflict, match="faces_off"):
        service.results(anna, opened.search.id, PAGE)


def test_faces_go_with_their_event(race, rekognition):
    index = race.attest().index
    race.sell(1)

    events.delete_event(ADMIN, race.event.id)
    deliver.all()

    assert rekognition.collections == {}
    assert of_index(index) == []


def test_faces_go_when_their_time_is_up(race, rekognition):
    race.attest(keep_days=30)
    race.sell(1)

    with clock.travel(timedelta(days=29)):
        assert service.give_up_due() == 0
    with clock.travel(timedelta(days=31)):
        assert service.give_up_due() == 1
        assert service.give_up_due() == 0
        deliver.all()

    assert rekognition.collections == {}


def test_a_photo_that_is_taken_off_sale_is_forgotten_and_comes_back(race, rekognition, anna):
    race.attest()
    photo, other = race.sell(1, 2)

    photos.reject_photo(ADMIN, photo.id, "blurred")
    deliver.all()
    (collection,) = rekognition.collections.values()
    assert [name for name, _ in collection.values()] == [other.id]
    photos.approve_photo(ADMIN, photo.id)
    deliver.all()

    assert race.find(anna, 1) == [photo.id]


def test_a_photo_that_waits_for_a_decision_again_is_forgotten(race, rekognition):
    race.attest()
    photo, other = race.sell(1, 2)

    photos.decide(ADMIN, race.event.id, [Decision(photo.id, Verdict.RECONSIDER)])
    deliver.all()

    (collection,) = rekognition.collections.values()
    assert [name for name, _ in collection.values()] == [other.id]


def test_a_rejection_that_is_told_after_the_next_approval_forgets_nothing(race, rekognition):
    race.attest()
    (photo,) = race.sell(1)

    assert not service.forget_photo(DEFAULT, race.event.id, photo.id)
    deliver.all()

    (collection,) = rekognition.collections.values()
    assert [name for name, _ in collection.values()] == [photo.id]


def test_a_photo_that_comes_back_while_it_is_forgotten_is_looked_at_again(race, rekognition, monkeypatch):
    race.attest()
    (photo,) = race.sell(1)
    photos.reject_photo(ADMIN, photo.id, "blurred")
    remove = store.remove_seen

    def and_meanwhile(seen):
        photos.approve_photo(ADMIN, photo.id)
        service.look_at(DEFAULT, race.event.id, photo.id)  # and finds it looked at
        return remove(seen)

    monkeypatch.setattr(store, "remove_seen", and_meanwhile)
    assert service.forget_photo(DEFAULT, race.event.id, photo.id)
    monkeypatch.undo()
    deliver.all()

    (collection,) = rekognition.collections.values()
    assert [name for name, _ in collection.values()] == [photo.id]


def test_a_photo_that_is_erased_is_forgotten(race, rekognition):
    race.attest()
    race.sell(1)

    photos.erase_person(race.event.organization, race.studio.photographer.known_user)
    deliver.all()

    assert list(rekognition.collections.values()) == [{}]


def test_a_run_that_was_cut_off_leaves_no_face_behind(race, rekognition, monkeypatch, anna):
    race.attest()
    with monkeypatch.context() as cut:
        cut.setattr(photos, "note_faces", lambda *_: 1 / 0)
        with pytest.raises(AssertionError, match="no handler could finish"):
            race.sell(1)
    deliver.all()

    (collection,) = rekognition.collections.values()
    assert len(collection) == 1
    assert len(race.find(anna, 1)) == 1


def test_a_photo_looked_at_while_faces_are_given_up_is_forgotten(race, rekognition, monkeypatch):
    race.attest()
    looked = photos.note_faces

    def meanwhile(*given):
        service.give_up(race.event.organization, race.event.id)
        looked(*given)

    monkeypatch.setattr(photos, "note_faces", meanwhile)
    race.sell(1)

    assert rekognition.collections == {}


# --- searching ----------------------------------------------------------------------------------------------


def test_a_visitor_searches_with_a_token_and_nobody_else_sees_it(race):
    race.attest()
    (photo,) = race.sell(1)
    opened = race.ask(VISITOR, 1)
    theirs = holder(VISITOR, opened)

    (found,) = service.results(theirs, opened.search.id, PAGE).items

    assert found.photo.photo.id == photo.id
    assert found.similarity > 90
    for stranger in (VISITOR, replace(VISITOR, tokens={"search": "guess"}), caller("customer"), ADMIN):
        with pytest.raises(NotFound, match="search_not_found"):
            service.status(stranger, opened.search.id)


def test_the_consent_is_stored_before_the_picture_and_the_picture_goes_after_the_search(race, anna, monkeypatch):
    from chalicelib.core import storage

    race.attest()
    seen = []

    def upload(bucket, key, content, *, content_type):
        held = store.find_search(anna.organization, key.rpartition("/")[2])
        seen.append((held.wording, held.consented_at <= clock.now(), held.state, content))

    monkeypatch.setattr(storage, "upload", upload)
    service.ask(anna, race.event.id, Purpose.SEARCH, picture=SELFIE[1], wording="2026-11")
    monkeypatch.undo()
    opened = race.ask(anna, 1)

    assert seen == [("2026-11", True, SearchState.WAITING, SELFIE[1])]
    assert stored("selfies/") == []
    assert service.status(anna, opened.search.id).state is SearchState.DONE
    assert consents.has_consented(anna.organization, anna.known_user, ConsentKind.FACE_RECOGNITION)


def test_a_picture_that_nobody_looked_at_goes_after_ten_minutes(race, anna):
    race.attest()
    opened = service.ask(anna, race.event.id, Purpose.SEARCH, picture=SELFIE[1], wording="2026-11")
    assert stored("selfies/") == [opened.search.selfie_key]

    with clock.travel(timedelta(minutes=9)):
        assert service.delete_selfies() == 0
    with clock.travel(timedelta(minutes=11)):
        assert service.delete_selfies() == 1
        assert service.delete_selfies() == 0

    assert stored("selfies/") == []
    deliver.all()
    assert service.status(anna, opened.search.id).failure == "search_timed_out"


@pytest.mark.parametrize(("picture", "code"), [(b"no picture " * 20, "unsupported_format"), (NOBODY, "no_face")])
def test_a_picture_of_nobody_fails_with_a_reason(race, anna, picture, code):
    race.attest()
    opened = service.ask(anna, race.event.id, Purpose.SEARCH, picture=picture, wording="2026-11")
    deliver.all()

    assert service.status(anna, opened.search.id).failure == code
    assert stored("selfies/") == []
    with pytest.raises(Conflict, match="search_not_done"):
        service.results(anna, opened.search.id, PAGE)


def test_results_come_in_pages_and_without_what_went_off_sale(race, anna):
    race.attest()
    sold = [photo.id for photo in race.sell(1, 1, 1)]
    opened = race.ask(anna, 1)
    first = service.results(anna, opened.search.id, PageRequest(size=2))
    second = service.results(anna, opened.search.id, PageRequest(size=2, cursor=first.cursor))

    shown = [each.photo.photo.id for each in (*first.items, *second.items)]
    assert sorted(shown) == sorted(set(sold))
    assert (first.total, second.cursor) == (len(set(sold)), None)


def test_a_search_ends_after_a_day(race, anna):
    race.attest()
    opened = race.ask(anna, 1)

    with clock.travel(timedelta(hours=25)), pytest.raises(NotFound):
        service.status(anna, opened.search.id)


def test_feedback_is_kept_without_a_name(race, anna):
    index = race.attest().index
    (photo,) = race.sell(1)
    opened = race.ask(anna, 1)

    for correct in (True, False):
        service.note_feedback(anna, opened.search.id, photo.id, correct=correct)

    (kept,) = [item for item in everything() if item["sk"]["S"].startswith("FEEDBACK")]
    assert kept["correct"] == {"BOOL": False}
    assert anna.known_user not in str(kept)
    assert index in kept["pk"]["S"]


# --- not being found ----------------------------------------------------------------------------------------


def test_who_is_blocked_is_found_neither_before_nor_after(race, anna, rekognition):
    race.attest()
    (before,) = race.sell(1)
    blocked = race.ask(anna, 1, Purpose.BLOCK)
    (other, after) = race.sell(2, 1)

    assert service.status(anna, blocked.search.id).found == 1
    assert service.faces_of(ADMIN, before.id).faces == ()
    assert service.faces_of(ADMIN, after.id).faces == ()
    assert race.find(caller("customer"), 1) == []
    assert race.find(caller("customer"), 2) == [other.id]
    assert service.recognition_of(ADMIN, race.event.id).blocks == 1


def test_a_block_that_is_cut_off_still_says_how_many_photos_it_was(race, anna, monkeypatch):
    race.attest()
    race.sell(1, 1, 2)
    opened = service.ask(anna, race.event.id, Purpose.BLOCK, picture=SELFIE[1], wording="2026-11")
    with monkeypatch.context() as cut:
        cut.setattr(Search, "done", lambda search, found: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            service.run(anna.organization, opened.search.id)
    deliver.all()

    assert service.status(anna, opened.search.id).found == 2


def test_a_block_is_taken_back_by_its_owner_or_staff_alone(race, anna):
    race.attest()
    mine, another = (race.ask(anna, 1, Purpose.BLOCK).search.block for _ in range(2))

    with pytest.raises(NotFound, match="block_not_found"):
        service.unblock(caller("customer"), race.event.id, mine)
    service.unblock(anna, race.event.id, mine)
    service.unblock(ADMIN, race.event.id, another)
    deliver.all()
    (photo,) = race.sell(1)

    assert race.find(anna, 1) == [photo.id]


def test_staff_sees_that_there_are_blocks_and_not_whose(race, anna, rekognition, monkeypatch):
    race.attest()
    race.sell(1)
    done = race.ask(anna, 1, Purpose.BLOCK).search
    monkeypatch.setattr(type(engines.face_engine()), "block", _no_answer)
    begun = service.ask(anna, race.event.id, Purpose.BLOCK, picture=SELFIE[2], wording="2026-11").search
    with pytest.raises(Unavailable):
        service.run(begun.organization, begun.id)

    shown = {block.id: block.state for block in service.blocks(ADMIN, race.event.id, PAGE).items}

    assert shown == {done.block: BlockState.BLOCKED, begun.block: BlockState.ASKED}
    assert schemas.Block.model_fields.keys() == {"id", "at", "state"}
    with pytest.raises(NotFound, match="event_not_found"):
        service.blocks(caller("admin", organization=OTHER), race.event.id, PAGE)


def _no_answer(*_: object) -> None:
    raise Unavailable("busy", "Not now.")


def test_a_picture_of_nobody_blocks_nobody(race, anna, rekognition):
    race.attest()
    opened = service.ask(anna, race.event.id, Purpose.BLOCK, picture=NOBODY, wording="2026-11")
    deliver.all()

    assert service.status(anna, opened.search.id).failure == "no_face"
    assert store.blocks_of(anna.organization, anna.known_user) == []


# --- staff --------------------------------------------------------------------------------------------------


def test_faces_that_look_alike_are_grouped_and_staff_says_whose(race):
    race.attest()
    one, again, _ = race.sell(1, 1, 2)
    (face,) = service.faces_of(ADMIN, one.id).faces
    service.group(ADMIN, one.id, face.id)
    deliver.all()

    (group,) = service.groups(ADMIN, race.event.id, PAGE).items
    verified = service.verify(ADMIN, race.event.id, group.id, verified=True)

    assert {member.photo for member in group.members} == {one.id, again.id}
    assert (group.verified, verified.verified, verified.verified_by) == (None, True, ADMIN.user)
    with pytest.raises(NotFound, match="face_not_found"):
        service.group(ADMIN, one.id, "another")


def test_a_group_that_grew_is_to_be_verified_again(race):
    race.attest()
    (one,) = race.sell(1)
    (face,) = service.faces_of(ADMIN, one.id).faces
    group = service.group(ADMIN, one.id, face.id)
    deliver.all()
    service.verify(ADMIN, race.event.id, group.id, verified=True)
    race.sell(1)

    service.group(ADMIN, one.id, face.id)
    deliver.all()

    (grown,) = service.groups(ADMIN, race.event.id, PAGE).items
    assert (len(grown.members), grown.verified) == (2, None)


# --- numbers ------------------------------------------------------------------------------------------------


def test_photos_are_found_by_the_numbers_in_them(race, rekognition):
    race.attest(None, bibs=True)
    (photo,) = race.sell(1)

    assert race.studio.photo(photo.id).bibs == ("417", "B-22")
    assert (listed(race, bib="417"), listed(race, bib="B-22"), listed(race, bib="88"), listed(race, bib="41")) == (
        [photo.id],
        [photo.id],
        [],
        [],
    )
    assert listed(race, bib="417", photographer=race.studio.photographer.known_user) == [photo.id]
    assert listed(race, bib="417", photographer="usr_another") == []
    photos.reject_photo(ADMIN, photo.id, "blurred")
    assert listed(race, bib="417") == []
    assert "IndexFaces" not in [operation for operation, _ in rekognition.asked]


def test_photos_are_found_by_time_and_photographer(race):
    from tests.lines.photos.pictures import jpeg

    taken = race.studio.upload(
        jpeg(1, "2026:11:20 06:00:00", "+07:00"), jpeg(2, "2026:11:20 07:00:00", "+07:00"), jpeg(3)
    )
    for photo in taken:
        photos.approve_photo(ADMIN, photo.id)
    at = [photo.shelved_at for photo in (race.studio.photo(photo.id) for photo in taken)]
    mine = race.studio.photographer.known_user

    assert listed(race, since=at[0], until=at[1]) == [taken[0].id]
    assert sorted(listed(race, since=at[1], photographer=mine)) == sorted([taken[1].id, taken[2].id])
    assert sorted(listed(race, photographer=mine)) == sorted(photo.id for photo in taken)
    assert listed(race, photographer="usr_another") == []


def test_words_that_may_be_numbers():
    read = [("417", 99), ("a417", 90), ("START", 99), ("1", 99), ("1234567", 99), ("55.", 85), ("66", 79), ("417", 85)]

    assert bibs_of(Word(text, float(sure)) for text, sure in read) == ("417", "A417", "55")


# --- privacy ------------------------------------------------------------------------------------------------


def test_erasing_face_data_leaves_nothing_of_a_person(race, anna, rekognition):
    race.attest()
    race.sell(1)
    race.ask(anna, 1)
    race.ask(anna, 1, Purpose.BLOCK)
    service.ask(anna, race.event.id, Purpose.SEARCH, picture=SELFIE[1], wording="2026-11")
    told = service.personal_data(anna.organization, anna.known_user)
    assert ([len(told["searches"]), len(told["blocks"])]) == [3, 1]

    for holding in of_scope(Scope.FACES):
        for _ in range(2):
            holding.erase(anna.organization, anna.known_user)
    deliver.all()

    assert [item["sk"]["S"] for item in everything() if anna.known_user in str(item)] == []
    assert stored("selfies/") == []
    (collection,) = rekognition.collections.values()
    assert [name for name, _ in collection.values() if name.startswith("blk_")] == []
    assert not consents.has_consented(anna.organization, anna.known_user, ConsentKind.FACE_RECOGNITION)
