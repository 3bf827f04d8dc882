"""A small world for system tests: two organizations on two hosts, each with people, events, photos and orders.

What A has, B has too, so that whatever A's people may reach has a foreign twin that they may not.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.parse import quote_plus

import pytest
from botocore.client import BaseClient
from pyotp import TOTP
from stripe import _webhook

from app import app
from chalicelib import lines
from chalicelib.accounts import providers
from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Tokens
from chalicelib.accounts.second_factor import service as second_factor
from chalicelib.announcements import service as announcements
from chalicelib.announcements.model import Audience, Text
from chalicelib.api_keys import service as api_keys
from chalicelib.carts import service as carts
from chalicelib.configuration import service as configuration
from chalicelib.core import auth, clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest, transact
from chalicelib.entitlements.archives import service as archives
from chalicelib.events import service as events
from chalicelib.events.model import Details, Event, EventStatus
from chalicelib.faces import service as faces
from chalicelib.faces.model import LegalBasis, Purpose
from chalicelib.favorites import service as favorites
from chalicelib.lines.contract import Item
from chalicelib.lines.credits import service as packs
from chalicelib.lines.photos import jobs as photo_jobs
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.albums import service as albums
from chalicelib.lines.photos.albums.model import Kind as AlbumKind
from chalicelib.lines.photos.lists import service as lists
from chalicelib.lines.photos.model import FileOffer
from chalicelib.lines.prints import labs
from chalicelib.lines.prints import service as prints
from chalicelib.lines.prints import store as parcels
from chalicelib.lines.prints.model import Print, Product, State
from chalicelib.lines.tickets import service as tickets
from chalicelib.lines.tickets.model import Terms
from chalicelib.members import service as members
from chalicelib.members.model import Invitation
from chalicelib.notifications.feedback import service as feedback
from chalicelib.notifications.feedback.model import address_id
from chalicelib.notifications.inbox import service as inbox
from chalicelib.notifications.model import Kind as NoticeKind
from chalicelib.orders import service as orders
from chalicelib.orders.model import Order
from chalicelib.organizations import dns
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import BankAccount
from chalicelib.organizations.roles import ROLES
from chalicelib.payments import gateways
from chalicelib.payments import service as payments
from chalicelib.payments.deposits import holding
from chalicelib.payments.gateways.bank_transfer import BankTransfer
from chalicelib.payments.gateways.cloudpayments import CloudPayments
from chalicelib.payments.gateways.contract import Gateway as PaymentGateway
from chalicelib.payments.gateways.contract import (
    GatewayAccount,
    Headers,
    HostedFields,
    Located,
    Means,
    Notification,
    Picture,
    Redirect,
)
from chalicelib.payments.gateways.crypto import Crypto
from chalicelib.payments.gateways.kaspi import Kaspi
from chalicelib.payments.gateways.paynoi import PayNoi
from chalicelib.payments.gateways.paypal import PayPal
from chalicelib.payments.gateways.promptpay import PromptPay
from chalicelib.payments.gateways.stripe import Stripe
from chalicelib.payments.methods import service as methods
from chalicelib.payments.reconciliations import service as reconciliations
from chalicelib.payments.reconciliations.service import Statement
from chalicelib.payments.refunds import service as refunds
from chalicelib.payments.transfers import service as transfers
from chalicelib.payments.transfers.model import Slip
from chalicelib.payouts import service as payouts
from chalicelib.photographers import service as photographers
from chalicelib.privacy.model import ConsentKind, Scope
from chalicelib.privacy.service import consents, erasures, exports
from chalicelib.profiles import service as profiles
from chalicelib.profiles.model import Address
from chalicelib.promotions import service as promotions
from chalicelib.promotions.model import Kind as PromotionKind
from chalicelib.verification import service as verification
from chalicelib.verification.model import Kind
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import Source
from chalicelib.webhooks import service as webhooks
from infra.local.feedback import event_of
from infra.local.gateway import Gateway, Response
from tests import deliver, hiring, rekognition, zone
from tests.elsewhere import FakeProvider
from tests.lines.photos.pictures import File, jpeg
from tests.printing import FakeLab, account
from tests.selling import FakeGateway
from tests.stack import ENVIRONMENT, client, moto_stack

ORIGIN = "http://localhost:3000"
PEOPLE = {
    "admin": ("admin",),
    "colleague": ("admin",),
    "photographer": ("photographer",),
    "freelancer": ("photographer",),
    "customer": ("customer",),
    "neighbour": ("customer",),
    "keeper": ("customer",),
    "owner": ("owner",),
}
"""The photographer is assigned to every event, the freelancer to the `mixed` one alone. The keeper has two factors."""


class Bank(FakeGateway):
    """Charges in memory; reads and proves webhooks as the real adapters do."""

    _wires: ClassVar[dict[str, PaymentGateway]] = {
        each.name: each("http://127.0.0.1:9")
        for each in (PayNoi, Stripe, PromptPay, PayPal, Crypto, CloudPayments, Kaspi)
    }
    _means: ClassVar[dict[str, Means]] = {
        "stripe": HostedFields("secret", "public"),
        "promptpay": Picture(b"\x89PNG"),
        "paypal": Redirect("https://www.paypal.com/checkoutnow?token=1"),
        "crypto": Redirect("https://commerce.coinbase.com/charges/1"),
        "cloudpayments": Redirect("https://orders.cloudpayments.ru/d/1"),
        "kaspi": Picture(b"\x89PNG", "https://pay.kaspi.kz/pay/1", "https://pay.kaspi.kz/pay/1"),
    }

    def called(self, name: str) -> PaymentGateway:
        """The same books under the name of another gateway. Of transfers there are no books."""
        if name == BankTransfer.name:
            return BankTransfer()
        return self if name == self.name else replace(self, name=name, tail=0, means=self._means[name])

    def locate(self, raw: bytes, headers: Headers) -> Located:
        return self._wires[self.name].locate(raw, headers)

    def verify(self, account: GatewayAccount, raw: bytes, headers: Headers) -> Notification:
        return self._wires[self.name].verify(account, raw, headers)

    def acknowledgement(self, told: Notification) -> dict[str, object]:
        return self._wires[self.name].acknowledgement(told)


@dataclass(frozen=True)
class Person:
    principal: Principal
    email: str
    password: str
    token: str
    refresh_token: str

    @property
    def id(self) -> str:
        return self.principal.known_user


@dataclass
class Shop:
    """One organization. Photos, uploads, orders, payments, carts and documents are by name, see `build`; addresses,
    notifications and payment methods by owner. Faces are looked for at `live`: the customer and a visitor (with
    `search_token`) found theirs, somebody is blocked, and `face` of the photo `approved` is grouped with those like it.
    """

    organization: str
    host: str
    people: dict[str, Person] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    photos: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, str] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    payments: dict[str, str] = field(default_factory=dict)
    refund: str = ""
    """What the customer asked back of the order `paid`."""
    carts: dict[str, str] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)
    export: tuple[str, str, str] = ("", "", "")
    invitations: dict[str, Invitation] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    notifications: dict[str, str] = field(default_factory=dict)
    broadcasts: dict[str, str] = field(default_factory=dict)
    webhooks: dict[str, str] = field(default_factory=dict)
    """One, and a delivery to it."""
    suppressed: dict[str, str] = field(default_factory=dict)
    recovery_codes: tuple[str, ...] = ()
    shared: str = ""
    """The slug of a list."""
    album: str = ""
    """An album of the event `live`, with the photo `approved` in it."""
    searches: dict[str, str] = field(default_factory=dict)
    search_token: str = ""
    block: str = ""
    face: str = ""
    group: str = ""
    credits: dict[str, str] = field(default_factory=dict)
    """What people were given, by owner."""
    packs: dict[str, str] = field(default_factory=dict)
    payouts: dict[str, str] = field(default_factory=dict)
    statements: dict[str, str] = field(default_factory=dict)
    deposits: dict[str, str] = field(default_factory=dict)
    promotions: dict[str, str] = field(default_factory=dict)
    parcels: dict[str, str] = field(default_factory=dict)
    ticket_types: dict[str, str] = field(default_factory=dict)

    @property
    def ids(self) -> dict[str, str]:
        """Those of its people, by name."""
        return {name: person.id for name, person in self.people.items()}

    def order_token(self, name: str) -> str:
        return orders.token_of(self.orders[name])

    def headers(self, person: str) -> dict[str, str]:
        return bearer(self.people[person].token)


@dataclass
class World:
    """`platform` is where the people of the deployment are."""

    a: Shop
    b: Shop
    bank: Bank
    gateway: Gateway
    platform: Shop

    def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        shop: Shop | None = None,
        source: str = "127.0.0.1",
        through: Gateway | None = None,
    ) -> Response:
        """What a browser at `shop` (A's, unless told) sends; `body` is JSON unless it is bytes."""
        sent = {"Host": (shop or self.a).host, "Origin": ORIGIN}
        if body is not None:
            sent["Content-Type"] = "application/json"
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        serve = (through or self.gateway).handle
        return _SERVER.submit(serve, method, target, sent | dict(headers or {}), content, source).result()


_SERVER = ThreadPoolExecutor(1)
"""Serves one call at a time. On pytest's deep stack CPython 3.11 keeps mapping memory, which takes as long again."""


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def opened(bank: Bank) -> Iterator[None]:
    """Payments go to `bank`, prints to a laboratory in memory. Stripe's library reads the time where we do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateways, "of_name", bank.called)
        patch.setattr(lines, "discover", hiring.with_tools(lines.discover()))
        patch.setattr(labs, "lab", FakeLab)
        patch.setattr(labs, "account_of", account)
        patch.setattr(providers, "of_name", FakeProvider)
        patch.setattr(dns, "txt", zone.txt)
        patch.setattr(_webhook, "time", SimpleNamespace(time=lambda: clock.now().timestamp()))
        organizations.forget()
        yield
    organizations.forget()


def build(bank: Bank) -> World:
    """A new world, inside an empty data stack."""
    a, b = _shop("a.photos.example", bank), _shop("b.photos.example", bank)
    return World(a, b, bank, Gateway(app), _platform())


class Mould:
    """What a new world has stored: poured into an empty data stack, the same world stands there again."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.made_at = clock.now()
        self._tables = tables()
        self._bank = deepcopy(vars(world.bank))
        self._eyes = deepcopy(rekognition.here())
        self._zone = deepcopy(zone.ZONE)
        self._files = {
            (bucket, item["Key"]): client("s3").get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            for bucket in _BUCKETS
            for item in client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
        }

    def pour(self) -> None:
        vars(self.world.bank).update(deepcopy(self._bank))
        rekognition.put(deepcopy(self._eyes))
        zone.ZONE |= deepcopy(self._zone)
        for name, items in self._tables.items():
            puts = [{"PutRequest": {"Item": item}} for item in items.values()]
            for start in range(0, len(puts), 25):
                client("dynamodb").batch_write_item(RequestItems={name: puts[start : start + 25]})
        for (bucket, key), content in self._files.items():
            client("s3").put_object(Bucket=bucket, Key=key, Body=content)


_MOULDS: list[Mould] = []
"""The one that was made in this process, as soon as one was."""


@contextmanager
def poured(secret: str) -> Iterator[World]:
    """A world of its own, from the mould. Its time goes on from when that was made: codes in it live ten minutes."""
    if not _MOULDS:
        bank = Bank()
        with moto_stack(secret), opened(bank):
            _MOULDS.append(Mould(build(bank)))
    (mould,) = _MOULDS
    with moto_stack(secret), opened(mould.world.bank), clock.travel(mould.made_at - clock.now()):
        mould.pour()
        yield mould.world


_BUCKETS = tuple(ENVIRONMENT[f"PIX_{name}_BUCKET"] for name in ("ORIGINALS", "PREVIEWS", "DOCUMENTS"))


# --- building -----------------------------------------------------------------------------------------------


def _shop(host: str, bank: Bank) -> Shop:
    shop = Shop(organizations.create(f"Shop {host[0].upper()}", language="en").id, host)
    organizations.map_host(host, shop.organization)
    for name, roles in PEOPLE.items():
        shop.people[name] = person(shop, name, *roles)
    _keep_a_second_factor(shop)
    _own_domains(shop)
    invite = members.invite(shop.people["admin"].principal, email=f"invited@{host}", roles=["photographer"])
    shop.invitations["open"] = invite
    made = api_keys.create(shop.people["admin"].principal, name="Till", permissions=frozenset({"event.manage"}), days=9)
    shop.keys["till"] = made.key.id
    _plan_events(shop)
    _take_photos(shop)
    _sell(shop, bank)
    _find_faces(shop)
    _prove(shop)
    _give_credit(shop)
    _promote(shop)
    _print(shop)
    for name in ("admin", "customer"):
        kept = Address("", None, name, None, "TH", None, "Bangkok", "10500", "Silom Road 1", None)
        owner = shop.people[name].principal
        shop.addresses[name] = profiles.add_address(owner, kept)[1].id
        shop.methods[name] = methods.save_method(owner, gateway="paynoi", token=f"tok_{name}")[1].id
        inbox.receive(
            shop.organization, owner.known_user, occasion="one", kind=NoticeKind.NEWS, topic="told", title="A", text="B"
        )
        shop.notifications[name] = inbox.listed(owner, PageRequest(), unread=True)[1].items[0].id
        favorites.add_favorite(owner, "photos", shop.photos["approved"])
    said = {"en": Text("Hello", "All of you.")}
    then, staff = clock.now() + timedelta(days=9), shop.people["admin"].principal
    planned = announcements.broadcast(staff, said, Audience.EVERYBODY, event=None, page=None, at=then)
    shop.broadcasts["planned"] = planned.id
    till = webhooks.create(
        staff, url="http://127.0.0.1:9/hooks", events=["photo.failed"], description="", enabled=True
    ).endpoint
    shop.webhooks = {"till": till.id, "sent": webhooks.test(staff, till.id).id}
    gone = f"gone@{staff.organization.lower().replace('_', '-')}.example"
    feedback.take(event_of("bounce", gone, organization=staff.organization))
    shop.suppressed["bounced"] = address_id(gone)
    account = BankAccount("Kasikorn", "Nok", "1234567890")
    page = {
        "bio": "Of water and light.",
        "photos": (shop.photos["approved"],),
        "bank_account": account,
        "tax_id": "12345678",
    }
    photographers.change(shop.people["photographer"].principal, version=0, told=page)
    version = organizations.get(shop.organization).version
    organizations.set_bank_account(shop.people["admin"].principal, version=version, account=account)
    _pay_out(shop)
    for name in shop.events.keys() - {"deleted"}:
        shop.events[name] = events.get(shop.organization, shop.events[name].id)
    return shop


def _platform() -> Shop:
    shop = Shop(organizations.DEFAULT, "photos.example")
    shop.people["operator"] = person(shop, "operator", "platform_admin")
    return shop


def _own_domains(shop: Shop) -> None:
    """`proven` and `found` have their record in the zone, and of the first we know it; `lost` has none."""
    admin = shop.people["admin"].principal
    for name in ("proven", "found", "lost"):
        name_of_record, value = organizations.record_of(organizations.add_domain(admin, f"{name}.{shop.host}"))
        zone.ZONE[name_of_record] = [value] if name != "lost" else ["another one"]
    organizations.prove_domain(admin, f"proven.{shop.host}")


def person(shop: Shop, name: str, *roles: str) -> Person:
    email, password = f"{name}@{shop.host}", f"{name} keeps {ids.token()}"
    user = accounts.create_user(shop.organization, email=email, password=password, name=name, roles=roles)
    return log_in(shop, user.email, password)


TOKENS_LAST = timedelta(hours=2)
"""As long as the slowest machine takes for a module."""


def log_in(shop: Shop, email: str, password: str) -> Person:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth, "ACCESS_LASTS", TOKENS_LAST)
        tokens = accounts.log_in(shop.organization, email=email, password=password)
    assert isinstance(tokens, Tokens)
    known = auth.verify(tokens.access_token, shop.organization)
    may = frozenset().union(*(ROLES[role] for role in known.roles))
    return Person(replace(known, permissions=may), email, password, tokens.access_token, tokens.refresh_token)


