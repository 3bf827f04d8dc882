"""What storage lets people do who hold a form or a link of ours, and change it.

The emulator judges a form by its policy and a link by its signature, as S3 does. It does not look at a form's signature
unless it checks everybody's rights; so that one is computed here, by the rules of Signature Version 4.
"""

import base64
import hashlib
import hmac
import json
import time
from functools import reduce
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import boto3
import pytest
import requests
from botocore.config import Config

from infra.local.stack import CREDENTIALS, REGION
from tests.system.local import shop
from tests.system.local.shop import photo

pytestmark = pytest.mark.system

PROMISE = "a form or a link is good for its own file, time and purpose only"


@pytest.fixture
def s3(running):
    """Signs as the application does, truly, what the application would not sign."""
    return boto3.client(
        "s3",
        endpoint_url=running.endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


# --- forms --------------------------------------------------------------------------------------------------


def test_a_form_is_good_for_its_file_only(running, figure, s3):
    event, photographer = shop.plan(running), running.person("photographer")
    file, other = photo(), photo()
    upload = shop.offer(photographer, event["id"], file, other)
    form, foreign = (place["upload"] for place in upload["files"])
    kept = {"Content-Type": form["fields"]["Content-Type"]}
    bucket, key = running.environment["PIX_ORIGINALS_BUCKET"], form["fields"]["key"]
    expired = s3.generate_presigned_post(bucket, key, Fields=dict(kept), Conditions=[dict(kept)], ExpiresIn=-60)
    elsewhere = form | {"url": form["url"].replace(bucket, running.environment["PIX_PREVIEWS_BUCKET"])}

    refused = {
        "another key": shop.send(form, file.content, key=foreign["fields"]["key"]),
        "a key outside uploads": shop.send(form, file.content, key="deliveries/x"),
        "a key that names the file": shop.send(form, file.content, key="uploads/${filename}"),
        "a larger file": shop.send(form, file.content + bytes(100)),
        "a smaller file": shop.send(form, file.content[:-1]),
        "another type": shop.send(form, file.content, **{"Content-Type": "text/html"}),
        "another checksum": shop.send(form, file.content, **{"x-amz-checksum-sha256": foreign["fields"]["key"]}),
        "another algorithm": shop.send(form, file.content, **{"x-amz-checksum-algorithm": "CRC32"}),
        "for everybody to read": shop.send(form, file.content, acl="public-read"),
        "with a redirect": shop.send(form, file.content, success_action_redirect="https://evil.example"),
        "with metadata": shop.send(form, file.content, **{"x-amz-meta-note": "mine"}),
        "another bucket": shop.send(elsewhere, file.content),
        "an expired form": shop.send(expired, file.content),
    }

    assert {misuse: answer.status_code for misuse, answer in refused.items()} == {
        misuse: 400 if "er file" in misuse else 403 for misuse in refused
    }
    assert b"expired" in refused["an expired form"].content.lower()
    running.quiet()
    states = photographer.get(f"/uploads/{upload['id']}")["files"]
    assert [state["status"] for state in states] == ["awaiting", "awaiting"]
    assert shop.send(form, file.content).status_code == 204
    allowed = sum(answer.ok for answer in refused.values())
    figure("presigned", PROMISE, "{tried} misuses, {allowed} allowed", tried=len(refused), allowed=allowed)


def test_a_form_sent_again_changes_nothing(running, figure):
    event, photographer = shop.plan(running), running.person("photographer")
    file = photo()
    (place,) = shop.offer(photographer, event["id"], file)["files"]
    assert shop.send(place["upload"], file.content).ok
    (before,) = shop.processed(running, place["photoId"])

    assert shop.send(place["upload"], file.content).ok, "the same bytes under the same name, for ten minutes"
    assert shop.send(place["upload"], file.content[:-100] + bytes(98) + file.content[-2:]).ok, "AWS compares the sum"
    running.quiet()

    (after,) = shop.processed(running, place["photoId"])
    assert after == before
    figure("presigned", "a form sent again changes nothing", "sent 3 times, once with another file: 1 photo, unchanged")


@pytest.mark.parametrize("change", ["expiration", "key", "Content-Type", "content-length-range"])
def test_another_policy_is_not_signed(running, figure, change):
    """Every field but the signature itself follows from the policy: change it, and the signature is of another."""
    event, file = shop.plan(running), photo()
    (place,) = shop.offer(running.person("photographer"), event["id"], file)["files"]
    fields = place["upload"]["fields"]
    policy = json.loads(base64.b64decode(fields["policy"]))

    if change == "expiration":
        policy["expiration"] = "2099-01-01T00:00:00Z"
    else:
        wanted = [condition for condition in policy["conditions"] if change in condition]
        assert len(wanted) == 1, "the policy fixes it"
        policy["conditions"].remove(wanted[0])
    forged = base64.b64encode(json.dumps(policy).encode()).decode()

    key, given = CREDENTIALS["AWS_SECRET_ACCESS_KEY"], fields["x-amz-signature"]
    assert signature(fields["policy"], fields, key) == given
    fitting = [signature(forged, fields, key), signature(fields["policy"], fields, "another key")].count(given)
    figure("presigned", PROMISE, "{tried} misuses, {allowed} allowed", tried=2, allowed=fitting)
    assert fitting == 0


def signature(policy, fields, key):
    """What S3 computes over the policy it was sent (Signature Version 4 of POST), in hex."""
    scope = fields["x-amz-credential"].split("/")[1:]
    signing = reduce(lambda held, part: digest(held, part), scope, f"AWS4{key}".encode())
    return digest(signing, policy).hex()


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


# --- links --------------------------------------------------------------------------------------------------


def test_a_link_opens_one_file_for_reading(running, figure, photos, s3):
    purchase = shop.buy(running, *photos[:2])
    one, other = (purchase.guest.post(f"/downloads/{purchase.order}/photos/{id}")["url"] for id in photos[:2])
    gone = s3.generate_presigned_url("get_object", Params=address(one), ExpiresIn=1)
    time.sleep(2)
    bucket = address(one)["Bucket"]
    original = {"Bucket": bucket, "Key": address(one)["Key"].replace("deliveries/", "uploads/")}
    s3.head_object(**original)

    refused = {
        "another file": requests.get(altered(one, path=urlsplit(other).path), timeout=30),
        "the original with its place": requests.get(altered(one, path=f"/{bucket}/{original['Key']}"), timeout=30),
        "another bucket": requests.get(altered(one, path="/thepixstock-local-previews/x"), timeout=30),
        "the list of files": requests.get(altered(one, path=f"/{bucket}"), timeout=30),
        "a longer life": requests.get(altered(one, **{"X-Amz-Expires": "604800"}), timeout=30),
        "a later start": requests.get(altered(one, **{"X-Amz-Date": "20990101T000000Z"}), timeout=30),
        "another name": requests.get(altered(one, **{"response-content-disposition": "inline"}), timeout=30),
        "as a page": requests.get(altered(one, **{"response-content-type": "text/html"}), timeout=30),
        "another version": requests.get(altered(one, versionId="null"), timeout=30),
        "signed by another": requests.get(altered(one, **{"X-Amz-Credential": "x/20260101/r/s3/x"}), timeout=30),
        "another signature": requests.get(altered(one, **{"X-Amz-Signature": "0" * 64}), timeout=30),
        "writing": requests.put(one, data=b"mine", timeout=30),
        "deleting": requests.delete(one, timeout=30),
        "after its time": requests.get(gone, timeout=30),
    }

    statuses = {misuse: answer.status_code for misuse, answer in refused.items()}
    assert set(statuses.values()) <= {400, 403}, statuses
    assert requests.get(one, timeout=30).ok, "the file is still there, and the link still good"
    allowed = sum(answer.ok for answer in refused.values())
    figure("presigned", PROMISE, "{tried} misuses, {allowed} allowed", tried=len(refused), allowed=allowed)


def address(link):
    _, bucket, key = urlsplit(link).path.split("/", 2)
    return {"Bucket": bucket, "Key": key}


def altered(link, path=None, **query):
    """The link with another path or other parameters."""
    parts = urlsplit(link)
    held = {name: values[-1] for name, values in parse_qs(parts.query).items()} | query
    return urlunsplit((parts.scheme, parts.netloc, path or parts.path, urlencode(held), ""))
