"""The certificates that PayPal signs webhooks with: fetched from PayPal, believed for who stands behind them."""

import re
import warnings
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.core import clock
from chalicelib.payments.gateways.wire import Line, forged, unavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509.verification import Store

PATH = "/v1/notifications/certs/"
_NAME = re.compile(r"[A-Za-z0-9-]{1,100}")
_LOOKED_AT_AGAIN = timedelta(hours=12)


class Certificates:
    """Those of the API at `base_url`, which `subject` owns; `timeout` as of `wire.Line`.

    They are at the API's own address and at the one it had before. `authority` is a root in PEM that stands for those
    that the public has.
    """

    def __init__(self, base_url: str, subject: str, timeout: tuple[float, float], authority: str | None) -> None:
        addresses = {base_url, base_url.replace("//api-m.", "//api.")}
        self._lines = {f"{address}{PATH}": Line(address, timeout) for address in addresses}
        self._subject = subject
        self._authority = authority
        self._roots: Store | None = None
        self._known: dict[str, tuple[RSAPublicKey, datetime]] = {}

    def key(self, url: str) -> "RSAPublicKey":
        """Raises Unauthorized for an address that is not PayPal's and for what does not prove to be, Unavailable."""
        key, ends = self._known.get(url, (None, clock.now()))
        if key is None or ends <= clock.now():
            key, ends = self._proven(self._fetched(url))
            self._known[url] = key, min(ends, clock.now() + _LOOKED_AT_AGAIN)
        return key

    def _fetched(self, url: str) -> bytes:
        """Only an address that was put together of known parts is asked: nothing a stranger wrote is taken apart."""
        for known, line in self._lines.items():
            if url.startswith(known) and _NAME.fullmatch(url.removeprefix(known)):
                accept = {"Accept": "application/x-pem-file, */*"}
                status, raw = line.send("GET", f"{PATH}{url.removeprefix(known)}", headers=accept)
                if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
                    raise unavailable()
                if status == HTTPStatus.OK:
                    return raw
        raise forged()

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
