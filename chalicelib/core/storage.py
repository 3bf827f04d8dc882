"""Files in S3: presigned uploads with an exact promise, short-lived reads, plain get and put.

Previews are read through CloudFront where a deployment has it (infra/edge.yaml).
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from botocore.exceptions import ClientError

from chalicelib.core import aws, clock
from chalicelib.core.secrets import secrets
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, GetObjectRequestTypeDef

Bucket = Literal["originals", "previews", "documents"]
LONGEST_READ = timedelta(minutes=5)
LONGEST_LOAN = timedelta(hours=6)
UPLOAD_TIME = timedelta(minutes=10)


@dataclass(frozen=True)
class UploadForm:
    """What a browser posts: multipart form of `fields`, then the file as `file`, to `url`."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True)
class Held:
    """An object as it was read. `tag` is S3's ETag: it tells this content from what may replace it."""

    content: bytes
    tag: str


@dataclass(frozen=True)
class StoredFile:
    """An object, and the name its owner knows it by."""

    bucket: Bucket
    key: str
    name: str


def bucket_name(bucket: Bucket) -> str:
    return str(getattr(settings(), f"{bucket}_bucket"))


def upload_form(key: str, *, content_type: str, size: int, sha256: str, bucket: Bucket = "originals") -> UploadForm:
    """A presigned POST for exactly this key, type, size (bytes) and SHA-256 (hex), good for ten minutes."""
    checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
    fields = {
        "Content-Type": content_type,
        "x-amz-checksum-algorithm": "SHA256",
        "x-amz-checksum-sha256": checksum,
    }
    form = aws.client("s3").generate_presigned_post(
        bucket_name(bucket),
        key,
        Fields=dict(fields),
        Conditions=[{name: value} for name, value in fields.items()] + [["content-length-range", size, size]],
        ExpiresIn=int(UPLOAD_TIME.total_seconds()),
    )
    return UploadForm(form["url"], form["fields"], clock.now() + UPLOAD_TIME)


def read_url(bucket: Bucket, key: str, *, lasts: timedelta = LONGEST_READ, filename: str | None = None) -> str:
    """A signed GET of one object, five minutes at most; a browser saves it under `filename`."""
    lasts = min(lasts, LONGEST_READ)
    before, key_id = settings().previews_url, settings().previews_key_id
    if bucket == "previews" and filename is None and before is not None and key_id is not None:
        return _cloudfront_url(f"{before}/{quote(key)}", key_id, clock.now() + lasts)
    params = {"Bucket": bucket_name(bucket), "Key": key}
    if filename is not None:
        params["ResponseContentDisposition"] = f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
    seconds = max(1, int(lasts.total_seconds()))
    return aws.client("s3").generate_presigned_url("get_object", Params=params, ExpiresIn=seconds)


def lend_url(bucket: Bucket, key: str, *, lasts: timedelta) -> str:
    """A signed GET of one object for another service, which fetches it when it gets to it: six hours at most.

    In Lambda it ends with the credentials of the function, where that is earlier.
    """
    wanted = {"Bucket": bucket_name(bucket), "Key": key}
    seconds = int(min(lasts, LONGEST_LOAN).total_seconds())
    return aws.client("s3").generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds)


def _cloudfront_url(url: str, key_id: str, ends: datetime) -> str:
    """The URL with a canned policy, signed over SHA-256. Raises KeyError where the secret has no such key.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html
    """
    from botocore.signers import CloudFrontSigner

    private_key = secrets().previews_private_keys[key_id]
    signer = CloudFrontSigner(key_id, _sha256_signer(private_key.get_secret_value()))
    return f"{signer.generate_presigned_url(url, date_less_than=ends)}&Hash-Algorithm=SHA256"


@lru_cache(maxsize=2)
def _sha256_signer(pem: str) -> Callable[[bytes], bytes]:
    """Raises ValueError for what is no private key, TypeError for one that CloudFront does not take."""
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem.encode(), password=None)
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size == 2048:
        return lambda message: key.sign(message, padding.PKCS1v15(), SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return lambda message: key.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))
    raise TypeError("CloudFront knows RSA keys of 2048 bits and ECDSA keys on P-256 only")


def download(bucket: Bucket, key: str, to: Path, version: str | None = None) -> bool:
    """Fetch an object (one version of it, if named) into a file; False where there is none."""
    wanted: GetObjectRequestTypeDef = {"Bucket": bucket_name(bucket), "Key": key}
    if version is not None:
        wanted["VersionId"] = version
    try:
        answer = aws.client("s3").get_object(**wanted)
    except ClientError as failure:
        if failure.response["Error"]["Code"] in {"NoSuchKey", "NoSuchVersion", "404"}:
            return False
        raise
    with to.open("wb") as file:
        for chunk in answer["Body"].iter_chunks(1 << 20):
            file.write(chunk)
    return True


def read(bucket: Bucket, key: str) -> bytes:
    """A small object, whole. Raises botocore's ClientError where there is none."""
    return aws.client("s3").get_object(Bucket=bucket_name(bucket), Key=key)["Body"].read()


def find(bucket: Bucket, key: str) -> Held | None:
    """A small object, whole, or None."""
    try:
        answer = aws.client("s3").get_object(Bucket=bucket_name(bucket), Key=key)
    except ClientError as failure:
        if failure.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return None
        raise
    return Held(answer["Body"].read(), answer["ETag"])