def _keep_a_second_factor(shop: Shop) -> None:
    keeper = shop.people["keeper"].principal
    setup = second_factor.set_up(keeper)
    second_factor.enable(keeper, TOTP(setup.secret).at(clock.now()))
    shop.recovery_codes = setup.recovery_codes


def _plan_events(shop: Shop) -> None:
    """`draft` is not public; `mixed` has both photographers; `over` sells no more; `live` reviews its photos."""
    admin = shop.people["admin"].principal
    an_hour_ago = clock.now() - timedelta(hours=1)
    for name in ("draft", "live", "mixed", "over", "closed", "empty", "deleted"):
        details = Details(name=f"Run {name}", date=date(2026, 4, 13), auto_approve=name != "live")
        if name == "over":
            details = replace(details, sale_closes_at=an_hour_ago)
        event = events.plan_event(admin, details, f"run-{name}-{shop.host[0]}")
        event = events.assign(admin, event.id, shop.people["photographer"].id)
        if name == "mixed":
            event = events.assign(admin, event.id, shop.people["freelancer"].id)
        status = EventStatus.REVIEWING if name == "draft" else EventStatus.LIVE
        shop.events[name] = events.move_event(admin, event.id, status, event.version)
    events.delete_event(admin, shop.events["deleted"].id)


