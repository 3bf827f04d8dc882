from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Invalid
from chalicelib.lines.photos.pricing import (
    Licence,
    Package,
    PriceList,
    cheapest,
    default_packages,
    explain,
    one_by_one,
)

DAY = datetime(2026, 11, 21, tzinfo=UTC)
USUAL = default_packages("THB")
HOUR = timedelta(hours=1)

counted = st.builds(
    Package,
    code=st.text("abcdef", min_size=1, max_size=6),
    name=st.just("package"),
    photos=st.integers(1, 6),
    price=st.integers(0, 2_000),
    extra=st.one_of(st.none(), st.integers(0, 500)),
)
unlimited = st.builds(
    Package, st.text("ghi", min_size=1, max_size=6), st.just("package"), st.none(), st.integers(0, 9_000)
)
offers = st.lists(
    st.one_of(counted, counted, counted, unlimited), min_size=1, max_size=4, unique_by=lambda package: package.code
)


def brute_force(offered: tuple[Package, ...], photos: int) -> int | None:
    """The least price over every choice of 0..photos of each package, and of whom to buy each missing photo from."""
    prices = []
    for counts in product(range(photos + 1), repeat=len(offered)):
        chosen = [(count, package) for count, package in zip(counts, offered, strict=True) if count]
        price = sum(count * package.price for count, package in chosen)
        missing = photos - sum(count * (package.photos or photos) for count, package in chosen)
        extras = [package.extra for _, package in chosen if package.extra is not None]
        if missing <= 0:
            prices.append(price)
        elif extras:
            prices += [price + sum(picked) for picked in combinations_with_replacement(extras, missing)]
    return min(prices, default=None)


@given(offers, st.integers(1, 6))
def test_no_other_combination_is_cheaper(offered, photos):
    least = brute_force(tuple(offered), photos)

    if least is None:
        with pytest.raises(ValueError):
            cheapest(tuple(offered), photos)
    else:
        assert sum(part.amount for part in cheapest(tuple(offered), photos)) == least


@given(offers, st.integers(1, 200))
def test_the_parts_cover_the_photos(offered, photos):
    packages = (*offered, Package("one", "One", 1, 700))

    parts = {part.code: part.count for part in cheapest(packages, photos)}

    by_code = {package.code: package for package in packages}
    assert all(code.removesuffix("+") in parts for code in parts), "further photos come with their package"
    assert all(part.amount >= 0 for part in cheapest(packages, photos))
    covered = sum(count * (by_code[code].photos or photos if code in by_code else 1) for code, count in parts.items())
    assert covered >= photos


class Tallied(int):
    """A price that counts how often it is added to something."""

    added = 0

    def __radd__(self, other):
        Tallied.added += 1
        return other + int(self)


def test_two_thousand_photos_in_twenty_packages():
    """Of packages whose price a photo falls with their size the largest is taken as often as it fits."""
    sizes = range(1, 20)
    packages = tuple(Package(f"p{n}", f"{n} photos", n, Tallied(100 * n - n * n), extra=99) for n in sizes)
    packages += (Package("more", "With more", 7, Tallied(700), extra=99),)
    Tallied.added = 0

    parts = cheapest(packages, 2_000)

    assert Tallied.added <= 2 * len(packages) * 2_000
    assert {part.code: part.count for part in parts} == {"p19": 105, "p5": 1}
    assert sum(part.amount for part in parts) == 105 * (1_900 - 361) + 475


@pytest.mark.parametrize(
    ("photos", "parts", "total"),
    [
        (3, {"trio": 1}, 150_00),
        (5, {"trio": 1, "trio+": 2}, 190_00),
        (1, {"one": 1}, 60_00),
        (30, {"all": 1}, 500_00),
    ],
)
def test_further_photos_go_with_a_bundle(photos, parts, total):
    packages = (
        Package("one", "One", 1, 60_00),
        Package("trio", "Three", 3, 150_00, extra=20_00),
        Package("all", "All", None, 500_00),
    )

    chosen = cheapest(packages, photos)

    assert {part.code: part.count for part in chosen} == parts
    assert sum(part.amount for part in chosen) == total


