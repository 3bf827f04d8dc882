"""What runs after a photo's file arrived."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.core.queues import Outcome, on
from chalicelib.lines.photos import service
from chalicelib.lines.photos.messages import PhotoRetryRequested
from chalicelib.lines.photos.service import Arrival

_UPLOAD_KEY = re.compile(r"uploads/(org_[^/]+)/evt_[^/]+/(pho_[^/]+)/([1-9][0-9]{0,5})")


def ingest(message: Mapping[str, Any]) -> Outcome:
    """Process the objects of an S3 notification. SKIPPED where there is nothing to do.

    Format: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    outcomes = [_process(record["s3"]["object"]) for record in message.get("Records", ())]
    return Outcome.SUCCESS if Outcome.SUCCESS in outcomes else Outcome.SKIPPED


@on(PhotoRetryRequested, queue="uploads")
def process_again(fact: PhotoRetryRequested) -> Outcome:
    return service.process_object(Arrival(fact.organization, fact.photo, fact.attempt, fact.object_version))


def _process(stored: Mapping[str, Any]) -> Outcome:
    key = _UPLOAD_KEY.fullmatch(unquote_plus(stored["key"]))
    if key is None:
        return Outcome.SKIPPED
    organization, photo, attempt = key.groups()
    return service.process_object(Arrival(organization, photo, int(attempt), stored.get("versionId")))
