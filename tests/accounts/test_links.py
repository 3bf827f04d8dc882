"""The links of mails: a page that changes nothing, and the button on it."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from chalicelib.accounts import service
from chalicelib.core import clock
from chalicelib.core.errors import Unauthorized
from chalicelib.organizations import service as organizations
from tests.accounts.conftest import EMAIL, ORG, PASSWORD, log_in, principal_of, stored

pytestmark = pytest.mark.usefixtures("aws")

NEW = "a fresh long phrase"


def link(mailbox):
    """The path and query of the newest link."""
    address = urlsplit([mail for mail in mailbox.collect() if mail["values"].get("link")][-1]["values"]["link"])
    return f"{address.path}?{address.query}"


def token_of(path):
    return parse_qs(urlsplit(path).query)["token"][0]


def press(browser, token, password, **headers):
    form = urlencode({"token": token, "password": password}).encode()
    return browser.call("POST", "/auth/link", form, **{"Content-Type": "application/x-www-form-urlencoded"} | headers)


def test_the_page_changes_nothing_and_its_button_opens_the_account(register, mailbox, browser):
    register()
    path = link(mailbox)
    before = stored()

    page = browser.call("GET", path, **{"Accept-Language": "en"})

    assert (page.status, stored()) == (200, before)
    text = page.body.decode()
    assert re.search(r'<form method="post" action="link">', text)
    assert 'autocomplete="current-password"' in text
    assert "form-action 'self'" in (page.header("Content-Security-Policy") or "")
    assert page.header("Referrer-Policy") == "no-referrer"
    assert page.header("Cache-Control") == "no-store"
    pressed = press(browser, token_of(path), PASSWORD, **{"Accept-Language": "en"})
    assert (pressed.status, "Your account is open" in pressed.body.decode()) == (200, True)
    assert log_in().user.verified
    assert press(browser, token_of(path), PASSWORD).status == 404
    assert browser.call("GET", path).status == 404


def test_an_owner_does_not_open_the_account_of_a_stranger(register, mailbox, browser):
    register(password="the stranger's password")

    answer = press(browser, token_of(link(mailbox)), "the owner's password", **{"Accept-Language": "en"})

    assert answer.status == 400
    assert "not the password" in answer.body.decode()
    assert not service.find_by_email(ORG, EMAIL).verified


def test_a_forgotten_password_is_chosen_on_the_page(anna, mailbox, browser):
    tokens = log_in()
    service.forgot_password(ORG, email=EMAIL)
    token = token_of(link(mailbox))
    bad = press(browser, token, "password1", **{"Accept-Language": "th"})
    assert (bad.status, "ตั้งรหัสผ่านอื่น" in bad.body.decode(), 'lang="th"' in bad.body.decode()) == (400, True, True)

    assert press(browser, token, NEW).status == 200

    assert log_in(password=NEW).user.id == anna.id
    assert not service.session_lives(principal_of(tokens))
    with pytest.raises(Unauthorized):
        log_in()


def test_another_mailbox_is_proven_on_the_page(anna, mailbox, browser):
    service.change_email(principal_of(log_in()), "anna@new.example")
    token = token_of(link(mailbox))
    assert press(browser, token, "a wrong password").status == 400

    assert press(browser, token, PASSWORD).status == 200

    assert service.get_user(ORG, anna.id).email == "anna@new.example"


def test_a_page_takes_five_passwords(register, mailbox, browser):
    register()
    token = token_of(link(mailbox))

    statuses = [press(browser, token, "a wrong guess").status for _ in range(6)]

    assert statuses == [400] * 5 + [404]
    assert press(browser, token, PASSWORD).status == 404


def test_a_link_ends_with_its_code(register, mailbox, browser):
    register()
    path = link(mailbox)

    with clock.travel(timedelta(minutes=10)):
        assert browser.call("GET", path).status == 404
        assert press(browser, token_of(path), PASSWORD).status == 404
    service.resend_code(ORG, email=EMAIL)
    assert browser.call("GET", path).status == 404


def test_what_is_no_link_is_told_like_one_that_is_over(register, mailbox, browser):
    register()
    token = token_of(link(mailbox))
    purpose, user, signature = token.split(".")
    other = organizations.create("Other").id
    service.register(other, email=EMAIL, password=PASSWORD, name="Anna")
    foreign = token_of(link(mailbox))
    assert foreign != token

    for wrong in (
        *(
            "",
            "x",
            "..",
            f"{purpose}.{user}.",
            f"{purpose}.{user}.{signature[:-1]}",
            f"reset_password.{user}.{signature}",
        ),
        *(f"{purpose}.usr_01KB0000000000000000000000.{signature}", "nothing." + token, foreign, "%00", "x" * 200),
    ):
        assert browser.call("GET", f"/auth/verify-email?{urlencode({'token': wrong})}").status == 404, wrong
        assert press(browser, wrong, PASSWORD).status == 404, wrong
    assert press(browser, token, PASSWORD).status == 200


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"token", b"token=a&token=b&password=c", b"x=" + b"y" * 10_000])
def test_a_form_that_is_none_is_a_link_that_is_over(browser, body):
    answer = browser.call("POST", "/auth/link", body)

    assert answer.status == 404
    assert (answer.header("Content-Type") or "").startswith("text/html")


def test_a_text_has_no_link(mailbox):
    service.register(ORG, phone="+66812345678", password=PASSWORD, name="Anna")

    (text,) = mailbox.collect()

    assert text["values"]["link"] is None