@pytest.mark.parametrize(
    ("photos", "parts", "total"),
    [
        (1, {"single": 1}, 79_00),
        (3, {"single": 3}, 237_00),
        (4, {"five": 1}, 299_00),
        (5, {"five": 1}, 299_00),
        (6, {"five": 1, "single": 1}, 378_00),
        (8, {"ten": 1}, 499_00),
        (16, {"ten": 1, "five": 1, "single": 1}, 877_00),
        (17, {"twenty": 1}, 899_00),
        (30, {"twenty": 1, "ten": 1}, 1_398_00),
        (31, {"twenty": 1, "ten": 1, "single": 1}, 1_477_00),
        (32, {"all": 1}, 1_499_00),
        (300, {"all": 1}, 1_499_00),
    ],
)
def test_the_default_packages(photos, parts, total):
    chosen = cheapest(USUAL, photos)

    assert {part.code: part.count for part in chosen} == parts
    assert sum(part.amount for part in chosen) == total


def test_packages_that_take_no_number_of_photos_can_not_cover_any():
    with pytest.raises(ValueError, match="no package covers"):
        cheapest((), 3)


def test_the_reason_names_the_parts_the_saving_and_what_is_spare():
    parts = cheapest(USUAL, 4)

    assert explain(USUAL, parts, 4, (), "THB") == (
        "1 x 5 photos (299.00 THB) is the lowest price for 4 photos: "
        "17.00 THB less than one by one; 1 more would cost nothing extra."
    )


def test_one_photo_saves_nothing_and_says_so_by_silence():
    parts = cheapest(USUAL, 1)

    assert explain(USUAL, parts, 1, (), "THB") == "1 x Single photo (79.00 THB) is the lowest price for 1 photo."


def test_all_photos_promises_no_spare_ones():
    parts = cheapest(USUAL, 40)

    assert explain(USUAL, parts, 40, (), "THB") == (
        "1 x All my photos (1,499.00 THB) is the lowest price for 40 photos: 1,661.00 THB less than one by one."
    )
    assert one_by_one(USUAL, 40) == 3_160_00


def test_the_reason_says_until_when_and_what_was_selected():
    early = Package("early", "Early bird", 5, 199_00, closes_at=DAY)
    packages = (*USUAL, early)
    parts = cheapest(packages, 5)

    assert explain(packages, parts, 5, [USUAL[4]], "THB") == (
        "1 x Early bird (199.00 THB) is the lowest price for 5 photos: 196.00 THB less than one by one; "
        "until 2026-11-21 00:00 UTC; All my photos, which you selected, would cost 1,300.00 THB more."
    )


def test_each_licence_and_time_has_its_own_packages():
    early = Package("early", "Early", 1, 40_00, closes_at=DAY)
    late = Package("late", "Late", 1, 90_00, opens_at=DAY)
    press = Package("press", "Press", 1, 900_00, licence=Licence.COMMERCIAL)
    prices = PriceList("org_1", None, (*USUAL, early, late, press))

    def codes(licence, at):
        return {package.code for package in prices.on_sale(licence, at)} - {each.code for each in USUAL}

    assert codes(Licence.PERSONAL, DAY - HOUR) == {"early"}
    assert codes(Licence.PERSONAL, DAY) == {"late"}
    assert codes(Licence.COMMERCIAL, DAY) == {"press"}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (lambda: Package("all2", "All", None, 1, extra=1), "package_unlimited"),
        (lambda: Package("never", "Never", 1, 1, opens_at=DAY, closes_at=DAY), "package_window"),
        (lambda: Package("pack", "Pack", 5, 1, licence=Licence.COMMERCIAL), "single_price_missing"),
        (lambda: Package("brief", "Brief", 1, 1, licence=Licence.COMMERCIAL, closes_at=DAY), "single_price_missing"),
        (lambda: USUAL[0], "package_codes"),
    ],
)
def test_a_list_that_could_leave_a_photo_without_a_price_is_refused(more, code):
    with pytest.raises(Invalid, match=code):
        PriceList("org_1", None, (*USUAL, more()))


def test_a_list_is_not_endless():
    many = tuple(Package(f"p{number}", "P", 1, 1) for number in range(21))

    with pytest.raises(Invalid, match="too_many_packages"):
        PriceList("org_1", None, many)
