"""Secrets from Secrets Manager, held for five minutes so that a rotation is seen without a deploy."""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, model_validator

from chalicelib.core import aws, clock, ids
from chalicelib.core.settings import settings

_HOLD = timedelta(minutes=5)
_OF_AWS = {"ses", "sns"}
"""They take our role for an account."""

_PLACEHOLDERS = ("changeme", "change-me", "placeholder", "example", "secret", "password", "xxxx")


def _refuse_placeholder(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().lower()
    if len(text) < 16 or any(text.startswith(word) for word in _PLACEHOLDERS) or len(set(text)) < 6:
        raise ValueError("looks like a placeholder, not a secret")
    return value


def _refuse_other_than_hex(value: SecretStr) -> SecretStr:
    bytes.fromhex(value.get_secret_value())
    return value


Real = Annotated[SecretStr, AfterValidator(_refuse_placeholder)]
Page = Annotated[str, Field(pattern=r"^https?://[^\s#]+$")]
Site = Annotated[str, Field(pattern=r"^https?://[^/?#\s]+$")]
TokenKey = Annotated[Real, Field(min_length=64), AfterValidator(_refuse_other_than_hex)]


class GatewaySecret(BaseModel):
    """What one PayNoi account needs; `previous_api_key` stays valid for webhooks during a rotation."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    api_key: Real
    key_id: str
    account: str
    type: str = "1"
    previous_api_key: SecretStr | None = None


class StripeSecret(BaseModel):
    """What one Stripe account needs. Webhooks are signed with any of `webhook_secrets`: the next, and those before.

    Without `return_url`, the page to which a buyer's bank sends them back, nobody pays with a saved card.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    secret_key: Real
    publishable_key: str
    webhook_secrets: Annotated[tuple[Real, ...], Field(min_length=1)]
    return_url: Page | None = None


class PromptPaySecret(BaseModel):
    """What one biller is at its bank. Notices come to an address that ends in any of `webhook_keys`.

    `reference_prefix` is what the bank gave for the third reference; without it nobody is told of payments.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    api_key: Real
    api_secret: Real
    biller_id: Annotated[str, Field(pattern=r"^[0-9]{15}$")]
    reference_prefix: Annotated[str, Field(pattern=r"^[A-Z0-9]{0,20}$")] = ""
    webhook_keys: Annotated[tuple[Real, ...], Field(min_length=1)]


class CloudPaymentsSecret(BaseModel):
    """What one site at CloudPayments needs. `api_secret` signs notices too; the one before stays valid for them."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    public_id: str
    api_secret: Real
    previous_api_secret: SecretStr | None = None
    return_url: Page | None = None


class KaspiSecret(BaseModel):
    """What one cash desk is at Kaspi Pay. `certificate` is a PEM with the private key and its chain."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    api_key: Real
    device_token: Real
    organization_bin: Annotated[str, Field(pattern=r"^[0-9]{12}$")]
    certificate: Real | None = None


class PayPalSecret(BaseModel):
    """What one PayPal app is. A webhook is addressed to any of `webhook_ids`, which PayPal gave to our address.

    Buyers come back to `return_url`, with `payment` in its query.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    client_id: Annotated[str, Field(min_length=1)]
    client_secret: Real
    webhook_ids: Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,50}$")], ...], Field(min_length=1)]
    return_url: Page


class CryptoSecret(BaseModel):
    """What one account at a processor of cryptocurrencies needs. `webhook_secrets` and `return_url` as above."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    api_key: Real
    webhook_secrets: Annotated[tuple[Real, ...], Field(min_length=1)]
    return_url: Page


class LabSecret(BaseModel):
    """One account at the print laboratory Prodigi. Those of its own sandbox have another address."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    api_key: Real
    url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] = "https://api.prodigi.com"


