import base64
import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from chalicelib.core import clock, storage
from chalicelib.core.aws import client
from chalicelib.core.secrets import secrets
from chalicelib.core.settings import settings
from tests.core.scripts import Script, failure

pytestmark = pytest.mark.usefixtures("aws")

KEY = "uploads/org_1/pho_1"
SHA256 = hashlib.sha256(b"a photo").hexdigest()
CHECKSUM = base64.b64encode(bytes.fromhex(SHA256)).decode()


def form(key: str = KEY, size: int = 7) -> storage.UploadForm:
    return storage.upload_form(key, content_type="image/jpeg", size=size, sha256=SHA256)


def policy_of(made: storage.UploadForm) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(base64.b64decode(made.fields["policy"]))
    return policy


def signed(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


# --- uploads ------------------------------------------------------------------------------------------------


def test_the_policy_promises_exactly_one_file():
    conditions = policy_of(form())["conditions"]

    signature = {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token"}
    ours = [each for each in conditions if isinstance(each, list) or not signature & each.keys()]
    assert sorted(ours, key=str) == sorted(
        [
            {"bucket": "thepixstock-test-originals"},
            {"key": KEY},
            {"Content-Type": "image/jpeg"},
            {"x-amz-checksum-algorithm": "SHA256"},
            {"x-amz-checksum-sha256": CHECKSUM},
            ["content-length-range", 7, 7],
        ],
        key=str,
    )


def test_no_condition_is_looser_than_equality():
    kinds = {each[0] for each in policy_of(form())["conditions"] if isinstance(each, list)}

    assert kinds == {"content-length-range"}


def test_the_form_carries_what_the_policy_wants():
    made = form()

    wanted = {name for each in policy_of(made)["conditions"] if isinstance(each, dict) for name in each} - {"bucket"}
    assert set(made.fields) == wanted | {"policy", "x-amz-signature"}
    assert made.fields["key"] == KEY
    assert made.fields["x-amz-checksum-sha256"] == CHECKSUM


def test_the_form_goes_to_the_bucket_of_originals():
    assert urlsplit(form().url).path == "/thepixstock-test-originals"


def test_a_form_is_good_for_ten_minutes():
    before = clock.now()
    made = form()
    after = clock.now()

    assert before + timedelta(minutes=10) <= made.expires_at <= after + timedelta(minutes=10)
    ends = datetime.fromisoformat(policy_of(made)["expiration"])  # whole seconds
    assert before + timedelta(minutes=9, seconds=59) <= ends <= after + timedelta(minutes=10)


@pytest.mark.parametrize("sha256", ["zz", SHA256[:-1]])
def test_a_checksum_that_is_no_hex_is_a_bug(sha256):
    with pytest.raises(ValueError, match="hex"):
        storage.upload_form(KEY, content_type="image/jpeg", size=1, sha256=sha256)


# --- reading ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lasts", "seconds"),
    [
        (timedelta(minutes=5), 300),
        (timedelta(hours=1), 300),
        (timedelta(seconds=90), 90),
        (timedelta(0), 1),
        (timedelta(days=-1), 1),
    ],
)
def test_a_link_lasts_five_minutes_at_most(lasts, seconds):
    url = storage.read_url("previews", "p/1.jpg", lasts=lasts)

    assert signed(url)["X-Amz-Expires"] == str(seconds)


@pytest.mark.parametrize(
    ("bucket", "path"),
    [("originals", "/thepixstock-test-originals/p/1.jpg"), ("previews", "/thepixstock-test-previews/p/1.jpg")],
)
def test_a_link_names_one_object(bucket, path):
    assert urlsplit(storage.read_url(bucket, "p/1.jpg")).path == path


def test_a_link_says_no_name_unless_asked():
    assert "response-content-disposition" not in signed(storage.read_url("previews", "p/1.jpg"))


@pytest.mark.parametrize(
    "filename",
    [
        "photo 1.jpg",
        "งานวิ่ง.jpg",
        'a"b.jpg',
        "a'b.jpg",
        "a\r\nSet-Cookie: x=1.jpg",
        "a;b=c.jpg",
        "../etc/passwd",
        "100%.jpg",
        "",
    ],
)
def test_a_name_arrives_as_it_was_and_breaks_out_of_nothing(filename):
    said = signed(storage.read_url("originals", "o/1", filename=filename))["response-content-disposition"]

    prefix, encoded = said.split("''")
    assert prefix == "attachment; filename*=UTF-8"
    assert unquote(encoded) == filename
    assert not set(encoded) & set("\r\n\"'/;\\ ,")


# --- through CloudFront -------------------------------------------------------------------------------------

KEYS: dict[str, Callable[[], Any]] = {
    "ECDSA": lambda: ec.generate_private_key(ec.SECP256R1()),
    "RSA": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
}
KEY_ID = "K2JCJMDEHXQW5F"


def pem_of(key: Any) -> str:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


@pytest.fixture
def distribution(monkeypatch):
    """`distribution(pem)` puts CloudFront before the previews; without a key the secret has another one only."""
    before = {"previews_url": "https://img.example.com", "previews_key_id": KEY_ID}

    def stand(pem: str | None) -> None:
        keys = {"K1OTHER": SecretStr(pem_of(KEYS["ECDSA"]()))} | ({KEY_ID: SecretStr(pem)} if pem else {})
        monkeypatch.setattr(storage, "settings", lambda: settings().model_copy(update=before))
        monkeypatch.setattr(storage, "secrets", lambda: secrets().model_copy(update={"previews_private_keys": keys}))

    return stand


def verify(key: Any, signature: bytes, message: bytes) -> None:
    """Raises InvalidSignature."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    else:
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())


def undone(text: str) -> bytes:
    """CloudFront's own Base64."""
    return base64.b64decode(text.translate(str.maketrans("-_~", "+=/")), validate=True)


@pytest.mark.parametrize("make", KEYS.values(), ids=KEYS)
def test_cloudfront_can_tell_who_signed_and_for_how_long(distribution, make):
    key = make()
    distribution(pem_of(key))

    before = clock.epoch(clock.now())
    url = storage.read_url("previews", "previews/org 1/pho_1/1/thumb.jpg")
    after = clock.epoch(clock.now())

    address, said = url.partition("?")[0], signed(url)
    assert address == "https://img.example.com/previews/org%201/pho_1/1/thumb.jpg"
    assert set(said) == {"Expires", "Signature", "Key-Pair-Id", "Hash-Algorithm"}
    assert (said["Key-Pair-Id"], said["Hash-Algorithm"]) == (KEY_ID, "SHA256")
    assert before + 300 <= int(said["Expires"]) <= after + 300
    policy = '{"Statement":[{"Resource":"%s","Condition":{"DateLessThan":{"AWS:EpochTime":%s}}}]}'
    verify(key.public_key(), undone(said["Signature"]), (policy % (address, said["Expires"])).encode())
    longer = policy % (address, int(said["Expires"]) + 1)
    with pytest.raises(InvalidSignature):
        verify(key.public_key(), undone(said["Signature"]), longer.encode())


@pytest.mark.parametrize(("lasts", "seconds"), [(timedelta(hours=1), 300), (timedelta(seconds=90), 90)])
def test_a_link_through_cloudfront_lasts_five_minutes_at_most(distribution, lasts, seconds):
    distribution(pem_of(KEYS["ECDSA"]()))
    before = clock.epoch(clock.now())

    ends = int(signed(storage.read_url("previews", "p/1.jpg", lasts=lasts))["Expires"])

    assert before + seconds <= ends <= clock.epoch(clock.now()) + seconds


@pytest.mark.parametrize("make", KEYS.values(), ids=KEYS)
def test_whoever_signs_makes_the_same_link(distribution, make, monkeypatch):
    distribution(pem_of(make()))
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)

    assert storage.read_url("previews", "p/1.jpg") == storage.read_url("previews", "p/1.jpg")


