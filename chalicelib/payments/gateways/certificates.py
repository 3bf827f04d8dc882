"""The certificates that PayPal signs webhooks with: fetched from PayPal, believed for who stands behind them."""

import re
import threading
import warnings
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.core import clock
from chalicelib.core.errors import Unavailable
from chalicelib.payments.gateways.wire import Line, forged, unavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509.verification import Store

PATH = "/v1/notifications/certs/"
_NAME = re.compile(r"CERT(-[0-9A-Fa-f]{8}){2,4}")
_LOOKED_AT_AGAIN = timedelta(hours=12)
_REFUSED_FOR = timedelta(minutes=10)
"""For so long nobody asks again for what is not there, or proved to be nobody's."""
MOST_UNKNOWN = 5
"""So many names that are not known yet are asked for within that time: PayPal has one, and seldom a new one."""


class Certificates:
    """Those of the API at `base_url`, which `subject` owns; `timeout` as of `wire.Line`.

    They are at the API's own address and at the one it had before. Their names come from whoever sent a webhook, who
    may be anybody: few that are not known are asked for, and none of them twice. `authority` is a root in PEM that
    stands for those that the public has.
    """

    def __init__(self, base_url: str, subject: str, timeout: tuple[float, float], authority: str | None) -> None:
        addresses = {base_url, base_url.replace("//api-m.", "//api.")}
        self._lines = {f"{address}{PATH}": Line(address, timeout) for address in addresses}
        self._subject = subject
        self._authority = authority
        self._roots: Store | None = None
        self._counting = threading.Lock()
        self._known: dict[str, tuple[RSAPublicKey, datetime]] = {}
        self._unknown: dict[str, datetime] = {}
        """When names were asked for that are not known, the first one first."""

    def key(self, url: str) -> "RSAPublicKey":
        """Raises Unauthorized for an address that is not PayPal's and for what does not prove to be, Unavailable."""
        key, ends = self._known.get(url, (None, clock.now()))
        if key is None or ends <= clock.now():
            line, path = self._place(url)
            if url not in self._known:
                self._must_be_few(url)
            try:
                key, ends = self._proven(self._fetched(line, path))
            except Unavailable:
                self._unknown.pop(url, None)  # nobody said that it is not there
                raise
            self._known[url] = key, min(ends, clock.now() + _LOOKED_AT_AGAIN)
            self._unknown.pop(url, None)
        return key

    def _place(self, url: str) -> tuple[Line, str]:
        """Only an address that was put together of known parts is asked: nothing a stranger wrote is taken apart."""
        for known, line in self._lines.items():
            if url.startswith(known) and _NAME.fullmatch(url.removeprefix(known)):
                return line, f"{PATH}{url.removeprefix(known)}"
        raise forged()

    def _must_be_few(self, url: str) -> None:
        """Raises Unauthorized for what was refused just now, and once too many others were asked for.

        A new name of PayPal's own comes again: it repeats whatever is not answered with 200, for days.
        """
        since = clock.now() - _REFUSED_FOR
        with self._counting:
            self._unknown = {name: at for name, at in self._unknown.items() if at > since}
            if url in self._unknown or len(self._unknown) >= MOST_UNKNOWN:
                raise forged()
            self._unknown[url] = clock.now()

    def _fetched(self, line: Line, path: str) -> bytes:
        status, raw = line.send("GET", path, headers={"Accept": "application/x-pem-file, */*"})
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise unavailable()
        if status != HTTPStatus.OK:
            raise forged()
        return raw

    def _proven(self, pem: bytes) -> "tuple[RSAPublicKey, datetime]":
        """The key of the first certificate, and how long it may be used. The others lead from it to a root."""
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.x509 import DNSName, load_pem_x509_certificates
        from cryptography.x509.verification import PolicyBuilder, VerificationError

        try:
            own, *others = load_pem_x509_certificates(pem)
            policy = PolicyBuilder().store(self._trusted()).time(clock.now())
            policy.build_server_verifier(DNSName(self._subject)).verify(own, others)
            key = own.public_key()
        except (ValueError, VerificationError):
            raise forged() from None
        if not isinstance(key, RSAPublicKey):
            raise forged()
        return key, own.not_valid_after_utc

    def _trusted(self) -> "Store":
        if self._roots is None:
            from cryptography.utils import CryptographyDeprecationWarning
            from cryptography.x509 import load_pem_x509_certificates
            from cryptography.x509.verification import Store
            from requests.utils import DEFAULT_CA_BUNDLE_PATH

            with warnings.catch_warnings(action="ignore", category=CryptographyDeprecationWarning):  # of old roots
                pem = self._authority.encode() if self._authority else Path(DEFAULT_CA_BUNDLE_PATH).read_bytes()
                self._roots = Store(load_pem_x509_certificates(pem))
        return self._roots
