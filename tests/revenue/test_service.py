"""Rules, what is booked of an order, and what everybody sees of it."""

from dataclasses import replace

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Tokens
from chalicelib.audit import service as audit
from chalicelib.audit.model import Search
from chalicelib.core import auth, ids
from chalicelib.core.errors import Conflict, Forbidden, NotFound
from chalicelib.core.table import PageRequest
from chalicelib.ledger import service as ledger
from chalicelib.lines.contract import QuoteLine
from chalicelib.organizations import service as organizations
from chalicelib.organizations.roles import ROLES
from chalicelib.organizations.service import DEFAULT
from chalicelib.revenue import service, store
from chalicelib.revenue.model import Split, Takings
from tests.events.people import ADMIN, OTHER, caller, planned
from tests.lines.photos.conftest import photographers

__all__ = ["photographers"]

ALL = PageRequest(size=100)
ORDER = ids.new("ord")


@pytest.fixture
def anna(photographers):
    return photographers("anna")


@pytest.fixture
def ben(photographers):
    return photographers("ben")


@pytest.fixture
def event(aws):
    return planned()


def line(event, *makers, amount=299_00):
    refs = tuple(ids.derived("pho", event.id, str(number)) for number in range(len(makers)))
    return QuoteLine("photos", event.id, event.name, refs, (), amount, amount, "-", makers=makers)


def book(event, quoted, order=ORDER):
    (shares,) = service.shares_of(DEFAULT, [quoted])
    return service.book(DEFAULT, order=order, line="line-1", subject=event.id, shares=shares, currency="THB")


def set_rule(actor=ADMIN, *, event=None, photographer=None, split, version=0):
    return service.set_rule(actor, event=event, photographer=photographer, split=split, version=version)


# --- rules --------------------------------------------------------------------------------------------------


def test_a_rule_holds_for_what_is_quoted_from_then_on_and_is_audited(event, anna):
    before = service.shares_of(DEFAULT, [line(event, anna.user)])
    rule = set_rule(event=event.slug, photographer=anna.user, split=Split(3_000, 6_000, 1_000))
    after = service.shares_of(DEFAULT, [line(event, anna.user)])

    assert (rule.event, rule.photographer, rule.version) == (event.id, anna.user, 1)
    assert [shares[0].takings.photographer for shares in (*before, *after)] == [149_50, 179_40]
    assert service.list_rules(DEFAULT, ALL).items == [rule]
    (told,) = audit.find(DEFAULT, Search(("split_rule", rule.scope)), ALL).items
    assert (told.actor, told.before) == (ADMIN.user, None)
    assert told.after["split"] == {"platform": 3_000, "photographer": 6_000, "organizer": 1_000}


def test_a_rule_that_somebody_changed_first_is_refused(aws):
    set_rule(split=Split(3_000, 6_000, 1_000))

    with pytest.raises(Conflict, match="version_conflict"):
        set_rule(split=Split(3_000, 7_000, 0))

    assert set_rule(split=Split(4_000, 6_000, 0), version=1).version == 2


def test_a_rule_for_what_is_not_there_is_refused(event):
    with pytest.raises(NotFound):
        set_rule(event=ids.new("evt"), split=Split())
    with pytest.raises(NotFound):
        set_rule(photographer=ids.new("usr"), split=Split())

    assert service.list_rules(DEFAULT, ALL).items == []


def test_a_tenant_does_not_give_away_of_the_platforms_part(aws):
    admin = caller("admin", organization=OTHER)

    with pytest.raises(Forbidden, match="platform_part"):
        set_rule(admin, split=Split(2_999, 5_001, 2_000))

    assert set_rule(admin, split=Split(3_000, 7_000, 0)).version == 1


# --- booking ------------------------------------------------------------------------------------------------


def test_everybody_is_credited_once(event, anna, ben):
    quoted = line(event, anna.user, anna.user, ben.user, amount=100_00)

    assert [book(event, quoted), book(event, quoted)] == [True, False]

    accounts = ("revenue-shares", "platform", f"organizer:{DEFAULT}")
    whose = (*accounts, *(f"photographer:{user}" for user in (anna.user, ben.user)))
    assert [ledger.balance(DEFAULT, account) for account in whose] == [100_00, -30_00, -20_00, -33_34, -16_66]
    posted = ledger.postings(DEFAULT, f"share#{ORDER}#line-1#1-1")
    assert sum(posting.amount for posting in posted) == 0
    assert {posting.subject for posting in posted} == {event.id}
    assert service.summary(DEFAULT) == Takings(3, 30_00, 50_00, 20_00)