def test_only_previews_are_read_through_cloudfront(distribution):
    distribution(pem_of(KEYS["ECDSA"]()))

    assert "X-Amz-Signature" in signed(storage.read_url("originals", "o/1"))
    assert "X-Amz-Signature" in signed(storage.read_url("previews", "p/1.jpg", filename="a.jpg"))


def test_without_a_key_no_link_is_made(distribution):
    distribution(None)

    with pytest.raises(KeyError, match=KEY_ID):
        storage.read_url("previews", "p/1.jpg")


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: rsa.generate_private_key(public_exponent=65537, key_size=3072),
        ed25519.Ed25519PrivateKey.generate,
    ],
)
def test_a_key_that_cloudfront_does_not_take_signs_nothing(distribution, make):
    distribution(pem_of(make()))

    with pytest.raises(TypeError, match="P-256"):
        storage.read_url("previews", "p/1.jpg")


# --- moving bytes -------------------------------------------------------------------------------------------


def test_what_is_put_is_what_is_fetched(tmp_path):
    storage.upload("previews", "p/1.jpg", b"\xff\xd8 a photo", content_type="image/jpeg")

    assert storage.download("previews", "p/1.jpg", tmp_path / "got") is True
    assert (tmp_path / "got").read_bytes() == b"\xff\xd8 a photo"