def _take_photos(shop: Shop) -> None:
    """One photo in each state, named after it; `draft`, `over`, `closed` and `mixed` are on sale in that event."""
    admin = shop.people["admin"].principal
    for seed, event in enumerate(("draft", "over", "closed"), start=10):
        _upload(shop, event, "photographer", {event: seed})
    _upload(shop, "mixed", "freelancer", {"mixed": 20})
    names = ("approved", "second", "pending", "rejected", "failed", "awaiting")
    _upload(shop, "live", "photographer", {name: seed for seed, name in enumerate(names, start=1)})
    photos.approve_photo(admin, shop.photos["approved"])
    photos.approve_photo(admin, shop.photos["second"])
    photos.reject_photo(admin, shop.photos["rejected"], "blurred")
    live = shop.events["live"].id
    shop.album = albums.add_album(admin, live, AlbumKind.ALBUM, "Finish").id
    albums.move_photos(admin, live, shop.album, [shop.photos["approved"]], [])
    closed = shop.events["closed"]
    events.move_event(admin, closed.id, EventStatus.CLOSED, closed.version)


def _upload(shop: Shop, event: str, photographer: str, wanted: Mapping[str, int]) -> None:
    files = {name: picture(seed) for name, seed in wanted.items()}
    offers = [FileOffer(file.name, len(file.content), file.type, file.sha256) for file in files.values()]
    upload = photos.begin_upload(shop.people[photographer].principal, shop.events[event].id, offers)
    shop.uploads[event] = upload.id
    for (name, file), progress in zip(files.items(), upload.files, strict=True):
        shop.photos[name] = progress.photo
        assert progress.form is not None
        if name != "awaiting":
            deliver_file(progress.form.fields["key"], b"another file" if name == "failed" else file.content)


