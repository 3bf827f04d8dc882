"""Organizations that sell in another currency than baht: all that is told of money is in theirs, with its decimals."""

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pypdf import PdfReader

from chalicelib.accounts import service as accounts
from chalicelib.organizations import service as organizations
from chalicelib.payments import gateways
from infra.local.gateway import Response
from tests.system.crash import flows, lab
from tests.system.crash.lab import Lab
from tests.system.crash.world import Person, World, mails

HOST = "hill-runs.shops.example"
EVENT = "/events/hill-run"


@pytest.fixture(scope="module")
def opened(secret: str) -> Iterator[Lab]:
    with lab.opened(secret) as opened:
        yield opened


@pytest.fixture
def world(opened: Lab) -> Iterator[World]:
    start, _ = opened._start(flows.Flow(flows.nobody, lambda world: None))
    with opened._world(start) as world:
        yield world


@pytest.fixture
def told(world: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was answered, by address."""
    answers: list[tuple[str, str]] = []
    send = world._send

    def noted(method: str, path: str, body: Any, headers: Any) -> Response | None:
        found = send(method, path, body, headers)
        assert found is not None
        answers.append((f"{method} {path}", found.body.decode()))
        return found

    monkeypatch.setattr(world, "_send", noted)
    return answers


def founded(world: World, currency: str) -> Person:
    """Somebody signs up with an organization that sells in a currency, and owns it."""
    owner = world.person("owner")
    new = {"email": owner.email, "password": owner.password, "name": "Oda", "language": "en"}
    mine = {"organization": "Hill Runs", "subdomain": "hill-runs", "currency": currency}
    world.ask(owner, "POST", "/auth/register", new | mine, expect=202)
    owner.headers["Host"] = HOST
    world.settle()
    code = re.search(r"(?<![#\w])\d{6}\b", world.mails_to(owner)[-1].body)
    assert code is not None
    proof = {"email": owner.email, "code": code[0], "password": owner.password}
    world.holds(owner, world.ask(owner, "POST", "/auth/verify", proof).data)
    return owner


def hired(world: World, name: str, role: str) -> Person:
    person = world.person(name)
    person.headers["Host"] = HOST
    shop = organizations.tenant_of(HOST)
    accounts.create_user(shop, email=person.email, password=person.password, name=name, roles=[role])
    flows._log_in(world, person)
    return person


def photos_on_sale(world: World, owner: Person) -> list[str]:
    world.ask(owner, "POST", "/events", {"name": "Hill Run", "date": "2026-11-01", "slug": "hill-run"}, expect=201)
    photographer = hired(world, "photographer", "photographer")
    me = world.see(photographer, "/auth/me")["id"]
    assigned = world.ask(owner, "PUT", f"{EVENT}/photographers/{me}").data
    world.ask(owner, "PUT", f"{EVENT}/status", {"status": "live", "version": assigned["version"]})
    offered = {"files": [file.wire for file in flows.PICTURES]}
    begun = world.ask(photographer, "POST", f"{EVENT}/uploads", offered, expect=201).data
    for file, picture in zip(begun["files"], flows.PICTURES, strict=True):
        world.send_file(file["upload"], picture.content)
    world.settle()
    found = [photo["id"] for photo in world.see(photographer, f"{EVENT}/uploads")["items"]]
    for photo in found:
        world.ask(owner, "PUT", f"/photos/{photo}/approve")
    world.settle()
    return found


def ordered(world: World, buyer: Person, key: str, *photos: str) -> Any:
    world.ask(buyer, "POST", "/cart/items", {"items": [{"ref": photo} for photo in photos]})
    world.see(buyer, "/cart")
    world.see(buyer, "/cart/summary")
    body = {"email": buyer.email, "language": "en"}
    order = world.ask(buyer, "POST", "/orders", body, expect=201, key=key).data
    world.notes["order"] = order["id"]
    return order


def paid_by_card(world: World, buyer: Person) -> None:
    asked = {"orderId": world.notes["order"], "method": "stripe"}
    world.notes["payment"] = world.ask(buyer, "POST", "/payments/create", asked).data["id"]
    transaction = flows._charge(world)
    world.bank.set(transaction, "captured", fee=1)
    world.webhook(transaction, "stripe")
    flows._await(world, "completed")


def printed(world: World, url: str) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(world.fetch(url))).pages)


def currencies(told: Any) -> Iterator[str]:
    """All that an answer names as a currency."""
    if isinstance(told, dict):
        for name, value in told.items():
            if name == "currency":
                yield value
            else:
                yield from currencies(value)
    elif isinstance(told, list):
        for each in told:
            yield from currencies(each)


@pytest.mark.parametrize(
    ("currency", "decimals", "single", "in_words"), [("JPY", 0, 320, "320 JPY"), ("EUR", 2, 2_00, "2.00 EUR")]
)
def test_an_organization_hears_of_its_own_currency_alone(world, told, currency, decimals, single, in_words):
    owner = founded(world, currency)
    buyer = hired(world, "buyer", "customer")
    home = world.see(buyer, "/organization")
    one, other = photos_on_sale(world, owner)
    event = world.see(owner, EVENT)["id"]

    order = ordered(world, buyer, "checkout-1", one)
    paid_by_card(world, buyer)
    receipt = world.see(buyer, f"/orders/{order['id']}/invoice")
    papers = [printed(world, receipt["url"])]
    partly = {"lines": [{"line": "line-1", "amount": 20}], "reason": "it is blurred"}
    world.ask(owner, "POST", f"/admin/orders/{order['id']}/refund", partly, expect=202, key="refund-01")
    world.settle()
    (note,) = world.see(owner, "/admin/invoices?kind=credit_note")["items"]
    papers.append(printed(world, world.see(owner, f"/orders/{order['id']}/documents/{note['number']}")["url"]))

    credit = f"/admin/users/{world.see(buyer, '/auth/me')['id']}/credits"
    world.ask(owner, "POST", credit, {"amount": 10 * single, "reason": "a late delivery"}, key="grant-0001")
    ordered(world, buyer, "checkout-2", other)
    world.ask(buyer, "POST", "/payments/create", {"orderId": world.notes["order"], "method": "credit"})
    flows._await(world, "completed")

    terms = {"name": "River", "kind": "amount", "amount": single, "code": "RIVER"}
    world.ask(owner, "POST", "/admin/promo-codes", terms, expect=201)
    world.ask(owner, "POST", "/credit-packs", {"name": "A", "credit": 500, "price": 450}, key="pack-0001")
    world.ask(owner, "POST", "/print-products", _PRODUCT)
    for path in _LOOKS:
        world.see(owner, path.format(order=order["id"]))
    for path in _LOOKS_OF_PHOTOGRAPHERS:
        world.see(world.person("photographer"), path.format(event=event))
    for path in _LOOKS_OF_BUYERS:
        world.see(buyer, path.format(order=order["id"]))
    offers = world.see(buyer, "/payments/methods")

    assert (home["currency"], home["currencyDecimals"]) == (currency, decimals)
    assert (order["total"], order["currency"]) == (single, currency)
    assert {"stripe", "paypal"} <= {each["gateway"] for each in offers["items"]}
    assert {"paynoi", "promptpay"}.isdisjoint(each["gateway"] for each in offers["items"])
    named = {name for _, body in told if body.startswith("{") for name in currencies(json.loads(body))}
    assert named == {currency}
    assert [address for address, body in told if "THB" in body or "฿" in body] == []
    written = [f"{mail.subject} {mail.body}" for mail in mails()] + papers
    assert [text for text in written if "THB" in text or "฿" in text or "บาท" in text] == []
    assert any(in_words in text for text in written)
    assert all(currency in paper for paper in papers)


_PRODUCT = {
    "code": "small",
    "name": "10 x 15 cm",
    "sku": "PHO-4X6",
    "width": 102,
    "height": 152,
    "paper": "lustre",
    "price": 600,
    "cost": 200,
    "shortSide": 60,
    "longSide": 90,
}
_LOOKS = (
    "/packages",
    f"{EVENT}/packages",
    f"{EVENT}/statistics",
    "/revenue/summary",
    f"/revenue{EVENT}",
    f"/revenue{EVENT}/photos",
    "/revenue/photographers",
    "/admin/promo-codes",
    "/credit-packs",
    "/print-products",
    "/admin/dashboard",
    "/admin/orders",
    "/admin/orders/{order}",
    "/admin/payments",
    "/admin/invoices",
    "/taxes/report?from=2026-11-01&to=2026-11-30",
)
_LOOKS_OF_PHOTOGRAPHERS = ("/users/me/earnings", "/users/me/earnings/{event}")
_LOOKS_OF_BUYERS = (
    "/orders",
    "/orders/{order}",
    "/orders/{order}/documents",
    "/payments/history",
    "/users/bonuses",
    "/users/bonuses/history",
)


@pytest.mark.parametrize("currency", ["JPY", "EUR", "KZT", "USD"])
def test_what_settles_in_baht_alone_is_not_offered_in_another_currency(opened, currency):
    named = ["paynoi", "promptpay", "bank_transfer"]

    assert {offer.gateway for offer in gateways.open_to(organizations.DEFAULT, currency, named)} & set(named) == set()


def test_a_founder_names_a_currency_that_is_sold_in(world):
    anna = world.person("anna")
    new = {"email": anna.email, "password": anna.password, "name": "Anna", "organization": "Runs"}

    for wrong in ("XAU", "ZZZ", "thb"):
        world.ask(anna, "POST", "/auth/register", new | {"currency": wrong}, expect=400)
