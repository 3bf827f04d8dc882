"""Forged, altered and misused access tokens. None may pass, and each is a 401 of the envelope."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.core import auth, clock, ids, secrets
from tests.figures import Show
from tests.system.world import Stored, World, bearer, log_in, watched

PROMISE = "no forged, altered or misused access token passes"


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def as_json(value: Any) -> str:
    return b64(json.dumps(value).encode())


class Forger:
    """Holds a valid token of an admin, our keys, and keys of its own."""

    def __init__(self, world: World) -> None:
        admin = world.a.people["admin"]
        self.world, self.password = world, f"{admin.email}:{admin.password}"
        self.token = admin.token
        self.header_text, self.claims_text, self.signature = self.token.split(".")
        self.header = jwt.get_unverified_header(self.token)
        self.claims = jwt.decode(self.token, options={"verify_signature": False})
        pem = secrets.secrets().jwt_private_key.get_secret_value()
        self.kid, self.ours = auth._signing_key(pem)
        public = self.ours.public_key()
        self.public_pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.public_der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.theirs = ec.generate_private_key(ec.SECP256R1())

    def signed(self, header: dict[str, Any] | None = None, without: str = "", **claims: Any) -> str:
        """A token with our own signature over other contents: what a mistake of ours could issue."""
        body = {name: value for name, value in (self.claims | claims).items() if name != without}
        return self.sign_text(as_json(self.header | (header or {})), as_json(body))

    def sign_text(self, header: str, claims: str) -> str:
        signing = jwt.get_algorithm_by_name("ES256")
        text = f"{header}.{claims}"
        return f"{text}.{b64(signing.sign(text.encode(), self.ours))}"

    def headed(self, drop: str) -> str:
        header = {name: value for name, value in self.header.items() if name != drop}
        return self.sign_text(as_json(header), self.claims_text)

    def keyed(self, key: Any, algorithm: str, **header: Any) -> str:
        """A token signed by somebody else's key under our key id."""
        signing = jwt.get_algorithm_by_name(algorithm)
        text = f"{as_json(self.header | {'alg': algorithm} | header)}.{self.claims_text}"
        prepared = signing.prepare_key(key) if not algorithm.startswith("HS") else key
        return f"{text}.{b64(signing.sign(text.encode(), prepared))}"

    def unsigned(self, algorithm: Any, signature: str = "") -> str:
        return f"{as_json(self.header | {'alg': algorithm})}.{self.claims_text}.{signature}"

    def altered(self, **claims: Any) -> str:
        return f"{self.header_text}.{as_json(self.claims | claims)}.{self.signature}"

    def flipped(self, at: int) -> str:
        raw = bytearray(base64.urlsafe_b64decode(self.signature + "=="))
        raw[at] ^= 1
        return f"{self.header_text}.{self.claims_text}.{b64(bytes(raw))}"

    def with_signature(self, raw: bytes) -> str:
        return f"{self.header_text}.{self.claims_text}.{b64(raw)}"

    def as_der(self) -> str:
        raw = base64.urlsafe_b64decode(self.signature + "==")
        return self.with_signature(encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:])))

    def own_jwk(self) -> dict[str, Any]:
        return json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(self.theirs.public_key()))