def deliver_file(key: str, content: bytes) -> None:
    """What a browser posts to storage, and what storage then queues."""
    version = client("s3").put_object(Bucket=ENVIRONMENT["PIX_ORIGINALS_BUCKET"], Key=key, Body=content)["VersionId"]
    record = {"eventName": "ObjectCreated:Post", "s3": {"object": {"key": quote_plus(key), "versionId": version}}}
    assert photo_jobs.ingest({"Records": [record]}) is Outcome.SUCCESS


def picture(seed: int) -> File:
    return jpeg(seed, size=(160, 120))


def _sell(shop: Shop, bank: Bank) -> None:
    """`paid` and `unpaid` are the customer's, `guest` is paid and `walk-in` is not; each has a payment.

    For `short` too little came, which waits for a person. Of `hired` a deposit is held. The customer asked for the
    money of `paid`, and sent the slip of a `transfer`. A guest has two `tickets`.
    """
    customer = shop.people["customer"].principal
    adult = _offer_tickets(shop)
    _order(shop, "paid", customer, "approved")
    _order(shop, "unpaid", customer, "approved", "second")
    _order(shop, "guest", Principal(shop.organization), "approved")
    _order(shop, "walk-in", Principal(shop.organization), "second")
    _order(shop, "short", Principal(shop.organization), "second")
    _order(shop, "hired", Principal(shop.organization), "drill", kind="tools")
    _order(shop, "tickets", Principal(shop.organization), f"{adult}-1", f"{adult}-2", kind="tickets")
    shop.deposits["held"] = holding.id_of(shop.orders["hired"], "line-1")
    for name in ("paid", "guest", "short", "hired", "tickets"):
        payment = payments.read_payment(_holder(shop, name), shop.payments[name])
        assert payment.transaction is not None
        assert payment.payable is not None
        bank.set(payment.transaction, "captured", amount=100 if name == "short" else payment.payable)
        payments.settle(shop.organization, payment.id)
    deliver.all()
    _send_slip(shop, customer)
    asked = refunds.request(customer, shop.payments["paid"], lines=None, reason="blurred", pay_to=None)
    shop.refund = asked.id
    shop.shared = lists.share(Principal(shop.organization), [shop.photos["approved"]]).slug
    archives.begin(_holder(shop, "paid"), shop.orders["paid"].id)
    deliver.all()
    for cart in ("customer", "neighbour"):
        carts.add(shop.people[cart].principal, [Item("photos", shop.photos["approved"])])


