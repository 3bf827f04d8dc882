"""A stand-in for Google, Apple and Facebook on this machine: their wire formats, and faults on request.

A WSGI application. Under `/{provider}` it has `authorize` (a page on which one says who one is), `token`, `keys`, and
Facebook's `oauth/access_token`, `debug_token` and `me`. It knows one client at each provider; codes work once.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode
from wsgiref.types import StartResponse, WSGIEnvironment

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from chalicelib.core import clock

PATH = "/_local/identity"
PROVIDERS = ("google", "apple", "facebook")
FAULTS = (
    "alg_none", "error_400", "error_500", "expired", "from_the_future", "hs256", "no_email", "no_id_token", "no_nonce",
    "no_subject", "not_json", "other_app", "other_audience", "other_issuer", "other_key", "other_nonce", "other_user",
    "redirect", "several_audiences", "too_large", "unknown_key", "unverified_email",
)  # fmt: skip
_PEM, _PKCS8 = Encoding.PEM, PrivateFormat.PKCS8
_HEADERS = [
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
]


@dataclass(frozen=True)
class Someone:
    """An account at a provider. `domain` is that of a Google Workspace."""

    subject: str
    email: str | None = None
    name: str | None = None
    verified: bool = True
    domain: str | None = None


@dataclass(frozen=True)
class _Code:
    someone: Someone
    asked: Mapping[str, str]
    fault: str | None


@dataclass
class IdentitySandbox:
    """`url` is where it is mounted. `fault` spoils whatever it answers next, until it is None again."""

    url: str = ""
    fault: str | None = None
    requests: list[str] = field(default_factory=list)
    """The paths that were asked for."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, _Code] = {}
        self._apple = ec.generate_private_key(ec.SECP256R1())
        self._secrets = {name: secrets.token_urlsafe(24) for name in PROVIDERS}
        self.rotate()

    def rotate(self) -> None:
        """Sign with another key; the one before is published no more."""
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._kid = secrets.token_hex(8)

    def clients(self) -> dict[str, dict[str, Any]]:
        """What the stage's secret must hold under `identity_providers`."""
        apple = self._apple.private_bytes(_PEM, _PKCS8, NoEncryption()).decode()
        return {
            "google": {"client_ids": [self.client("google")], "client_secret": self._secrets["google"]},
            "apple": {
                "client_ids": [self.client("apple")],
                "team_id": "TEAM123456",
                "key_id": "KEY1234567",
                "private_key": apple,
            },
            "facebook": {"client_ids": [self.client("facebook")], "client_secret": self._secrets["facebook"]},
        }

    def client(self, provider: str) -> str:
        return f"sandbox-{provider}"

    # --- what a person does -------------------------------------------------------------------------------------

    def consent(self, provider: str, url: str, someone: Someone, fault: str | None = None) -> dict[str, str]:
        """Agree on the page that `url` opens; what the browser brings back, `code` and `state`."""
        asked = dict(parse_qsl(url.partition("?")[2]))
        if asked.get("client_id") != self.client(provider) or asked.get("response_type") != "code":
            raise ValueError("the provider knows no such client")
        code = secrets.token_urlsafe(24)
        with self._lock:
            self._codes[code] = _Code(someone, asked, fault)
        return {"code": code, "state": asked.get("state", "")}

    def id_token(self, provider: str, someone: Someone, nonce: str, fault: str | None = None) -> str:
        """What an app's own SDK is given."""
        now = clock.epoch(clock.now())
        claims: dict[str, Any] = {
            "iss": f"{self.url}/{provider}",
            "sub": someone.subject,
            "aud": self.client(provider),
            "iat": now,
            "exp": now + 600,
            "nonce": nonce,
            "email": someone.email,
            "email_verified": str(someone.verified).lower() if provider == "apple" else someone.verified,
            "name": someone.name,
            "hd": someone.domain,
        }
        spoiled: dict[str, dict[str, Any]] = {
            "other_audience": {"aud": "another-app"},
            "several_audiences": {"aud": [self.client(provider), "another-app"], "azp": "another-app"},
            "other_issuer": {"iss": "https://accounts.example"},
            "other_nonce": {"nonce": "another"},
            "no_nonce": {"nonce": None},
            "no_subject": {"sub": ""},
            "expired": {"iat": now - 4000, "exp": now - 400},
            "from_the_future": {"iat": now + 3600, "exp": now + 7200},
            "unverified_email": {"email_verified": False},
            "no_email": {"email": None, "email_verified": None},
        }
        claims |= spoiled.get(fault or "", {})
        return self._signed({name: value for name, value in claims.items() if value is not None}, fault)

    def _signed(self, claims: dict[str, Any], fault: str | None) -> str:
        headers = {"kid": secrets.token_hex(8) if fault == "unknown_key" else self._kid}
        if fault == "alg_none":
            return jwt.encode(claims, "", algorithm="none", headers=headers)
        if fault == "hs256":  # the public key taken for a shared secret
            public = self._key.public_key().public_bytes(_PEM, PublicFormat.SubjectPublicKeyInfo)
            head, body = (
                _b64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"} | headers, claims)
            )
            mac = hmac.new(public, f"{head}.{body}".encode(), hashlib.sha256).digest()
            return f"{head}.{body}.{_b64(mac)}"
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048) if fault == "other_key" else self._key
        return jwt.encode(claims, key, algorithm="RS256", headers=headers)

    # --- what is asked over HTTP --------------------------------------------------------------------------------

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"].removeprefix(PATH)
        self.requests.append(path)
        query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        size = min(int(environ.get("CONTENT_LENGTH") or 0), 1 << 16)
        form = dict(parse_qsl(environ["wsgi.input"].read(size).decode()))
        status, headers, body = self._answer(environ["REQUEST_METHOD"], path.strip("/"), query, form)
        start_response(status, [*_HEADERS, *headers, ("Content-Length", str(len(body)))])
        return [body]

    def _answer(
        self, method: str, path: str, query: Mapping[str, str], form: Mapping[str, str]
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        provider, _, what = path.partition("/")
        if provider not in PROVIDERS:
            return _json({"error": "not_found"}, "404 Not Found")
        if what == "authorize":
            return self._page(provider, query) if method == "GET" else self._agreed(provider, query, form)
        match self.fault:
            case "error_500":
                return _json({"error": "internal"}, "500 Internal Server Error")
            case "error_400":
                return _json({"error": "invalid_grant"}, "400 Bad Request")
            case "not_json":
                return "200 OK", [("Content-Type", "text/html")], b"<p>Welcome to the hotel's network"
            case "redirect":
                return "302 Found", [("Location", f"{self.url}/google/keys")], b""
            case "too_large":
                return _json({"keys": [], "padding": "x" * 300_000})
        match method, what:
            case "GET", "keys":
                return self._keys()
            case "POST", "token" if provider != "facebook":
                return self._exchange(provider, form)
            case "POST", "oauth/access_token" if provider == "facebook":
                return self._exchange(provider, form)
            case "GET", "debug_token" if provider == "facebook":
                return self._debugged(query)
            case "GET", "me" if provider == "facebook":
                return self._me(query)
        return _json({"error": "not_found"}, "404 Not Found")

    def _keys(self) -> tuple[str, list[tuple[str, str]], bytes]:
        public = jwt.get_algorithm_by_name("RS256").to_jwk(self._key.public_key(), as_dict=True)
        keys = [{**public, "kid": self._kid, "use": "sig", "alg": "RS256"}, {"kty": "EC", "kid": "of-no-use"}]
        status, headers, body = _json({"keys": keys})
        return status, [*headers, ("Cache-Control", "public, max-age=3600")], body

    def _exchange(self, provider: str, form: Mapping[str, str]) -> tuple[str, list[tuple[str, str]], bytes]:
        with self._lock:
            held = self._codes.pop(form.get("code", ""), None)
        if held is None or form.get("redirect_uri") != held.asked.get("redirect_uri"):
            return _json({"error": "invalid_grant"}, "400 Bad Request")
        if form.get("client_id") != self.client(provider) or not self._knows(provider, form.get("client_secret", "")):
            return _json({"error": "invalid_client"}, "401 Unauthorized")
        challenge = held.asked.get("code_challenge")
        verifier = _b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if challenge is not None and not hmac.compare_digest(challenge, verifier):
            return _json({"error": "invalid_grant"}, "400 Bad Request")
        fault = held.fault or self.fault
        token = secrets.token_urlsafe(24)
        if provider == "facebook":
            with self._lock:
                self._tokens[token] = held
            return _json({"access_token": token, "token_type": "bearer", "expires_in": 5184000})
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        if fault != "no_id_token":
            answer["id_token"] = self.id_token(provider, held.someone, held.asked.get("nonce", ""), fault)
        return _json(answer)

    def _knows(self, provider: str, secret: str) -> bool:
        if provider != "apple":
            return hmac.compare_digest(secret.encode(), self._secrets[provider].encode())
        audience = f"{self.url}/apple"
        try:
            claims = jwt.decode(
                secret, self._apple.public_key(), algorithms=["ES256"], audience=audience, options={"verify_exp": False}
            )
        except jwt.PyJWTError:
            return False
        return (claims["iss"], claims["sub"]) == ("TEAM123456", self.client("apple")) and claims["exp"] > time.time()

    def _debugged(self, query: Mapping[str, str]) -> tuple[str, list[tuple[str, str]], bytes]:
        if query.get("access_token") != f"{self.client('facebook')}|{self._secrets['facebook']}":
            return _json({"error": {"message": "Invalid OAuth access token", "code": 190}}, "400 Bad Request")
        held = self._tokens.get(query.get("input_token", ""))
        if held is None:
            return _json({"data": {"is_valid": False, "error": {"code": 190}}})
        fault = held.fault or self.fault
        app = "another-app" if fault == "other_app" else self.client("facebook")
        return _json({"data": {"app_id": app, "is_valid": fault != "expired", "user_id": held.someone.subject}})

    def _me(self, query: Mapping[str, str]) -> tuple[str, list[tuple[str, str]], bytes]:
        token = query.get("access_token", "")
        proof = hmac.new(self._secrets["facebook"].encode(), token.encode(), hashlib.sha256).hexdigest()
        held = self._tokens.get(token)
        if held is None or not hmac.compare_digest(proof, query.get("appsecret_proof", "")):
            return _json({"error": {"message": "Invalid appsecret_proof", "code": 100}}, "400 Bad Request")
        subject = "somebody-else" if (held.fault or self.fault) == "other_user" else held.someone.subject
        told = {"id": subject, "name": held.someone.name, "email": held.someone.email}
        return _json({name: value for name, value in told.items() if value is not None})

    def _page(self, provider: str, query: Mapping[str, str]) -> tuple[str, list[tuple[str, str]], bytes]:
        faults = "".join(f"<option>{name}</option>" for name in ("", *FAULTS))
        page = (
            f"<!doctype html><title>{provider} sandbox</title><h1>Sign in with the {provider} of this machine</h1>"
            f"<p>For {escape(query.get('client_id', ''))}, which gets the answer at "
            f"{escape(query.get('redirect_uri', ''))}.</p><form method=post>"
            "<p><label>E-mail <input name=email value=anna@gmail.com></label>"
            "<p><label>Name <input name=name value=Anna></label>"
            f"<p><label>Fault <select name=fault>{faults}</select></label><p><button>Sign in</button></form>"
        )
        return "200 OK", [("Content-Type", "text/html; charset=utf-8")], page.encode()

    def _agreed(
        self, provider: str, query: Mapping[str, str], form: Mapping[str, str]
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        email = form.get("email", "")
        someone = Someone(hashlib.sha256(email.encode()).hexdigest()[:21], email or None, form.get("name"))
        try:
            back = self.consent(provider, f"?{urlencode(query)}", someone, form.get("fault") or None)
        except ValueError as failure:
            return _json({"error": str(failure)}, "400 Bad Request")
        page = query.get("redirect_uri", "")
        if query.get("response_mode") == "form_post":
            fields = "".join(
                f'<input type=hidden name="{name}" value="{escape(value)}">' for name, value in back.items()
            )
            form_page = (
                f'<!doctype html><form method=post action="{escape(page)}">{fields}<button>Go on</button></form>'
            )
            return "200 OK", [("Content-Type", "text/html; charset=utf-8")], form_page.encode()
        return "303 See Other", [("Location", f"{page}{'&' if '?' in page else '?'}{urlencode(back)}")], b""


def _json(value: Mapping[str, Any], status: str = "200 OK") -> tuple[str, list[tuple[str, str]], bytes]:
    return status, [("Content-Type", "application/json")], json.dumps(value).encode()


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