ATTACKS: dict[str, Callable[[Forger], str]] = {
    # no signature
    "alg none": lambda f: f.unsigned("none"),
    "alg None": lambda f: f.unsigned("None"),
    "alg nOnE": lambda f: f.unsigned("nOnE"),
    "alg none, our signature": lambda f: f.unsigned("none", f.signature),
    "alg empty": lambda f: f.unsigned(""),
    "alg null": lambda f: f.unsigned(None),
    "alg a list": lambda f: f.unsigned(["ES256", "none"]),
    "alg missing": lambda f: f.headed("alg"),
    "signature stripped": lambda f: f"{f.header_text}.{f.claims_text}.",
    "signature and dot stripped": lambda f: f"{f.header_text}.{f.claims_text}",
    # another algorithm or key
    "HS256 with the public PEM": lambda f: f.keyed(f.public_pem, "HS256"),
    "HS256 with the public DER": lambda f: f.keyed(f.public_der, "HS256"),
    "HS256 with the key id": lambda f: f.keyed(f.kid.encode(), "HS256"),
    "HS256 with nothing": lambda f: f.keyed(b"", "HS256"),
    "HS512 with the public PEM": lambda f: f.keyed(f.public_pem, "HS512"),
    "ES256 of another key": lambda f: f.keyed(f.theirs, "ES256"),
    "ES256 of another key, no key id": lambda f: f.keyed(f.theirs, "ES256", kid=""),
    "ES384 of another key": lambda f: f.keyed(ec.generate_private_key(ec.SECP384R1()), "ES384"),
    "RS256 of another key": lambda f: f.keyed(rsa.generate_private_key(65537, 2048), "RS256"),
    "PS256 of another key": lambda f: f.keyed(rsa.generate_private_key(65537, 2048), "PS256"),
    "EdDSA of another key": lambda f: f.keyed(ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    "another key in jwk": lambda f: f.keyed(f.theirs, "ES256", jwk=f.own_jwk()),
    "another key at jku": lambda f: f.keyed(f.theirs, "ES256", jku="https://evil.example/keys"),
    "another key at x5u": lambda f: f.keyed(f.theirs, "ES256", x5u="https://evil.example/cert"),
    "signature of zeros": lambda f: f.with_signature(bytes(64)),
    "signature of ones": lambda f: f.with_signature(bytes([0] * 31 + [1]) * 2),
    "signature too short": lambda f: f.with_signature(bytes(63)),
    "signature in DER": lambda f: f.as_der(),
    "first bit of the signature": lambda f: f.flipped(0),
    "last bit of the signature": lambda f: f.flipped(63),
    # key id and type
    "kid missing": lambda f: f.headed("kid"),
    "kid unknown": lambda f: f.signed({"kid": "0" * 16}),
    "kid a path": lambda f: f.signed({"kid": "../../dev/null"}),
    "kid a query": lambda f: f.signed({"kid": "' UNION SELECT 'key"}),
    "kid a number": lambda f: f.signed({"kid": 1}),
    "kid null": lambda f: f.signed({"kid": None}),
    "kid a list": lambda f: f.signed({"kid": [f.kid]}),
    "typ missing": lambda f: f.headed("typ"),
    "typ JWT": lambda f: f.signed({"typ": "JWT"}),
    "typ of a refresh token": lambda f: f.signed({"typ": "rt+jwt"}),
    "an extension that we must understand": lambda f: f.signed({"crit": ["http://example/unknown"]}),
    # claims that we would have signed by mistake
    "another issuer": lambda f: f.signed(iss="thepixstock-prod"),
    "issuer missing": lambda f: f.signed(without="iss"),
    "issuer a list": lambda f: f.signed(iss=[f.claims["iss"]]),
    "another audience": lambda f: f.signed(aud="admin"),
    "audience missing": lambda f: f.signed(without="aud"),
    "audience empty": lambda f: f.signed(aud=[]),
    "expired": lambda f: f.signed(exp=clock.epoch(clock.now()) - 1),
    "expires now": lambda f: f.signed(exp=clock.epoch(clock.now())),
    "expiry missing": lambda f: f.signed(without="exp"),
    "expiry a text": lambda f: f.signed(exp="9999999999"),
    "expiry a fraction": lambda f: f.signed(exp=9999999999.5),
    "expiry infinite": lambda f: f.signed(exp=float("inf")),
    "expiry true": lambda f: f.signed(exp=True),
    "expiry null": lambda f: f.signed(exp=None),
    "issued tomorrow": lambda f: f.signed(iat=clock.epoch(clock.now()) + 86400),
    "issue time missing": lambda f: f.signed(without="iat"),
    "not yet": lambda f: f.signed(nbf=clock.epoch(clock.now()) + 86400),
    "subject missing": lambda f: f.signed(without="sub"),
    "subject a number": lambda f: f.signed(sub=1),
    "subject null": lambda f: f.signed(sub=None),
    "another organization": lambda f: f.signed(org=f.world.b.organization),
    "organization missing": lambda f: f.signed(without="org"),
    "organization a list": lambda f: f.signed(org=[f.world.a.organization]),
    "roles missing": lambda f: f.signed(without="roles"),
    "roles a text": lambda f: f.signed(roles="admin"),
    "roles of numbers": lambda f: f.signed(roles=[1]),
    "session missing": lambda f: f.signed(without="sid"),
    "session null": lambda f: f.signed(sid=None),
    "session unknown": lambda f: f.signed(sid=ids.new("ses")),
    "session of another user": lambda f: f.signed(sub=ids.new("usr")),
    "version missing": lambda f: f.signed(without="ver"),
    "version true": lambda f: f.signed(ver=True),
    "version a text": lambda f: f.signed(ver="1"),
    "version of yesterday": lambda f: f.signed(ver=0),
    # contents altered under our signature
    "roles altered": lambda f: f.altered(roles=["admin", "owner"]),
    "subject altered": lambda f: f.altered(sub=ids.new("usr")),
    "organization altered": lambda f: f.altered(org=ids.new("org")),
    "life prolonged": lambda f: f.altered(exp=9999999999),
    "header altered": lambda f: f"{as_json(f.header | {'x': 1})}.{f.claims_text}.{f.signature}",
    # no token at all
    "one dot": lambda f: ".",
    "two dots": lambda f: "..",
    "three words": lambda f: "a.b.c",
    "four parts": lambda f: f"{f.token}.{f.signature}",
    "five parts, as if encrypted": lambda f: f"{f.header_text}....",
    "header empty": lambda f: f".{f.claims_text}.{f.signature}",
    "claims empty": lambda f: f"{f.header_text}..{f.signature}",
    "header a list": lambda f: f.sign_text(as_json([]), f.claims_text),
    "claims a list": lambda f: f.sign_text(f.header_text, as_json([])),
    "claims null": lambda f: f.sign_text(f.header_text, as_json(None)),
    "claims a text": lambda f: f.sign_text(f.header_text, as_json("admin")),
    "claims no JSON": lambda f: f.sign_text(f.header_text, b64(b"{")),
    "claims no UTF-8": lambda f: f.sign_text(f.header_text, b64(b"\xff\xff")),
    "deeply nested": lambda f: f.sign_text(f.header_text, b64(b"[" * 50_000)),
    "header deeply nested": lambda f: f"{b64(b'[' * 50_000)}.{f.claims_text}.{f.signature}",
    "huge": lambda f: f"{f.header_text}.{'A' * 1_000_000}.{f.signature}",
    "huge number": lambda f: f.sign_text(f.header_text, b64(b'{"exp": ' + b"9" * 5000 + b"}")),
    "token twice": lambda f: f"{f.token} {f.token}",
    "not ASCII": lambda f: f"{f.token}é",
    "null byte": lambda f: f"{f.token}\x00",
    "another scheme's value": lambda f: base64.b64encode(f.password.encode()).decode(),
}


@pytest.fixture(scope="module")
def forger(world: World) -> Forger:
    return Forger(world)


@pytest.fixture(scope="module")
def stored(world: World) -> Stored:
    return Stored()


def test_the_forgers_own_tools_make_a_token_that_passes(world: World, forger: Forger):
    for token in (forger.token, forger.signed(), forger.sign_text(forger.header_text, forger.claims_text)):
        assert world.call("GET", "/auth/me", headers=bearer(token)).status == 200


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused(world: World, stored: Stored, forger: Forger, figure: Show, name: str):
    token = ATTACKS[name](forger)
    victim = world.a.people["neighbour"].id

    with watched() as writes:
        answers = [
            world.call("GET", "/auth/me", headers=bearer(token)),
            world.call("PUT", f"/users/{victim}/roles", {"roles": ["admin"]}, bearer(token)),
        ]

    accepted = sum(answer.status < 400 for answer in answers)
    figure("tokens", PROMISE, "{attacks} attacks, {accepted} accepted", attacks=1, accepted=accepted)
    for answer in answers:
        assert answer.status == 401, name
        assert answer.json()["error"]["code"] in {"invalid_token", "token_expired", "session_ended"}, name
        assert answer.header("WWW-Authenticate") == "Bearer"
    assert stored.changed_by(writes) == []


@pytest.mark.parametrize("scheme", ["", "Basic ", "Token ", "Bearer", "Bearer  ", "bearer\t"])
def test_another_scheme_is_refused(world: World, forger: Forger, scheme: str):
    sent = {"Authorization": f"{scheme}{forger.token if scheme != 'Bearer  ' else ''}"}

    answer = world.call("GET", "/auth/me", headers=sent)

    assert (answer.status, answer.json()["error"]["code"]) == (401, "invalid_token")


def test_the_table_is_as_long_as_promised():
    assert len(ATTACKS) >= 40


def test_a_refresh_token_that_comes_back_ends_its_session(world: World, figure: Show):
    """Whoever presents it later than the grace of ten seconds has stolen it, or been stolen from."""
    person = log_in(world.a, world.a.people["customer"].email, world.a.people["customer"].password)
    with clock.travel(timedelta(seconds=1)):
        chain = [person.refresh_token]
        for _ in range(3):
            answer = world.call("POST", "/auth/refresh", {"refreshToken": chain[-1]}, source="10.5.0.1")
            chain.append(answer.json()["data"]["refreshToken"])
    with clock.travel(timedelta(seconds=30)):
        replayed = world.call("POST", "/auth/refresh", {"refreshToken": chain[0]}, source="10.5.0.2")
        left = [world.call("POST", "/auth/refresh", {"refreshToken": token}, source="10.5.0.3") for token in chain]

    alive = sum(answer.status < 400 for answer in [replayed, *left])
    text = f"1 of {len(chain)} presented again: {alive} still good"
    figure("tokens", "a refresh token that comes back ends its whole family", text)
    assert alive == 0
    assert {answer.json()["error"]["code"] for answer in [replayed, *left]} == {"invalid_refresh_token"}
