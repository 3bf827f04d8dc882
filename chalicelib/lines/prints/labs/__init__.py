"""Print laboratories behind one contract."""

from functools import cache

from chalicelib.core.secrets import secrets
from chalicelib.lines.prints.labs.contract import LabAccount, PrintLab
from chalicelib.lines.prints.labs.prodigi import Prodigi


@cache
def lab() -> PrintLab:
    """The one that there is."""
    return Prodigi()


def account_of(organization: str) -> LabAccount | None:
    """The organization's own account; where it has none, prints are not sold."""
    held = secrets().prodigi_of_organizations.get(organization)
    return LabAccount(held.api_key.get_secret_value(), held.url) if held else None
