"""Tokens, links and cursors that earlier releases gave out still open what they opened.

How they are made is written down here once more, as it was in release 1.0: whoever changes it breaks links in mails
that people have kept.
"""

import base64
import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

import jwt
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from chalicelib.core import auth, clock, ids
from chalicelib.core.secrets import sign
from chalicelib.core.table import lists
from tests.compatibility.record import FOLDER

pytestmark = pytest.mark.usefixtures("aws")

RELEASES = sorted(FOLDER.glob("*/tokens.json"))


@pytest.fixture(params=RELEASES, ids=lambda path: path.parent.name)
def given(request, monkeypatch):
    """The inside of what a release gave out, at the moment it did."""
    held = json.loads(request.param.read_text())
    at = datetime.fromisoformat(held["at"])
    monkeypatch.setattr(clock, "now", lambda: at)
    return held


@pytest.fixture
def keys(secret):
    return json.loads(secret)


def test_an_access_token_is_accepted(given, keys):
    key: Any = load_pem_private_key(keys["jwt_private_key"].encode(), password=None)
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    header = given["access"]["header"] | {"kid": hashlib.sha256(der).hexdigest()[:16]}
    claims = given["access"]["claims"]
    token = jwt.encode(claims, key, algorithm="ES256", headers=header)

    principal = auth.verify(token, claims["org"])

    assert (principal.user, principal.session, principal.version) == (claims["sub"], claims["sid"], claims["ver"])
    assert principal.roles == {"customer"}


def test_an_access_token_of_today_has_all_that_the_last_release_looks_for(given):
    issued = auth.issue(organization="org_1", user="usr_1", roles=frozenset(), session="ses_1", version=1)

    assert given["access"]["claims"].keys() <= jwt.decode(issued, options={"verify_signature": False}).keys()
    assert jwt.get_unverified_header(issued).keys() == given["access"]["header"].keys()


def test_a_cursor_opens_its_list(given, keys):
    inside = given["cursor"]
    key = base64.urlsafe_b64encode(hashlib.sha256(b"cursor" + bytes.fromhex(keys["token_key"])).digest())
    cursor = Fernet(key).encrypt(json.dumps(inside).encode()).decode()

    opened = lists._open_cursor(cursor, inside["list"])

    assert opened == {name: {"S": value} for name, value in inside["keys"].items()}


def test_a_link_in_a_mail_opens_its_order(given, keys):
    parts = json.dumps(["order", given["access"]["claims"]["org"], given["order"]]).encode()
    made = hmac.new(bytes.fromhex(keys["token_key"]), parts, hashlib.sha256).digest()

    assert sign("order", given["access"]["claims"]["org"], given["order"]) == (
        base64.urlsafe_b64encode(made).rstrip(b"=").decode()
    )


def test_a_kept_token_meets_its_stored_digest():
    """Guests' carts and refresh tokens are stored as SHA-256 in hex."""
    assert ids.digest("a token") == hashlib.sha256(b"a token").hexdigest()
