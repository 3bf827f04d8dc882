"""Organizations on the wire."""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Base64Bytes, BeforeValidator, Field, StringConstraints

from chalicelib.core.wire import Input, Output, Query
from chalicelib.organizations import model
from chalicelib.organizations.model import Language, WatermarkStyle
from chalicelib.organizations.plans import UNLIMITED

LARGEST_IMAGE = 600 * 1024
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Watermark = Annotated[str, StringConstraints(min_length=1, max_length=60)]
MailName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Color = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$", max_length=7)]
Image = Annotated[str, StringConstraints(pattern=r"^https://[^\s<>\"']+$", max_length=500)]
Locale = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$", max_length=11)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$", max_length=2)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Host = Annotated[str, StringConstraints(min_length=1, max_length=253)]
Label = Annotated[str, StringConstraints(min_length=3, max_length=40)]
PlanName = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$", max_length=3)]
Planned = Annotated[str, BeforeValidator(lambda plan: plan or UNLIMITED)]
Origin = Annotated[str, StringConstraints(max_length=270)]


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("Write one line of plain text.")
    return text


def _number(text: str) -> str:
    """Without what is there to be read easily. What looks like an IBAN (ISO 13616) has its check digits right."""
    number = text.replace("-", "").replace(" ", "")
    if _IBAN.fullmatch(number) and int("".join(str(int(each, 36)) for each in number[4:] + number[:4])) % 97 != 1:
        raise ValueError("The check digits of this IBAN are wrong.")
    return number


_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}")
OneLine = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), AfterValidator(_one_line)
]


class BankAccount(Input):
    """Hyphens and spaces of the number are left out."""

    bank: OneLine
    holder: OneLine
    number: Annotated[
        str, StringConstraints(max_length=40, pattern=r"^[0-9A-Z]([0-9A-Z -]{4,38})[0-9A-Z]$"), AfterValidator(_number)
    ] = Field(repr=False)

    def account(self) -> model.BankAccount:
        return model.BankAccount(self.bank, self.holder, self.number)


class PromptPay(Input):
    """What PromptPay knows the account by. Hyphens and spaces of the number are left out."""

    kind: model.Proxy = Field(strict=False, description="`national_id` for a company's tax id, too.")
    number: Annotated[
        str, StringConstraints(max_length=20, pattern=r"^[0-9][0-9 -]{8,18}[0-9]$"), AfterValidator(_number)
    ] = Field(repr=False)


class HouseAccount(BankAccount):
    prompt_pay: PromptPay | None = Field(None, description="Buyers who transfer are shown a QR code that asks for it.")

    def account(self) -> model.BankAccount:
        asked = self.prompt_pay
        proxy = model.PromptPayId(asked.kind, asked.number) if asked else None
        return model.BankAccount(self.bank, self.holder, self.number, proxy)


class ShownAccount(Output):
    bank: str
    holder: str
    number: str = Field(description="Its last four characters.")


class ShownPromptPay(Output):
    kind: model.Proxy
    number: str = Field(description="Its last four digits.")


class ShownHouseAccount(ShownAccount):
    prompt_pay: ShownPromptPay | None

    @classmethod
    def of(cls, account: model.BankAccount) -> "ShownHouseAccount":
        shown, proxy = account.masked, account.promptpay and account.promptpay.masked
        told = ShownPromptPay(kind=proxy[0], number=proxy[1]) if proxy else None
        return cls(bank=shown.bank, holder=shown.holder, number=shown.number, prompt_pay=told)


class BankAccountUpdate(Input):
    """Null takes the account away."""

    version: int = Field(ge=0)
    bank_account: HouseAccount | None


class OwnAccount(Output):
    """Where the organization's part of what was sold is paid out to. `version` is the organization's."""

    bank_account: ShownHouseAccount | None
    version: int


class Branding(Output):
    color: str | None
    accent: str | None
    logo: str | None
    icon: str | None


class TaxProfile(Output):
    name: str
    number: str
    country: str
    address: str
    rate: int
    included: bool


