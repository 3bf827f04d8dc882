"""Everything that must be refused, over HTTP: a 4xx in the envelope, a stable code, the field, and nothing written."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from app import app
from chalicelib.core import clock, ids
from chalicelib.core.routing import Route
from chalicelib.core.secrets import secrets
from chalicelib.core.wire import LARGEST_BODY, Paging
from chalicelib.lines.photos import service as photos
from chalicelib.orders import service as orders
from chalicelib.orders.model import Status
from chalicelib.payments import jobs as payment_jobs
from infra.local.gateway import Response
from tests import deliver
from tests.figures import Show
from tests.stack import ENVIRONMENT, client
from tests.system.authorization import matrix
from tests.system.world import Stored, World, deliver_file, picture, watched

assert payment_jobs, "importing the jobs registers their handlers"

PROMISE = "what must be refused is, in the envelope and by its code, and nothing is written"
NEW_EVENT = {"name": "New run", "date": "2026-04-13"}
FILE = picture(71).wire
BUYER = {"email": "buyer@example.com"}
SINGLE = {"code": "one", "name": "One", "photos": 1, "price": 100}


@dataclass(frozen=True)
class Ask:
    """A request at A's host. `who` is one of A's people, or the guest who holds the tokens of that order.

    The operator is at home at the platform's host, and asks there.
    """

    method: str
    path: str
    body: Any = None
    who: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def stored(world: World) -> Stored:
    return Stored()


@pytest.fixture
def refused(world: World, stored: Stored, figure: Show) -> Callable[..., Response]:
    """Sends something that must be refused, and looks at all of the answer and at what was written."""

    def refused(ask: Ask, status: int, code: str, *fields: str | None) -> Response:
        with watched() as writes:
            answer = world.call(ask.method, ask.path, ask.body, headers_of(world, ask), source="10.1.1.1")
        changed = stored.changed_by(writes)
        stored.take_back(writes)

        told = {"asked": 1, "taken": int(answer.status < 400), "writes": len(changed)}
        figure("refusals", PROMISE, "{asked:,} requests: {taken} accepted, {writes} writes", **told)
        assert_refusal(answer, status, code, *fields)
        assert changed == []
        return answer

    return refused


def headers_of(world: World, ask: Ask) -> dict[str, str]:
    a = world.a
    if ask.who is None:
        return dict(ask.headers)
    if ask.who == "operator":
        return world.platform.headers("operator") | {"Host": world.platform.host} | dict(ask.headers)
    if ask.who in a.people:
        return a.headers(ask.who) | dict(ask.headers)
    tokens = {"X-Cart-Token": a.carts[ask.who], "X-Order-Token": a.order_token(ask.who)}
    return tokens | dict(ask.headers)


def assert_refusal(answer: Response, status: int, code: str, *fields: str | None) -> None:
    """The whole envelope of an error; the fields at fault are named in `errors`, in order."""
    assert answer.status == status, answer.body
    body = answer.json()
    message = body["message"]
    assert isinstance(message, str)
    assert message
    assert body == {
        "success": False,
        "data": None,
        "message": message,
        "errors": body["errors"],
        "error": {"code": code, "message": message},
        "requestId": answer.header("x-amzn-requestid"),
    }
    assert [problem["field"] for problem in body["errors"]] == list(fields or [None])
    for problem in body["errors"]:
        assert problem.keys() == {"field", "code", "message"}
        assert problem["code"]
        assert problem["message"]
    if code != "validation_failed":
        assert [(problem["code"], problem["message"]) for problem in body["errors"]] == [(code, message)]


# --- one by one -----------------------------------------------------------------------------------------------

Case = tuple[str, Callable[[World], Ask], int, str, str | None]


def _offer(event: str, who: str = "photographer", **changes: Any) -> Callable[[World], Ask]:
    return lambda w: Ask("POST", f"/events/{w.a.events[event].id}/uploads", {"files": [FILE | changes]}, who)


def _offers(*files: Any) -> Callable[[World], Ask]:
    return lambda w: Ask("POST", f"/events/{w.a.events['live'].id}/uploads", {"files": list(files)}, "photographer")


def _add(photo: str, who: str | None = None) -> Callable[[World], Ask]:
    return lambda w: Ask("POST", "/cart/items", {"items": [{"ref": w.a.photos[photo]}]}, who)


def _order(who: str | None = "walk-in", key: str | None = "another-key", **changes: Any) -> Callable[[World], Ask]:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return lambda w: Ask("POST", "/orders", BUYER | changes, who, headers)


def _pay(order: Callable[[World], str], who: str | None = "customer") -> Callable[[World], Ask]:
    return lambda w: Ask("POST", "/payments/create", {"orderId": order(w)}, who)


def _event(name: str, rest: str, method: str = "PUT", /, **body: Any) -> Callable[[World], Ask]:
    """About one of A's events, at the version it is at, as the admin."""

    def ask(w: World) -> Ask:
        version = {"version": w.a.events[name].version} if method == "PUT" else {}
        return Ask(method, f"/events/{w.a.events[name].id}{rest}", {**version, **body}, "admin")

    return ask


def _photo(name: str, action: str, method: str = "PUT", body: Any = None) -> Callable[[World], Ask]:
    return lambda w: Ask(method, f"/photos/{w.a.photos[name]}/{action}", body, "admin")


def _settings(**body: Any) -> Callable[[World], Ask]:
    return lambda w: Ask("PUT", "/organization", {"version": matrix.version_of(w.a)} | body, "admin")


def _configure(**body: Any) -> Callable[[World], Ask]:
    return lambda w: Ask("PUT", "/admin/settings", {"section": "site", "version": 0, "values": {}} | body, "admin")


def _person(name: str, method: str, rest: str, /, **body: Any) -> Callable[[World], Ask]:
    return lambda w: Ask(method, f"/admin/users/{w.a.people[name].id}{rest}", body, "admin")


def _auth(route: str, **body: Any) -> Callable[[World], Ask]:
    return lambda w: Ask("POST", f"/auth/{route}", body)


def _webhook(body: Any) -> Callable[[World], Ask]:
    return lambda w: Ask("POST", "/payments/webhook", body)


def _chosen(methods: Any) -> dict[str, Any]:
    return {"section": "payments", "version": 1, "values": {"methods": methods}}


def _fetched(**body: Any) -> Callable[[World], Ask]:
    def ask(w: World) -> Ask:
        return Ask("POST", f"/downloads/{w.a.orders['paid'].id}/photos/{w.a.photos['approved']}", body, "customer")

    return ask


def _signed_by_another(w: World) -> Ask:
    data = json.dumps({"trans_id": "T0001", "ref1": w.a.payments["unpaid"], "payment_status": "completed"})
    signature = hmac.new(b"another secret", data.encode(), hashlib.sha256).hexdigest()
    return Ask("POST", "/payments/webhook", f'{{"data": {data}, "signature": "{signature}"}}'.encode())


