"""One contract for all providers, against the sandbox and each way it can misbehave."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.accounts import providers
from chalicelib.accounts.providers import keys
from chalicelib.accounts.providers.contract import Grant, Proof
from chalicelib.core import clock
from chalicelib.core.errors import AppError, NotFound, Unauthorized, Unavailable
from chalicelib.core.secrets import ProviderClient
from chalicelib.core.settings import PAYPAL_SANDBOX, Settings, settings
from infra.local.identity import PROVIDERS, Someone
from tests.accounts.federation.conftest import Browser, adapter_of

ANNA = Someone("1098", "anna@gmail.com", "Anna")
OPEN_ID = ("google", "apple")
FORGED = (
    "alg_none", "expired", "from_the_future", "hs256", "no_nonce", "no_subject", "other_audience", "other_issuer",
    "other_key", "other_nonce", "several_audiences", "unknown_key",
)  # fmt: skip


@pytest.fixture(params=PROVIDERS)
def browser(request, sandbox) -> Browser:
    return Browser(sandbox, adapter_of(sandbox, request.param))


def refused(browser: Browser, grant: Grant, kind: type[AppError] = Unauthorized) -> str:
    with pytest.raises(kind) as refusal:
        browser.adapter.identify(grant)
    return refusal.value.code


# --- what all of them keep ----------------------------------------------------------------------------------


def test_a_code_tells_who_somebody_is(browser):
    found = browser.adapter.identify(browser.grant(ANNA))

    assert (found.provider, found.subject) == (browser.adapter.name, "1098")
    assert (found.email, found.name) == ("anna@gmail.com", "Anna")


def test_an_id_token_of_an_app_tells_the_same(browser):
    token = browser.sandbox.id_token(browser.adapter.name, ANNA, "nonce-of-ours")

    assert browser.adapter.identify(Grant("nonce-of-ours", "v", id_token=token)).subject == "1098"


def test_a_code_works_once(browser):
    grant = browser.grant(ANNA)
    browser.adapter.identify(grant)

    assert refused(browser, grant) == "identity_refused"


@pytest.mark.parametrize("change", [{"code": "made-up"}, {"redirect_uri": "http://localhost:3000/other"}])
def test_a_code_that_is_not_ours_is_refused(browser, change):
    assert refused(browser, browser.grant(ANNA, **change)) == "identity_refused"


@pytest.mark.parametrize("fault", FORGED)
def test_a_forged_id_token_is_refused(browser, fault):
    token = browser.sandbox.id_token(browser.adapter.name, ANNA, "nonce-of-ours", fault)

    assert refused(browser, Grant("nonce-of-ours", "v", id_token=token)) == "identity_refused"


@pytest.mark.parametrize("token", ["", "a.b.c", "e30.e30.e30", "é.é.é", "x" * 8000])
def test_what_is_no_token_is_refused(browser, token):
    assert refused(browser, Grant("n", "v", id_token=token)) == "identity_refused"


def test_a_token_for_another_nonce_is_refused(browser):
    token = browser.sandbox.id_token(browser.adapter.name, ANNA, "of another attempt")

    assert refused(browser, Grant("nonce-of-ours", "v", id_token=token)) == "identity_refused"


@pytest.mark.parametrize("fault", ["error_500", "not_json", "redirect", "too_large"])
def test_a_provider_that_is_ill_makes_us_wait(browser, fault):
    grant = browser.grant(ANNA)
    browser.sandbox.fault = fault

    assert refused(browser, grant, Unavailable) == "provider_unavailable"


def test_a_provider_that_refuses_is_believed(browser):
    grant = browser.grant(ANNA)
    browser.sandbox.fault = "error_400"

    assert refused(browser, grant) == "identity_refused"


def test_a_provider_that_is_away_makes_us_wait(browser, monkeypatch):
    grant = browser.grant(ANNA)
    monkeypatch.setattr(browser.sandbox, "url", "http://127.0.0.1:9")
    away = Browser(browser.sandbox, adapter_of(browser.sandbox, browser.adapter.name))

    assert refused(away, grant, Unavailable) == "provider_unavailable"


# --- what some of them have ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPEN_ID)
def test_a_code_without_its_verifier_is_worthless(sandbox, name):
    browser = Browser(sandbox, adapter_of(sandbox, name))

    assert refused(browser, browser.grant(ANNA, verifier="w" * 43)) == "identity_refused"


@pytest.mark.parametrize("name", OPEN_ID)
@pytest.mark.parametrize("fault", [*FORGED, "no_id_token"])
def test_a_forged_token_for_a_code_is_refused(sandbox, name, fault):
    browser = Browser(sandbox, adapter_of(sandbox, name))

    assert refused(browser, browser.grant(ANNA, fault)) == "identity_refused"


@pytest.mark.parametrize("fault", ["other_app", "other_user", "expired"])
def test_facebook_a_token_of_another_app_or_person_is_refused(sandbox, fault):
    browser = Browser(sandbox, adapter_of(sandbox, "facebook"))

    assert refused(browser, browser.grant(ANNA, fault)) == "identity_refused"


@pytest.mark.parametrize(
    ("name", "someone", "proof"),
    [
        ("google", Someone("1", "anna@gmail.com"), Proof.OWNED),
        ("google", Someone("1", "anna@shop.example", domain="shop.example"), Proof.OWNED),
        ("google", Someone("1", "anna@shop.example", domain="other.example"), Proof.VERIFIED),
        ("google", Someone("1", "anna@shop.example"), Proof.VERIFIED),
        ("google", Someone("1", "anna@gmail.com", verified=False), Proof.NONE),
        ("google", Someone("1", None), Proof.NONE),
        ("apple", Someone("1", "x@privaterelay.appleid.com"), Proof.OWNED),
        ("apple", Someone("1", "anna@shop.example"), Proof.VERIFIED),
        ("apple", Someone("1", "anna@icloud.com", verified=False), Proof.NONE),
        ("facebook", Someone("1", "anna@gmail.com"), Proof.NONE),
    ],
)
def test_an_address_is_believed_as_far_as_the_provider_knows(sandbox, name, someone, proof):
    browser = Browser(sandbox, adapter_of(sandbox, name))

    assert browser.adapter.identify(browser.grant(someone)).proof is proof


# --- keys ---------------------------------------------------------------------------------------------------


def identified(sandbox, at: timedelta = timedelta(0)) -> Any:
    adapter = adapter_of(sandbox, "google")
    with clock.travel(at):
        return adapter.identify(Grant("n", "v", id_token=sandbox.id_token("google", ANNA, "n")))


def test_keys_are_asked_for_once_an_hour(sandbox):
    identified(sandbox)
    identified(sandbox, timedelta(minutes=59))
    assert sandbox.requests.count("/google/keys") == 1

    identified(sandbox, timedelta(minutes=61))
    assert sandbox.requests.count("/google/keys") == 2


def test_a_new_key_of_the_provider_is_found(sandbox):
    identified(sandbox)
    sandbox.rotate()

    assert identified(sandbox, timedelta(minutes=2)).subject == "1098"


def test_forgeries_do_not_make_us_ask_again_and_again(sandbox):
    identified(sandbox)

    for _ in range(20):
        token = sandbox.id_token("google", ANNA, "n", "unknown_key")
        with pytest.raises(Unauthorized):
            adapter_of(sandbox, "google").identify(Grant("n", "v", id_token=token))

    assert sandbox.requests.count("/google/keys") == 1


def test_keys_are_asked_for_again_after_a_failure(sandbox):
    sandbox.fault = "error_500"
    with pytest.raises(Unavailable):
        identified(sandbox)
    sandbox.fault = None

    assert identified(sandbox).subject == "1098"
    assert keys.of(f"{sandbox.url}/google/keys").find("of-no-use") is None


# --- which ones there are -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["google", "apple", "facebook", "myspace", ""])
def test_a_provider_without_a_client_is_not_there(aws, name):
    with pytest.raises(NotFound, match="provider_not_found"):
        providers.of_name(name)


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_real_addresses_are_the_providers_own(aws, sandbox, monkeypatch, name):
    clients = {name: ProviderClient.model_validate(sandbox.clients()[name])}
    known = providers.secrets().model_copy(update={"identity_providers": clients})
    monkeypatch.setattr(providers, "secrets", lambda: known)

    asked = {"redirect_uri": "https://a.example", "state": "s", "nonce": "n", "verifier": "v"}
    url = providers.of_name(name).authorize_url(**asked)

    hosts = {"google": "accounts.google.com", "apple": "appleid.apple.com", "facebook": "www.facebook.com"}
    assert url.startswith(f"https://{hosts[name]}/")
    assert "state=s" in url


@pytest.mark.parametrize("name", ["identity_url", "stripe_url", "paypal_url", "paypal_authority"])
def test_a_stand_in_is_for_this_machine_only(aws, name):
    known = settings().model_dump() | {name: "http://127.0.0.1:1"}

    assert Settings.model_validate(known | {"stage": "local"})
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate(known | {"stage": "prod"})


def test_paypals_own_sandbox_is_no_stand_in(aws):
    known = settings().model_dump() | {"stage": "prod", "paypal_url": PAYPAL_SANDBOX, "local_receivers": False}

    assert Settings.model_validate(known).paypal_url == PAYPAL_SANDBOX
