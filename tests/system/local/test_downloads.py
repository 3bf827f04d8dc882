"""Downloads asked for from all sides."""

from datetime import timedelta

import pytest

from tests.system.local import shop
from tests.system.local.clients import at_once, statuses

pytestmark = pytest.mark.system


def test_the_last_downloads_are_taken_once(running, figure):
    limit = 2
    _, (photo,) = shop.on_sale(running, 1, downloadLimit=limit)
    purchase = shop.buy(running, photo)
    call = ("POST", f"/downloads/{purchase.order}/photos/{photo}", None, purchase.guest)

    windows, answers = [], []
    for number in range(limit + 1):
        with running.later(number * timedelta(minutes=6)):
            answers.append(at_once(running, [call] * 24))
        granted = [answer["data"] for answer in answers[-1] if answer["status"] == 200]
        windows.append({grant["expiresAt"] for grant in granted})
        assert {grant["remaining"] for grant in granted} <= {limit - 1 - number}

    assert [statuses(round) for round in answers] == [{200: 24}] * limit + [{403: 24}]
    assert [len(window) for window in windows] == [1] * limit + [0]
    assert len(set.union(*windows)) == limit
    assert {answer["code"] for answer in answers[-1]} == {"download_limit_reached"}
    text = f"{24 * (limit + 1)} requests in {limit + 1} windows, {limit} downloads of {limit} taken"
    figure("downloads", "at the cap, asked from all sides, exactly the cap is served", text)