def swap(bucket: Bucket, key: str, content: bytes, tag: str | None) -> bool:
    """Replace what was read with that tag, or make what was not there; False where somebody was faster."""
    condition: dict[str, Any] = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
    try:
        aws.client("s3").put_object(Bucket=bucket_name(bucket), Key=key, Body=content, **condition)
    except ClientError as failure:
        # 412: it is another one; 409: another write is under way; 404: it was removed.
        if failure.response["Error"]["Code"] in {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}:
            return False
        raise
    return True


def keys(bucket: Bucket, prefix: str) -> list[str]:
    """Of all objects whose key begins so."""
    pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket_name(bucket), Prefix=prefix)
    return [held["Key"] for page in pages for held in page.get("Contents", ())]


def peek(bucket: Bucket, key: str, size: int) -> bytes | None:
    """The first `size` bytes of an object, or all of a shorter one; None where there is none or it is empty."""
    try:
        answer = aws.client("s3").get_object(Bucket=bucket_name(bucket), Key=key, Range=f"bytes=0-{size - 1}")
    except ClientError as failure:
        if failure.response["Error"]["Code"] in {"NoSuchKey", "404", "InvalidRange", "416"}:
            return None
        raise
    return answer["Body"].read()


def remove(bucket: Bucket, prefix: str) -> int:
    """Remove every version of every object whose key begins so; returns how many. May run twice."""
    s3, name = aws.client("s3"), bucket_name(bucket)
    removed = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name, Prefix=prefix):
        for held in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            s3.delete_object(Bucket=name, Key=held["Key"], VersionId=held["VersionId"])
            removed += 1
    return removed


def upload(bucket: Bucket, key: str, content: bytes | Path, *, content_type: str, sha256: str | None = None) -> None:
    """`sha256` (hex) is kept beside the object, for `digest_of`."""
    name, noted = bucket_name(bucket), {"sha256": sha256} if sha256 is not None else {}
    if isinstance(content, Path):
        with content.open("rb") as file:
            aws.client("s3").put_object(Bucket=name, Key=key, Body=file, ContentType=content_type, Metadata=noted)
    else:
        aws.client("s3").put_object(Bucket=name, Key=key, Body=content, ContentType=content_type, Metadata=noted)


def digest_of(bucket: Bucket, key: str) -> str | None:
    """What `upload` was told of an object; None where there is none."""
    try:
        return aws.client("s3").head_object(Bucket=bucket_name(bucket), Key=key)["Metadata"].get("sha256")
    except ClientError as failure:
        if failure.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return None
        raise


class UploadGone(Exception):
    """An upload in parts is over: it was finished, or given up."""


def begin_parts(bucket: Bucket, key: str, *, content_type: str) -> str:
    """Begin a file that is sent in parts; the name of the upload. One that is not finished in a day is given up."""
    begun = aws.client("s3").create_multipart_upload(Bucket=bucket_name(bucket), Key=key, ContentType=content_type)
    return begun["UploadId"]


def put_part(bucket: Bucket, key: str, upload: str, number: int, content: bytes) -> str:
    """Send a part, from 1 on, of 5 MB at least but the last; what `finish_parts` wants to know of it.

    Raises UploadGone.
    """
    try:
        sent = aws.client("s3").upload_part(
            Bucket=bucket_name(bucket), Key=key, UploadId=upload, PartNumber=number, Body=content
        )
    except ClientError as failure:
        raise _or_gone(failure) from failure
    return sent["ETag"]


def finish_parts(bucket: Bucket, key: str, upload: str, parts: Sequence[str]) -> None:
    """Make one file of all parts. Raises UploadGone."""
    made: list[CompletedPartTypeDef] = [
        {"PartNumber": number, "ETag": tag} for number, tag in enumerate(parts, start=1)
    ]
    try:
        aws.client("s3").complete_multipart_upload(
            Bucket=bucket_name(bucket), Key=key, UploadId=upload, MultipartUpload={"Parts": made}
        )
    except ClientError as failure:
        raise _or_gone(failure) from failure


def _or_gone(failure: ClientError) -> Exception:
    return UploadGone() if failure.response["Error"]["Code"] == "NoSuchUpload" else failure


_FIRST_BYTES = {
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "application/pdf": (b"%PDF-",),
}


def begins_as(content_type: str, start: bytes) -> bool:
    """Whether a file that begins so is of the type it was called: a JPEG, PNG or PDF."""
    return start.startswith(_FIRST_BYTES[content_type])


def size_of(bucket: Bucket, key: str) -> int | None:
    """Bytes of an object; None where there is none."""
    try:
        return aws.client("s3").head_object(Bucket=bucket_name(bucket), Key=key)["ContentLength"]
    except ClientError as failure:
        if failure.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return None
        raise


def delete(bucket: Bucket, key: str) -> None:
    """One that is not there is no error. Of a versioned bucket the versions stay until they expire."""
    aws.client("s3").delete_object(Bucket=bucket_name(bucket), Key=key)


def probe() -> None:
    """Raises when the bucket of originals does not answer."""
    aws.client("s3").head_bucket(Bucket=bucket_name("originals"))