def _get(path: str, who: str | None = None) -> Callable[[World], Ask]:
    return lambda w: Ask("GET", path, None, who)


INVALID = "validation_failed"


def _credits(world: World) -> str:
    return f"/admin/users/{world.a.people['customer'].id}/credits"


def _given(key: str = "grant-another", **changes: Any) -> Callable[[World], Ask]:
    return lambda w: Ask("POST", _credits(w), _GIFT | changes, "admin", {"Idempotency-Key": key})


def _taken(of: str, **changes: Any) -> Callable[[World], Ask]:
    return lambda w: Ask(
        "POST",
        f"{_credits(w)}/take-back",
        {"grantId": w.a.credits[of], "reason": "a mistake"} | changes,
        "admin",
        {"Idempotency-Key": "take-back-another"},
    )


def _offered(**changes: Any) -> Callable[[World], Ask]:
    return lambda w: Ask("POST", "/credit-packs", _PACK | changes, "admin", {"Idempotency-Key": "pack-another"})


def _taxed(*rates: dict[str, Any], **changes: Any) -> Callable[[World], Ask]:
    return lambda w: Ask("PUT", "/taxes", {"rates": list(rates), "version": 0} | changes, "admin")


def _printed(code: str = "another", /, **changes: Any) -> Callable[[World], Ask]:
    new = matrix.PRINT_PRODUCT | {"code": code} | changes
    return lambda w: Ask("POST", "/print-products", new, "admin")


def _packed(*prints: Any, **address: Any) -> Callable[[World], Ask]:
    """Prints of a photo on sale, or `prints`, for an address that is right but for what is told."""

    def ask(w: World) -> Ask:
        usual = [{"photo": w.a.photos["approved"], "product": "10x15"}]
        home = matrix.ADDRESS | {"postalCode": "10500"} | address
        return Ask("POST", "/parcels", {"address": home, "prints": list(prints) or usual})

    return ask


def _parcel(name: str, other: bool = False) -> Callable[[World], Ask]:
    def ask(w: World) -> Ask:
        shop = w.b if other else w.a
        return Ask("POST", "/cart/items", {"items": [{"kind": "prints", "ref": shop.parcels[name]}]})

    return ask


def _code(**changes: Any) -> Callable[[World], Ask]:
    return lambda w: Ask("POST", "/admin/promo-codes", _CODE | changes, "admin")


def _billed(**told: Any) -> Callable[[World], Ask]:
    return lambda w: Ask("PUT", f"/orders/{w.a.orders['unpaid'].id}/billing", told, "customer")


def _paid_with_credit(order: str, who: str) -> Callable[[World], Ask]:
    return lambda w: Ask("POST", "/payments/create", {"orderId": w.a.orders[order].id, "method": "credit"}, who)


def _paid_with_card(order: str, who: str) -> Callable[[World], Ask]:
    asked = {"savedMethod": "pmt_01J00000000000000000000009"}
    return lambda w: Ask("POST", "/payments/create", {"orderId": w.a.orders[order].id} | asked, who)


def _payout(name: str, method: str, rest: str, **body: Any) -> Callable[[World], Ask]:
    return lambda w: Ask(method, f"/revenue/payouts/{w.a.payouts[name]}{rest}", body or None, "admin")


def _banked(**changes: Any) -> Callable[[World], Ask]:
    account = {"bank": "SCB", "holder": "Our shop", "number": "1234567890"} | changes
    return lambda w: Ask("PUT", "/organization/bank-account", {"version": 1, "bankAccount": account}, "admin")


def _accounted(first: str, last: str) -> Callable[[World], Ask]:
    return lambda w: Ask("POST", "/users/me/statement", {"firstDay": first, "lastDay": last}, "photographer")


