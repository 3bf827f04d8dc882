"""What runs after a picture arrived, and after one was replaced."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.core.queues import Outcome, on
from chalicelib.profiles import service
from chalicelib.profiles.messages import PictureReplaced

_AVATAR_KEY = re.compile(r"avatars/(org_[^/]+)/(usr_[^/]+)/([1-9][0-9]{0,8})")


def take_avatars(message: Mapping[str, Any]) -> Outcome:
    """Take the avatars of an S3 notification. SKIPPED where there is none, or none that is waited for.

    Format: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    outcomes = [_take(record["s3"]["object"]) for record in message.get("Records", ())]
    return Outcome.SUCCESS if Outcome.SUCCESS in outcomes else Outcome.SKIPPED


@on(PictureReplaced)
def drop_picture(fact: PictureReplaced) -> Outcome:
    return service.drop_picture(fact.organization, fact.user, fact.attempt)


def _take(stored: Mapping[str, Any]) -> Outcome:
    key = _AVATAR_KEY.fullmatch(unquote_plus(stored["key"]))
    if key is None:
        return Outcome.SKIPPED
    organization, user, attempt = key.groups()
    return service.take_avatar(organization, user, int(attempt), stored.get("versionId"))
