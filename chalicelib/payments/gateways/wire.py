"""What adapters share of reading strangers' texts, and how they refuse."""

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, NoReturn

from chalicelib.core.errors import Unauthorized, Unavailable, Unprocessable

if TYPE_CHECKING:
    from requests import Session

RETRY_AFTER = 5
_IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def text(value: object) -> str:
    """Raises ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def identifier(value: object) -> str:
    """Raises ValueError for what nobody would call a thing."""
    if not _IDENTIFIER.fullmatch(text(value)):
        raise ValueError("not an identifier")
    return text(value)


def session() -> "Session":
    """For requests that carry keys. Not safe to share between threads."""
    from requests import Session  # 83 ms that a cold start of the API need not spend

    made = Session()
    made.trust_env = False  # neither a proxy nor a .netrc of the machine gets to see a payment
    return made


def forged() -> Unauthorized:
    return Unauthorized("invalid_signature", "The notification is not signed by the payment service.")


def refused() -> Unprocessable:
    return Unprocessable("payment_gateway_refused", "The payment service refused the request.")


def unavailable() -> Unavailable:
    return Unavailable(
        "payment_gateway_unavailable",
        "The payment service does not answer. Please try again in a moment.",
        retry_after=RETRY_AFTER,
    )


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")  # two readers would each believe another of them
    return found


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


# What a hostile text can make the decoder raise: a wrong shape, a number out of range, too much nesting.
MALFORMED = (ValueError, ArithmeticError, RecursionError)
DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=Decimal, parse_constant=_not_json)
