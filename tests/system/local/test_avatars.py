"""A picture of oneself, from the form over storage's own notice to what is shown, and away again."""

import io

import pytest
import requests
from PIL import Image

from tests.system.local import shop

pytestmark = pytest.mark.system

AVATAR = "/users/profile/avatar"


def test_a_picture_is_uploaded_shown_replaced_and_taken_away(running):
    person = running.person("photographer")
    seen = []
    for orientation in (1, 6):
        file = shop.photo(orientation=orientation)
        offer = file.offer()
        form = person.post(AVATAR, {name: offer[name] for name in ("size", "type", "sha256")})
        assert shop.send(form, file.content).ok

        def shown() -> str | None:
            profile = person.get("/users/profile")
            return profile["avatarUrl"] if not profile["avatarPending"] else None

        url = running.soon(shown, "the picture")
        answer = requests.get(url, timeout=30)
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert (picture.format, picture.width, dict(picture.getexif())) == ("JPEG", picture.height, {})
        seen.append(url)

    person.call("DELETE", AVATAR, expect=204)

    assert person.get("/users/profile")["avatarUrl"] is None
    running.soon(lambda: all(requests.get(url, timeout=30).status_code == 404 for url in seen) or None, "the deletion")
