"""An event with a photographer, and hands to upload with: what a browser and S3 do between our functions."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest

from chalicelib.accounts import service as accounts
from chalicelib.core.auth import Principal
from chalicelib.core.queues import Outcome
from chalicelib.events import service as events
from chalicelib.events.model import Event, EventStatus
from chalicelib.lines.photos import jobs, service
from chalicelib.lines.photos.model import FileOffer, Photo
from chalicelib.lines.photos.service import UploadProgress
from chalicelib.organizations.service import DEFAULT
from tests import deliver
from tests.events.people import ADMIN, caller, opened
from tests.lines.photos.pictures import File
from tests.stack import ENVIRONMENT

ORIGINALS, PREVIEWS = ENVIRONMENT["PIX_ORIGINALS_BUCKET"], ENVIRONMENT["PIX_PREVIEWS_BUCKET"]


@dataclass
class World:
    """One live event and its photographer."""

    event: Event
    photographer: Principal

    def offer(self, *files: File, by: Principal | None = None) -> UploadProgress:
        offers = [FileOffer(file.name, len(file.content), file.type, file.sha256) for file in files]
        return service.begin_upload(by or self.photographer, self.event.id, offers)

    def send(self, form: Any, content: bytes) -> Mapping[str, Any]:
        """What the browser posts, and the notification S3 then queues."""
        return put(form.fields["key"], content)

    def upload(self, *files: File, by: Principal | None = None) -> list[Photo]:
        """Offer, send and process files; the photos as they are then."""
        offered = self.offer(*files, by=by).files
        for file, progress in zip(files, offered, strict=True):
            assert jobs.ingest(self.send(progress.form, file.content)) is Outcome.SUCCESS
        return [self.photo(progress.photo) for progress in offered]

    def photo(self, id: str) -> Photo:
        return service.get(self.event.organization, id)


def put(key: str, content: bytes) -> Mapping[str, Any]:
    version = boto3.client("s3").put_object(Bucket=ORIGINALS, Key=key, Body=content)["VersionId"]
    return told(key, version)


def told(key: str, version: str | None) -> Mapping[str, Any]:
    """An S3 notification as it arrives in the queue."""
    stored = {"key": quote_plus(key), "versionId": version, "sequencer": "0055AED6DCD90281E5"}
    record = {"eventName": "ObjectCreated:Post", "s3": {"bucket": {"name": ORIGINALS}, "object": stored}}
    message: Mapping[str, Any] = json.loads(json.dumps({"Records": [record]}))
    return message


def keys(bucket: str, prefix: str = "") -> list[str]:
    held = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return sorted(item["Key"] for item in held)


def content(bucket: str, key: str) -> bytes:
    return boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


@pytest.fixture
def photographers(aws) -> Callable[[str], Principal]:
    def hire(name: str) -> Principal:
        user = accounts.create_user(
            DEFAULT,
            email=f"{name}@photo.example",
            password="a long enough phrase",
            name=name,
            roles=["photographer"],
        )
        return caller("photographer", user.id)

    return hire


@pytest.fixture
def world(photographers) -> World:
    nok = photographers("nok")
    event = events.assign(ADMIN, opened(status=EventStatus.LIVE).id, nok.known_user)
    deliver.forget()  # that it went live
    return World(event, nok)
