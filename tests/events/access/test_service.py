"""Events that are for who knows their code."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core import clock
from chalicelib.core.errors import Conflict, Forbidden, Invalid, Limited, NotFound
from chalicelib.core.table import PageRequest
from chalicelib.events import service
from chalicelib.events.access import service as entries
from chalicelib.events.model import Access, EventStatus
from tests.events.people import ADMIN, OTHER, VISITOR, caller, opened, planned

pytestmark = pytest.mark.usefixtures("aws")

CODE = "Mango 24-Rice"


def restricted(access, code=CODE, event=None):
    event = event or opened()
    return service.restrict(ADMIN, event.id, access, code, event.version)


def entered(event, code=CODE, who=VISITOR):
    return replace(who, tokens={"event": entries.enter(who, event.slug, code).token})


def listed(who=VISITOR, **more):
    return [event.id for event in service.list_events(who, PageRequest(), **more).items]


def test_who_knows_the_code_gets_in_for_twelve_hours():
    event = restricted(Access.CODE)

    with pytest.raises(Forbidden, match="access_code_required"):
        service.visible(VISITOR, event.id)
    guest = entered(event, " mango24 rice")

    assert service.visible(guest, event.slug).id == event.id
    with clock.travel(timedelta(hours=12)), pytest.raises(Forbidden, match="access_code_required"):
        service.visible(guest, event.id)


def test_an_event_with_a_code_is_known_to_all_a_private_one_to_nobody():
    coded, private = restricted(Access.CODE), restricted(Access.PRIVATE)

    assert service.show_event(VISITOR, coded.id).access is Access.CODE
    for look in (service.show_event, service.visible):
        with pytest.raises(NotFound):
            look(VISITOR, private.id)
        assert look(entered(private), private.id).id == private.id
    assert listed() == listed(status=EventStatus.LIVE) == [coded.id]
    assert set(listed(ADMIN)) == {coded.id, private.id}


def test_staff_and_its_photographers_need_no_code():
    photographer = caller("photographer")
    event = restricted(Access.PRIVATE)
    held = replace(event, photographers=(photographer.user,))

    assert service.visible(ADMIN, event.id).id == event.id
    assert service._is_inside(photographer, held)
    assert not service._is_inside(caller("photographer"), held)


def test_no_visitor_ever_sees_the_digest_of_the_code():
    event = restricted(Access.CODE)

    assert event.entry_code.startswith("$argon2")
    assert service.show_event(entered(event), event.id).entry_code is None
    assert CODE not in repr(event)
    assert "argon2" not in repr(event)


def test_a_new_code_ends_what_the_old_one_opened():
    event = restricted(Access.CODE)
    guest = entered(event)

    changed = restricted(Access.CODE, "another code", event)

    with pytest.raises(Forbidden):
        service.visible(guest, event.id)
    with pytest.raises(Forbidden):
        entered(changed)
    kept = restricted(Access.PRIVATE, None, changed)
    assert service.visible(entered(kept, "another code"), event.id).access is Access.PRIVATE


def test_an_event_that_is_opened_to_all_forgets_its_code():
    event = restricted(Access.PUBLIC, None, restricted(Access.PRIVATE))

    assert (event.access, event.entry_code) == (Access.PUBLIC, None)
    assert listed() == [event.id]
    with pytest.raises(Invalid, match="code_missing"):
        restricted(Access.CODE, None, event)
    with pytest.raises(Conflict, match="version_conflict"):
        service.restrict(ADMIN, event.id, Access.PUBLIC, None, event.version - 1)


def test_whatever_is_wrong_with_an_attempt_it_is_told_alike():
    private, public, draft = restricted(Access.PRIVATE), opened(), restricted(Access.CODE, event=planned())
    told = set()
    for target, who in (
        (private.slug, VISITOR), (private.id, VISITOR), (public.slug, VISITOR), (draft.slug, VISITOR),
        ("nowhere", VISITOR), ("evt_01J00000000000000000000001", VISITOR),
        (private.id, replace(VISITOR, organization=OTHER)),
    ):  # fmt: skip
        code = CODE if target == draft.slug or who.organization == OTHER else "a wrong one"
        with pytest.raises(Forbidden) as refused:
            entries.enter(who, target, code)
        told.add((refused.value.code, refused.value.message))

    assert len(told) == 1


def test_a_token_is_for_one_event_of_one_shop_and_can_not_be_made():
    one, other = restricted(Access.CODE), restricted(Access.CODE)
    token = entered(one).tokens["event"]
    ends, _, signature = token.partition(".")

    longer, other_key = f"{int(ends) + 1}.{signature}", f"{ends}.{signature[:-1]}x"
    for wrong in ("", "x", signature, longer, other_key, "9" * 40 + f".{signature}"):
        assert not entries.has_entered(replace(VISITOR, tokens={"event": wrong}), one)
    assert entries.has_entered(replace(VISITOR, tokens={"event": token}), one)
    assert not entries.has_entered(replace(VISITOR, tokens={"event": token}), other)


def test_codes_are_not_tried_for_ever(monkeypatch):
    monkeypatch.setattr(entries, "TRIES", 3)
    event = restricted(Access.CODE)
    for _ in range(3):
        with pytest.raises(Forbidden):
            entries.enter(VISITOR, event.slug, "wrong one")

    with pytest.raises(Limited):
        entries.enter(VISITOR, event.id, CODE)


def test_closed_to_visitors_is_closed_to_who_has_a_token():
    event = restricted(Access.CODE)
    guest = entered(event)
    service.move_event(ADMIN, event.id, EventStatus.REVIEWING, event.version)

    with pytest.raises(NotFound):
        service.visible(guest, event.id)
