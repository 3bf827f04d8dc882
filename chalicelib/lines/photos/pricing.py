"""Packages, and the cheapest combination of them. Pure: numbers in, numbers out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.core.errors import Conflict, Invalid, NotFound, Unprocessable
from chalicelib.core.money import Money
from chalicelib.lines.contract import Part

MOST_PACKAGES = 20


class Licence(StrEnum):
    """What a buyer may do with a photo; each class has prices of its own."""

    PERSONAL = "personal"
    COMMERCIAL = "commercial"


@dataclass(frozen=True, slots=True)
class Package:
    """`photos` photos of one event for `price` (minor units); None means all of one's photos.

    With `extra`, each further photo costs that much. Sold from `opens_at` to before `closes_at`, where these are set.
    """

    code: str
    name: str
    photos: int | None
    price: int
    extra: int | None = None
    licence: Licence = Licence.PERSONAL
    opens_at: datetime | None = None
    closes_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.photos is None and self.extra is not None:
            raise Invalid("package_unlimited", "A package for all photos has no further ones.", field="extra")
        if self.opens_at and self.closes_at and self.opens_at >= self.closes_at:
            raise Invalid("package_window", "A package must open before it closes.", field="closesAt")

    def sells(self, at: datetime) -> bool:
        return (self.opens_at is None or self.opens_at <= at) and (self.closes_at is None or at < self.closes_at)

    def must_cover(self, photos: int) -> None:
        """Raises Unprocessable where the package takes fewer."""
        if self.photos is not None and self.extra is None and photos > self.photos:
            raise Unprocessable("package_too_small", f"This package takes {self.photos} photos.", field="photos")

    @property
    def is_steady_single(self) -> bool:
        return self.photos == 1 and self.opens_at is None and self.closes_at is None


_BAHT = (79_00, 299_00, 499_00, 899_00, 1_499_00)
_STEPS = {
    "AED": 2_00,
    "AUD": 75,
    "CAD": 75,
    "CHF": 50,
    "CNY": 4_00,
    "EUR": 50,
    "GBP": 50,
    "HKD": 4_00,
    "INR": 45_00,
    "JPY": 80,
    "KRW": 800,
    "KZT": 250_00,
    "MYR": 2_00,
    "NZD": 75,
    "PHP": 30_00,
    "RUB": 50_00,
    "SGD": 75,
    "TWD": 16_00,
    "USD": 50,
    "VND": 12_000,
}
"""A quarter of what a single photo costs to begin with, in minor units."""


def default_packages(currency: str) -> tuple[Package, ...]:
    """What is sold before anybody sets a price. A currency without prices of its own has the figures of baht."""
    step = _STEPS.get(currency)
    single, five, ten, twenty, everything = [step * times for times in (4, 15, 25, 45, 75)] if step else _BAHT
    return (
        Package("single", "Single photo", 1, single),
        Package("five", "5 photos", 5, five),
        Package("ten", "10 photos", 10, ten),
        Package("twenty", "20 photos", 20, twenty),
        Package("all", "All my photos", None, everything),
    )


@dataclass(frozen=True, slots=True)
class PriceList:
    """The packages of an event, or those of the organization, which its events sell at unless they have their own.

    Version 0: it has none of its own. Every licence class that is sold has a single photo at all times, so that any
    photo always has a price. Raises Invalid.
    """

    organization: str
    event: str | None
    packages: tuple[Package, ...]
    version: int = 0

    def __post_init__(self) -> None:
        codes = [package.code for package in self.packages]
        if len(set(codes)) < len(codes):
            raise Invalid("package_codes", "Each package needs a code of its own.", field="items")
        if len(codes) > MOST_PACKAGES:
            raise Invalid("too_many_packages", f"Up to {MOST_PACKAGES} packages are sold.", field="items")
        for licence in {Licence.PERSONAL, *(package.licence for package in self.packages)}:
            if not any(package.is_steady_single for package in self.packages if package.licence is licence):
                raise Invalid(
                    "single_price_missing",
                    f"One {licence} package must be for a single photo, at any time.",
                    field="items",
                )

    def on_sale(self, licence: Licence, at: datetime) -> tuple[Package, ...]:
        return tuple(package for package in self.packages if package.licence is licence and package.sells(at))

    def get(self, code: str) -> Package:
        """Raises NotFound."""
        for package in self.packages:
            if package.code == code:
                return package
        raise NotFound("package_not_found", "There is no such package.")

    def with_package(self, package: Package) -> "PriceList":
        """Raises Conflict for a code that is taken."""
        if any(held.code == package.code for held in self.packages):
            raise Conflict("package_code_taken", "Another package has this code.", field="code")
        return replace(self, packages=(*self.packages, package))

    def with_changed(self, package: Package) -> "PriceList":
        """Raises NotFound."""
        was = self.get(package.code)
        return replace(self, packages=tuple(package if held is was else held for held in self.packages))

    def without(self, code: str) -> "PriceList":
        """Raises NotFound."""
        was = self.get(code)
        return replace(self, packages=tuple(held for held in self.packages if held is not was))


# --- the cheapest combination -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Choice:
    """How often each package is taken, and how many further photos with which of them."""

    price: int
    counts: dict[int, int]
    surplus: int = 0
    of: int = -1

    @property
    def rank(self) -> tuple[int, int, int]:
        """The cheapest first; of equals the one with fewer packages, then with fewer further photos."""
        return self.price, sum(self.counts.values()), self.surplus


def cheapest(packages: tuple[Package, ...], photos: int) -> tuple[Part, ...]:
    """The parts that cover at least `photos` photos for the least money; of equals, the fewest packages.

    A larger package wins where it is cheaper even though it covers more than is needed. Raises ValueError when the
    packages can not cover the photos at all. Takes time in proportion to packages times photos.
    """
    choices = [*_whole(packages, photos), *_unlimited(packages)]
    if not choices:
        raise ValueError("no package covers these photos")
    best = min(choices, key=lambda choice: choice.rank)
    return tuple(_parts(packages, best))


def _whole(packages: tuple[Package, ...], photos: int) -> Iterator[_Choice]:
    """The best choice of counted packages alone, and the best with further photos of each that has them.

    In a best choice all further photos go with the one package that has them cheapest, and what is left of the others
    is itself the best choice for the photos that they cover.
    """
    least = _least(packages, photos)
    if (whole := least[photos]) is not None:
        yield _Choice(whole[0], _counts(packages, least, photos))
    for number, package in enumerate(packages):
        if package.photos is None or package.extra is None:
            continue
        ways = [
            (left[0] + package.price + surplus * package.extra, left[1], surplus)
            for surplus in range(1, photos - package.photos + 1)
            if (left := least[photos - package.photos - surplus]) is not None
        ]
        if ways:
            price, _, surplus = min(ways)
            counts = _counts(packages, least, photos - package.photos - surplus)
            yield _Choice(price, counts | {number: counts.get(number, 0) + 1}, surplus, number)


_Least = list[tuple[int, int, int] | None]


def _least(packages: tuple[Package, ...], photos: int) -> _Least:
    """For each number of photos: the least price of counted packages, how many they are, and the last one of them."""
    least: _Least = [(0, 0, -1)]
    for wanted in range(1, photos + 1):
        options = [
            (before[0] + package.price, before[1] + 1, number)
            for number, package in enumerate(packages)
            if package.photos is not None and (before := least[max(0, wanted - package.photos)]) is not None
        ]
        least.append(min(options, default=None))
    return least


def _counts(packages: tuple[Package, ...], least: _Least, photos: int) -> dict[int, int]:
    counts: dict[int, int] = {}
    while photos > 0 and (step := least[photos]) is not None:
        counts[step[2]] = counts.get(step[2], 0) + 1
        photos -= packages[step[2]].photos or photos
    return counts


def _unlimited(packages: tuple[Package, ...]) -> Iterator[_Choice]:
    for number, package in enumerate(packages):
        if package.photos is None:
            yield _Choice(package.price, {number: 1})


def _parts(packages: tuple[Package, ...], choice: _Choice) -> Iterator[Part]:
    for number, package in enumerate(packages):
        if count := choice.counts.get(number, 0):
            yield Part(package.code, package.name, count, package.price)
        if choice.surplus and number == choice.of and package.extra is not None:
            yield Part(_further(package), f"Further photo with {package.name}", choice.surplus, package.extra)


def _further(package: Package) -> str:
    return f"{package.code}+"


# --- saying why ---------------------------------------------------------------------------------------------


def one_by_one(packages: tuple[Package, ...], photos: int) -> int:
    """What the photos cost without combining: each for itself, in the cheapest package that takes one."""
    return photos * min(package.price for package in packages)


def explain(
    packages: tuple[Package, ...],
    parts: tuple[Part, ...],
    photos: int,
    selected: Iterable[Package],
    currency: str,
) -> str:
    """Why these parts, in words for the buyer, who may have `selected` another package."""
    total = sum(part.amount for part in parts)
    saved = one_by_one(packages, photos) - total
    chosen = " + ".join(f"{part.count} x {part.name} ({Money(part.price, currency)})" for part in parts)
    reason = f"{chosen} is the lowest price for {photos} photo{'s' if photos > 1 else ''}"
    if saved > 0:
        reason += f": {Money(saved, currency)} less than one by one"
    by_code = {package.code: package for package in packages}
    used = [by_code[part.code] for part in parts if part.code in by_code]
    covers = {code: package.photos for code, package in by_code.items()} | {_further(package): 1 for package in used}
    spare = sum(part.count * (covers[part.code] or 0) for part in parts) - photos
    if spare > 0 and all(package.photos for package in used):
        reason += f"; {spare} more would cost nothing extra"
    if ends := [package.closes_at for package in used if package.closes_at]:
        reason += f"; until {min(ends):%Y-%m-%d %H:%M} UTC"
    for package in selected:
        alone = _alone(package, photos)
        if package not in used and alone > total:
            reason += f"; {package.name}, which you selected, would cost {Money(alone - total, currency)} more"
    return reason + "."


def _alone(package: Package, photos: int) -> int:
    """What the photos cost in this package and no other: as often as it takes, or with further photos."""
    if package.photos is None:
        return package.price
    if package.extra is None:
        return package.price * -(-photos // package.photos)
    return package.price + package.extra * max(0, photos - package.photos)