class FirebaseSecret(BaseModel):
    """A service account of the Firebase project that the apps belong to. Those of a stand-in have other addresses."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    project_id: Annotated[str, Field(pattern=r"^[a-z0-9-]{4,40}$")]
    client_email: str
    private_key: Real
    url: Annotated[str, Field(pattern=r"^https?://[^/?#\s]+$")] = "https://fcm.googleapis.com"
    token_url: Annotated[str, Field(pattern=r"^https?://[^?#\s]+$")] = "https://oauth2.googleapis.com/token"


class ApnsSecret(BaseModel):
    """A key of an Apple developer team, and the app that it rings. Apps under development have another address."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    team_id: Annotated[str, Field(pattern=r"^[A-Z0-9]{10}$")]
    key_id: Annotated[str, Field(pattern=r"^[A-Z0-9]{10}$")]
    private_key: Real
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{3,155}$")]
    url: Site = "https://api.push.apple.com"


class WebPushSecret(BaseModel):
    """Who we are to the push services of browsers (RFC 8292): a P-256 key in PEM, and where we are reached."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    private_key: Real
    subject: Annotated[str, Field(pattern=r"^(mailto:[^\s@]+@[^\s@]+|https://\S+)$")]


class LineSecret(BaseModel):
    """A LINE Official Account: `bot_id` is what people find it by, `channel_secret` signs what it hears."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    access_token: Real
    channel_secret: Real
    bot_id: Annotated[str, Field(pattern=r"^@[a-z0-9._-]{3,30}$")]
    url: Site = "https://api.line.me"


class TwilioSecret(BaseModel):
    """An account at Twilio. `user` is its SID or that of an API key; texts come from a number, or of a service."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-f]{32}$")]
    user: Annotated[str, Field(pattern=r"^(AC|SK)[0-9a-f]{32}$")]
    password: Real
    sender: Annotated[str, Field(pattern=r"^(\+[1-9][0-9]{4,14}|MG[0-9a-f]{32}|[A-Za-z0-9 ]{1,11})$")]
    url: Site = "https://api.twilio.com"


class MobizonSecret(BaseModel):
    """An account at Mobizon, in a country. Without a `sender` texts come from a shared one."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    api_key: Real
    sender: Annotated[str, Field(pattern=r"^[A-Za-z0-9 .-]{3,11}$")] | None = None
    url: Site = "https://api.mobizon.kz"


class SmtpSecret(BaseModel):
    """A server that takes mails on `port`: TLS from the first byte, or after STARTTLS, never without.

    `authority` is the root in PEM that vouches for it, where that is none of those that everybody knows.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,253}$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls"] = "starttls"
    user: Annotated[str, Field(min_length=1)]
    password: Real
    authority: str | None = None


class ProviderClient(BaseModel):
    """What we are at one identity provider. The first of `client_ids` is the web's, the others are apps'.

    Google and Facebook gave a secret; for Apple we sign one with the key `key_id` of the team.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    client_ids: Annotated[tuple[str, ...], Field(min_length=1)]
    client_secret: Real | None = None
    team_id: str | None = None
    key_id: str | None = None
    private_key: Real | None = None