UPLOADS: list[Case] = [
    ("a type we do not take", _offer("live", type="image/gif"), 400, INVALID, "files.0.type"),
    ("a type that lies in its name", _offer("live", type="text/html"), 400, INVALID, "files.0.type"),
    ("more than 50 MB", _offer("live", size=50 * 2**20 + 1), 400, INVALID, "files.0.size"),
    ("no bytes", _offer("live", size=0), 400, INVALID, "files.0.size"),
    ("a size that is text", _offer("live", size="9"), 400, INVALID, "files.0.size"),
    ("a hash that is none", _offer("live", sha256="g" * 64), 400, INVALID, "files.0.sha256"),
    ("a name with a line break", _offer("live", name="a\r\nb.jpg"), 400, INVALID, "files.0.name"),
    ("a name too long", _offer("live", name="n" * 256), 400, INVALID, "files.0.name"),
    ("a key of one's own", _offer("live", key="uploads/x"), 400, INVALID, "files.0.key"),
    ("no files", _offers(), 400, INVALID, "files"),
    ("more than 100 files", _offers(*[FILE] * 101), 400, INVALID, "files"),
    ("a closed event", _offer("closed"), 409, "event_closed", None),
    ("a deleted event", _offer("deleted"), 404, "event_not_found", None),
    ("an unassigned photographer", _offer("live", "freelancer"), 403, "not_assigned", None),
    ("an unassigned photographer at a hidden event", _offer("draft", "freelancer"), 404, "event_not_found", None),
    (
        "going on in a closed event",
        lambda w: Ask("POST", f"/uploads/{w.a.uploads['closed']}/resume", None, "photographer"),
        409,
        "event_closed",
        None,
    ),
    (
        "an event of another tenant",
        lambda w: Ask("POST", f"/events/{w.b.events['live'].id}/uploads", {"files": [FILE]}, "photographer"),
        404,
        "event_not_found",
        None,
    ),
]
CART: list[Case] = [
    ("an unknown photo", lambda w: Ask("POST", "/cart/items", {"items": [{"ref": ids.new("pho")}]}), 404,
     "photo_not_found", "items"),
    ("a photo of another tenant", lambda w: Ask("POST", "/cart/items", {"items": [{"ref": w.b.photos["approved"]}]}),
     404, "photo_not_found", "items"),
    ("a good photo and an unknown one",
     lambda w: Ask("POST", "/cart/items", {"items": [{"ref": w.a.photos["approved"]}, {"ref": "x"}]}, "neighbour"),
     404, "photo_not_found", "items"),
    ("a photo nobody approved", _add("pending"), 409, "photo_not_for_sale", "items"),
    ("a photo that was rejected", _add("rejected"), 409, "photo_not_for_sale", "items"),
    ("a photo that failed", _add("failed"), 409, "photo_not_for_sale", "items"),
    ("a photo that never came", _add("awaiting"), 409, "photo_not_for_sale", "items"),
    ("a photo of a hidden event", _add("draft"), 409, "sale_closed", "items"),
    ("a photo after the sale", _add("over"), 409, "sale_closed", "items"),
    ("a photo of a closed event", _add("closed", "customer"), 409, "sale_closed", "items"),
    ("nothing", lambda w: Ask("POST", "/cart/items", {"items": []}), 400, INVALID, "items"),
    ("too much", lambda w: Ask("POST", "/cart/items", {"items": [{"ref": "x"}] * 301}), 400, INVALID, "items"),
    ("a thing nobody sells", lambda w: Ask("POST", "/cart/items", {"items": [{"kind": "boats", "ref": "x"}]}), 400,
     "unknown_kind", "kind"),
    ("a name that is a path", lambda w: Ask("POST", "/cart/items", {"items": [{"ref": "../x"}]}), 400, INVALID,
     "items.0.ref"),
    ("a price of one's own", lambda w: Ask("POST", "/cart/items", {"items": [{"ref": "x", "price": 1}]}), 400, INVALID,
     "items.0.price"),
]  # fmt: skip
ORDERS: list[Case] = [
    ("an empty cart", _order("guest"), 422, "cart_empty", None),
    ("no cart at all", _order(None), 422, "cart_empty", None),
    ("no key", _order(key=None), 400, "idempotency_key_required", "Idempotency-Key"),
    ("a key too short", _order(key="1234567"), 400, "idempotency_key_required", "Idempotency-Key"),
    ("a key that is none", _order(key="key with spaces"), 400, "idempotency_key_required", "Idempotency-Key"),
    ("a key that came with another request", _order(key="checkout-walk-in"), 422, "idempotency_key_reused",
     "Idempotency-Key"),
    ("the key and the cart's id of another guest",
     lambda w: Ask(
         "POST", "/orders", {"email": "walk-in@buyer.example", "language": "en"},
         headers={"X-Cart-Token": f"{w.a.carts['walk-in'].partition('.')[0]}.{ids.token()}",
                  "Idempotency-Key": "checkout-walk-in"},
     ), 422, "cart_empty", None),
    ("another total", _order(expectedTotal=1), 409, "price_changed", "expectedTotal"),
    ("a negative total", _order(expectedTotal=-1), 400, INVALID, "expectedTotal"),
    ("a total of one's own", _order(total=1), 400, INVALID, "total"),
    ("a status of one's own", _order(status="paid"), 400, INVALID, "status"),
    ("no address", _order(email="nobody"), 400, "invalid_email", "email"),
    ("an address that SES can not write to", _order(email="ผู้ซื้อ@example.com"), 400, "invalid_email", "email"),
    ("an address with a name around it", _order(email="Anna <anna@example.com>"), 400, "invalid_email", "email"),
    ("a second header in the address", _order(email="a@example.com\r\nBcc: b@example.com"), 400, "invalid_email",
     "email"),
    ("a language we do not speak", _order(language="fr"), 400, INVALID, "language"),
]  # fmt: skip
PAYMENTS: list[Case] = [
    ("no order", lambda w: Ask("POST", "/payments/create", {}, "customer"), 400, INVALID, "orderId"),
    ("an unknown order", _pay(lambda w: ids.new("ord")), 404, "order_not_found", None),
    ("an order of another tenant", _pay(lambda w: w.b.orders["unpaid"].id), 404, "order_not_found", None),
    ("an order of somebody else", _pay(lambda w: w.a.orders["unpaid"].id, "neighbour"), 404, "order_not_found", None),
    ("an order that is paid", _pay(lambda w: w.a.orders["paid"].id), 409, "order_already_paid", None),
    ("a part that is nothing",
     lambda w: Ask("POST", "/payments/create", {"orderId": w.a.orders["unpaid"].id, "amount": 0}, "customer"), 400,
     INVALID, "amount"),
    ("a webhook of nobody", _webhook({"data": {"trans_id": "T1", "ref1": "x"}, "signature": "0" * 64}), 401,
     "invalid_signature", None),
    ("a webhook signed by another", _signed_by_another, 401, "invalid_signature", None),
    ("a webhook without a signature", _webhook({"data": {}}), 401, "invalid_signature", None),
    ("a webhook that is a list", _webhook([]), 401, "invalid_signature", None),
    ("a webhook that is null", _webhook(b"null"), 401, "invalid_signature", None),
    ("a webhook that is no JSON", _webhook(b"{"), 401, "invalid_signature", None),
    ("a webhook of nothing", _webhook(b""), 401, "invalid_signature", None),
    ("a webhook of 64 KB and more", _webhook(b'{"data":"' + b"x" * 65536 + b'"}'), 401, "invalid_signature", None),
    ("a download that is not paid",
     lambda w: Ask("POST", f"/downloads/{w.a.orders['unpaid'].id}/photos/{w.a.photos['approved']}", None, "customer"),
     404, "download_not_found", None),
    ("a download of a photo of another event",
     lambda w: Ask("POST", f"/downloads/{w.a.orders['paid'].id}/photos/{w.a.photos['mixed']}", None, "customer"), 404,
     "download_not_found", None),
]  # fmt: skip
STAFF: list[Case] = [
    ("a key that manages people",
     lambda w: Ask("POST", "/api-keys", {"name": "Till", "permissions": ["user.manage"]}, "admin"), 400,
     "unknown_permission", "permissions"),
    ("a key for ever",
     lambda w: Ask("POST", "/api-keys", {"name": "Till", "permissions": ["event.manage"], "days": 366}, "admin"), 400,
     INVALID, "days"),
    ("an old version", _event("live", "", **NEW_EVENT, version=1), 409, "version_conflict", "version"),
    ("no version", lambda w: Ask("PUT", f"/events/{w.a.events['live'].id}", NEW_EVENT, "admin"), 400, INVALID,
     "version"),
    ("a version that is text", _event("live", "", **NEW_EVENT, version="1"), 400, INVALID, "version"),
    ("a move that is none", _event("live", "/status", status="planning"), 409, "status_not_allowed", "status"),
    ("a status that is none", _event("live", "/status", status="gone"), 400, INVALID, "status"),
    ("an event that was sold from", _event("live", "", "DELETE"), 409, "event_sold", None),
    ("a slug that is taken", lambda w: Ask("POST", "/events", NEW_EVENT | {"slug": "run-live-a"}, "admin"), 409,
     "slug_taken", "slug"),
    ("a slug that is a path", lambda w: Ask("POST", "/events", NEW_EVENT | {"slug": "../x"}, "admin"), 400, INVALID,
     "slug"),
    ("a day that is none", lambda w: Ask("POST", "/events", NEW_EVENT | {"date": "2026-02-30"}, "admin"), 400, INVALID,
     "date"),
    ("a zone that is none", lambda w: Ask("POST", "/events", NEW_EVENT | {"timezone": "Mars/Base"}, "admin"), 400,
     "unknown_timezone", "timezone"),
    ("a sale that ends first",
     lambda w: Ask("POST", "/events", NEW_EVENT | {"saleOpensAt": "2026-04-14T00:00:00Z",
                                                   "saleClosesAt": "2026-04-13T00:00:00Z"}, "admin"), 400,
     "sale_window", "saleClosesAt"),
    ("an organization of one's own",
     lambda w: Ask("POST", "/events", NEW_EVENT | {"organization": w.b.organization}, "admin"), 400, INVALID,
     "organization"),
    ("prices without a single one", _event("live", "/packages", items=[SINGLE | {"photos": 5}], version=0), 400,
     "single_price_missing", "items"),
    ("prices of an old version", _event("live", "/packages", items=[SINGLE], version=4), 409, "version_conflict",
     "version"),
    ("a negative price", _event("live", "/packages", items=[SINGLE | {"price": -1}], version=0), 400, INVALID,
     "items.0.price"),
    ("a price with satang behind the point", _event("live", "/packages", items=[SINGLE | {"price": 1.5}], version=0),
     400, INVALID, "items.0.price"),
    ("a customer as photographer",
     lambda w: Ask("PUT", f"/events/{w.a.events['live'].id}/photographers/{w.a.people['customer'].id}", None, "admin"),
     422, "not_a_photographer", "user"),
    ("a photo that is not ready", _photo("failed", "approve"), 409, "photo_not_ready", None),
    ("a rejection without a reason", _photo("pending", "reject", body={"reason": "  "}), 400, INVALID, "reason"),
    ("a retry of what did not fail", _photo("approved", "retry", "POST"), 409, "photo_not_failed", None),
    ("settings of an old version", _settings(version=0), 409, "version_conflict", "version"),
    ("an origin that is none", _settings(origins=["https://*.example.com"]), 400, "invalid_origin", "origins.0"),
    ("another currency", _settings(currency="USD"), 400, INVALID, "currency"),
    ("to block oneself", _person("admin", "PUT", "/block"), 409, "own_account", None),
    ("no role at all", lambda w: Ask("PUT", f"/users/{w.a.people['neighbour'].id}/roles", {}, "admin"), 400,
     "roles_expected", "roles"),
    ("a name of two lines", _person("neighbour", "PUT", "", name="A\x00B"), 400, "invalid_name", "name"),
    ("another address for somebody", _person("neighbour", "PUT", "", email="a@b.example"), 400, INVALID, "email"),
    ("a reason too long", _person("neighbour", "PUT", "/block", reason="x" * 301), 400, INVALID, "reason"),
    ("a role that is none of staff",
     lambda w: Ask("POST", "/admin/admins", {"email": w.a.people["neighbour"].email, "role": "customer"}, "admin"), 400,
     "no_staff_role", "role"),
    ("two searches at once", _get("/admin/users?name=a&email=b", "admin"), 400, "one_list_at_a_time", "email"),
    ("half an entity", _get("/admin/audit-logs?entity=user", "admin"), 400, "entity_incomplete", "entityId"),
    ("an entity and an actor", _get("/admin/audit-logs?entity=user&entityId=usr_1&actor=usr_2", "admin"), 400,
     "one_list_at_a_time", "actor"),
    ("a time that is none", _get("/admin/audit-logs?since=yesterday", "admin"), 400, INVALID, "since"),
    ("a setting that is none", _configure(values={"motto": "Run!"}), 400, INVALID, "values.motto"),
    ("a setting of another type", _configure(values={"notice": 5}), 400, INVALID, "values.notice"),
    ("a setting that is too long", _configure(values={"notice": "x" * 501}), 400, INVALID, "values.notice"),
    ("a link that runs", _configure(values={"termsUrl": "javascript:alert(1)"}), 400, INVALID, "values.termsUrl"),
    ("settings that changed meanwhile", _configure(version=7), 409, "version_conflict", "version"),
    ("a section that is none", _configure(section="colours"), 404, "section_not_found", None),
    ("a role that is none",
     lambda w: Ask("PUT", f"/users/{w.a.people['neighbour'].id}/roles", {"roles": ["root"]}, "admin"), 400,
     "unknown_role", "roles"),
    ("roles of one's own",
     lambda w: Ask("PUT", f"/users/{w.a.people['admin'].id}/roles", {"roles": ["customer"]}, "admin"), 409,
     "own_roles", None),
]  # fmt: skip
ACCOUNTS: list[Case] = [
    ("no address", _auth("register", email="nobody", password="a fine long phrase", name="N"), 400, "invalid_email",
     "email"),
    ("a short password", _auth("register", email="n@example.com", password="short", name="N"), 400, "password_length",
     "password"),
    ("a common password", _auth("register", email="n@example.com", password="password1", name="N"), 400,
     "password_common", "password"),
    ("roles of one's own", _auth("register", email="n@example.com", password="x", name="N", roles=["admin"]), 400,
     INVALID, "roles"),
    ("a wrong code", _auth("verify", email="n@example.com", code="123456", password="a fine phrase"), 400,
     "invalid_code", "code"),
    ("a wrong password", _auth("login", email="admin@a.photos.example", password="not this one"), 401,
     "invalid_credentials", None),
    ("nobody's password", _auth("login", email="nobody@a.photos.example", password="not this one"), 401,
     "invalid_credentials", None),
    ("a landline", _auth("register", phone="+6621234567", password="a fine long phrase", name="N"), 400,
     "invalid_phone", "phone"),
    ("no address at all", _auth("forgot-password"), 400, "address_required", "email"),
    ("two addresses", _auth("login", email="n@example.com", phone="+66812345678", password="x"), 400,
     "address_required", "email"),
    ("a wrong code for a new password",
     _auth("reset-password", email="n@example.com", code="123456", password="a fine long phrase"), 400,
     "invalid_code", "code"),
    ("a common password for a code",
     _auth("reset-password", email="n@example.com", code="123456", password="password1"), 400,
     "password_common", "password"),
    ("a phone that is not there",
     lambda w: Ask("PUT", "/users/phones/66812345678", {"isDefault": True}, "customer"), 404, "phone_not_found", None),
    ("a session of somebody else",
     lambda w: Ask("DELETE", f"/auth/sessions/{w.a.people['admin'].refresh_token.partition('.')[0]}", None,
                   "customer"), 404, "session_not_found", None),
    ("a refresh token of nobody", _auth("refresh", refreshToken="ses_x.y"), 401, "invalid_refresh_token", None),
    ("a challenge of nobody", _auth("second-factor", challenge="usr_x.1.y", code="123456"), 401, "invalid_challenge",
     None),
    ("a page of somebody else's", _auth("social", provider="google", redirectUri="https://evil.example/in"), 400,
     "foreign_page", "redirectUri"),
    ("a provider nobody knows", _auth("social", provider="myspace", redirectUri="http://localhost:3000/in"), 400,
     INVALID, "provider"),
    ("a ticket of nobody", _auth("social/google", ticket="1.x.y", idToken="x"), 401, "attempt_over", None),
    ("a code of five digits", _auth("second-factor", challenge="usr_x.1.y", code="12345"), 400, INVALID, "code"),
    ("a second factor set up by a visitor", _auth("second-factor/setup"), 401, "sign_in_required", None),
    ("a second factor for customers",
     lambda w: Ask("PUT", "/auth/second-factor/policy", {"roles": ["customer"], "version": 0}, "admin"), 400,
     "unknown_role", "roles"),
    ("a policy of an old version",
     lambda w: Ask("PUT", "/auth/second-factor/policy", {"roles": ["admin"], "version": 7}, "admin"), 409,
     "version_conflict", "version"),
]  # fmt: skip
LISTS: list[Case] = [
    ("a page too deep", _get("/events?page=51"), 400, INVALID, "page"),
    ("page zero", _get("/events?page=0"), 400, INVALID, "page"),
    ("a page that is text", _get("/events?page=first"), 400, INVALID, "page"),
    ("no page size", _get("/events?pageSize=0"), 400, INVALID, "pageSize"),
    ("too large a page", _get("/events?limit=101"), 400, INVALID, "pageSize"),
    ("a cursor that is none", _get("/events?cursor=abc"), 400, "invalid_cursor", "cursor"),
    ("a cursor beyond ASCII", _get("/events?cursor=%E0%B8%81"), 400, "invalid_cursor", "cursor"),
    ("a cursor too long", _get(f"/events?cursor={'a' * 4097}"), 400, INVALID, "cursor"),
    ("a status that is none", _get("/events?status=gone"), 400, INVALID, "status"),
    ("one's own events of a visitor", _get("/events?mine=true"), 401, "sign_in_required", None),
    ("a shelf that is none", _get("/events/run-live-a/review?shelf=top", "admin"), 400, INVALID, "shelf"),
    ("an album that is a location", _get(f"/events/run-live-a/photos?album=loc_{'0' * 26}"), 400, INVALID, "album"),
    ("an album of a kind that is none", _get("/events/run-live-a/albums?kind=place"), 400, INVALID, "kind"),
    ("an album whose name is there", _event("live", "/albums", "POST", name="FINISH"), 409, "album_name_taken", "name"),
    ("an upload into no album", _event("live", "/uploads", "POST", files=[FILE], albumId=f"alb_{'0' * 26}"), 404,
     "album_not_found", None),
    ("a licence in a smaller size", _fetched(size="web", licensed=True), 400, INVALID, ""),
    ("a size that is none", _fetched(size="huge"), 400, INVALID, "size"),
    ("a file of all in a size that is none",
     lambda w: Ask("POST", f"/orders/{w.a.orders['paid'].id}/zip", {"size": "huge"}, "customer"), 400, INVALID, "size"),
]  # fmt: skip
ADDRESSES: list[Case] = [
    ("no such address", _get("/nothing"), 404, "route_not_found", None),
    ("no such address below one", _get("/events/x/y/z"), 404, "route_not_found", None),
    ("another case", _get("/Events"), 404, "route_not_found", None),
    ("an empty part", _get("/events//photos"), 404, "route_not_found", None),
    ("a way up", _get("/events/../orders"), 404, "route_not_found", None),
    ("the prefix twice", _get("/api/api/events"), 404, "route_not_found", None),
    ("no such method", lambda w: Ask("PUT", "/events"), 405, "method_not_allowed", None),
    ("no such method of an alias", lambda w: Ask("PATCH", "/event"), 405, "method_not_allowed", None),
    ("a method nobody knows", lambda w: Ask("BREW", "/events"), 405, "method_not_allowed", None),
    ("an encoded slash", _get("/events/run-live-a%2Fcounts"), 404, "not_found", None),
    ("an encoded way up", _get("/docs/%2e%2e%2fapp.py"), 404, "not_found", None),
    ("an encoded zero", _get("/photos/pho_%00"), 404, "not_found", None),
    ("letters beyond ASCII", _get("/events/%E0%B8%81"), 404, "not_found", None),
    ("an id too long", _get(f"/orders/{'o' * 201}"), 404, "not_found", None),
    ("a key of the table as an id", _get("/orders/T%23org%23ORD"), 404, "not_found", None),
    ("a photo as an order", lambda w: Ask("GET", f"/orders/{w.a.photos['approved']}", None, "admin"), 404,
     "order_not_found", None),
]  # fmt: skip
_GIFT = {"amount": 100_00, "reason": "a late delivery"}
_PACK = {"name": "Early", "credit": 500_00, "price": 450_00}
_TERMS = {"name": "Summer", "kind": "percent", "percent": 20}
_CODE = {"code": "SUMMER"} | _TERMS
PROMOTIONS: list[Case] = [
    ("a code that is none", _code(code="SUM MER"), 400, INVALID, "code"),
    ("a code of a kind that is none", _code(kind="gift"), 400, INVALID, "kind"),
    ("more than everything off", _code(percent=101), 400, INVALID, "percent"),
    ("an amount where a percentage is meant", _code(amount=5), 400, "promotion_terms", "amount"),
    ("nothing off", _code(percent=0), 400, "promotion_terms", "percent"),
    ("a code that ends before it begins",
     _code(startsAt="2027-01-02T00:00:00Z", endsAt="2027-01-01T00:00:00Z"), 400, "promotion_terms", "endsAt"),
    ("a code that there is", _code(code="river"), 409, "promo_exists", "code"),
    ("terms that somebody changed",
     lambda w: Ask("PUT", f"/admin/promo-codes/{w.a.promotions['own']}", _TERMS | {"version": 7}, "admin"), 409,
     "version_conflict", "version"),
    ("a code without a cart", lambda w: Ask("POST", "/cart/promo", {"code": "RIVER"}), 409, "promo_nothing_fits",
     "code"),
    ("a code that nobody offered", lambda w: Ask("POST", "/cart/promo", {"code": "NEVER"}), 404, "promo_not_found",
     "code"),
]  # fmt: skip
_TAX = {"taxClass": "photos", "name": "VAT", "rate": 7_000, "validFrom": "2199-01-01"}
TAXES: list[Case] = [
    ("a tax on what nobody sells", _taxed(_TAX | {"taxClass": "boats"}), 400, "unknown_tax_class", "rates"),
    ("a tax that was always there", _taxed(_TAX | {"validFrom": "2026-01-01"}), 400, "tax_in_past", "rates"),
    ("two taxes from one day on", _taxed(_TAX, _TAX | {"rate": 10_000}), 400, "tax_twice", "rates"),
    ("more tax than there is", _taxed(_TAX | {"rate": 100_001}), 400, INVALID, "rates.0.rate"),
    ("a tax of half a unit", _taxed(_TAX | {"rate": 7.5}), 400, INVALID, "rates.0.rate"),
    ("rounding of another kind", _taxed(_TAX, rounding="down"), 400, INVALID, "rounding"),
    ("taxes that somebody changed", _taxed(_TAX, version=7), 409, "version_conflict", "version"),
]  # fmt: skip
INVOICES: list[Case] = [
    ("a buyer without a name", _billed(name="  "), 400, INVALID, "name"),
    ("a tax number with a line break", _billed(taxNumber="123\n4"), 400, INVALID, "taxNumber"),
    ("an address as long as a book", _billed(address="x" * 161), 400, INVALID, "address"),
    ("another buyer than the receipt has",
     lambda w: Ask("PUT", f"/orders/{w.a.orders['paid'].id}/billing", {}, "customer"), 409, "receipt_issued", None),
    ("an invoice of what nobody paid",
     lambda w: Ask("GET", f"/orders/{w.a.orders['unpaid'].id}/invoice", None, "customer"), 404, "document_not_found",
     None),
    ("documents of a kind that is none", lambda w: Ask("GET", "/admin/invoices?kind=bill", None, "admin"), 400, INVALID,
     "kind"),
]  # fmt: skip
PRINTS: list[Case] = [
    ("a print below its cost", _printed(cost=60_01), 400, "print_below_cost", "cost"),
    ("sides the wrong way round", _printed(shortSide=91), 400, "print_sides", "shortSide"),
    ("a code with blanks", _printed("a b"), 400, INVALID, "code"),
    ("a code that is taken", _printed("10x15"), 409, "print_code_taken", "code"),
    ("another paper for a product",
     lambda w: Ask("PUT", "/print-products/10x15", matrix.PRINT_PRODUCT | {"paper": "silk"}, "admin"), 409,
     "print_product_fixed", "sku"),
    ("a fee that is no amount",
     lambda w: Ask("PUT", "/admin/settings", {"section": "prints", "version": 1, "values": {"shipping": {"TH": -1}}},
                   "admin"), 400, INVALID, "values.shipping.TH"),
    ("a parcel of nothing", lambda w: Ask("POST", "/parcels", {"address": matrix.ADDRESS | {"postalCode": "1"},
                                                               "prints": []}), 400, INVALID, "prints"),
    ("a parcel without a postal code", _packed(postalCode=None), 400, INVALID, "address.postalCode"),
    ("a parcel to a country that is none", _packed(country="Thailand"), 400, INVALID, "address.country"),
    ("a parcel to where none is sent", _packed(country="SE"), 409, "not_shipped_there", None),
    ("a print of a product that is none",
     lambda w: _packed({"photo": w.a.photos["approved"], "product": "nothing"})(w), 404, "print_product_not_found",
     None),
    ("a print of too few pixels", lambda w: _packed({"photo": w.a.photos["approved"], "product": "poster"})(w), 409,
     "photo_too_small", None),
    ("no copies", lambda w: _packed({"photo": w.a.photos["approved"], "product": "10x15", "copies": 0})(w), 400,
     INVALID, "prints.0.copies"),
    ("photos of two events",
     lambda w: _packed(*({"photo": w.a.photos[name], "product": "10x15"} for name in ("approved", "mixed")))(w), 422,
     "several_events", "prints"),
    ("a parcel that was ordered", _parcel("refused"), 409, "parcel_ordered", "items"),
    ("a parcel of another tenant", _parcel("free", other=True), 404, "parcel_not_found", "items"),
    ("a state that is none", _get("/admin/prints?state=lost", "admin"), 400, INVALID, "state"),
]  # fmt: skip