class Home(Output):
    """What anybody may know. Without a `locale` the language's own is meant."""

    name: str
    language: Language
    currency: str = Field(description="ISO 4217. All amounts are whole minor units of it.")
    currency_decimals: int = Field(description="Of how many decimals the minor unit is: 0 of JPY, 2 of THB.")
    timezone: str
    locale: str | None
    branding: Branding | None


class HomeOf(Home):
    """Whose domain it is."""

    id: str
    host: str | None


class Organization(Home):
    """All settings, for those who manage them."""

    id: str
    watermark_text: str | None
    has_watermark_image: bool
    watermark_style: WatermarkStyle
    watermark_opacity: float
    strip_gps: bool
    download_limit: int
    download_hours: int
    origins: list[str]
    mail_name: str
    host: str | None
    subdomain: str | None
    tax: TaxProfile | None
    plan: Planned
    version: int


class Tenant(Output):
    """An organization as the platform sees it."""

    id: str
    name: str
    plan: Planned
    host: str | None
    suspended: bool
    created_at: datetime
    version: int


class PlanChange(Input):
    plan: PlanName


class Limits(Output):
    """Null is no limit. `storage` is in bytes, `requests` counts a minute."""

    staff: int | None
    events: int | None
    storage: int | None
    domains: int | None
    requests: int | None


class Used(Output):
    staff: int
    events: int
    storage: int
    domains: int


class Usage(Output):
    plan: str
    limits: Limits
    used: Used


class DomainQuery(Query):
    domain: Host


class NewDomain(Input):
    host: Host


class SubdomainChange(Input):
    """Null gives the subdomain up."""

    version: int = Field(ge=0)
    subdomain: Label | None


class Record(Output):
    """What to put into the host's DNS."""

    type: str = "TXT"
    name: str
    value: str


class Domain(Output):
    host: str
    verified: bool
    verified_at: datetime | None
    created_at: datetime
    record: Record


class BrandingInput(Input):
    color: Color | None = None
    accent: Color | None = None
    logo: Image | None = None
    icon: Image | None = None


class TaxInput(Input):
    """`rate` is in hundredths of a percent: 700 are 7 %."""

    name: Line
    number: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9./ -]{3,40}$", max_length=40)]
    country: Country
    address: Annotated[str, StringConstraints(max_length=400)] = ""
    rate: int = Field(ge=0, le=10_000)
    included: bool = True


class WatermarkImage(Input):
    """The PNG in Base64, at most 600 KB before encoding; null takes it away."""

    version: int = Field(ge=0)
    image_png: Base64Bytes | None = Field(max_length=LARGEST_IMAGE)


class OrganizationUpdate(Input):
    """`version` as last read; of the settings only those to change. The currency stays: prices are in it."""

    version: int = Field(ge=0)
    name: Name = ""
    language: Language = "th"
    timezone: Annotated[str, StringConstraints(max_length=64)] = ""
    watermark_text: Watermark | None = None
    watermark_style: WatermarkStyle = "tiled"
    watermark_opacity: float = Field(0.3, ge=0.05, le=1)
    strip_gps: bool = True
    download_limit: int = Field(3, ge=1, le=100)
    download_hours: int = Field(72, ge=1, le=24 * 90)
    origins: Annotated[list[Origin], Field(max_length=20)] = Field(default_factory=list)
    mail_name: MailName = ""
    locale: Locale | None = None
    branding: BrandingInput | None = None
    tax: TaxInput | None = None

    def settings(self) -> dict[str, Any]:
        """The settings that were sent: field -> value."""
        sent = self.model_dump(exclude_unset=True, exclude={"version"}, by_alias=False)
        if "origins" in sent:
            sent["origins"] = tuple(self.origins)
        if self.branding is not None:
            sent["branding"] = model.Branding(**self.branding.model_dump(by_alias=False))
        if self.tax is not None:
            sent["tax"] = model.TaxProfile(**self.tax.model_dump(by_alias=False))
        return sent
