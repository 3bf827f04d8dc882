from datetime import timedelta

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.settings import SignUp
from chalicelib.audit import service as audit
from chalicelib.audit.model import Search
from chalicelib.configuration import service, store
from chalicelib.configuration.model import Section, Site
from chalicelib.core import clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, InvalidFields, NotFound
from chalicelib.core.table import PageRequest
from chalicelib.orders import service as orders
from chalicelib.orders.settings import Sales
from chalicelib.organizations.service import DEFAULT

pytestmark = pytest.mark.usefixtures("aws")

BOSS, OTHER = Principal(DEFAULT, user="usr_boss"), Principal(ids.derived("org", "another"), user="usr_other")
PAGE = PageRequest()


def set_to(section, version=0, principal=BOSS, **values):
    return service.change(principal, section, version, values)


def test_what_nobody_has_changed_is_the_default():
    assert service.read(DEFAULT, Site) == Site()
    assert [(found.section, found.version) for found in service.list_sections(DEFAULT)] == [
        (name, 0) for name in sorted(Section.known)
    ]


def test_a_change_holds_at_once_and_for_this_organization():
    changed = set_to("site", notice="Back at nine.")

    assert (changed.version, changed.changed_by) == (1, "usr_boss")
    assert service.read(DEFAULT, Site).notice == "Back at nine."
    assert service.read(OTHER.organization, Site) == Site()


def test_every_version_is_kept_and_told():
    with clock.travel(timedelta(hours=-1)):
        set_to("site", notice="One")
    set_to("site", version=1, notice="Two")

    found = service.history(DEFAULT, "site", PAGE).items
    assert [(version.version, version.values["notice"], version.changed_by) for version in found] == [
        (2, "Two", "usr_boss"),
        (1, "One", "usr_boss"),
    ]
    entries = audit.find(DEFAULT, Search(entity=("settings", "site")), PAGE).items
    assert [(entry.before, entry.after) for entry in entries] == [
        ({"notice": "One"}, {"notice": "Two"}),
        ({"notice": ""}, {"notice": "One"}),
    ]


@pytest.mark.parametrize("version", [0, 2])
def test_a_change_of_another_version_is_refused(version):
    set_to("site", notice="One")

    with pytest.raises(Conflict, match="version_conflict"):
        set_to("site", version=version, notice="Two")

    assert service.read(DEFAULT, Site).notice == "One"
    assert len(service.history(DEFAULT, "site", PAGE).items) == 1


def test_of_two_at_the_same_moment_one_is_refused(monkeypatch):
    was = store.find
    set_to("site", notice="One")
    before = was(DEFAULT, "site")
    set_to("site", version=1, notice="Two")
    monkeypatch.setattr(store, "find", lambda organization, section: before)

    with pytest.raises(Conflict, match="version_conflict"):
        set_to("site", version=1, notice="Three")

    monkeypatch.undo()
    assert service.read(DEFAULT, Site).notice == "Two"


def test_nothing_is_stored_of_what_is_not_valid():
    with pytest.raises(InvalidFields):
        set_to("site", notice="fine", supportPhone="call me")

    assert service.read(DEFAULT, Site) == Site()


def test_a_section_that_nobody_declared_is_not_there():
    with pytest.raises(NotFound, match="section_not_found"):
        set_to("colours", red=1)
    with pytest.raises(NotFound, match="section_not_found"):
        service.history(DEFAULT, "colours", PAGE)


def test_only_public_settings_are_public():
    set_to("site", notice="Hello")
    set_to("features", features={"secret-plan": {"percentage": 5}})

    public = service.public_settings(DEFAULT)

    assert public["site"]["notice"] == "Hello"
    assert public["sales"] == {"open": True}
    assert "features" not in public


def test_features_are_on_for_whom_they_are_on():
    set_to("features", features={"new-cart": {"roles": ["admin"]}, "new-search": {"percentage": 100}})

    assert service.features(Principal(DEFAULT)) == ["new-search"]
    assert service.is_on(Principal(DEFAULT, user="usr_1", roles=frozenset({"admin"})), "new-cart")
    assert not service.is_on(Principal(DEFAULT, user="usr_1"), "new-cart")
    assert not service.is_on(BOSS, "never-heard-of")


# --- where settings are obeyed ------------------------------------------------------------------------------


def test_nobody_registers_while_sign_up_is_closed():
    set_to(SignUp.section, open=False)

    with pytest.raises(Forbidden, match="sign_up_closed"):
        accounts.register(DEFAULT, email="anna@buyer.example", password="a fine long phrase", name="Anna")

    assert accounts.find_by_email(DEFAULT, "anna@buyer.example") is None


def test_nobody_orders_while_sales_are_paused():
    set_to(Sales.section, open=False)

    with pytest.raises(Conflict, match="sales_paused"):
        orders.place_order(
            Principal(DEFAULT, user="usr_1"), "a-key-of-mine", email="a@b.example", language=None, expected_total=None
        )