def _ticketed(**told: Any) -> Callable[[World], Ask]:
    """A type of ticket to the live event that is right but for what is told."""

    def asked(world: World) -> Ask:
        path = f"/admin/events/{world.a.events['live'].id}/ticket-types"
        return Ask("POST", path, matrix.TICKETS | told, "admin", {"Idempotency-Key": "ticket-type-new"})

    return asked


def _ticket(name: str, number: str, *, other: bool = False) -> Callable[[World], Ask]:
    def asked(world: World) -> Ask:
        ref = f"{(world.b if other else world.a).ticket_types[name]}-{number}"
        return Ask("POST", "/cart/items", {"items": [{"kind": "tickets", "ref": ref}]})

    return asked


TICKETS: list[Case] = [
    ("tickets of a price below nothing", _ticketed(price=-1), 400, INVALID, "price"),
    ("a type of no tickets", _ticketed(capacity=0), 400, INVALID, "capacity"),
    ("more tickets than anybody admits", _ticketed(capacity=100_001), 400, INVALID, "capacity"),
    ("more an order than anybody buys", _ticketed(most=51), 400, INVALID, "most"),
    ("a sale that ends before it begins",
     _ticketed(opensAt="2199-01-02T00:00:00Z", closesAt="2199-01-01T00:00:00Z"), 400, "sale_window", "closesAt"),
    ("a ticket that is not sold any more", _ticket("gone", "1"), 409, "tickets_not_on_sale", "items"),
    ("the ticket before the first", _ticket("adult", "0"), 404, "ticket_type_not_found", "items"),
    ("a ticket of another tenant", _ticket("adult", "1", other=True), 404, "ticket_type_not_found", "items"),
]  # fmt: skip
_UNTIL = {"until": "2026-01-01T00:00:00Z"}
CREDIT: list[Case] = [
    ("credit without a key", lambda w: Ask("POST", _credits(w), _GIFT, "admin"), 400, "idempotency_key_required",
     "Idempotency-Key"),
    ("credit of nothing", _given(amount=0), 400, INVALID, "amount"),
    ("credit without a reason", _given(reason="  x  "), 400, INVALID, "reason"),
    ("credit that has expired", _given(expiresAt="2026-01-01T00:00:00Z"), 400, "expired_already", "expiresAt"),
    ("credit of a source that is none", _given(source="stolen"), 400, INVALID, "source"),
    ("a key that came with another amount", _given(key="grant-customer", amount=1), 422, "idempotency_key_reused",
     "Idempotency-Key"),
    ("more back than is left", _taken("customer", amount=1_000_01), 409, "not_enough_credit", None),
    ("back what is somebody else's", _taken("admin"), 404, "credit_not_found", None),
    ("a pack that costs more than it is", _offered(price=500_01), 400, "pack_too_dear", "price"),
    ("a pack that ends twice", _offered(days=3, expiresAt="2199-01-01T00:00:00Z"), 400, "one_expiry", "days"),
    ("a pack bound to nothing", _offered(bound=True), 400, "pack_without_event", "event"),
    ("a pack that nobody may see in the cart",
     lambda w: Ask("POST", "/cart/items", {"items": [{"kind": "credits", "ref": w.a.packs["draft"]}]}), 409,
     "pack_not_on_sale", "items"),
    ("a pack of another tenant in the cart",
     lambda w: Ask("POST", "/cart/items", {"items": [{"kind": "credits", "ref": w.b.packs["early"]}]}), 404,
     "pack_not_found", "items"),
    ("packs of an event that is hidden", _get("/credit-packs?event=run-draft-a"), 404, "event_not_found", None),
    ("another's credit for an order", _paid_with_credit("unpaid", "admin"), 403, "credit_is_the_buyers", None),
    ("a guest's credit", _paid_with_credit("walk-in", "walk-in"), 403, "credit_is_the_buyers", None),
    ("a way to pay that is none",
     lambda w: Ask("POST", "/payments/create", {"orderId": w.a.orders["unpaid"].id, "method": "cash"}, "customer"), 422,
     "method_not_offered", "method"),
    ("a way to pay that has no name",
     lambda w: Ask("POST", "/payments/create", {"orderId": w.a.orders["unpaid"].id, "method": "A!"}, "customer"), 400,
     INVALID, "method"),
    ("methods that are no list", lambda w: Ask("PUT", "/admin/settings", _chosen("stripe"), "admin"), 400, INVALID,
     "values.methods"),
    ("a method twice", lambda w: Ask("PUT", "/admin/settings", _chosen([{"method": "stripe"}] * 2), "admin"), 400,
     INVALID, "values"),
    ("a webhook of CloudPayments that nobody signed",
     lambda w: Ask("POST", "/payments/webhook/cloudpayments", {"InvoiceId": "1"}), 401, "invalid_signature", None),
    ("a webhook of Kaspi, which tells nobody",
     lambda w: Ask("POST", "/payments/webhook/kaspi", {"QrPaymentId": 15}), 401, "invalid_signature", None),
    ("a saved card that is not there", _paid_with_card("unpaid", "customer"), 404, "payment_method_not_found", None),
    ("a saved card for another's order", _paid_with_card("unpaid", "admin"), 403, "card_is_the_buyers", None),
    ("a guest's saved card", _paid_with_card("walk-in", "walk-in"), 401, "sign_in_required", None),
    ("a webhook of Stripe that nobody signed",
     lambda w: Ask("POST", "/payments/webhook/stripe", {"object": "event"}), 401, "invalid_signature", None),
    ("a webhook of PayPal that nobody signed",
     lambda w: Ask("POST", "/payments/webhook/paypal", {"event_type": "CHECKOUT.ORDER.APPROVED"}), 401,
     "invalid_signature", None),
    ("a webhook about coins that nobody signed",
     lambda w: Ask("POST", "/payments/webhook/crypto", {"event": {"type": "charge:confirmed"}}), 401,
     "invalid_signature", None),
    ("a webhook of a gateway that is none", lambda w: Ask("POST", "/payments/webhook/bank", {}), 404,
     "unknown_gateway", None),
    ("a card's method at a gateway that is none",
     lambda w: Ask("POST", "/users/payment-methods", {"gateway": "bank", "token": "tok_1"}, "customer"), 400,
     "unknown_gateway", "gateway"),
    ("a payout without a key", lambda w: Ask("POST", "/revenue/payouts", _UNTIL, "admin"), 400,
     "idempotency_key_required", "Idempotency-Key"),
    ("a payout approved by its maker", _payout("own", "POST", "/approve"), 403, "second_person_needed", None),
    ("a draft that is sent", _payout("draft", "PUT", "/status", status="sent"), 409, "payout_state", None),
    ("a file of a draft", _payout("draft", "POST", "/bank-file"), 409, "payout_state", None),
    ("some that are settled alone", _payout("approved", "PUT", "/status", status="settled", parties=["usr_1"]), 400,
     "parties_fail_alone", "parties"),
    ("a failure of who is not in it", _payout("approved", "PUT", "/status", status="failed", parties=["usr_1"]), 404,
     "payout_not_found", None),
    ("an IBAN with a digit wrong", _banked(number="DE89 3704 0044 0532 0130 01"), 400, INVALID, "bankAccount.number"),
    ("a holder of two lines", _banked(holder="Our\nshop"), 400, INVALID, "bankAccount.holder"),
    ("a statement of days to come", _accounted("2026-01-01", "2199-01-01"), 400, "period_not_over", "lastDay"),
    ("a statement that ends first", _accounted("2026-01-02", "2026-01-01"), 400, "period_ends_first", "lastDay"),
    ("a statement of nobody", lambda w: Ask("GET", "/revenue/statements/usr_1", None, "admin"), 404,
     "party_not_found", None),
]  # fmt: skip
TABLE = {
    "uploads": UPLOADS,
    "cart": CART,
    "orders": ORDERS,
    "payments": PAYMENTS,
    "staff": STAFF,
    "accounts": ACCOUNTS,
    "lists": LISTS,
    "addresses": ADDRESSES,
    "credit": CREDIT,
    "prints": PRINTS,
    "tickets": TICKETS,
    "promotions": PROMOTIONS,
    "taxes": TAXES,
    "invoices": INVOICES,
}


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{part}: {case[0]}") for part, cases in TABLE.items() for case in cases]
)
def test_it_is_refused_and_nothing_is_written(world, refused, case):
    _, ask, status, code, at_fault = case

    refused(ask(world), status, code, at_fault)


