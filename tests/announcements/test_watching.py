"""Somebody sends a picture of themselves, and is told of photos that show them until they had enough."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image

from chalicelib.announcements import service, store
from chalicelib.announcements.model import Follower, follower_id
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid
from chalicelib.core.table import PageRequest
from chalicelib.events import service as events
from chalicelib.events.model import EventStatus
from chalicelib.faces import service as faces
from chalicelib.faces.model import Opened, Purpose
from chalicelib.faces.service import watching
from chalicelib.lines.photos import service as photos
from chalicelib.organizations.service import DEFAULT
from chalicelib.privacy.holdings import of_scope
from chalicelib.privacy.model import Scope
from tests import deliver
from tests.announcements.conftest import MAIL, PHONE, browse, mails, texts
from tests.events.people import ADMIN, VISITOR, planned
from tests.faces.conftest import SELFIE, Race, anna, holder, photographers, race, rekognition, stored, world
from tests.faces.labelled import jpeg

__all__ = ["anna", "photographers", "race", "rekognition", "world"]

HOUR = timedelta(hours=1, minutes=1)


def follower(race: Race, address: str = MAIL) -> Follower | None:
    return store.find_follower(DEFAULT, race.event.id, follower_id(DEFAULT, race.event.id, address))


def wait(race: Race, who: Principal = VISITOR, picture: bytes = SELFIE[1], language: str = "en", **at: str) -> Opened:
    """Somebody sends their picture, and proves where to be told."""
    address = {"email": None, "phone": None, **(at or {"email": MAIL})}
    service.ask(who, race.event.id, **address, language=language)
    deliver.all()
    told = texts()[-1] if "phone" in at else mails(address["email"])[-1].body
    (code,) = re.findall(r"(?<![#\w])\d{6}\b", told)[:1]
    opened = service.watch(
        who, race.event.id, **address, code=code, language=language, picture=picture, wording="2026-11"
    )
    deliver.all()
    return opened


def rounds() -> None:
    faces.begin_rounds()
    deliver.all()


def told(mail: Any) -> list[str]:
    """The ids of the photos that a mail links to."""
    ((search, token),) = set(re.findall(r"#search=(fsr_\w+)&(?:amp;)?token=([\w-]+)", mail.body))
    found = faces.results(replace(VISITOR, tokens={"search": token}), search, PageRequest(size=20))
    return [each.photo.photo.id for each in found.items]


def news() -> list[Any]:
    return [mail for mail in mails(MAIL) if "#search=" in mail.body]


def test_who_waits_is_told_of_photos_that_show_them_and_of_no_others(race):
    race.attest()
    opened = wait(race)
    photo, _ = race.sell(1, 2)

    with clock.travel(HOUR):
        rounds()
        (mail,) = news()
        assert told(mail) == [photo.id]

    assert faces.status(holder(VISITOR, opened), opened.search.id).state == "done"
    assert stored("selfies/") == []


def test_photos_on_sale_already_are_told_of(race):
    race.attest()
    (photo,) = race.sell(1)
    wait(race)

    with clock.travel(HOUR):
        rounds()
        assert [told(mail) for mail in news()] == [[photo.id]]


def test_nobody_is_told_twice_within_a_day_or_twice_of_a_photo(race):
    race.attest()
    wait(race)
    (first,) = race.sell(1)
    with clock.travel(HOUR):
        rounds()
    with clock.travel(3 * HOUR):
        (second,) = race.sell(1)
    with clock.travel(5 * HOUR):
        rounds()
        assert [told(mail) for mail in news()] == [[first.id]]
    with clock.travel(timedelta(days=1) + 2 * HOUR):
        rounds()
        rounds()
        assert [told(mail) for mail in news()] == [[first.id], [second.id]]
    with clock.travel(timedelta(days=3)):
        rounds()
        assert len(news()) == 2


def test_a_round_comes_to_everybody_page_by_page(race, monkeypatch):
    monkeypatch.setattr(watching, "_AT_ONCE", 1)
    race.attest()
    people = [f"p{number}@people.example" for number in range(3)]
    for address in people:
        wait(race, email=address)
    (photo,) = race.sell(1)

    with clock.travel(HOUR):
        rounds()
        assert [[told(mail) for mail in mails(who) if "#search=" in mail.body] for who in people] == [[[photo.id]]] * 3


def test_who_waits_hears_nothing_else_of_the_event(race):
    race.attest()
    wait(race)
    before = len(mails())
    said = {"en": service.announcing.Text("It rains", "Take a coat.")}
    service.announce(ADMIN, race.event.id, said, service.announcing.Audience.ALL)
    deliver.all()

    assert len(mails()) == before


def test_a_text_tells_too(race):
    race.attest()
    wait(race, phone=PHONE)
    race.sell(1)

    with clock.travel(HOUR):
        rounds()
        assert "1 new photos" in texts()[-1]
        assert "#search=fsr_" in texts()[-1]


def test_the_link_of_a_message_ends_it_and_the_face_is_forgotten(race, rekognition):
    race.attest()
    wait(race)
    race.sell(1)
    with clock.travel(HOUR):
        rounds()
        (mail,) = news()
        link = re.search(r"/notices\?token=u\.[\w.-]+", mail.body)
        assert browse("POST", link[0], b"List-Unsubscribe=One-Click").status == 200
        deliver.all()
        with pytest.raises(Exception, match="search_not_found"):
            told(mail)

    assert (follower(race).watch, follower(race).address) == (None, None)
    assert "wch_" not in str(rekognition.collections)
    race.sell(1)
    with clock.travel(timedelta(days=2)):
        rounds()
        assert len(news()) == 1


def test_a_newer_picture_takes_the_place_of_the_former(race, rekognition):
    race.attest()
    wait(race, picture=SELFIE[2])
    wait(race)
    photo, _ = race.sell(1, 2)

    assert str(rekognition.collections).count("wch_") == 1
    with clock.travel(HOUR):
        rounds()
        assert [told(mail) for mail in news()] == [[photo.id]]


def test_who_is_blocked_is_not_told(race, anna):
    race.attest()
    wait(race)
    race.ask(anna, 1, Purpose.BLOCK)
    race.sell(1)

    with clock.travel(HOUR):
        rounds()
        assert news() == []


def test_where_no_faces_are_looked_for_nobody_waits(race):
    with pytest.raises(Conflict, match="faces_off"):
        wait(race)

    assert (follower(race), stored("selfies/")) == (None, [])


def test_a_wrong_code_begins_nothing(race):
    race.attest()
    with pytest.raises(Invalid, match="invalid_code"):
        service.watch(
            VISITOR,
            race.event.id,
            email=MAIL,
            phone=None,
            code="000000",
            language=None,
            picture=SELFIE[1],
            wording="2026-11",
        )

    assert (follower(race), stored("selfies/")) == (None, [])


def test_a_picture_of_nobody_is_told_by_its_status_and_nothing_stays(race):
    race.attest()
    opened = wait(race, picture=jpeg(Image.new("RGB", (200, 200), "navy")))

    assert faces.status(holder(VISITOR, opened), opened.search.id).failure == "no_face"
    assert (follower(race).watch, follower(race).address) == (None, None)
    assert not faces.is_watched(DEFAULT, race.event.id, opened.search.watch)


def test_a_picture_that_nobody_looked_at_ends_the_watch(race, monkeypatch):
    race.attest()
    with monkeypatch.context() as slow:
        slow.setattr(deliver, "all", lambda: deliver.relay() and deliver.queue("emails"))
        opened = wait(race)
    deliver.forget()
    deliver.client("sqs").purge_queue(QueueUrl=deliver.ENVIRONMENT["PIX_JOBS_QUEUE"])
    with clock.travel(timedelta(minutes=11)):
        assert faces.delete_selfies() == 1
        deliver.all()

    assert stored("selfies/") == []
    assert follower(race).watch is None
    assert not faces.is_watched(DEFAULT, race.event.id, opened.search.watch)


def test_giving_faces_up_ends_every_watch(race, rekognition):
    race.attest()
    wait(race)
    race.attest(None)

    assert follower(race).watch is None
    assert rekognition.collections == {}
    race.attest()
    race.sell(1)
    with clock.travel(HOUR):
        rounds()
        assert news() == []


def test_photos_of_an_event_that_is_not_shown_are_told_of_when_it_is(race, rekognition):
    """Who waits for a draft is found by its id, and looked for when people may see what was found."""
    draft = planned()
    waiting = replace(race, studio=replace(race.studio, event=draft))
    waiting.attest()
    wait(waiting)
    with clock.travel(HOUR):
        rounds()
    asked = [operation for operation, _ in rekognition.asked].count("SearchFaces")
    events.move_event(ADMIN, draft.id, EventStatus.LIVE, draft.version)
    deliver.all()
    with clock.travel(HOUR):
        rounds()

    assert [operation for operation, _ in rekognition.asked].count("SearchFaces") - asked == 1


def test_somebody_is_forgotten_with_their_face(race, rekognition, anna):
    race.attest()
    wait(race, who=anna)
    exported = {each.name: each.export(DEFAULT, anna.known_user) for each in of_scope(Scope.FACES)}
    for each in of_scope(Scope.FACES):
        each.erase(DEFAULT, anna.known_user)
    deliver.all()

    ((row,),) = [exported["watched_faces"]]
    assert (row["event"], row["watch"]["wording"]) == (race.event.id, "2026-11")
    assert (follower(race).watch, follower(race).address) == (None, None)
    assert "wch_" not in str(rekognition.collections)


def test_an_account_is_forgotten_with_who_waits(race, rekognition, anna):
    race.attest()
    wait(race, who=anna)
    service.erase_person(DEFAULT, anna.known_user)
    deliver.all()

    assert follower(race) is None
    assert "wch_" not in str(rekognition.collections)


def test_somebody_with_an_account_stops_it(race, rekognition, anna):
    race.attest()
    wait(race, who=anna)
    service.stop(anna, race.event.id)
    deliver.all()

    assert "wch_" not in str(rekognition.collections)


def test_a_photo_that_went_off_sale_is_not_told_of(race):
    race.attest()
    wait(race)
    (photo,) = race.sell(1)
    photos.reject_photo(ADMIN, photo.id, "blurred")
    deliver.all()

    with clock.travel(HOUR):
        rounds()
        assert news() == []