def test_a_large_order_is_booked_in_pieces_and_goes_on_where_it_was_cut_off(event, anna, monkeypatch):
    quoted, real = line(event, *[anna.user] * 200, amount=1_499_01), service.transact

    def cut_off(*writes):
        monkeypatch.setattr(service, "transact", lambda *writes: (_ for _ in ()).throw(TimeoutError))
        real(*writes)

    monkeypatch.setattr(service, "transact", cut_off)
    with pytest.raises(TimeoutError):
        book(event, quoted)
    monkeypatch.setattr(service, "transact", real)
    assert service.summary(DEFAULT).sold == 80

    assert book(event, quoted) is True

    assert service.summary(DEFAULT) == Takings(200, platform=449_70, photographer=749_51, organizer=299_80)
    assert ledger.balance(DEFAULT, f"photographer:{anna.user}") == -749_51
    sums = [store.takings(DEFAULT, *whose) for whose in ((event.id,), (anna.user,), (event.id, anna.user))]
    assert sums == [service.summary(DEFAULT)] * 3


# --- what is seen -------------------------------------------------------------------------------------------


def test_each_party_sees_its_own(event, anna, ben):
    other = planned(name="Another run")
    book(event, line(event, anna.user, ben.user, amount=100_00))
    book(other, line(other, anna.user, amount=50_00), order=ids.new("ord"))

    statement = service.of_event(ADMIN, event.slug, ALL)
    assert statement.takings == Takings(2, 30_00, 50_00, 20_00)
    assert sorted((each.name, each.takings.photographer) for each in statement.items) == [
        ("anna", 25_00),
        ("ben", 25_00),
    ]
    everybody = service.photographers(DEFAULT, ALL).items
    assert sorted((each.name, each.takings.photographer) for each in everybody) == [("anna", 50_00), ("ben", 25_00)]
    mine = service.my_earnings(anna, ALL)
    assert (mine.takings.sold, mine.takings.photographer) == (2, 50_00)
    assert [(each.id, each.takings.photographer) for each in mine.items] == [(other.id, 25_00), (event.id, 25_00)]
    assert [each.takings.photographer for each in service.my_photos(anna, event.id, ALL).items] == [25_00]
    assert len(service.photos_of_event(ADMIN, event.id, ALL).items) == 2
    assert service.personal_data(DEFAULT, ben.user) == [{"event": event.id, "photos": 1, "earned": 25_00}]


def test_who_sold_nothing_sees_nothing(event, anna):
    book(event, line(event, anna.user))
    stranger = caller("photographer", ids.new("usr"))

    assert service.my_earnings(stranger, ALL).takings == Takings()
    assert service.my_photos(stranger, event.id, ALL).items == []
    assert service.summary(OTHER) == Takings()
    with pytest.raises(NotFound):
        service.of_event(caller("admin", organization=OTHER), event.id, ALL)
    with pytest.raises(NotFound):
        service.my_photos(stranger, "run", ALL)


def test_who_came_in_from_the_platform_may_lower_its_part(aws):
    email, password = "operator@photos.example", "a long enough phrase"
    user = accounts.create_user(DEFAULT, email=email, password=password, name="Operator", roles=["platform_admin"])
    tokens = accounts.log_in(DEFAULT, email=email, password=password)
    assert isinstance(tokens, Tokens)
    signed_in = auth.verify(tokens.access_token, DEFAULT)
    tenant = organizations.create("Tenant").id

    entry = accounts.enter(replace(signed_in, permissions=ROLES["platform_admin"]), tenant)
    rule = set_rule(auth.verify(entry.access_token, tenant), split=Split(1_000, 7_000, 2_000))

    assert (rule.organization, rule.changed_by, rule.split.platform) == (tenant, user.id, 1_000)
    with pytest.raises(Forbidden, match="platform_part"):
        set_rule(caller("admin", organization=tenant), split=Split(999, 7_001, 2_000), version=1)