# --- every route that reads a body, every list ------------------------------------------------------------------

NO_BODIES = [
    (b"{", 400, "malformed_json"),
    (b'{"a": "\\ud800"}', 400, "malformed_json"),
    (b"[" * 100_000, 400, "malformed_json"),
    (b"\xff\xfe{}", 400, "malformed_json"),
    (b"[]", 400, "object_expected"),
    (b"null", 400, "object_expected"),
    (b'"text"', 400, "object_expected"),
    (b"1", 400, "object_expected"),
    (b"{" + b" " * LARGEST_BODY + b"}", 413, "body_too_large"),
]
OTHER_TYPES = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"]
READING = [route for route in app.mounted if route.body is not None]


@pytest.mark.parametrize("route", READING, ids=[route.name for route in READING])
def test_what_is_no_object_is_refused_everywhere(world, refused, route):
    ask = _valid(world, route)

    for body, status, code in NO_BODIES:
        refused(_with(ask, body), status, code, None)
    for content_type in OTHER_TYPES:
        refused(_with(ask, ask.body, {"Content-Type": content_type}), 415, "unsupported_media_type", None)


@pytest.mark.parametrize("route", READING, ids=[route.name for route in READING])
def test_a_field_that_nobody_asked_for_is_refused_everywhere(world, refused, route):
    ask = _valid(world, route)
    text = json.dumps(ask.body)[1:-1]
    name = next(iter(ask.body), "x")

    for extra in {"organization", "isAdmin", "__class__", "pk"} - route.body.model_fields.keys():
        refused(_with(ask, ask.body | {extra: "x"}), 400, INVALID, extra)
    twice = f'{{{text}{", " if text else ""}"{name}": 1, "{name}": 2}}'.encode()
    answer = world.call(ask.method, ask.path, twice, headers_of(world, ask), source="10.1.1.2")
    assert answer.status == 400
    assert answer.json()["error"]["code"] in {"duplicate_key", INVALID}