def test_a_file_is_put_with_its_type(tmp_path):
    content = b"x" * (3 << 20)
    (tmp_path / "made").write_bytes(content)

    storage.upload("previews", "p/2.webp", tmp_path / "made", content_type="image/webp")

    head = client("s3").head_object(Bucket="thepixstock-test-previews", Key="p/2.webp")
    assert (head["ContentType"], head["ContentLength"]) == ("image/webp", len(content))
    assert storage.download("previews", "p/2.webp", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == content


def test_a_small_object_is_read_whole():
    storage.upload("previews", "p/3.json", b"{}", content_type="application/json")

    assert storage.read("previews", "p/3.json") == b"{}"


def test_reading_what_is_not_there_raises():
    with pytest.raises(ClientError, match="NoSuchKey"):
        storage.read("previews", "p/none")


def test_what_is_not_there_is_told_and_writes_nothing(tmp_path):
    assert storage.download("originals", "o/none", tmp_path / "got") is False
    assert not (tmp_path / "got").exists()


def test_a_version_is_fetched_by_its_name(tmp_path):
    s3, bucket = client("s3"), "thepixstock-test-originals"
    first = s3.put_object(Bucket=bucket, Key="o/1", Body=b"first")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="o/1", Body=b"second")["VersionId"]

    got = {}
    for name, version in {"first": first, "second": second, "latest": None}.items():
        assert storage.download("originals", "o/1", tmp_path / name, version)
        got[name] = (tmp_path / name).read_bytes()

    assert got == {"first": b"first", "second": b"second", "latest": b"second"}


def test_a_version_that_is_not_there_is_told(tmp_path):
    client("s3").put_object(Bucket="thepixstock-test-originals", Key="o/1", Body=b"x")

    assert storage.download("originals", "o/1", tmp_path / "got", "11111111-1111-1111-1111-111111111111") is False


def test_any_other_failure_is_raised(scripted, tmp_path):
    scripted("s3", "GetObject").answers = [failure("AccessDenied", status=403)]

    with pytest.raises(ClientError, match="AccessDenied"):
        storage.download("originals", "o/1", tmp_path / "got")


def test_the_probe_asks_s3(scripted):
    script: Script = scripted("s3", "HeadBucket")
    storage.probe()
    script.answers = [failure("403", status=403)]

    with pytest.raises(ClientError):
        storage.probe()
    assert script.calls == 2
