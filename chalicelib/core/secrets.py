"""Secrets from Secrets Manager, held for five minutes so that a rotation is seen without a deploy."""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from chalicelib.core import aws, clock, ids
from chalicelib.core.settings import settings

_HOLD = timedelta(minutes=5)
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
    an account in `prodigi_of_organizations` sells no prints. Without `firebase` no device is rung.
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
    """Raises pydantic's ValidationError when the stored value is missing a part or holds a placeholder."""
    global _held
    now, held = clock.now(), _held  # one look: another thread may forget or renew it meanwhile
    if held is None or not now - _HOLD < held[0] <= now:
        answer = aws.client("secretsmanager").get_secret_value(SecretId=settings().secret_id)
        _held = held = (now, Secrets.model_validate_json(answer["SecretString"]))
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