def test_of_two_fields_with_one_name_none_wins(refused):
    body = b'{"items": [{"ref": "x", "ref": "y"}]}'

    refused(Ask("POST", "/cart/items", body), 400, "duplicate_key", None)


LISTING = [route for route in app.mounted if route.query is not None and issubclass(route.query, Paging)]


@pytest.mark.parametrize("route", LISTING, ids=[route.name for route in LISTING])
def test_a_page_that_is_none_is_refused_everywhere(world, refused, route):
    ask = _valid(world, route)
    foreign = world.call("GET", "/events?pageSize=1", shop=world.b).json()["data"]["nextCursor"]

    for query, code, at_fault in (
        ("page=51", INVALID, "page"),
        ("pageSize=101", INVALID, "pageSize"),
        ("cursor=x", "invalid_cursor", "cursor"),
        (f"cursor={foreign}", "invalid_cursor", "cursor"),
    ):
        refused(Ask("GET", f"{ask.path}?{query}", None, ask.who), 400, code, at_fault)


def test_a_cursor_opens_no_other_list(world, refused):
    of_staff = world.call("GET", "/events?pageSize=1", headers=world.a.headers("admin")).json()["data"]["nextCursor"]

    refused(Ask("GET", f"/events?cursor={of_staff}"), 400, "invalid_cursor", "cursor")


