import pytest
from pydantic import ValidationError

from chalicelib.core.settings import settings, trace_id


@pytest.fixture(autouse=True)
def read_again():
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_every_variable_is_read(monkeypatch):
    monkeypatch.setenv("PIX_API_URL", "https://api.example.com/v1")
    monkeypatch.setenv("PIX_STAGE", "prod")
    monkeypatch.setenv("PIX_APP", "shop-2")
    monkeypatch.delenv("PIX_LOCAL_RECEIVERS")

    assert settings().api_url == "https://api.example.com/v1"
    assert settings().table("orders") == "shop-2-prod-orders"


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_webhooks_stay_away_from_this_machine_in_other_stages(monkeypatch, stage):
    monkeypatch.setenv("PIX_STAGE", stage)
    monkeypatch.setenv("PIX_LOCAL_RECEIVERS", "true")

    with pytest.raises(ValidationError, match="local_receivers is for the stages local and test"):
        settings()


def test_a_queue_is_found_by_its_name(monkeypatch):
    monkeypatch.setenv("PIX_EMAILS_QUEUE", "https://sqs.example.com/1/mails")

    assert settings().queue("emails") == "https://sqs.example.com/1/mails"


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", ()),
        ("https://a.example", ("https://a.example",)),
        ("https://a.example, http://localhost:3000 ,", ("https://a.example", "http://localhost:3000")),
    ],
)
def test_origins_are_a_list(monkeypatch, text, origins):
    monkeypatch.setenv("PIX_ALLOWED_ORIGINS", text)

    assert settings().allowed_origins == origins


def test_what_may_be_left_out_has_a_default(monkeypatch):
    monkeypatch.delenv("PIX_APP")
    monkeypatch.delenv("PIX_ALLOWED_ORIGINS")

    assert (settings().app, settings().allowed_origins) == ("thepixstock", ())
    assert (settings().previews_url, settings().previews_key_id) == (None, None)


def test_previews_are_read_through_cloudfront_where_both_are_named(monkeypatch):
    monkeypatch.setenv("PIX_PREVIEWS_URL", "https://img.example.com")
    monkeypatch.setenv("PIX_PREVIEWS_KEY_ID", "K2JCJMDEHXQW5F")

    assert (settings().previews_url, settings().previews_key_id) == ("https://img.example.com", "K2JCJMDEHXQW5F")


@pytest.mark.parametrize(("name", "value"), [("URL", "https://img.example.com"), ("KEY_ID", "K2JCJMDEHXQW5F")])
def test_one_of_the_two_stops_the_start(monkeypatch, name, value):
    monkeypatch.setenv(f"PIX_PREVIEWS_{name}", value)

    with pytest.raises(ValidationError, match="belong together"):
        settings()


def test_the_environment_is_read_once(monkeypatch):
    first = settings()
    monkeypatch.setenv("PIX_STAGE", "prod")

    assert settings() is first


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        settings().stage = "prod"  # type: ignore[misc]


@pytest.mark.parametrize(
    "name",
    [
        "STAGE", "ORIGINALS_BUCKET", "PREVIEWS_BUCKET", "DOCUMENTS_BUCKET", "UPLOADS_QUEUE", "PAYMENTS_QUEUE",
        "EMAILS_QUEUE", "JOBS_QUEUE", "WEBHOOKS_QUEUE", "SECRET_ID", "API_URL", "MAIL_FROM", "PAYNOI_URL",
    ],
)  # fmt: skip
def test_a_missing_variable_stops_the_start(monkeypatch, name):
    monkeypatch.delenv(f"PIX_{name}")

    with pytest.raises(ValidationError, match=name.lower()):
        settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP", "The Shop"),
        ("APP", ""),
        ("STAGE", "production"),
        ("STAGE", ""),
        ("ORIGINALS_BUCKET", ""),
        ("SECRET_ID", ""),
        ("JOBS_QUEUE", "jobs"),
        ("JOBS_QUEUE", ""),
        ("API_URL", "api.example.com"),
        ("API_URL", "https://api.example.com/"),
        ("API_URL", "https://api.example.com/v1/"),
        ("API_URL", "https://api.example.com/v1?x=1"),
        ("API_URL", "ftp://api.example.com"),
        ("MAIL_FROM", "shop"),
        ("MAIL_FROM", "a@b@c"),
        ("MAIL_FROM", "shop@exam ple.com"),
        ("PAYNOI_URL", "paynoi.example"),
        ("PREVIEWS_URL", ""),
        ("PREVIEWS_URL", "http://img.example.com"),
        ("PREVIEWS_URL", "https://img.example.com/"),
        ("PREVIEWS_KEY_ID", ""),
        ("ALLOWED_ORIGINS", "*"),
        ("ALLOWED_ORIGINS", "https://*.example.com"),
        ("ALLOWED_ORIGINS", "https://a.example/"),
        ("ALLOWED_ORIGINS", "a.example"),
        ("ALLOWED_ORIGINS", "null"),
    ],
)
def test_nonsense_stops_the_start(monkeypatch, name, value):
    monkeypatch.setenv(f"PIX_{name}", value)

    with pytest.raises(ValidationError, match=name.lower()):
        settings()


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
            "1-5759e988-bd862e3fe1be46a994272793",
        ),
        ("Self=1-aa;Root=1-bb", "1-bb"),
        ("Parent=53995c3f42cd8ad8", None),
        ("", None),
        (None, None),
    ],
)
def test_the_trace_is_that_of_the_present_call(monkeypatch, header, trace):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-earlier")
    assert trace_id() == "1-earlier"
    if header is None:
        monkeypatch.delenv("_X_AMZN_TRACE_ID")
    else:
        monkeypatch.setenv("_X_AMZN_TRACE_ID", header)

    assert trace_id() == trace
