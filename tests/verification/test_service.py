"""Documents from the offer to the end of their approval, in moto."""

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.audit.store import AuditRecord
from chalicelib.core import clock, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, NotFound
from chalicelib.core.table import PageRequest
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT
from chalicelib.verification import jobs, service
from chalicelib.verification.model import LASTS, Kind, Level, State, standing
from tests import deliver
from tests.stack import ENVIRONMENT, client

pytestmark = pytest.mark.usefixtures("aws")

JOBS = jobs  # importing them registers their handlers
PDF = b"%PDF-1.7 a page"
STAFF = Principal(DEFAULT, user="usr_01KB0000000000000000000000", permissions=frozenset({"verification.review"}))


@pytest.fixture
def anna(aws) -> Principal:
    user = accounts.create_user(
        DEFAULT, email="anna@shop.example", password="correct horse battery", name="Anna", roles=["customer"]
    )
    return Principal(DEFAULT, user=user.id)


def offer(owner: Principal, kind: Kind = Kind.PASSPORT, content: bytes = PDF, content_type: str = "application/pdf"):
    digest = hashlib.sha256(content).hexdigest()
    return service.offer(owner, kind=kind, content_type=content_type, size=len(content), sha256=digest)


def send(offered: service.Offered, content: bytes = PDF) -> str:
    bucket = ENVIRONMENT["PIX_DOCUMENTS_BUCKET"]
    client("s3").put_object(Bucket=bucket, Key=offered.form.fields["key"], Body=content)
    return offered.document.id


def submitted(owner: Principal, kind: Kind = Kind.PASSPORT, content: bytes = PDF) -> str:
    return service.submit(owner, send(offer(owner, kind, content), content)).id


def files() -> list[str]:
    found = client("s3").list_objects_v2(Bucket=ENVIRONMENT["PIX_DOCUMENTS_BUCKET"]).get("Contents", [])
    return [item["Key"] for item in found]


def states(owner: Principal) -> list[State]:
    return [document.state for document in service.standing_of(DEFAULT, owner.known_user).documents]


# --- sending ------------------------------------------------------------------------------------------------


def test_a_form_takes_exactly_what_was_offered_into_the_owners_folder(anna):
    offered = offer(anna)

    assert offered.document.state is State.AWAITING
    assert offered.form.fields["key"] == f"identity/{DEFAULT}/{anna.user}/{offered.document.id}"
    assert ENVIRONMENT["PIX_DOCUMENTS_BUCKET"] in offered.form.url
    assert offered.form.fields["Content-Type"] == "application/pdf"


def test_the_same_file_again_is_the_same_document(anna):
    first, second = offer(anna), offer(anna)

    assert second.document == first.document
    assert second.form is not None
    assert states(anna) == [State.AWAITING]


def test_what_was_sent_already_gets_no_other_form(anna):
    submitted(anna)

    assert offer(anna).form is None


@pytest.mark.parametrize(
    ("content", "code"), [(None, "document_not_sent"), (b"", "document_not_sent"), (b"GIF89a", "document_type")]
)
def test_only_a_file_that_is_there_and_what_it_says_is_submitted(anna, content, code):
    offered = offer(anna)
    if content is not None:
        send(offered, content)

    with pytest.raises(Conflict) as refused:
        service.submit(anna, offered.document.id)

    assert refused.value.code == code
    assert states(anna) == [State.AWAITING]


def test_nobody_submits_or_withdraws_what_is_anothers(anna):
    document = send(offer(anna))
    other = replace(anna, user="usr_01KB1111111111111111111111")

    for act in (service.submit, service.withdraw):
        with pytest.raises(NotFound):
            act(other, document)
    with pytest.raises(NotFound):
        service.submit(replace(anna, organization=organizations.create("Other").id), document)
    assert states(anna) == [State.AWAITING]


def test_what_is_withdrawn_goes_with_its_file(anna):
    document = submitted(anna)

    service.withdraw(anna, document)
    deliver.all()

    assert states(anna) == []
    assert files() == []


# --- reviewing ----------------------------------------------------------------------------------------------


def test_the_queue_shows_what_waits_longest_first(anna):
    first = submitted(anna)
    with clock.travel(timedelta(seconds=5)):
        second = submitted(anna, Kind.ID_CARD, PDF + b"2")
    offer(anna, Kind.ID_CARD, PDF + b"3")

    waiting = service.to_review(STAFF, PageRequest(size=5))
    service.approve(STAFF, anna.known_user, first, None)

    assert [document.id for document in waiting.items] == [first, second]
    assert [document.id for document in service.to_review(STAFF, PageRequest(size=5)).items] == [second]


def test_a_document_is_shown_to_staff_and_that_is_kept(anna):
    document = submitted(anna)

    opened = service.open_document(STAFF, anna.known_user, document)

    assert f"identity/{DEFAULT}/{anna.user}/{document}" in opened.url
    (entry,) = AuditRecord.scan()
    assert (entry.actor, entry.action, entry.entity_id) == (STAFF.user, "document.opened", document)