def _offer_tickets(shop: Shop) -> str:
    """Two types to `live`, of which one is sold no more, and one to the draft."""
    admin, until = shop.people["admin"].principal, clock.now() + timedelta(days=30)
    for name, event in (("adult", "live"), ("gone", "live"), ("draft", "draft")):
        terms = Terms(name, 500_00, 100, closes_at=until)
        offered = tickets.add_type(admin, shop.events[event].id, terms, f"ticket-{name}")
        shop.ticket_types[name] = offered.type.id
    tickets.withdraw_type(admin, shop.events["live"].id, shop.ticket_types["gone"])
    return shop.ticket_types["adult"]


def _send_slip(shop: Shop, customer: Principal) -> None:
    admin = shop.people["admin"].principal
    version = organizations.get(shop.organization).version
    organizations.set_bank_account(admin, version=version, account=BankAccount("Kasikorn", "Shop", "0987654321"))
    names = ("paynoi", "stripe", "promptpay", "paypal", "crypto", "bank_transfer", "cloudpayments", "kaspi")
    chosen = [{"method": name} for name in names]
    configuration.change(admin, "payments", 0, {"methods": chosen})
    _order(shop, "transfer", customer, "second", method="bank_transfer")
    content = b"%PDF-1.7 a slip"
    slip = Slip("application/pdf", len(content), hashlib.sha256(content).hexdigest())
    offered = transfers.offer_slip(customer, shop.payments["transfer"], slip)
    assert offered.form is not None
    bucket = ENVIRONMENT["PIX_DOCUMENTS_BUCKET"]
    client("s3").put_object(Bucket=bucket, Key=offered.form.fields["key"], Body=content)
    transfers.offer_slip(customer, shop.payments["transfer"], slip)


