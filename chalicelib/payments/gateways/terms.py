"""What was agreed with a buyer, written into the transaction's name: for gateways that keep no charges.

Nobody else is told of such a charge before money comes. Its name says all that an adapter has to know of it, so nothing
is stored that could get lost. Forty capitals and digits, in two halves: as many as a bank's two references hold.
"""

import re
import string
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from chalicelib.core import clock

_DIGITS = string.digits + string.ascii_uppercase
_SHAPE = re.compile(r"([0-9A-HJKMNP-TV-Z]{26})([0-9A-Z]{7})([0-9A-Z]{7})")
_PREFIX = "pay_"
_HALF = 20


@dataclass(frozen=True, slots=True)
class Terms:
    """`reference` is the payment's id, `amount` in minor units; after `until`, to the second, it is not expected."""

    reference: str
    until: datetime
    amount: int

    @property
    def name(self) -> str:
        id = self.reference.removeprefix(_PREFIX)
        return f"{id}{_written(clock.epoch(self.until))}{_written(self.amount)}"

    @property
    def halves(self) -> tuple[str, str]:
        return self.name[:_HALF], self.name[_HALF:]

    @classmethod
    def read(cls, name: str) -> Self:
        """Raises ValueError for a name that no terms have."""
        found = _SHAPE.fullmatch(name)
        if found is None:
            raise ValueError("not the name of a transaction")
        until = datetime.fromtimestamp(int(found[2], 36), UTC)
        return cls(f"{_PREFIX}{found[1]}", until, int(found[3], 36))


def _written(number: int) -> str:
    """Seven digits to the base of 36: seconds for some two thousand years, hundreds of millions of baht."""
    digits = ""
    for _ in range(7):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    if number:
        raise ValueError("too large a number")
    return digits