def test_levels_climb_one_by_one(anna):
    identity = submitted(anna)
    address = submitted(anna, Kind.PROOF_OF_ADDRESS, PDF + b"2")
    for document in (identity, address):
        service.approve(STAFF, anna.known_user, document, None)

    found = service.standing_of(DEFAULT, anna.known_user)

    now = clock.now()
    both = frozenset({Level.EMAIL, Level.PHONE})
    assert (found.level, found.missing) == (Level.EMAIL, (Level.PHONE,))
    assert standing(both, found.documents, now).level is Level.FULL
    assert standing(both, found.documents[:1], now).level is Level.IDENTITY
    assert standing(both, (), now) == service.Standing(Level.PHONE, (Level.IDENTITY, Level.FULL), ())
    assert standing(frozenset(), found.documents, now).level is Level.UNVERIFIED


def test_an_approval_ends_with_the_document_and_never_later_than_it_may(anna):
    short, long = submitted(anna), submitted(anna, Kind.ID_CARD, PDF + b"2")
    tomorrow = (clock.now() + timedelta(days=1)).date()

    ends = service.approve(STAFF, anna.known_user, short, tomorrow).valid_until
    latest = service.approve(STAFF, anna.known_user, long, date(2099, 1, 1)).valid_until

    assert ends == datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC) + timedelta(days=1)
    assert latest <= clock.now() + LASTS[Level.IDENTITY]


def test_a_document_that_has_run_out_is_not_accepted(anna):
    document = submitted(anna)

    with pytest.raises(Invalid, match="document_expired"):
        service.approve(STAFF, anna.known_user, document, date(2020, 1, 1))

    assert states(anna) == [State.SUBMITTED]


def test_nobody_decides_on_their_own(anna):
    document = submitted(anna)

    for decide in (lambda: service.approve(anna, anna.known_user, document, None),
                   lambda: service.reject(anna, anna.known_user, document, "x")):  # fmt: skip
        with pytest.raises(Conflict, match="own_document"):
            decide()

    assert states(anna) == [State.SUBMITTED]


def test_a_decision_is_made_once(anna):
    document = submitted(anna)
    service.reject(STAFF, anna.known_user, document, "cut off")

    with pytest.raises(Conflict, match="document_not_submitted"):
        service.approve(STAFF, anna.known_user, document, None)
    with pytest.raises(Conflict, match="document_settled"):
        offer(anna)

    assert states(anna) == [State.REJECTED]


# --- time ---------------------------------------------------------------------------------------------------


def test_the_clock_ends_approvals_and_forgets_what_is_not_needed(anna):
    approved = submitted(anna)
    rejected = submitted(anna, Kind.ID_CARD, PDF + b"2")
    offer(anna, Kind.ID_CARD, PDF + b"3")
    service.approve(STAFF, anna.known_user, approved, (clock.now() + timedelta(days=9)).date())
    service.reject(STAFF, anna.known_user, rejected, "cut off")

    assert service.expire_due() == 0
    with clock.travel(timedelta(days=2)):
        assert service.expire_due() == 1
    with clock.travel(timedelta(days=11)):
        assert service.expire_due() == 1
        deliver.all()
        kept = files()
        assert states(anna) == [State.EXPIRED, State.REJECTED]
    with clock.travel(timedelta(days=31)):
        assert service.expire_due() == 1
        deliver.all()

    assert kept == [f"identity/{DEFAULT}/{anna.user}/{rejected}"]
    assert states(anna) == [State.EXPIRED]
    assert files() == []


def test_one_that_can_not_be_expired_keeps_no_other(anna, monkeypatch):
    offer(anna)
    offer(anna, Kind.ID_CARD, PDF + b"2")
    failures: list[Exception] = [RuntimeError(), Conflict("changed_meanwhile", "x")]
    expire, failing = service._expire, iter(failures)

    def broken(*about: str) -> bool:
        if failure := next(failing, None):
            raise failure
        return expire(*about)

    monkeypatch.setattr(service, "_expire", broken)
    with clock.travel(timedelta(days=2)):
        assert service.expire_due() == 0
        assert service.expire_due() == 2

    assert states(anna) == []


# --- privacy ------------------------------------------------------------------------------------------------


def test_everything_of_a_person_is_told_and_forgotten(anna):
    approved, waiting = submitted(anna), submitted(anna, Kind.ID_CARD, PDF + b"2")
    service.approve(STAFF, anna.known_user, approved, None)

    told = service.personal_data(DEFAULT, anna.known_user)["documents"]
    named = [(file.bucket, file.name) for file in service.own_files(DEFAULT, anna.known_user)]
    service.erase_person(DEFAULT, anna.known_user)
    service.erase_person(DEFAULT, anna.known_user)

    assert [(document.id, document.reviewed_by) for document in told] == [(approved, None), (waiting, None)]
    assert named == [("documents", f"documents/passport-{approved}"), ("documents", f"documents/id_card-{waiting}")]
    assert states(anna) == []
    assert files() == []


def test_a_file_that_is_wanted_again_is_not_removed(anna):
    document = submitted(anna)

    assert service.remove_file(DEFAULT, anna.known_user, document) is False
    assert storage.peek("documents", files()[0], 5) == b"%PDF-"
