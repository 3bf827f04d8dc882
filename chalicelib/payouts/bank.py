"""Where a party's money goes. Another room keeps these; `app.py` joins it here.

The port is a function of organization and party (`photographer:usr_...`) that answers a `BankAccount` or None. The
number stays sealed (`core.sealing`) until the file for the bank is written.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from chalicelib.core import sealing


@dataclass(frozen=True, slots=True)
class BankAccount:
    """`sealed` is the number as `sealing.seal` keeps it for `purpose`; `bank` is a bank's code."""

    holder: str
    bank: str
    sealed: str = field(repr=False)
    purpose: str

    def number(self, organization: str) -> str:
        """Raises sealing.NotSealed."""
        return sealing.unseal(organization, self.purpose, self.sealed)


Lookup = Callable[[str, str], BankAccount | None]

_lookups: list[Lookup] = []


def join(lookup: Lookup) -> None:
    """Ask this room, too."""
    _lookups.append(lookup)


def account_of(organization: str, party: str) -> BankAccount | None:
    """The first that a room knows, or None."""
    return next((found for lookup in _lookups if (found := lookup(organization, party))), None)