def _find_faces(shop: Shop) -> None:
    admin, customer, live = shop.people["admin"].principal, shop.people["customer"].principal, shop.events["live"].id
    basis = faces.Basis(LegalBasis.CONSENT, "Runners agree when they sign up.", minors=False, guardians=False)
    faces.recognize(admin, live, basis, bibs=True, keep_days=30, version=0)
    deliver.all()
    for name, searcher in (("customer", customer), ("visitor", Principal(shop.organization))):
        opened = faces.ask(searcher, live, Purpose.SEARCH, picture=picture(1).content, wording="2026-11")
        shop.searches[name], shop.search_token = opened.search.id, opened.token or ""
    shop.block = faces.ask(customer, live, Purpose.BLOCK, picture=picture(99).content, wording="2026-11").search.block
    (found,) = faces.faces_of(admin, shop.photos["approved"]).faces or ()
    shop.face, shop.group = found.id, faces.group(admin, shop.photos["approved"], found.id).id
    deliver.all()


def _give_credit(shop: Shop) -> None:
    """To the customer and the admin; and two packs, of the organization and for the draft, which nobody may see."""
    admin = shop.people["admin"].principal
    for name in ("customer", "admin"):
        terms = wallet.Terms(1_000_00, Source.STAFF, 100, None, None)
        given = wallet.grant(admin, shop.people[name].id, terms, "a late delivery", f"grant-{name}")
        shop.credits[name] = given.grants[0].id
    for name, event in (("early", None), ("draft", shop.events["draft"].id)):
        offer = packs.Terms(f"Pack {name}", 500_00, 450_00, event, False, None, None, 100, None, None)
        shop.packs[name] = packs.offer(admin, offer, f"pack-{name}").id


