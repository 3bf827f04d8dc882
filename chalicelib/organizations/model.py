"""An organization: the tenant that every key, price, mail and watermark belongs to."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import replace as altered
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Literal, Self
from zoneinfo import available_timezones

from pydantic.alias_generators import to_camel

from chalicelib.core.errors import Conflict, Invalid
from chalicelib.core.money import decimals
from chalicelib.organizations.plans import PLANS, UNLIMITED, Plan

Language = Literal["th", "en"]
WatermarkStyle = Literal["tiled", "corner"]

CURRENCIES = (
    *("THB", "AED", "AUD", "CAD", "CHF", "CNY", "EUR", "GBP", "HKD", "INR", "JPY"),
    *("KRW", "KZT", "MYR", "NZD", "PHP", "RUB", "SGD", "TWD", "USD", "VND"),
)
"""What may be sold in: for each there is a way to pay, and packages to begin with (`lines/photos/pricing.py`)."""

_LONGEST_WATERMARK = 60
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9](?!.*--)[a-z0-9-]{1,38}[a-z0-9]")
_RESERVED = frozenset({"admin", "api", "app", "assets", "auth", "cdn", "docs", "mail", "static", "status", "www"})
_ORIGIN = re.compile(r"https://[a-z0-9.-]{1,253}(:[0-9]{1,5})?|http://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?")


class VersionConflict(Conflict):
    def __init__(self) -> None:
        super().__init__("version_conflict", "Somebody else changed this first. Load it again.", field="version")


@dataclass(frozen=True, slots=True)
class Branding:
    """How frontends look for it: colours as `#rrggbb`, addresses of images as https URLs."""

    color: str | None = None
    accent: str | None = None
    logo: str | None = None
    icon: str | None = None


@dataclass(frozen=True, slots=True)
class TaxProfile:
    """Who invoices, and by which tax where the table of taxes has none. `country` is ISO 3166-1 alpha-2.

    `rate` is in hundredths of a percent; `included` in prices, or put on top of them.
    """

    name: str
    number: str
    country: str
    address: str
    rate: int
    included: bool


class Proxy(StrEnum):
    """What PromptPay knows a bank account by."""

    PHONE = "phone"
    NATIONAL_ID = "national_id"
    EWALLET = "e_wallet"


@dataclass(frozen=True, slots=True)
class PromptPayId:
    """Whom a QR code asks to pay; a company's tax id is of a kind with people's, a phone number as Thais dial it.

    Raises Invalid for what nobody was given.
    """

    kind: Proxy
    number: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _PROXIES[self.kind].fullmatch(self.number) or not self._is_given():
            raise Invalid("invalid_promptpay", "PromptPay has no such number.", field="promptPay")

    def _is_given(self) -> bool:
        """Thailand's ids end in a control digit, by the weights 13 to 2 modulo 11."""
        if self.kind is not Proxy.NATIONAL_ID:
            return True
        weighed = sum(weight * int(digit) for weight, digit in zip(range(13, 1, -1), self.number, strict=False))
        return (11 - weighed % 11) % 10 == int(self.number[-1])

    @property
    def masked(self) -> tuple[Proxy, str]:
        return self.kind, masked(self.number)


_PROXIES = {
    Proxy.PHONE: re.compile(r"0[689][0-9]{8}"),
    Proxy.NATIONAL_ID: re.compile(r"[0-9]{13}"),
    Proxy.EWALLET: re.compile(r"[0-9]{15}"),
}


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Where money goes, an organization's or a photographer's. `bank` is its name or code."""

    bank: str
    holder: str
    number: str = field(repr=False)
    promptpay: PromptPayId | None = None

    @property
    def masked(self) -> Self:
        """The same with the last four characters of the number."""
        return altered(self, number=masked(self.number))


def masked(number: str) -> str:
    """The last four characters, of a short one fewer, and dots."""
    shown = min(4, len(number) // 2)
    return "•" * (len(number) - shown) + number[len(number) - shown :]


@dataclass(frozen=True, slots=True)
class Domain:
    """A host that an organization says is its own. Proven once `token` is found in the host's DNS.

    A proven one is looked for again at `check_at`. `looked_at` is for which of these times that was done last, and
    `missed` how many days in a row the token was not there.
    """

    organization: str
    host: str
    token: str
    created_at: datetime
    verified_at: datetime | None = None
    check_at: datetime | None = None
    looked_at: datetime | None = None
    missed: int | None = None

    @property
    def verified(self) -> bool:
        return self.verified_at is not None


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with a role beside customer. `department` is a code of the organization's tree."""

    organization: str
    user: str
    department: str | None = None


