"""Numbers that a state gives its people: per country one reader, which knows what a true number looks like.

To add a country, write its reader and list it in `READERS`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from chalicelib.core.errors import Invalid


@dataclass(frozen=True, slots=True)
class Facts:
    """What a number says of its holder; None where it does not say."""

    born: date | None = None


class _Untrue(ValueError):
    """No state gave this number to anybody."""


def iin(number: str) -> Facts:
    """Kazakhstan's individual identification number: birth date, century and sex, serial, control digit.

    Decree 406 of the Government of 22 May 2007. The control digit is the sum by the weights 1 to 11 modulo 11; where
    that is 10 the weights begin at 3, and a number for which it is 10 again is not given out.
    """
    digits = _digits(number, 12)
    control = _weighed(digits, range(1, 12)) % 11
    if control == 10:
        control = _weighed(digits, (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)) % 11
    if control != digits[11]:
        raise _Untrue
    if digits[6] == 0:  # a foreigner's number, of which nobody promises the century
        return Facts()
    if digits[6] > 6:
        raise _Untrue
    century = 1800 + (digits[6] - 1) // 2 * 100
    return Facts(born=date(century + int(number[:2]), int(number[2:4]), int(number[4:6])))


def thai_id(number: str) -> Facts:
    """Thailand's citizen number: 13 digits, the last one a control digit by the weights 13 to 2 modulo 11."""
    digits = _digits(number, 13)
    if digits[0] in (0, 9) or (11 - _weighed(digits, range(13, 1, -1)) % 11) % 10 != digits[12]:
        raise _Untrue
    return Facts()


READERS: dict[str, Callable[[str], Facts]] = {"KZ": iin, "TH": thai_id}
"""By country, ISO 3166-1 alpha-2. A reader raises ValueError for what is no number of that country."""


def read(country: str, text: str) -> tuple[str, Facts]:
    """The number as it is kept, digits only, and what it says. Raises Invalid."""
    reader = READERS.get(country)
    if reader is None:
        raise Invalid(
            "unknown_country",
            f"We can check numbers of {', '.join(sorted(READERS))} only.",
            field="nationalId.country",
        )
    number = re.sub(r"[ -]", "", text)
    try:
        return number, reader(number)
    except ValueError as failure:
        raise Invalid(
            "invalid_national_id", "This is no such number. Look again.", field="nationalId.number"
        ) from failure


def masked(number: str) -> str:
    """A number as it is shown: the last four digits, stars for the others."""
    return "*" * (len(number) - 4) + number[-4:]


def _digits(number: str, count: int) -> list[int]:
    if not re.fullmatch(rf"[0-9]{{{count}}}", number):
        raise _Untrue
    return [int(digit) for digit in number]


def _weighed(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))