def _valid(world: World, route: Route) -> Ask:
    """A call of the route that would work."""
    asked = matrix.example(world, route)
    who = "walk-in" if route.name == "POST /orders" else "admin"
    who = "customer" if route.path.startswith(("/face/search/", "/face/feedback")) else who
    who = "operator" if route.permission.startswith("platform.") else who
    who = "owner" if route.permission == "organization.own" else who
    headers = dict.fromkeys(route.headers, "a-key-of-its-own")
    return Ask(route.method, matrix.filled(route.path, asked), asked.body, who, headers)


def _with(ask: Ask, body: Any, headers: Mapping[str, str] | None = None) -> Ask:
    return Ask(ask.method, ask.path, body, ask.who, {**ask.headers, **(headers or {})})


# --- what takes time or somebody else -----------------------------------------------------------------------------


def test_an_order_that_expired_takes_no_payment(world, refused):
    with clock.travel(timedelta(hours=25)):
        refused(_pay(lambda w: w.a.orders["walk-in"].id, "walk-in")(world), 409, "order_expired", None)


def test_what_went_off_sale_meanwhile_is_not_ordered(world, stored, refused):
    with watched() as writes:
        photos.reject_photo(world.a.people["admin"].principal, world.a.photos["approved"], "the person asked for it")
    changed = stored.changed_by(writes)
    try:
        in_between = Stored()
        with watched() as attempt:
            ask = _order("neighbour")(world)
            answer = world.call(ask.method, ask.path, ask.body, headers_of(world, ask))
        assert_refusal(answer, 409, "photo_not_for_sale", world.a.photos["approved"])
        assert in_between.changed_by(attempt) == []
    finally:
        stored.take_back(changed)


