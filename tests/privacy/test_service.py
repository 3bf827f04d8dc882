"""Consents, exports and erasures as people meet them, in moto."""

import io
import json
import re
import secrets as random_secrets
import zipfile
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest
from moto.ses.models import ses_backends
from pydantic import SecretStr

from chalicelib.accounts import service as accounts
from chalicelib.accounts.federation import store as federation
from chalicelib.accounts.federation.model import Link
from chalicelib.core import clock, ids, sealing, signing, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Limited, NotFound
from chalicelib.core.secrets import secrets
from chalicelib.core.table import PageRequest, transact
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT
from chalicelib.privacy import holdings, jobs, receipts, store
from chalicelib.privacy.model import GRACE, ConsentKind, ErasureState, ExportState, Scope
from chalicelib.privacy.service import consents, erasures, exports
from tests import deliver
from tests.stack import ACCOUNT, ENVIRONMENT, REGION, client

pytestmark = pytest.mark.usefixtures("aws")

JOBS = jobs  # importing them registers their handlers
EMAIL = "anna@shop.example"


@pytest.fixture
def anna(aws) -> Principal:
    return person(EMAIL)


def person(email: str) -> Principal:
    user = accounts.create_user(
        DEFAULT, email=email, password="correct horse battery", name="Anna", roles=["customer"], language="en"
    )
    return Principal(DEFAULT, user=user.id)


def mails() -> list[str]:
    return [mail.body for mail in ses_backends[ACCOUNT][REGION].sent_messages]


def files() -> list[str]:
    found = client("s3").list_objects_v2(Bucket=ENVIRONMENT["PIX_DOCUMENTS_BUCKET"]).get("Contents", [])
    return [item["Key"] for item in found]


def after_the_grace() -> None:
    with clock.travel(GRACE + timedelta(seconds=1)):
        assert erasures.begin_due() == 1
        deliver.all()


# --- consents -----------------------------------------------------------------------------------------------


def test_every_answer_is_kept_and_the_last_one_counts(anna):
    for seconds, granted in enumerate((True, True, False)):
        with clock.travel(timedelta(seconds=seconds)):
            consents.answer(anna, ConsentKind.MARKETING, granted=granted, wording="2026-11")

    history = consents.answers(anna, PageRequest(size=9)).items
    assert [consent.granted for consent in consents.consents_of(anna)] == [False]
    assert [consent.granted for consent in history] == [False, True]
    assert not consents.has_consented(DEFAULT, anna.known_user, ConsentKind.MARKETING)


def test_another_wording_is_another_answer(anna):
    for seconds, wording in enumerate(("2026-11", "2026-12")):
        with clock.travel(timedelta(seconds=seconds)):
            consents.answer(anna, ConsentKind.ANALYTICS, granted=True, wording=wording)

    assert [each.wording for each in consents.answers(anna, PageRequest(size=9)).items] == ["2026-12", "2026-11"]


def test_an_account_needs_its_data(anna):
    with pytest.raises(Conflict, match="needed_for_account"):
        consents.answer(anna, ConsentKind.DATA_PROCESSING, granted=False, wording="2026-11")

    assert consents.consents_of(anna) == []


# --- exports ------------------------------------------------------------------------------------------------


def test_an_export_holds_what_every_holding_has_and_nothing_secret(anna):
    consents.answer(anna, ConsentKind.MARKETING, granted=True, wording="2026-11")
    asked = exports.ask(anna)
    deliver.all()

    made = exports.find(DEFAULT, anna.known_user, asked.id)
    held = client("s3").get_object(Bucket=ENVIRONMENT["PIX_DOCUMENTS_BUCKET"], Key=made.key)["Body"].read()
    archive = zipfile.ZipFile(io.BytesIO(held))
    told = json.loads(archive.read("accounts.json"))
    assert {f"{holding.name}.json" for holding in holdings.HOLDINGS} < set(archive.namelist())
    assert (told["email"], told["name"]) == (EMAIL, "Anna")
    assert b"argon2" not in archive.read("accounts.json")
    assert json.loads(archive.read("privacy.json"))["consents"][0]["kind"] == "marketing"
    assert (made.state, made.size) == (ExportState.READY, len(held))


