"""What adapters share of reading strangers' texts, and how they refuse."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from chalicelib.core import clock
from chalicelib.core.errors import Unauthorized, Unavailable, Unprocessable

if TYPE_CHECKING:
    from ssl import SSLContext

    from requests import Session

    from chalicelib.payments.gateways.contract import GatewayAccount

RETRY_AFTER = 5
ANSWER_LIMIT = 1024 * 1024
_EARLY = timedelta(minutes=1)
_SAY_NOTHING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)
_IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class Wire(BaseModel):
    """As a gateway writes it. What is not known is passed over."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


Answer = TypeVar("Answer", bound=Wire)


def answered(kind: type[Answer], status: int, raw: bytes) -> Answer:
    """What a gateway has to say of a refusal stops here: it could quote the request, key included.

    Raises Unprocessable for a refusal, Unavailable for what says nothing about what happened.
    """
    if 400 <= status < 500 and status not in _SAY_NOTHING:
        raise refused()
    if status not in (HTTPStatus.OK, HTTPStatus.CREATED):
        raise unavailable()
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        raise unavailable() from error


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


def session(identity: "SSLContext | None" = None) -> "Session":
    """For requests that carry keys, or are known by an `identity` of TLS. Not safe to share between threads."""
    from requests import Session  # 83 ms that a cold start of the API need not spend
    from requests.adapters import HTTPAdapter

    class Known(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, **options, ssl_context=identity)

    made = Session()
    made.trust_env = False  # neither a proxy nor a .netrc of the machine gets to see a payment
    if identity is not None:
        made.mount("https://", Known())
    return made


class Line:
    """To one address of a gateway. `timeout` is in seconds: to connect, and between two bytes of the answer.

    `identity` as of `session`.
    """

    def __init__(self, base_url: str, timeout: tuple[float, float], identity: "SSLContext | None" = None) -> None:
        self._url = base_url.rstrip("/")
        self._timeout = timeout
        self._identity = identity
        self._threads = threading.local()

    def send(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, bytes]:
        """Status and body of the answer. Raises Unavailable where none comes, or one that is too long."""
        from requests import RequestException

        try:
            with self._session().request(
                method,
                f"{self._url}{path}",
                data=body,
                headers={"Content-Type": "application/json", "Accept": "application/json", **headers},
                timeout=self._timeout,
                allow_redirects=False,  # the request carries a key: to the address we know or nowhere
                stream=True,
            ) as response:
                raw = bytearray()
                for piece in response.iter_content(16 * 1024):
                    raw += piece
                    if len(raw) > ANSWER_LIMIT:
                        raise unavailable()
                return response.status_code, bytes(raw)
        except RequestException as error:
            raise unavailable() from error

    def _session(self) -> "Session":
        """One per thread: a requests session is not safe to share."""
        if not hasattr(self._threads, "session"):
            self._threads.session = session(self._identity)
        found: Session = self._threads.session
        return found


def decimals(amount: int) -> Decimal:
    """Minor units of a currency with two decimals, as such gateways count it."""
    return Decimal(amount).scaleb(-2)


def minor_units(given: object) -> int:
    """What `decimals` wrote, as `DECODER` reads it. Raises ValueError for anything that is no such amount."""
    if isinstance(given, bool) or not isinstance(given, int | Decimal) or not 0 <= given < 10**11 or given * 100 % 1:
        raise ValueError("not an amount of whole minor units")
    return int(given * 100)


def as_json(wanted: Mapping[str, object]) -> bytes:
    """JSON in which a Decimal is the number that it is: made by Python it would have to be a float first."""
    members = [
        f"{json.dumps(name)}: {value if isinstance(value, Decimal) else json.dumps(value)}"
        for name, value in wanted.items()
    ]
    return f"{{{', '.join(members)}}}".encode()


class Tokens:
    """What was given for keys, for a while. Those of all accounts are kept as long as the process lives."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], tuple[str, datetime]] = {}

    def of(self, account: "GatewayAccount", ask: Callable[[], tuple[str, int]]) -> str:
        """`ask` gives one that is good for so many seconds."""
        token, ends = self._held.get((account.key_id, account.api_key), ("", clock.now()))
        if ends <= clock.now():
            token, seconds = ask()
            ends = clock.now() + timedelta(seconds=seconds) - _EARLY
            self._held[account.key_id, account.api_key] = token, ends
        return token

    def forget(self, account: "GatewayAccount") -> None:
        """The gateway ended it before its time."""
        self._held.pop((account.key_id, account.api_key), None)


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