def own_code(shop: Shop) -> str:
    """A promotion code that no other shop has."""
    return f"ONLY-{shop.organization[-8:]}"


def _promote(shop: Shop) -> None:
    """A code that each shop has alone, named after it, and one that both have."""
    usual = promotions.Terms("River", PromotionKind.PERCENT, 10, 0, 0, 0, 0, (), (), None, None, None, None, True, True)
    for name, code in (("own", own_code(shop)), ("shared", "RIVER")):
        offered = promotions.offer(shop.people["admin"].principal, code, usual)
        shop.promotions[name] = offered.promotion.id


def _print(shop: Shop) -> None:
    """Of a guest's parcels one is free to be ordered, the other was, and the laboratory refused it."""
    admin = shop.people["admin"].principal
    prints.add_product(admin, Product("10x15", "10 x 15 cm", "PHO-4X6", 102, 152, "lustre", 60_00, 20_00, 60, 90))
    prints.add_product(admin, Product("poster", "Poster", "PHO-A1", 594, 841, "matt", 900_00, 500_00, 4000, 6000))
    configuration.change(admin, "prints", 0, {"shipping": {"TH": 100_00}})
    home = Address("", None, "Guest", None, "TH", None, "Bangkok", "10500", "Silom Road 1", None)
    for name in ("free", "refused"):
        wanted = [Print(shop.photos["approved"], "10x15", 1)]
        shop.parcels[name] = prints.make(Principal(shop.organization), home, wanted)[0].id
    packed, order = prints.get(shop.organization, shop.parcels["refused"]), shop.orders["guest"]
    refused = replace(packed.moved(State.REJECTED, clock.now(), "refused"), order=order.id, code=order.code)
    transact(parcels.save(refused, was=packed))


def _pay_out(shop: Shop) -> None:
    """The colleague's `draft` pays all that was earned, so the admin's `own` is empty; `approved` is both's."""
    people = {"draft": "colleague", "own": "admin", "approved": "colleague"}
    with clock.travel(timedelta(hours=2)):
        until = clock.now() - timedelta(hours=1)
        for name, maker in people.items():
            opened = payouts.open_payout(shop.people[maker].principal, until, f"payout-{name}")
            shop.payouts[name] = opened.id
            deliver.all()
        asked = Statement(None, "stripe_balance", "0" * 64, 9, until - timedelta(days=1), until)
        shop.statements["statement"] = reconciliations.offer(shop.people["admin"].principal, asked).reconciliation.id
    payouts.approve(shop.people["admin"].principal, shop.payouts["approved"])


def _order(
    shop: Shop, name: str, buyer: Principal, *wanted: str, method: str | None = None, kind: str = "photos"
) -> None:
    opened = carts.add(buyer, [Item(kind, shop.photos.get(each, each)) for each in wanted])
    if opened.token is not None:
        shop.carts[name] = opened.token
        buyer = replace(buyer, tokens={"cart": opened.token})
    email = f"{name}@buyer.example"
    order = orders.place_order(buyer, f"checkout-{name}", email=email, language="en", expected_total=None)
    shop.orders[name] = order
    shop.payments[name] = payments.create_payment(_holder(shop, name), order.id, method).id


def _holder(shop: Shop, order: str) -> Principal:
    return Principal(shop.organization, tokens={"order": shop.order_token(order)})


