"""A session renewed from all sides."""

import pytest

from tests.system.local.clients import at_once, statuses

pytestmark = pytest.mark.system


def test_a_refresh_token_has_one_successor(running, figure):
    known = running.people["customer"]
    tokens = running.stranger().post("/auth/login", {"email": known["email"], "password": known["password"]})
    call = ("POST", "/auth/refresh", {"refreshToken": tokens["refreshToken"]}, running.stranger())

    answers = at_once(running, [call] * 20)

    assert statuses(answers) == {200: 20}
    (successor,) = {answer["data"]["refreshToken"] for answer in answers}
    assert successor != tokens["refreshToken"]
    following = running.stranger().post("/auth/refresh", {"refreshToken": successor})
    running.stranger().holding(following).get("/auth/me")
    figure("tokens", "a refresh token presented from all sides has one successor", "20 at once, 1 successor")
