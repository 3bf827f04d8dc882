"""Calling a receiver: the address that was looked at, ten seconds at most, no redirects, and little of the answer.

No library of HTTP clients is between: it would look the name up again, go where it is led, or wait anew for each byte.
"""

import re
import socket
import ssl
import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Event, Timer

from chalicelib.core import clock
from chalicelib.webhooks import addresses
from chalicelib.webhooks.addresses import Place, Refused
from chalicelib.webhooks.model import LONGEST_ANSWER, Answer

PATIENCE = 10.0
"""Seconds for all of a call: the name, the connection and the answer."""
_CONNECTING = 4.0
_NAMING = 3.0
_MOST_READ = 4 * LONGEST_ANSWER
"""Bytes of a body: a sign has up to four."""
_SECONDS = re.compile(r"[0-9]{1,7}", re.ASCII)


def call(url: str, headers: Mapping[str, str], body: bytes, *, local: bool) -> Answer:
    """Post `body`. Whatever goes wrong out there is an answer, too: `Answer.error` names it.

    Raises Invalid for a URL that is not taken any more.
    """
    started = time.monotonic()
    place, over = addresses.place_of(url, local=local), Event()
    try:
        address = addresses.choose(place, [] if place.local else names(place.host))
        with _connected(place, address, started, over) as connection:
            connection.request("POST", place.target, body, {**headers, "Host": place.authority})
            response = connection.getresponse()
            if over.is_set():
                raise TimeoutError  # what was cut off reads like the end of its headers
            text = _legible(_start_of(response))
            error = "redirected" if 300 <= response.status < 400 else None
            return Answer(_since(started), response.status, error, text, _wait_of(response))
    except (Refused, LookupError, OSError, HTTPException, ValueError) as failure:
        return Answer(_since(started), error="timeout" if over.is_set() else _name_of(failure))


def names(host: str) -> list[str]:
    """The addresses of a host. Raises LookupError where there are none, TimeoutError where nobody says."""
    import dns.exception
    import dns.resolver

    try:
        found = dns.resolver.resolve_name(f"{host}.", lifetime=_NAMING)
    except (dns.resolver.LifetimeTimeout, dns.resolver.NoNameservers) as failure:
        raise TimeoutError from failure
    except dns.exception.DNSException as failure:
        raise LookupError(host) from failure
    return list(found.addresses())


@cache
def trusted() -> ssl.SSLContext:
    """Who vouches for receivers: the authorities that the system knows."""
    return ssl.create_default_context()


@contextmanager
def _connected(place: Place, address: str, started: float, over: Event) -> Iterator[HTTPConnection]:
    """A connection that is cut when the time is up, which sets `over`: a socket's own begins with each byte."""
    with socket.create_connection((address, place.port), timeout=_CONNECTING) as plain:

        def cut() -> None:
            over.set()
            with suppress(OSError):
                socket.socket.shutdown(plain, socket.SHUT_RDWR)

        left = PATIENCE - (time.monotonic() - started)
        timer = Timer(max(left, 0.0), cut)
        timer.daemon = True
        timer.start()
        try:
            plain.settimeout(PATIENCE)
            connection = HTTPConnection(place.host, place.port)
            connection.sock = plain if place.local else trusted().wrap_socket(plain, server_hostname=place.host)
            with connection.sock:
                yield connection
        finally:
            timer.cancel()


def _start_of(response: HTTPResponse) -> bytes:
    """As much of the body as comes: the status has told what matters."""
    read = b""
    with suppress(OSError, HTTPException, ValueError):
        while len(read) < _MOST_READ and (part := response.read1(_MOST_READ - len(read))):
            read += part
    return read


def _legible(raw: bytes) -> str:
    """The start of a text in which no sign does anything: those that are not printed stand as their codes."""
    text = raw.decode("utf-8", "replace")[:LONGEST_ANSWER]
    signs = (sign if unicodedata.category(sign)[0] not in "CZ" or sign == " " else _code(sign) for sign in text)
    return "".join(signs)[:LONGEST_ANSWER]


def _code(sign: str) -> str:
    return sign.encode("unicode_escape").decode()


def _wait_of(response: HTTPResponse) -> timedelta | None:
    """`Retry-After` in either form; None for neither, and for what is over."""
    told = (response.getheader("Retry-After") or "").strip()
    if _SECONDS.fullmatch(told):
        return timedelta(seconds=int(told))
    try:
        left = parsedate_to_datetime(told) - clock.now()
    except (ValueError, TypeError):
        return None
    return left if left > timedelta(0) else None


def _name_of(failure: Exception) -> str:
    match failure:
        case Refused():
            return "address_refused"
        case LookupError():
            return "name_unknown"
        case TimeoutError():
            return "timeout"
        case ssl.SSLCertVerificationError():
            return "certificate_invalid"
        case ssl.SSLError():
            return "tls_failed"
        case OSError():
            return "connection_failed"
        case _:
            return "answer_unreadable"


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
