"""Mails that come back, and addresses that are mailed no more."""

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from app import on_email
from chalicelib.core import clock
from chalicelib.core.queues import Outcome
from chalicelib.notifications import service as notifications
from chalicelib.notifications.feedback import service
from chalicelib.notifications.feedback.model import Reason
from chalicelib.notifications.model import Kind, Reader
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT
from chalicelib.privacy.service import mails
from infra.local.feedback import Kind as Feedback
from infra.local.feedback import event_of
from infra.local.gateway import LambdaContext
from tests import logged
from tests.profiles.conftest import anna, person, refusal
from tests.stack import client

assert anna

ADDRESS = "Gone@Mail.example"
PATH = "/admin/notifications/suppressions"
CODE = {"name": "Nok", "code": "483920", "minutes": 10}
NEWS = {"event": "Run", "link": "https://shop.example/e", "unsubscribe": "https://shop.example/n"}


def known(address: str = ADDRESS, organization: str = DEFAULT) -> Any:
    return service.personal_data(organization, address)


def mail(template: str = "sign_up_code", values: Any = CODE, **more: Any) -> Outcome:
    given = {"once": "one", "to": ADDRESS, "language": "en"} | more
    return notifications.send_email(DEFAULT, template=template, values=values, **given)


@pytest.mark.usefixtures("aws")
def test_a_permanent_bounce_ends_all_mails_to_the_address_however_it_is_written():
    assert service.take(event_of("bounce", ADDRESS.lower())) is Outcome.SUCCESS

    with logged.lines() as told:
        assert mail() is Outcome.SKIPPED
    assert "mail suppressed" in str(told())
    assert ADDRESS.lower() not in str(told()).lower()
    assert known()["reason"] is Reason.BOUNCED
    assert known()["detail"] == "5.1.1"


@pytest.mark.usefixtures("aws")
def test_who_complained_still_gets_what_is_necessary():
    service.take(event_of("complaint", ADDRESS))

    assert mail() is Outcome.SUCCESS
    assert mail("event_live", NEWS, once="two") is Outcome.SKIPPED
    assert known()["detail"] == "abuse"


@pytest.mark.usefixtures("aws")
def test_an_address_that_bounces_and_complains_bounces():
    orders: list[tuple[Feedback, Feedback]] = [("bounce", "complaint"), ("complaint", "bounce")]
    for kinds in orders:
        address = f"{kinds[0]}@mail.example"
        for number, kind in enumerate(kinds):
            service.take(event_of(kind, address, id=f"{address}-{number}"))
        assert known(address)["reason"] is Reason.BOUNCED


@pytest.mark.usefixtures("aws")
def test_what_fails_for_a_while_is_counted_and_forgotten_after_a_month():
    for number in range(3):
        service.take(event_of("transient", ADDRESS, id=f"{number}"))

    assert service.is_suppressed(DEFAULT, ADDRESS, Kind.NEWS) is False
    assert known()["reason"] is None
    with clock.travel(timedelta(days=31)):
        assert known() is None
        service.take(event_of("bounce", ADDRESS, id="later"))
        assert known()["reason"] is Reason.BOUNCED


@pytest.mark.usefixtures("aws")
def test_an_event_that_comes_twice_counts_once():
    event = event_of("transient", ADDRESS)

    assert [service.take(event) for _ in range(2)] == [Outcome.SUCCESS, Outcome.SKIPPED]


@pytest.mark.usefixtures("aws")
def test_an_organization_hears_of_its_own_mails_alone():
    other = organizations.create("Other").id

    service.take(event_of("bounce", ADDRESS, organization=other))

    assert known() is None
    assert known(organization=other) is not None


