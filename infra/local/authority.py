"""Certificates of this machine: a root, one between, and one's own. PayPal signs so, and servers prove who they are."""

import base64
import ssl
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chalicelib.core import clock

SUBJECT = "messageverificationcerts.sandbox.paypal.com"
_DAY = timedelta(days=1)


class Authority:
    """`root` in PEM vouches for what `certificates`, PayPal's own first, say of who `sign`s. Made anew each time."""

    def __init__(self, subject: str = SUBJECT, *, since: datetime | None = None, lasts: timedelta = 365 * _DAY) -> None:
        since = (since or clock.now() - _DAY).replace(microsecond=0)
        roots, between = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        top, middle = _name("Sandbox Root"), _name("Sandbox CA")
        root = _built(top, top, roots.public_key(), since, lasts, depth=1).sign(roots, SHA256())
        issuer = _issued(_built(middle, top, between.public_key(), since, lasts, depth=0), roots)
        made = _built(_name(subject), middle, self._key.public_key(), since, lasts, depth=None)
        names = x509.SubjectAlternativeName([x509.DNSName(subject)])
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        own = _issued(made.add_extension(names, critical=False).add_extension(use, critical=False), between)
        digits = f"{own.serial_number:040x}"
        self.name = f"CERT-{digits[:8]}-{digits[8:16]}-{digits[16:24]}"
        self.root = root.public_bytes(Encoding.PEM).decode()
        self.certificates = b"".join(each.public_bytes(Encoding.PEM) for each in (own, issuer))

    def keep(self, folder: Path) -> tuple[Path, Path]:
        """Files of the certificates and of their key, as a server's TLS wants them."""
        shown, key = folder / "shown.pem", folder / "key.pem"
        shown.write_bytes(self.certificates)
        key.write_bytes(self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return shown, key

    def sign(self, text: str) -> str:
        return base64.b64encode(self._key.sign(text.encode(), padding.PKCS1v15(), SHA256())).decode()

    def serving(self) -> ssl.SSLContext:
        """What a server by the name of the subject speaks TLS with."""
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        with tempfile.NamedTemporaryFile() as file:  # OpenSSL takes keys from files only
            file.write(key + self.certificates)
            file.flush()
            context.load_cert_chain(file.name)
        return context


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _built(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    since: datetime,
    lasts: timedelta,
    *,
    depth: int | None,
) -> x509.CertificateBuilder:
    """`depth` is how many authorities may stand below this one; None is no authority."""
    signs = depth is not None
    usage = x509.KeyUsage(not signs, False, False, False, False, signs, signs, False, False)
    return (
        x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), since, since + lasts)
        .add_extension(x509.BasicConstraints(ca=signs, path_length=depth), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _issued(built: x509.CertificateBuilder, by: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    known = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())
    return built.add_extension(known, critical=False).sign(by, SHA256())
