"""The only reader of the environment: validated once, refuses to start on nonsense."""

import os
from functools import cache
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_LISTS = {"allowed_origins", "webpush_services"}
STRIPE = "https://api.stripe.com"
PAYPAL = "https://api-m.paypal.com"
PAYPAL_SANDBOX = "https://api-m.sandbox.paypal.com"

WEBPUSH_SERVICES = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)

Name = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
Host = Annotated[str, Field(pattern=r"^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+$")]
Origin = Annotated[str, Field(pattern=r"^https?://[^/*\s]+$")]


class Settings(BaseModel):
    """One field per `PIX_<NAME>` variable.

    `identity_url` puts a stand-in before all identity providers, `stripe_url` one before Stripe, on one machine and in
    tests. `paypal_url` may be PayPal's own sandbox; a stand-in's webhooks are vouched for by the root in PEM that is
    `paypal_authority`.

    Below `tenants_domain` organizations have subdomains; without it nobody founds one by signing up.

    With `local_receivers` webhooks may go to this machine, without TLS: in tests and in the demo.

    `faces` names who finds faces in photos, `texts` who reads numbers in them; without, nobody does.

    `mail_provider` and `sms_provider` carry mails and texts. The account at one that is not AWS is in the secret.
    Browsers are rung through `webpush_services`, their makers' hosts; `*.` stands for any name below.
    `webpush_url` is a stand-in for one, on one machine and in tests.

    With `previews_url` and `previews_key_id`, previews are read through CloudFront, where that key is known. Browsers
    open websockets at `live_url`; what is pushed to them goes to `live_endpoint`, in AWS the same address over HTTPS.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    app: str = Field("thepixstock", pattern=r"^[a-z][a-z0-9-]{1,30}$")
    stage: Literal["local", "test", "dev", "staging", "prod"]
    originals_bucket: Name
    previews_bucket: Name
    documents_bucket: Name
    uploads_queue: Url
    payments_queue: Url
    emails_queue: Url
    jobs_queue: Url
    webhooks_queue: Url
    secret_id: Name
    api_url: str = Field(pattern=r"^https?://[^/]+(/[^?#]*[^/?#])?$")
    allowed_origins: tuple[Origin, ...] = ()
    tenants_domain: str | None = Field(None, pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")
    mail_from: str = Field(pattern=r"^[^\s@]+@[^\s@]+$")
    mail_provider: Literal["ses", "smtp"] = "ses"
    sms_provider: Literal["sns", "twilio", "mobizon"] = "sns"
    webpush_services: tuple[Host, ...] = WEBPUSH_SERVICES
    webpush_url: Url | None = None
    paynoi_url: Url
    stripe_url: Url = STRIPE
    promptpay_url: Url = "https://api.partners.scb/partners"
    cloudpayments_url: Url = "https://api.cloudpayments.ru"
    kaspi_url: Url = "https://qrapi-cert-ip.kaspi.kz"
    paypal_url: Url = PAYPAL
    paypal_authority: str | None = None
    crypto_url: Url = "https://api.commerce.coinbase.com"
    live_url: str = Field(pattern=r"^wss?://[^\s?#]*[^\s/?#]$")
    live_endpoint: Url | None = None
    previews_url: str | None = Field(None, pattern=r"^https://[^/?#\s]+$")
    previews_key_id: Name | None = None
    identity_url: Url | None = None
    faces: Literal["embedded", "rekognition"] | None = None
    texts: Literal["tesseract", "rekognition"] | None = None
    local_receivers: bool = False

    @model_validator(mode="after")
    def _has_both_or_neither(self) -> Self:
        if (self.previews_url is None) != (self.previews_key_id is None):
            raise ValueError("previews_url and previews_key_id belong together")
        return self

    @model_validator(mode="after")
    def _believes_no_stand_in(self) -> Self:
        if self.stage not in ("local", "test"):
            if self.identity_url is not None:
                raise ValueError("identity_url is for the stages local and test")
            if self.webpush_url is not None:
                raise ValueError("webpush_url is for the stages local and test")
            if self.stripe_url != STRIPE:
                raise ValueError("stripe_url is for the stages local and test")
            if self.paypal_url not in (PAYPAL, PAYPAL_SANDBOX) or self.paypal_authority is not None:
                raise ValueError("another paypal_url and a paypal_authority are for the stages local and test")
            if self.local_receivers:
                raise ValueError("local_receivers is for the stages local and test")
        return self

    def table(self, domain: str) -> str:
        return f"{self.app}-{self.stage}-{domain}"

    @property
    def connections_url(self) -> str:
        """Where API Gateway's management API takes what is pushed to open websockets."""
        return self.live_endpoint or self.live_url.replace("ws", "http", 1)

    def queue(self, name: str) -> str:
        """The URL of the queue `uploads`, `payments`, `emails`, `jobs` or `webhooks`."""
        return str(getattr(self, f"{name}_queue"))


def trace_id() -> str | None:
    """The X-Ray trace of the present call, None outside of Lambda, which sets the variable anew for each call.

    Format: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    """
    header = os.environ.get("_X_AMZN_TRACE_ID", "")
    root = next((part for part in header.split(";") if part.startswith("Root=")), "Root=")
    return root.removeprefix("Root=") or None


@cache
def settings() -> Settings:
    given: dict[str, object] = {
        name: os.environ[f"PIX_{name.upper()}"] for name in Settings.model_fields if f"PIX_{name.upper()}" in os.environ
    }
    for name in _LISTS & given.keys():
        given[name] = tuple(part.strip() for part in str(given[name]).split(",") if part.strip())
    return Settings.model_validate(given)