@pytest.mark.usefixtures("aws")
def test_what_is_no_complaint_and_what_nobody_asked_for_changes_nothing():
    pardon = event_of("complaint", ADDRESS)
    pardon["complaint"]["complaintFeedbackType"] = "not-spam"
    foreign = event_of("bounce", ADDRESS)
    del foreign["mail"]["tags"]["organization"]
    delivered = event_of("bounce", ADDRESS) | {"eventType": "Delivery", "delivery": {}}
    del delivered["bounce"]

    assert {service.take(event) for event in (pardon, foreign, delivered)} == {Outcome.SKIPPED}
    assert known() is None


@pytest.mark.usefixtures("aws")
def test_what_is_no_event_goes_to_the_dead_letters():
    with pytest.raises(LookupError):
        service.take({"hello": "there"})
    with pytest.raises(ValidationError) as refusal:
        service.take({"eventType": "Bounce", "mail": {"destination": [ADDRESS, ADDRESS]}})
    assert ADDRESS not in str(refusal.value)


@pytest.mark.usefixtures("aws")
def test_the_function_of_mails_takes_the_events():
    event = event_of("bounce", ADDRESS)
    record = {"messageId": "1", "body": json.dumps(event), "eventSourceARN": "arn:aws:sqs:::emails"}

    assert on_email({"Records": [record]}, LambdaContext("on_email")) == {"batchItemFailures": []}
    assert known() is not None


def test_it_is_in_the_inbox_though_it_is_not_mailed(anna):
    service.take(event_of("bounce", ADDRESS))

    mail("password_changed", {"name": "Anna"}, reader=Reader(anna.principal.known_user))

    items = anna.get("/users/notifications")["items"]
    assert [entry["topic"] for entry in items] == ["password_changed"]


def test_staff_see_who_is_mailed_no_more_and_lift_it(anna):
    staff = person("boss", "admin")
    service.take(event_of("bounce", ADDRESS))
    service.take(event_of("transient", "full@mail.example"))

    assert refusal(anna.call("GET", PATH)) == (403, "forbidden")
    shown = {each["email"]: each for each in staff.get(PATH)["items"]}
    assert shown.keys() == {ADDRESS, "full@mail.example"}
    assert (shown[ADDRESS]["reason"], shown[ADDRESS]["detail"]) == ("bounced", "5.1.1")
    assert (shown["full@mail.example"]["reason"], shown["full@mail.example"]["transientBounces"]) == (None, 1)

    (found,) = staff.get(f"{PATH}?email={ADDRESS.upper()}")["items"]
    assert staff.call("DELETE", f"{PATH}/{found['id']}").status == 204

    assert refusal(staff.call("DELETE", f"{PATH}/{found['id']}")) == (404, "suppression_not_found")
    assert mail() is Outcome.SUCCESS
    (entry,) = staff.get("/admin/audit-logs?action=suppression.lifted")["items"]
    assert entry["entityId"] == found["id"]


def test_a_person_sees_that_their_address_bounces(anna):
    assert anna.get("/users/email") == {"email": "anna@shop.example", "problem": None}

    service.take(event_of("bounce", "anna@shop.example"))

    assert anna.get("/users/email") == {"email": "anna@shop.example", "problem": "bounced"}


def test_of_who_is_erased_a_digest_stays_for_a_month(anna):
    service.take(event_of("bounce", "anna@shop.example"))
    user = anna.principal.known_user

    for _ in range(2):
        mails.erase_person(DEFAULT, user)

    rows = client("dynamodb").scan(TableName="thepixstock-test-notifications")["Items"]
    (row,) = (row for row in rows if row["pk"]["S"].endswith("#SUPPRESSED"))
    assert row["address"]["S"] == ""
    assert service.is_suppressed(DEFAULT, "anna@shop.example", Kind.ACCOUNT)
    with clock.travel(timedelta(days=31)):
        assert known("anna@shop.example") is None


def test_the_export_tells_what_came_of_mails(anna):
    service.take(event_of("complaint", "anna@shop.example"))

    told = mails.personal_data(DEFAULT, anna.principal.known_user)

    assert (told["reason"], told["detail"]) == (Reason.COMPLAINED, "abuse")
