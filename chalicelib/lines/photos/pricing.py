"""Packages, and the cheapest combination of them. Pure: numbers in, numbers out."""

from dataclasses import dataclass

from chalicelib.core.money import Money
from chalicelib.lines.contract import Part


@dataclass(frozen=True, slots=True)
class Package:
    """`photos` photos of one event for `price` (minor units); None means all of one's photos."""

    code: str
    name: str
    photos: int | None
    price: int


DEFAULT_PACKAGES = (
    Package("single", "Single photo", 1, 79_00),
    Package("five", "5 photos", 5, 299_00),
    Package("ten", "10 photos", 10, 499_00),
    Package("twenty", "20 photos", 20, 899_00),
    Package("all", "All my photos", None, 1_499_00),
)


def cheapest(packages: tuple[Package, ...], photos: int) -> tuple[Part, ...]:
    """The parts that cover at least `photos` photos for the least money; of equals, the fewest packages.

    A larger package wins where it is cheaper even though it covers more than is needed. Raises ValueError when the
    packages can not cover the photos at all.
    """
    counted = [package for package in packages if package.photos]
    best: list[tuple[int, int, tuple[int, ...]]] = [(0, 0, (0,) * len(counted))]
    for wanted in range(1, photos + 1):
        options = []
        for number, package in enumerate(counted):
            price, count, counts = best[max(0, wanted - (package.photos or 0))]
            more = tuple(held + (position == number) for position, held in enumerate(counts))
            options.append((price + package.price, count + 1, more))
        if options:
            best.append(min(options))
    unlimited = [package for package in packages if package.photos is None]
    candidates = [(package.price, 1, (package, 1)) for package in unlimited]
    if len(best) > photos:
        price, count, counts = best[photos]
        if not candidates or (price, count) <= min(candidates, key=lambda c: c[:2])[:2]:
            return tuple(_part(p, n) for p, n in zip(counted, counts, strict=True) if n)
    if not candidates:
        raise ValueError("no package covers these photos")
    package, number = min(candidates, key=lambda candidate: candidate[:2])[2]
    return (_part(package, number),)


def one_by_one(packages: tuple[Package, ...], photos: int) -> int:
    """What the photos cost without combining: each for itself, in the cheapest package that takes one."""
    return photos * min(package.price for package in packages)


def explain(packages: tuple[Package, ...], parts: tuple[Part, ...], photos: int) -> str:
    """Why these parts, in one sentence for the buyer."""
    total = sum(part.amount for part in parts)
    saved = one_by_one(packages, photos) - total
    chosen = " + ".join(f"{part.count} x {part.name} ({Money(part.price)})" for part in parts)
    reason = f"{chosen} is the lowest price for {photos} photo{'s' if photos > 1 else ''}"
    if saved > 0:
        reason += f": {Money(saved)} less than one by one"
    covers = {package.code: package.photos for package in packages}
    spare = sum(part.count * (covers[part.code] or 0) for part in parts) - photos
    if spare > 0 and all(covers[part.code] for part in parts):
        reason += f"; {spare} more would cost nothing extra"
    return reason + "."


def _part(package: Package, count: int) -> Part:
    return Part(package.code, package.name, count, package.price)