def test_who_asks_twice_gets_one(anna):
    first, second = exports.ask(anna), exports.ask(anna)
    deliver.all()

    assert first == second
    assert len(mails()) == 1


def test_three_exports_a_day(anna):
    for _ in range(3):
        exports.ask(anna)
        deliver.all()

    with pytest.raises(Limited):
        exports.ask(anna)


def test_the_link_opens_this_export_until_it_expires_and_nothing_else(anna):
    asked = exports.ask(anna)
    deliver.all()
    link = re.search(r"/exports/([\w]+)/([\w]+)/([\w-]{43})", mails()[0])
    user, id, token = link.groups()

    assert exports.opened(DEFAULT, user, id, token).id == asked.id
    for wrong in (
        (DEFAULT, user, id, "x" * 43),
        (DEFAULT, ids.new("usr"), id, token),
        (organizations.create("Other").id, user, id, token),
        (DEFAULT, "usr_x", id, token),
    ):
        with pytest.raises(NotFound):
            exports.opened(*wrong)
    with clock.travel(timedelta(days=8)):
        with pytest.raises(NotFound):
            exports.opened(DEFAULT, user, id, token)
        assert exports.expire_due() == 1
        deliver.all()
    assert files() == []
    assert exports.exports_of(anna) == []


def test_an_export_that_is_cut_off_goes_on_with_what_is_missing(anna, monkeypatch):
    asked_of = []

    def holding(name, *, broken=False):
        def tell(organization, user):
            asked_of.append(name)
            if broken and asked_of.count(name) == 1:
                raise ConnectionError
            return name

        return replace(holdings.HOLDINGS[0], name=name, export=tell, files=lambda organization, user: ())

    monkeypatch.setattr(exports, "HOLDINGS", (holding("first"), holding("second", broken=True), holding("third")))
    asked = exports.ask(anna)
    with pytest.raises(ConnectionError):
        exports.make(DEFAULT, anna.known_user, asked.id)
    assert exports.make(DEFAULT, anna.known_user, asked.id)

    assert asked_of == ["first", "second", "second", "third"]
    assert files() == [asked.key]


def test_a_draft_that_was_left_behind_goes_when_the_message_comes_again(anna):
    asked = exports.ask(anna)
    deliver.all()
    storage.upload("documents", asked.draft_key, b"{}", content_type="application/json")

    assert not exports.make(DEFAULT, anna.known_user, asked.id)

    assert files() == [asked.key]


def test_what_a_run_leaves_of_somebody_who_is_gone_meanwhile_goes_when_the_message_comes_again(anna):
    asked = exports.ask(anna)
    storage.upload("documents", asked.draft_key, b"{}", content_type="application/json")
    storage.upload("documents", asked.key, b"PK", content_type="application/zip")
    transact(store.remove_export(asked))

    assert not exports.make(DEFAULT, anna.known_user, asked.id)

    assert files() == []


def test_one_that_can_not_be_removed_keeps_no_other(anna, monkeypatch):
    exports.ask(anna)
    deliver.all()
    transact, failures = exports.transact, iter([RuntimeError(), Conflict("changed_meanwhile", "x")])

    def broken(*writes):
        if failure := next(failures, None):
            raise failure
        transact(*writes)

    monkeypatch.setattr(exports, "transact", broken)
    with clock.travel(timedelta(days=8)):
        assert [exports.expire_due() for _ in range(3)] == [0, 0, 1]