def test_who_asks_too_often_waits_whatever_address_is_claimed(world, stored):
    with watched() as writes:
        answers = [
            world.call(
                "POST",
                "/auth/register",
                {"email": "x"},
                {"X-Forwarded-For": f"10.9.9.{number}", "X-Real-Ip": f"10.9.9.{number}"},
                source="10.2.2.2",
            )
            for number in range(61)  # two windows of 30, should one end meanwhile, and one more
        ]
    changed = stored.changed_by(writes)
    stored.take_back(writes)

    assert {answer.status for answer in answers} == {400, 429}
    assert [answer.status for answer in answers].count(400) <= 60
    limited = next(answer for answer in answers if answer.status == 429)
    assert_refusal(limited, 429, "too_many_requests", None)
    assert 1 <= int(limited.header("retry-after")) <= 60
    assert changed == []


# --- what is refused behind the queue -----------------------------------------------------------------------------


def test_a_file_that_is_not_the_one_that_was_promised_fails_and_shows_nowhere(world, stored):
    a = world.a
    key = f"uploads/{a.organization}/{a.events['live'].id}/{a.photos['awaiting']}/1"
    before = _previews()

    with watched() as writes:
        deliver_file(key, picture(6).content[:-1] + b"\0")
    photo = photos.get(a.organization, a.photos["awaiting"])
    changed = [write.place.rpartition("-")[2] for write in stored.changed_by(writes)]
    stored.take_back(writes)

    assert (photo.processing, photo.failure.code) == ("failed", "hash_mismatch")
    assert photo.failure.message
    assert _previews() == before
    assert set(changed) == {"claims", "photos", "outbox", "s3"}
    assert changed.count("s3") == 1  # the upload itself


@pytest.mark.parametrize("short", [1, -1])
def test_another_amount_pays_nothing_and_waits_for_a_person(world, stored, short):
    a = world.a
    payment = _payment(world, "walk-in")
    world.bank.set(payment["transaction"]["S"], "captured", amount=int(payment["payable"]["N"]) - short)

    with watched() as writes:
        answer = world.call("POST", "/payments/webhook", _webhook_of(payment))
        deliver.all()
    order = orders.get(a.organization, a.orders["walk-in"].id)
    after = _payment(world, "walk-in")
    changed = {write.place.rpartition("-")[2] for write in stored.changed_by(writes)}
    stored.take_back(writes)
    world.bank.set(payment["transaction"]["S"], "pending", amount=int(payment["payable"]["N"]))

    assert (answer.status, answer.json()) == (200, {"status": 1})
    assert order.status is Status.AWAITING_PAYMENT
    assert (after["state"]["S"], after["review_reason"]["S"]) == ("review", "wrong_amount")
    assert "entitlements" not in changed
    assert "orders" not in changed


def _webhook_of(payment: Mapping[str, Any]) -> bytes:
    data = json.dumps({"trans_id": payment["transaction"]["S"], "ref1": payment["id"]["S"], "amount": "1.00"})
    key = secrets().paynoi.api_key.get_secret_value().encode()
    signature = hmac.new(key, data.encode(), hashlib.sha256).hexdigest()
    return f'{{"data": {data}, "signature": "{signature}"}}'.encode()


def _payment(world: World, name: str) -> Mapping[str, Any]:
    pk = f"T#{world.a.organization}#ORD#{world.a.orders[name].id}"
    key = {"pk": {"S": pk}, "sk": {"S": "PAY#0001"}}
    return client("dynamodb").get_item(TableName="thepixstock-test-payments", Key=key)["Item"]


def _previews() -> list[str]:
    held = client("s3").list_objects_v2(Bucket=ENVIRONMENT["PIX_PREVIEWS_BUCKET"]).get("Contents", [])
    return [item["Key"] for item in held]
