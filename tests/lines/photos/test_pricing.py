from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.lines.photos.pricing import DEFAULT_PACKAGES, Package, cheapest, explain, one_by_one

packages = st.builds(
    Package,
    code=st.text("abcdef", min_size=1, max_size=6),
    name=st.just("package"),
    photos=st.one_of(st.none(), st.integers(1, 6)),
    price=st.integers(1, 2_000),
)


def brute_force(offered: tuple[Package, ...], photos: int) -> int | None:
    """The least price over every choice of 0..photos of each package."""
    prices = []
    for counts in product(range(photos + 1), repeat=len(offered)):
        chosen = list(zip(counts, offered, strict=True))
        unlimited = any(count and package.photos is None for count, package in chosen)
        if unlimited or sum(count * (package.photos or 0) for count, package in chosen) >= photos:
            prices.append(sum(count * package.price for count, package in chosen))
    return min(prices, default=None)


@given(st.lists(packages, min_size=1, max_size=4, unique_by=lambda package: package.code), st.integers(1, 6))
def test_no_other_combination_is_cheaper(offered, photos):
    least = brute_force(tuple(offered), photos)

    assert sum(part.amount for part in cheapest(tuple(offered), photos)) == least


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
    chosen = cheapest(DEFAULT_PACKAGES, photos)

    assert {part.code: part.count for part in chosen} == parts
    assert sum(part.amount for part in chosen) == total


def test_packages_that_take_no_number_of_photos_can_not_cover_any():
    with pytest.raises(ValueError, match="no package covers"):
        cheapest((), 3)


def test_the_reason_names_the_parts_the_saving_and_what_is_spare():
    parts = cheapest(DEFAULT_PACKAGES, 4)

    assert explain(DEFAULT_PACKAGES, parts, 4) == (
        "1 x 5 photos (299.00 THB) is the lowest price for 4 photos: "
        "17.00 THB less than one by one; 1 more would cost nothing extra."
    )


def test_one_photo_saves_nothing_and_says_so_by_silence():
    parts = cheapest(DEFAULT_PACKAGES, 1)

    assert explain(DEFAULT_PACKAGES, parts, 1) == "1 x Single photo (79.00 THB) is the lowest price for 1 photo."


def test_all_photos_promises_no_spare_ones():
    parts = cheapest(DEFAULT_PACKAGES, 40)

    assert explain(DEFAULT_PACKAGES, parts, 40) == (
        "1 x All my photos (1,499.00 THB) is the lowest price for 40 photos: 1,661.00 THB less than one by one."
    )
    assert one_by_one(DEFAULT_PACKAGES, 40) == 3_160_00