class Secrets(BaseModel):
    """The keys in use, and beside each what else is accepted while it is rotated.

    Processes read this at different moments: a new key is accepted everywhere before it is used anywhere, and
    the old one is accepted as long as what it made is around. `accepted_jwt_public_keys` holds PEMs,
    `accepted_token_keys` and
    `accepted_sealing_keys` hex. Each gateway's name (`paynoi`, ...) holds the account of every organization that has
    none of its own.
    A secret of an earlier release has no `sealing_key` until one is made by a rotation.
    `previews_private_keys` are by the id that CloudFront gave their public halves: PEMs, ECDSA P-256 or RSA 2048.
    Which of them signs is a setting. `identity_providers` are by name: google, apple, facebook. An organization without
    an account in `prodigi_of_organizations` sells no prints. Without `firebase`, `apns` or
    `webpush` no device of that platform is rung, and LINE is an organization's own.
    `twilio`, `mobizon` and `smtp` are there where the settings name them as who carries texts or mails.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    jwt_private_key: Real
    accepted_jwt_public_keys: tuple[str, ...] = ()
    token_key: TokenKey
    accepted_token_keys: tuple[TokenKey, ...] = ()
    sealing_key: TokenKey | None = None
    accepted_sealing_keys: tuple[TokenKey, ...] = ()
    paynoi: GatewaySecret
    paynoi_of_organizations: dict[str, GatewaySecret] = {}
    stripe: StripeSecret | None = None
    stripe_of_organizations: dict[str, StripeSecret] = {}
    promptpay: PromptPaySecret | None = None
    promptpay_of_organizations: dict[str, PromptPaySecret] = {}
    cloudpayments: CloudPaymentsSecret | None = None
    cloudpayments_of_organizations: dict[str, CloudPaymentsSecret] = {}
    kaspi: KaspiSecret | None = None
    kaspi_of_organizations: dict[str, KaspiSecret] = {}
    paypal: PayPalSecret | None = None
    paypal_of_organizations: dict[str, PayPalSecret] = {}
    crypto: CryptoSecret | None = None
    crypto_of_organizations: dict[str, CryptoSecret] = {}
    previews_private_keys: dict[str, Real] = {}
    identity_providers: dict[str, ProviderClient] = {}
    prodigi_of_organizations: dict[str, LabSecret] = {}
    firebase: FirebaseSecret | None = None
    apns: ApnsSecret | None = None
    webpush: WebPushSecret | None = None
    line_of_organizations: dict[str, LineSecret] = {}
    twilio: TwilioSecret | None = None
    mobizon: MobizonSecret | None = None
    smtp: SmtpSecret | None = None

    @model_validator(mode="after")
    def _has_an_account_where_it_sends(self, info: ValidationInfo) -> Self:
        """The context names the providers of the stage."""
        for provider in info.context or ():
            if provider not in _OF_AWS and getattr(self, provider) is None:
                raise ValueError(f"the settings name {provider}, and there is no account at it")
        return self

    @property
    def token_keys(self) -> tuple[bytes, ...]:
        """The one in use, then those that are accepted."""
        return _raw(self.token_key, *self.accepted_token_keys)

    @property
    def sealing_keys(self) -> tuple[bytes, ...]:
        """The one in use, then those that are accepted. Raises LookupError in a stage without one."""
        if self.sealing_key is None:
            raise LookupError("This stage has no sealing key. Make one: python3 -m infra rotate sealing")
        return _raw(self.sealing_key, *self.accepted_sealing_keys)


def _raw(*keys: SecretStr) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(key.get_secret_value()) for key in keys)


_held: tuple[datetime, Secrets] | None = None


def secrets() -> Secrets:
    """Raises pydantic's ValidationError when the stored value is missing a part or holds a placeholder.

    So does one without an account at a provider that the settings name.
    """
    global _held
    now, held = clock.now(), _held  # one look: another thread may forget or renew it meanwhile
    if held is None or not now - _HOLD < held[0] <= now:
        stage = settings()
        answer = aws.client("secretsmanager").get_secret_value(SecretId=stage.secret_id)
        providers = (stage.mail_provider, stage.sms_provider)
        _held = held = (now, Secrets.model_validate_json(answer["SecretString"], context=providers))
    return held[1]


def forget() -> None:
    """Read again at the next use: for tests and after a rotation drill."""
    global _held
    _held = None


def sign(purpose: str, *parts: str) -> str:
    """A 256-bit token derived from the parts: the same parts give the same token, nobody else can make it.

    Lets an answer that was lost be given again without storing the token itself.
    """
    return signatures(purpose, *parts)[0]


def signatures(purpose: str, *parts: str) -> list[str]:
    """What `sign` gives, then what it gave or will give with the other accepted keys."""
    message = ids.joined(purpose, *parts)
    return [ids.urlsafe(hmac.new(key, message, hashlib.sha256).digest()) for key in secrets().token_keys]


def is_signature(token: str, purpose: str, *parts: str) -> bool:
    """Whether `token` was derived from the parts with an accepted key."""
    return any(hmac.compare_digest(token.encode(), known.encode()) for known in signatures(purpose, *parts))
