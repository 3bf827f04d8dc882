"""Money is whole minor units with a currency: 79 baht is `Money(7900, "THB")`. There are no floats."""

from dataclasses import dataclass
from decimal import Decimal

_DECIMALS = dict.fromkeys(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ],
    0,
)
_DECIMALS |= dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3)
_DECIMALS |= dict.fromkeys(["CLF", "UYW"], 4)
"""What ISO 4217 calls the minor unit, of currencies that have other than two decimals."""


def decimals(currency: str) -> int:
    """Of how many decimals its minor unit is."""
    return _DECIMALS.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Money:
    amount: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount) is not int:
            raise TypeError(f"money is whole minor units, not {self.amount!r}")

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __mul__(self, times: int) -> "Money":
        return Money(self.amount * times, self.currency)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")
        return other.amount

    def __str__(self) -> str:
        """For people: `299.00 THB`, `1,200 JPY`."""
        return f"{self.number} {self.currency}"

    @property
    def decimal(self) -> Decimal:
        """In whole units, with as many decimals as the currency has."""
        return Decimal(self.amount).scaleb(-decimals(self.currency))

    @classmethod
    def of(cls, units: Decimal, currency: str) -> "Money":
        """Of whole units: `12.50` is 1250 satang. Raises ValueError for what is finer than the currency."""
        amount = units.scaleb(decimals(currency))
        if amount != int(amount):
            raise ValueError(f"{units} {currency} is no amount of money")
        return cls(int(amount), currency)

    @property
    def number(self) -> str:
        """The amount for people, without its currency."""
        return f"{self.decimal:,f}"


def allocate(total: int, weights: list[int]) -> list[int]:
    """Split minor units by weights with the largest remainder first: the parts always sum to `total`."""
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights must be non-negative and not all zero")
    sign = -1 if total < 0 else 1
    shares = [divmod(abs(total) * weight, whole) for weight in weights]
    parts = [share for share, _ in shares]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-shares[i][1], i))
    for i in by_remainder[: abs(total) - sum(parts)]:
        parts[i] += 1
    return [sign * part for part in parts]