def test_files_beyond_the_room_are_listed(anna, monkeypatch):
    monkeypatch.setattr(exports, "MOST_BYTES", 0)
    mine = storage.StoredFile("documents", "x", "mine.pdf")
    holding = replace(holdings.HOLDINGS[0], files=lambda organization, user: [mine])
    monkeypatch.setattr(exports, "HOLDINGS", (holding,))
    asked = exports.ask(anna)
    deliver.all()

    made = exports.find(DEFAULT, anna.known_user, asked.id)
    held = client("s3").get_object(Bucket=ENVIRONMENT["PIX_DOCUMENTS_BUCKET"], Key=made.key)["Body"].read()
    assert json.loads(zipfile.ZipFile(io.BytesIO(held)).read("left_out.json")) == ["mine.pdf"]


# --- erasures -----------------------------------------------------------------------------------------------


def test_an_erasure_waits_and_can_be_taken_back(anna):
    planned = erasures.ask(anna, Scope.ACCOUNT)
    with clock.travel(GRACE - timedelta(minutes=1)):
        assert erasures.begin_due() == 0
        cancelled = erasures.cancel(anna)
    with clock.travel(GRACE * 2):
        assert erasures.begin_due() == 0

    assert planned.due_at - planned.asked_at == timedelta(days=30)
    assert cancelled.state is erasures.cancel(anna).state is ErasureState.CANCELLED
    assert accounts.find_user(DEFAULT, anna.known_user) is not None


def test_one_request_at_a_time(anna):
    first = erasures.ask(anna, Scope.FACES)

    assert erasures.ask(anna, Scope.FACES) == first
    with pytest.raises(Conflict, match="erasure_planned"):
        erasures.ask(anna, Scope.ACCOUNT)


def test_what_has_begun_is_not_taken_back(anna):
    erasures.ask(anna, Scope.ACCOUNT)
    with clock.travel(GRACE + timedelta(seconds=1)):
        erasures.begin_due()

        with pytest.raises(Conflict, match="erasure_begun"):
            erasures.cancel(anna)


def test_nobody_has_a_request_before_asking(anna):
    with pytest.raises(NotFound):
        erasures.current(anna)


def test_of_an_erased_account_nothing_is_left_and_others_are_untouched(anna):
    other = person("bea@shop.example")
    for each in (anna, other):
        consents.answer(each, ConsentKind.MARKETING, granted=True, wording="2026-11")
        exports.ask(each)
    accounts.log_in(DEFAULT, email=EMAIL, password="correct horse battery")
    linked = Link(DEFAULT, "google", ids.digest("subject"), anna.known_user, clock.now())
    transact(*federation.add(linked))
    erasures.ask(anna, Scope.ACCOUNT)
    deliver.all()
    after_the_grace()

    left = [
        item
        for name in ("accounts", "privacy", "verification", "carts", "orders")
        for item in client("dynamodb").scan(TableName=f"thepixstock-test-{name}")["Items"]
        if anna.known_user in json.dumps(item) or EMAIL in json.dumps(item)
    ]
    assert left == []
    assert [key for key in files() if anna.known_user in key] == []
    assert accounts.find_user(DEFAULT, other.known_user) is not None
    assert len(consents.consents_of(other)) == len(exports.exports_of(other)) == 1


