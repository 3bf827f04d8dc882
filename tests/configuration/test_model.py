from itertools import pairwise

import pytest

from chalicelib.configuration.model import Feature, Features, Section, Site
from chalicelib.core.errors import InvalidFields

PEOPLE = [f"usr_{number}" for number in range(2000)]


def having(percentage, name="new-cart"):
    feature = Feature(percentage=percentage)
    return {person for person in PEOPLE if feature.is_on(name, person, frozenset())}


def test_a_larger_percentage_only_adds_people():
    shares = [having(percentage) for percentage in (0, 1, 10, 50, 99, 100)]

    assert all(fewer < more for fewer, more in pairwise(shares))
    assert (len(shares[0]), len(shares[-1])) == (0, 2000)
    assert 150 < len(shares[2]) < 250


def test_features_begin_with_different_people():
    one, other = having(10), having(10, "new-search")

    assert len(one & other) < len(one) / 2


def test_who_has_a_role_of_the_feature_has_it():
    feature = Feature(percentage=0, roles=frozenset({"admin"}))

    assert feature.is_on("new-cart", "usr_1", frozenset({"admin", "customer"}))
    assert not feature.is_on("new-cart", "usr_1", frozenset({"customer"}))


@pytest.mark.parametrize(("percentage", "on"), [(0, False), (99, False), (100, True)])
def test_a_visitor_has_what_everybody_has(percentage, on):
    assert Feature(percentage=percentage).is_on("new-cart", None, frozenset()) is on


def test_the_names_of_what_is_on():
    features = Features(features={"bb": Feature(percentage=100), "aa": Feature(percentage=100), "cc": Feature()})

    assert features.of("usr_1", frozenset()) == ["aa", "bb"]


def test_a_change_keeps_what_it_does_not_name():
    site = Site().changed({"notice": "Back at nine."}).changed({"supportEmail": "help@shop.example"})

    assert site == Site(notice="Back at nine.", support_email="help@shop.example")


@pytest.mark.parametrize(
    ("section", "values", "at_fault"),
    [
        (Site, {"notice": 1}, "values.notice"),
        (Site, {"notice": "x" * 501}, "values.notice"),
        (Site, {"termsUrl": "javascript:alert(1)"}, "values.termsUrl"),
        (Site, {"supportEmail": "nobody"}, "values.supportEmail"),
        (Site, {"motto": "Run!"}, "values.motto"),
        (Features, {"features": {"New Cart": {}}}, "values.features.New Cart.[key]"),
        (Features, {"features": {"new-cart": {"percentage": 101}}}, "values.features.new-cart.percentage"),
        (Features, {"features": {"new-cart": {"percentage": "5"}}}, "values.features.new-cart.percentage"),
        (Features, {"features": {f"f{number}": {} for number in range(51)}}, "values.features"),
    ],
)
def test_a_value_is_refused_that_the_section_does_not_take(section, values, at_fault):
    with pytest.raises(InvalidFields) as refused:
        section().changed(values)

    assert [field for field, _, _ in refused.value.fields] == [at_fault]


def test_stored_values_of_another_release_are_read():
    assert Site.stored({"notice": "Hello", "gone": 1}) == Site(notice="Hello")


def test_two_sections_with_one_name_are_noticed():
    with pytest.raises(TypeError, match="site"):

        class Another(Section):
            section = "site"


def test_what_is_public_is_a_setting():
    assert {name: section.public - section.model_fields.keys() for name, section in Section.known.items()} == {
        name: frozenset() for name in Section.known
    }