@dataclass(frozen=True, slots=True)
class Organization:
    """`currency` is ISO 4217. `watermark_image` is where the PNG of the mark is stored; with neither it nor
    `watermark_text` previews are unmarked. `watermark_opacity` is in (0, 1].

    `download_limit` is per photo and `download_hours` counts from payment: what an event does not set itself.
    `origins` are the web origins its frontends call from. `host` is the first one mapped to it, where the links of
    its mails lead; None where it lives at the deployment's own address. `subdomain` is its label below the domain
    that tenants share. `locale` is BCP 47; without one frontends take the language's. An organization without a `plan`
    is from before there were any. `bank_account` is as `service.seal_account` keeps it. Version 0 is one that was never
    stored.
    """

    id: str
    name: str
    language: Language
    currency: str
    timezone: str
    watermark_text: str | None
    watermark_image: str | None
    watermark_style: WatermarkStyle
    watermark_opacity: float
    strip_gps: bool
    download_limit: int
    download_hours: int
    origins: tuple[str, ...]
    mail_name: str
    host: str | None
    created_at: datetime
    version: int
    subdomain: str | None = None
    locale: str | None = None
    branding: Branding | None = None
    tax: TaxProfile | None = None
    plan: str | None = None
    suspended_at: datetime | None = None
    bank_account: str | None = field(default=None, repr=False)

    @property
    def limits(self) -> Plan:
        return PLANS[self.plan or UNLIMITED]

    @property
    def currency_decimals(self) -> int:
        return decimals(self.currency)

    @property
    def suspended(self) -> bool:
        return self.suspended_at is not None

    @property
    def has_watermark_image(self) -> bool:
        return self.watermark_image is not None

    @classmethod
    def founded(cls, id: str, name: str, at: datetime) -> Self:
        """The settings one starts with, nothing stored yet: a Thai seller of marked previews."""
        return cls(
            id=id,
            name=name,
            language="th",
            currency="THB",
            timezone="Asia/Bangkok",
            watermark_text=name[:_LONGEST_WATERMARK],
            watermark_image=None,
            watermark_style="tiled",
            watermark_opacity=0.3,
            strip_gps=True,
            download_limit=3,
            download_hours=72,
            origins=(),
            mail_name=name,
            host=None,
            created_at=at,
            version=0,
        )

    def changed(self, version: int, settings: Mapping[str, Any]) -> Self:
        """The version after `version`, with other `settings` (field -> value).

        Raises Conflict when this is not at `version`, Invalid for a setting that nothing could work with.
        """
        if version != self.version:
            raise VersionConflict
        organization = altered(self, **settings, version=version + 1)
        organization._check()
        return organization

    def _check(self) -> None:
        for name in ("name", "mail_name", "watermark_text"):
            text = getattr(self, name)
            if text is not None and not (text.strip() and text.isprintable()):
                raise Invalid("one_line_expected", "Write one line of plain text.", field=to_camel(name))
        if self.timezone not in _zones():
            raise Invalid("unknown_timezone", "Name a zone like Asia/Bangkok.", field="timezone")
        for number, origin in enumerate(self.origins):
            if not _ORIGIN.fullmatch(origin):
                raise Invalid(
                    "invalid_origin",
                    "An origin is https:// and a host, perhaps with a port, and nothing behind it.",
                    field=f"origins.{number}",
                )
        if self.plan is not None and self.plan not in PLANS:
            raise Invalid("unknown_plan", f"Plans are {', '.join(PLANS)}.", field="plan")


def host_of(text: str) -> str:
    """A host name as it is compared: lower case, no port, no final dot. Raises Invalid where it is none."""
    host = text.lower().partition(":")[0].removesuffix(".")
    if not _HOST.fullmatch(host):
        raise Invalid("invalid_host", "Name a host like photos.example.com.", field="host")
    return host


def must_sell_in(currency: str) -> None:
    """Raises Invalid for a currency in which nothing is sold."""
    if currency not in CURRENCIES:
        raise Invalid("unknown_currency", f"Currencies are {', '.join(CURRENCIES)}.", field="currency")


def label_of(text: str) -> str:
    """A subdomain as an organization may take it. Raises Invalid."""
    label = text.lower()
    if not _LABEL.fullmatch(label) or label in _RESERVED:
        raise Invalid("invalid_subdomain", "Choose 3 to 40 letters, digits and hyphens.", field="subdomain")
    return label


def label_from(name: str) -> str:
    """The subdomain that a name suggests. Raises Invalid for one without three Latin letters or digits."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return label_of("-".join(re.findall(r"[a-z0-9]+", plain))[:40].strip("-"))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