def test_the_receipt_is_checked_without_us_and_names_its_owner_to_whoever_knows_the_address(anna):
    erasures.ask(anna, Scope.ACCOUNT)
    after_the_grace()

    signed = re.search(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+", mails()[-1])[0]
    kid = jwt.get_unverified_header(signed)["kid"]
    (key,) = [each for each in signing.published(DEFAULT) if each.kid == kid]
    public = jwt.PyJWK({"kty": "OKP", "crv": "Ed25519", "x": key.x})
    claims = jwt.decode(signed, public, algorithms=["EdDSA"], options={"verify_iat": False})
    assert claims["erased"] == [holding.name for holding in holdings.of_scope(Scope.ACCOUNT)]
    assert claims["sub"] == receipts.subject(claims["salt"], EMAIL)
    assert "orders and their ledger, under a pseudonym" in claims["kept"]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(signed[:-6] + "AAAAAA", public, algorithms=["EdDSA"])
    kept = store.find_receipt(DEFAULT, claims["jti"])
    assert (kept.signed, kept.contact) == (None, None)


def test_keys_of_earlier_receipts_stay_known(anna, monkeypatch):
    erasures.ask(anna, Scope.FACES)
    after_the_grace()
    before = signing.key(DEFAULT)

    another = SecretStr(random_secrets.token_hex(32))
    with_another = secrets().model_copy(update={"sealing_key": another})
    monkeypatch.setattr(signing, "secrets", lambda: with_another)

    assert [key.kid for key in signing.published(DEFAULT)] == [signing.key(DEFAULT).kid, before.kid]


def test_face_data_alone(anna):
    consents.answer(anna, ConsentKind.FACE_RECOGNITION, granted=True, wording="2026-11")
    erasures.ask(anna, Scope.FACES)
    after_the_grace()

    assert not consents.has_consented(DEFAULT, anna.known_user, ConsentKind.FACE_RECOGNITION)
    assert erasures.current(anna).state is ErasureState.DONE
    assert accounts.find_user(DEFAULT, anna.known_user) is not None


def test_an_erasure_goes_on_where_it_was_cut_off(anna, monkeypatch):
    erased = []

    def step(name: str, *, fails: bool = False):
        def erase(organization: str, user: str) -> None:
            erased.append(name)
            if fails and erased.count(name) == 1:
                raise RuntimeError

        return replace(holdings.HOLDINGS[0], name=name, erase=erase)

    steps = (step("one"), step("two", fails=True), step("three"))
    monkeypatch.setattr(erasures, "of_scope", lambda scope: steps)
    erasures.ask(anna, Scope.PHOTOS)
    with clock.travel(GRACE + timedelta(seconds=1)):
        erasures.begin_due()
        deliver.relay()
        deliver.queue("jobs")
        halfway = erasures.current(anna)
        deliver.all()

    assert (halfway.state, halfway.done) == (ErasureState.ERASING, ("one",))
    assert erased == ["one", "two", "two", "three"]
    assert erasures.current(anna).state is ErasureState.DONE


def test_an_erasure_whose_message_was_lost_is_told_again(anna):
    erasures.ask(anna, Scope.FACES)
    with clock.travel(GRACE + timedelta(seconds=1)):
        assert erasures.begin_due() == 1
        assert erasures.begin_due() == 0
    with clock.travel(GRACE + timedelta(hours=2)):
        assert erasures.begin_due() == 1


def test_one_that_can_not_be_begun_keeps_no_other(anna, monkeypatch):
    erasures.ask(anna, Scope.FACES)
    begin, failures = erasures._begin, iter([RuntimeError(), Conflict("changed_meanwhile", "x")])

    def broken(*about):
        if failure := next(failures, None):
            raise failure
        return begin(*about)

    monkeypatch.setattr(erasures, "_begin", broken)
    with clock.travel(GRACE + timedelta(seconds=1)):
        assert [erasures.begin_due() for _ in range(3)] == [0, 0, 1]


def test_a_receipt_sealed_with_a_retired_key_is_forgotten(anna, monkeypatch):
    erasures.ask(anna, Scope.FACES)
    with clock.travel(GRACE + timedelta(seconds=1)):
        erasures.begin_due()
        deliver.relay()
        deliver.queue("jobs")

        def retired(*about: str) -> str:
            raise sealing.NotSealed("no accepted key has this name")

        monkeypatch.setattr(erasures, "unseal", retired)
        deliver.all()

    assert [each.contact for each in store.ReceiptRecord.scan() if "#RECEIPT#" in each.pk] == [None]


def test_a_domain_that_keeps_something_of_people_has_a_row():
    """Whoever adds a room with people's data adds its holding."""
    assert {holding.name for holding in holdings.HOLDINGS} >= {"accounts", "orders", "carts", "photos", "verification"}
    assert holdings.HOLDINGS[-1].name == "accounts"