def _prove(shop: Shop) -> None:
    """The customer's own data: a consent, an export, a planned erasure, and four documents.

    Of these one is to be sent, one was, one waits for its review, one is accepted.
    """
    customer, admin = shop.people["customer"].principal, shop.people["admin"].principal
    for name, kind in (
        ("awaiting", Kind.PASSPORT),
        ("sent", Kind.DRIVING_LICENCE),
        ("submitted", Kind.ID_CARD),
        ("approved", Kind.PROOF_OF_ADDRESS),
    ):
        content = b"%PDF-1.7 " + name.encode()
        shop.documents[name] = document = offer_document(customer, kind, content, sent=name != "awaiting")
        if name in ("submitted", "approved"):
            verification.submit(customer, document)
    verification.approve(admin, customer.known_user, shop.documents["approved"], None)
    consents.answer(customer, ConsentKind.ANALYTICS, granted=True, wording="2026-11")
    erasures.ask(customer, Scope.PHOTOS)
    export = exports.ask(customer)
    deliver.all()
    made = exports.find(shop.organization, customer.known_user, export.id)
    assert made is not None
    shop.export = (made.user, made.id, exports.link(made).rpartition("/")[2])


def offer_document(owner: Principal, kind: Kind, content: bytes, *, sent: bool = True) -> str:
    """The id of a document whose file is there, if it was `sent`."""
    sha256 = hashlib.sha256(content).hexdigest()
    offered = verification.offer(owner, kind=kind, content_type="application/pdf", size=len(content), sha256=sha256)
    if sent:
        bucket = ENVIRONMENT["PIX_DOCUMENTS_BUCKET"]
        client("s3").put_object(Bucket=bucket, Key=offered.document.key, Body=content)
    return offered.document.id


# --- what is stored -----------------------------------------------------------------------------------------

Key = tuple[str, str]
_READS = ("Get", "Query", "BatchGet", "Describe", "List", "Head", "Scan")


@dataclass(frozen=True)
class Write:
    """A call that may change something: of `key` in a table, or of anything in another service."""

    operation: str
    place: str
    key: Key | None = None

    @property
    def counts_tries(self) -> bool:
        """Whether it is what limits how often one may ask, which is written for refused requests above all."""
        return self.key is not None and ("#LIM#" in self.key[0] or "#TRIES#" in self.key[0])


@contextmanager
def watched() -> Iterator[list[Write]]:
    """Collects every writing call to AWS that is made inside."""
    seen: list[Write] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(self: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
        if not operation.startswith(_READS):
            seen.extend(_writes(self.meta.service_model.service_name, operation, parameters))
        return call(self, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", noted)
        yield seen


def _writes(service: str, operation: str, parameters: Mapping[str, Any]) -> Iterator[Write]:
    if service != "dynamodb":
        yield Write(operation, service)
        return
    items = parameters.get("TransactItems", [{operation: parameters}])
    for kind, request in (pair for item in items for pair in item.items()):
        if kind != "ConditionCheck":
            yield Write(kind, request["TableName"], _key(request.get("Key") or request["Item"]))


def _key(item: Mapping[str, Any]) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def tables() -> dict[str, dict[Key, Any]]:
    """Everything in all tables."""
    dynamodb = client("dynamodb")
    scan = dynamodb.get_paginator("scan").paginate
    return {
        name: {_key(item): item for page in scan(TableName=name) for item in page["Items"]}
        for name in dynamodb.list_tables()["TableNames"]
    }


class Stored:
    """All tables as they were when this was made, to compare with and to go back to."""

    def __init__(self) -> None:
        self._before = tables()

    @contextmanager
    def kept(self) -> Iterator[list[Write]]:
        """Whatever is written inside is taken back at the end."""
        writes: list[Write] = []
        try:
            with watched() as writes:
                yield writes
        finally:
            self.take_back(writes)

    def changed_by(self, writes: Iterable[Write]) -> list[Write]:
        """Those of the writes that made a difference; whatever went to another service did."""
        found = [write for write in dict.fromkeys(writes) if not write.counts_tries]
        return [write for write in found if write.key is None or self._now(write) != self._was(write)]

    def take_back(self, writes: Iterable[Write]) -> None:
        dynamodb = client("dynamodb")
        for write in writes:
            was = self._was(write)
            if write.key is not None and was is None:
                dynamodb.delete_item(TableName=write.place, Key=_named(write.key))
            elif was is not None:
                dynamodb.put_item(TableName=write.place, Item=was)

    def _was(self, write: Write) -> Any:
        return self._before[write.place].get(write.key) if write.key else None

    def _now(self, write: Write) -> Any:
        assert write.key is not None
        return client("dynamodb").get_item(TableName=write.place, Key=_named(write.key)).get("Item")


def _named(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}
