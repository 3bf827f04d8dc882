"""Every address of the API, called by everybody on everything, and what that should answer.

`oracle.csv` is read by people: one row a rule, the first row that fits decides. A caller may be `anyone`, `living`
(whoever's credentials are good), or names with `|` between them; an object `*` or such names. A rule for the route `*`
is asked last. Answers are `status` or `status code`.
"""

import base64
import csv
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.administration import service as administration
from chalicelib.accounts.federation import service as federation
from chalicelib.core import clock, ids, secrets
from chalicelib.core.http import Api
from chalicelib.core.routing import Route
from chalicelib.core.table import transact
from chalicelib.faces import service as faces
from chalicelib.invoices import store as invoices
from chalicelib.members import service as members
from chalicelib.organizations import service as organizations
from chalicelib.privacy import store as privacy
from infra.local.gateway import Gateway, Response
from tests.elsewhere import id_token
from tests.figures import is_drawn
from tests.system import world as worlds
from tests.system.world import Shop, Stored, World, bearer

ORACLE = Path(__file__).with_name("oracle.csv")
DEAD = ("blocked", "demoted", "expired", "foreign-admin", "foreign-customer", "garbage", "left-admin")
"""Callers whose access token opens nothing."""


# --- what should be -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    route: str
    caller: str
    object: str
    answer: str

    def fits(self, route: str, caller: str, object: str) -> bool:
        if self.route not in (route, "*"):
            return False
        callers = {"anyone": True, "living": caller not in DEAD}.get(self.caller, caller in self.caller.split("|"))
        return callers and (self.object == "*" or object in self.object.split("|"))


def rules(path: Path = ORACLE) -> list[Rule]:
    with path.open(newline="") as file:
        return [Rule(**row) for row in csv.DictReader(file)]


def about(known: Sequence[Rule], route: str) -> list[Rule]:
    """The rules of a route and those of all."""
    return [rule for rule in known if rule.route in (route, "*")]


def ruling(known: Sequence[Rule], route: str, caller: str, object: str) -> Rule | None:
    return next((rule for rule in known if rule.fits(route, caller, object)), None)


# --- who calls ----------------------------------------------------------------------------------------------


def callers(world: World) -> dict[str, dict[str, str]]:
    """The headers that each caller sends to A's host."""
    a, b = world.a, world.b
    people = ("customer", "neighbour", "photographer", "freelancer", "admin")
    return {
        "visitor": {},
        "guest": _guest(a, "guest"),
        "walk-in": _guest(a, "walk-in"),
        **{name: a.headers(name) for name in people},
        "foreign-guest": _guest(b, "guest"),
        "foreign-customer": b.headers("customer"),
        "foreign-admin": b.headers("admin"),
        "garbage": bearer(".".join(["e30"] * 3)),
        "expired": bearer(_expired(a)),
        "blocked": bearer(_blocked(a)),
        "demoted": bearer(_demoted(a)),
        "left-admin": bearer(_left(a, "colleague")),
        "left-customer": bearer(_left(a, "customer")),
        "owner": a.headers("owner"),
        "operator": world.platform.headers("operator") | {"Host": world.platform.host},
    }


def _guest(shop: Shop, order: str) -> dict[str, str]:
    return {"X-Cart-Token": shop.carts[order], "X-Order-Token": shop.order_token(order)}


def _expired(shop: Shop) -> str:
    admin = shop.people["admin"]
    with clock.travel(-worlds.TOKENS_LAST - timedelta(minutes=1)):
        return worlds.log_in(shop, admin.email, admin.password).token


def _demoted(shop: Shop) -> str:
    person = worlds.person(shop, "former", "admin")
    accounts.set_roles(shop.people["admin"].principal, person.id, ["customer"])
    return person.token


def _blocked(shop: Shop) -> str:
    person = worlds.person(shop, "unwanted", "customer")
    administration.block(shop.people["admin"].principal, person.id, blocked=True, reason="spam")
    return person.token


def _left(shop: Shop, name: str) -> str:
    """The token of a session of its own, which has ended."""
    person = worlds.log_in(shop, shop.people[name].email, shop.people[name].password)
    accounts.log_out(person.principal)
    return person.token


_ONLY = {"operator": "platform.", "owner": "organization.own"}
"""Who calls only what nobody else may: the operator at the platform's host, and the owner, an admin besides."""


# --- what on ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One object as a request names it: in the path, in the body, or not at all."""

    path: tuple[str, ...] = ()
    body: Any = None


Objects = Mapping[str, Asked]
Asking = Callable[[World], Objects]
_SOON = str(2**33)
_GUESS = {"code": "000000", "password": "a wrong password"}
NOTHING: Asking = lambda world: {"-": Asked()}  # noqa: E731 (beside the others, as data)


def _one(kind: str, prefix: str, *names: str, body: Callable[[str], Any] | None = None) -> Asking:
    """Things of A's by name, a thing of B's and one that is not there. `body` puts the id there, not into the path."""

    def asked(world: World) -> Objects:
        mine, theirs = getattr(world.a, kind), getattr(world.b, kind)
        found = {name: _id(mine[name]) for name in names}
        found |= {"foreign": _id(theirs[names[0]]), "missing": ids.new(prefix)}
        return {name: Asked(body=body(id)) if body else Asked((id,)) for name, id in found.items()}

    return asked


def _id(thing: Any) -> str:
    return thing if isinstance(thing, str) else str(thing.id)


def _with(asking: Asking, body: Any) -> Asking:
    """The same objects, and a body that is right for all of them."""
    return lambda world: {
        name: Asked(asked.path, body(world, name) if callable(body) else body) for name, asked in asking(world).items()
    }


def _events_and_slugs(world: World) -> Objects:
    slugs = {"slug": world.a.events["live"].slug, "foreign-slug": world.b.events["live"].slug, "missing-slug": "run"}
    return {**EVENTS_IN_ALL_STATES(world), **{name: Asked((slug,)) for name, slug in slugs.items()}}


def _photographers(world: World) -> Objects:
    a, b = world.a, world.b
    live, freelancer = a.events["live"].id, a.people["freelancer"].id
    return {
        "live": Asked((live, freelancer)),
        "no-photographer": Asked((live, a.people["neighbour"].id)),
        "foreign": Asked((b.events["live"].id, freelancer)),
        "missing": Asked((ids.new("evt"), freelancer)),
        "foreign-user": Asked((live, b.people["freelancer"].id)),
        "missing-user": Asked((live, ids.new("usr"))),
    }


def _templates(world: World) -> Objects:
    return {"refunded": Asked(("refunded", "email", "en")), "missing": Asked(("none", "email", "en"))}


def _people(world: World) -> Objects:
    a, b = world.a, world.b
    found = {"neighbour": a.people["neighbour"].id, "admin": a.people["admin"].id}
    found |= {"foreign": b.people["neighbour"].id, "missing": ids.new("usr")}
    return {name: Asked((id,), {"roles": ["photographer"]}) for name, id in found.items()}


def _challenge(shop: Shop, name: str) -> str:
    """What the log-in of a person answers, or would with a second factor."""
    user = accounts.get_user(shop.organization, shop.people[name].id)
    signed = "second-factor", user.organization, user.id, str(user.session_version), _SOON
    return f"{user.id}.{_SOON}.{secrets.sign(*signed)}"


def _tickets(world: World, provider: str) -> Objects:
    def asked(shop: Shop) -> Asked:
        attempt = federation.begin(shop.organization, provider=provider, redirect_uri=f"{worlds.ORIGIN}/in")
        return Asked(body={"ticket": attempt.ticket, "idToken": id_token("new@mail.example", attempt.nonce)})

    missing = {"ticket": f"{_SOON}.{ids.token()}.{ids.token()}", "idToken": "-"}
    return {provider: asked(world.a), "foreign": asked(world.b), "missing": Asked(body=missing)}


def _second_steps(world: World) -> Objects:
    a, b = world.a, world.b
    missing = f"{ids.new('usr')}.{_SOON}.{ids.token()}"
    return {
        "keeper": Asked(body={"challenge": _challenge(a, "keeper"), "code": a.recovery_codes[0]}),
        "wrong-code": Asked(body={"challenge": _challenge(a, "keeper"), "code": "000000"}),
        "foreign": Asked(body={"challenge": _challenge(b, "keeper"), "code": b.recovery_codes[0]}),
        "missing": Asked(body={"challenge": missing, "code": b.recovery_codes[0]}),
    }


def _session(shop: Shop, name: str) -> str:
    return shop.people[name].refresh_token.partition(".")[0]


def _downloads(world: World) -> Objects:
    a, b = world.a, world.b
    bought = a.photos["approved"]
    return {
        "paid": Asked((a.orders["paid"].id, bought)),
        "guest": Asked((a.orders["guest"].id, bought)),
        "unpaid": Asked((a.orders["unpaid"].id, bought)),
        "foreign": Asked((b.orders["guest"].id, b.photos["approved"])),
        "missing": Asked((ids.new("ord"), bought)),
        "foreign-photo": Asked((a.orders["guest"].id, b.photos["approved"])),
        "missing-photo": Asked((a.orders["guest"].id, ids.new("pho"))),
        "unbought": Asked((a.orders["guest"].id, a.photos["second"])),
    }


def _deliveries(world: World) -> Objects:
    a, b = world.a, world.b
    till, sent = a.webhooks["till"], a.webhooks["sent"]
    return {
        "sent": Asked((till, sent)),
        "foreign": Asked((b.webhooks["till"], b.webhooks["sent"])),
        "missing": Asked((ids.new("whk"), sent)),
        "foreign-delivery": Asked((till, b.webhooks["sent"])),
        "missing-delivery": Asked((till, ids.new("dlv"))),
    }


def _originals(world: World) -> Objects:
    """The customer bought one; guests name no order."""
    a, b = world.a, world.b
    found = {"approved": a.photos["approved"], "second": a.photos["second"]}
    found |= {"foreign": b.photos["approved"], "missing": ids.new("pho")}
    return {name: Asked((id,)) for name, id in found.items()}


def _links(world: World, *rest: str) -> Objects:
    """Links of mails. The foreign one is whole and works, at B's own host."""
    a, b = world.a, world.b
    key = a.order_token("guest")
    return {
        "guest": Asked((a.orders["guest"].id, key, *rest)),
        "other-key": Asked((a.orders["guest"].id, a.order_token("walk-in"), *rest)),
        "foreign": Asked((b.orders["guest"].id, b.order_token("guest"), *rest)),
        "missing": Asked((ids.new("ord"), key, *rest)),
    }


def _refunds(world: World, body: Any) -> Objects:
    a, b = world.a, world.b
    asked = a.orders["paid"].id, a.refund
    found = {"asked": asked, "foreign": (b.orders["paid"].id, b.refund), "missing": (asked[0], ids.new("rfd"))}
    found |= {"other-order": (a.orders["guest"].id, a.refund), "missing-order": (ids.new("ord"), a.refund)}
    return {name: Asked(path, body) for name, path in found.items()}


def _invoices(world: World) -> Objects:
    a, b = world.a, world.b
    numbers = {name: _number(a, name) for name in ("paid", "guest")}
    found = {name: (a.orders[name].id, number) for name, number in numbers.items()}
    found |= {"foreign": (b.orders["paid"].id, _number(b, "paid")), "missing": (ids.new("ord"), numbers["paid"])}
    found |= {
        "another": (a.orders["paid"].id, numbers["guest"]),
        "missing-number": (a.orders["paid"].id, "R-2020-000001"),
    }
    return {name: Asked(path) for name, path in found.items()}


def _number(shop: Shop, name: str) -> str:
    found = invoices.find(shop.organization, shop.orders[name].id)
    assert found is not None
    return found.number


def _event_details(world: World, name: str) -> Any:
    event = world.a.events.get(name) or world.a.events["live"]
    return {"name": "Another name", "date": "2026-04-14", "version": event.version}


def _new_access(world: World, name: str) -> Any:
    event = world.a.events.get(name) or world.a.events["live"]
    return {"access": "private", "code": "mango rice", "version": event.version}


def _lists(world: World) -> Objects:
    """The foreign one is whole and works, at B's own host."""
    known = {"shared": world.a.shared, "foreign": world.b.shared, "missing": ids.token()}
    return {name: Asked((slug,)) for name, slug in known.items()}


def _albums(world: World) -> Objects:
    a, b = world.a, world.b
    live = a.events["live"].id
    found = {"album": (live, a.album), "foreign": (b.events["live"].id, b.album), "missing": (ids.new("evt"), a.album)}
    found |= {"foreign-album": (live, b.album), "missing-album": (live, ids.new("alb"))}
    found["other-event"] = (a.events["draft"].id, a.album)
    return {name: Asked(path) for name, path in found.items()}


def _next_status(world: World, name: str) -> Any:
    event = world.a.events.get(name) or world.a.events["live"]
    return {"status": "live" if name == "draft" else "closed", "version": event.version}


def _my_documents(world: World) -> Objects:
    mine, theirs = world.a.documents, world.b.documents
    found = {name: mine[name] for name in ("sent", "awaiting", "approved")}
    return {name: Asked((id,)) for name, id in {**found, "foreign": theirs["sent"], "missing": ids.new("doc")}.items()}


def _documents(world: World) -> Objects:
    a, b = world.a, world.b
    customer = a.people["customer"].id
    return {
        "submitted": Asked((customer, a.documents["submitted"])),
        "approved": Asked((customer, a.documents["approved"])),
        "foreign": Asked((b.people["customer"].id, b.documents["submitted"])),
        "missing": Asked((ids.new("usr"), ids.new("doc"))),
        "other-user": Asked((a.people["neighbour"].id, a.documents["submitted"])),
    }


def _photographers_pages(world: World) -> Objects:
    """The freelancer tells nothing of themselves."""
    found = {name: world.a.people[name].id for name in ("photographer", "freelancer")}
    found |= {"foreign": world.b.people["photographer"].id, "missing": ids.new("usr")}
    return {name: Asked((id,)) for name, id in found.items()}


def _ratings(world: World) -> Objects:
    a, b = world.a, world.b
    rated, paid = a.people["photographer"].id, a.orders["paid"].id
    wanted = {name: (rated, a.orders[name].id) for name in ("paid", "guest", "unpaid")}
    wanted |= {"freelancer": (a.people["freelancer"].id, paid)}
    wanted |= {"foreign": (b.people["photographer"].id, paid), "missing": (ids.new("usr"), paid)}
    wanted |= {"foreign-order": (rated, b.orders["guest"].id), "missing-order": (rated, ids.new("ord"))}
    return {name: Asked((user,), {"order": order, "stars": 4}) for name, (user, order) in wanted.items()}


PACKAGES = {"items": [{"code": "one", "name": "One", "photos": 1, "price": 100}], "version": 0}


def _exports(world: World) -> Objects:
    """Links of mails. The foreign one is whole and works, at B's own host."""
    a, b = world.a, world.b
    return {
        "customer": Asked(a.export),
        "other-key": Asked((*a.export[:2], b.export[2])),
        "foreign": Asked(b.export),
        "missing": Asked((ids.new("usr"), ids.new("exp"), a.export[2])),
    }


YES = {"kind": "marketing", "granted": True, "wording": "2026-11"}
NEEDED = {"kind": "data_processing", "granted": False}
PASSPORT = {"kind": "passport", "contentType": "application/pdf", "size": 9, "sha256": "0" * 64}
OFFER = {"files": [worlds.picture(77).wire]}
AVATAR = {"size": 1000, "type": "image/png", "sha256": "0" * 64}
ADDRESS = {"recipient": "Somebody", "country": "TH", "city": "Bangkok", "line1": "Silom Road 2"}
PACKAGE = {"name": "Bundle", "photos": 1, "price": 150_00, "extra": 20_00}
PROMOTION = {"name": "Summer", "kind": "percent", "percent": 20}
PACK = {"name": "Early", "credit": 500_00, "price": 450_00}
TAX = {"taxClass": "photos", "name": "VAT", "rate": 7_000, "validFrom": "2199-01-01"}
TICKETS = {"name": "Child", "price": 200_00, "capacity": 10}
PRINT_PRODUCT = {"name": "10 x 15 cm", "sku": "PHO-4X6", "width": 102, "height": 152, "paper": "lustre"}
PRINT_PRODUCT |= {"price": 60_00, "cost": 20_00, "shortSide": 60, "longSide": 90}
SPLIT = {"platform": 3_000, "photographerPart": 6_000, "organizer": 1_000}
ADDRESSES = _one("addresses", "adr", "admin", "customer")
HELLO = {"texts": {"en": {"title": "Hello", "text": "All of you."}}}
TO_FOLLOWERS = _one("events", "evt", "live", body=lambda id: HELLO | {"audience": "followers", "eventId": id})
NOTIFICATIONS = _one("notifications", "ntf", "admin", "customer")
METHODS = _one("methods", "pmt", "admin", "customer")
LIKED = _one("photos", "pho", "approved", "pending")
EVENTS = _one("events", "evt", "live", "draft")
EVENTS_IN_ALL_STATES = _one("events", "evt", "live", "draft", "closed", "deleted")
PHOTOS = _one("photos", "pho", "approved", "pending", "failed", "draft")
PEOPLE = _one("people", "usr", "neighbour", "admin")
UPLOADS = _one("uploads", "upl", "live", "mixed")
PAYOUTS = _one("payouts", "pot", "draft", "own", "approved")
DAYS, FUTURE = {"firstDay": "2026-01-01", "lastDay": "2026-01-02"}, {"lastDay": "2199-01-01"}
ACCOUNT = {"bank": "Kasikorn", "holder": "Shop", "number": "1234567890"}
APPROVED_PAYOUTS = _one("payouts", "pot", "approved", "draft", "own")
ORDERS = _one("orders", "ord", "paid", "unpaid", "guest")
PAYMENTS = _one("payments", "pay", "paid", "unpaid", "guest")
TRANSFERS = _one("payments", "pay", "transfer", "unpaid", "guest")
DEPOSITS = _one("deposits", "dep", "held")
STATEMENTS = _one("statements", "rec", "statement")
STATEMENT = {
    "format": "stripe_balance",
    "size": 9,
    "sha256": "1" * 64,
    "since": "2026-10-01T00:00:00Z",
    "until": "2026-10-02T00:00:00Z",
}
SLIP = {"contentType": "image/png", "size": 9, "sha256": "0" * 64}


def _selfie(**more: str) -> Any:
    image = base64.b64encode(worlds.picture(1).content).decode()
    return {"image": image, "consent": {"granted": True, "wording": "2026-11"}} | more


def _recognition(world: World, name: str) -> Any:
    event = world.a.events.get(name)
    version = faces.recognition_of(world.a.people["admin"].principal, event.id).version if event else 0
    return {"faces": None, "bibs": True, "version": version}


def _feedback(world: World) -> Objects:
    a, b = world.a, world.b
    said = {
        "customer": (a.searches["customer"], a.photos["approved"]),
        "foreign-photo": (a.searches["customer"], b.photos["approved"]),
        "missing-photo": (a.searches["customer"], ids.new("pho")),
        "foreign": (b.searches["customer"], b.photos["approved"]),
        "missing": (ids.new("fsr"), a.photos["approved"]),
    }
    return {
        name: Asked(body={"searchId": search, "photoId": photo, "correct": True})
        for name, (search, photo) in said.items()
    }


def _blocks(world: World) -> Objects:
    a, b = world.a, world.b
    return {
        "customer": Asked((a.events["live"].id, a.block)),
        "faceless": Asked((a.events["mixed"].id, a.block)),
        "foreign": Asked((a.events["live"].id, b.block)),
        "missing": Asked((a.events["live"].id, ids.new("blk"))),
        "foreign-event": Asked((b.events["live"].id, b.block)),
        "missing-event": Asked((ids.new("evt"), b.block)),
    }


def _face_groups(world: World) -> Objects:
    a, b = world.a, world.b
    found = {
        "live": (a.events["live"].id, a.group),
        "faceless": (a.events["mixed"].id, a.group),
        "foreign": (a.events["live"].id, b.group),
        "missing": (a.events["live"].id, ids.new("fgr")),
        "foreign-event": (b.events["live"].id, b.group),
        "missing-event": (ids.new("evt"), b.group),
    }
    return {name: Asked(path, {"verified": True}) for name, path in found.items()}


def _faces(world: World) -> Objects:
    a, b = world.a, world.b
    found = {
        "approved": (a.photos["approved"], a.face),
        "foreign-face": (a.photos["approved"], b.face),
        "missing-face": (a.photos["approved"], "nobody"),
        "faceless": (a.photos["mixed"], a.face),
        "foreign": (b.photos["approved"], b.face),
        "missing": (ids.new("pho"), a.face),
    }
    return {name: Asked(body={"photoId": photo, "faceId": face}) for name, (photo, face) in found.items()}


NEWS = {"texts": {"en": {"title": "It rains", "text": "Take a coat."}}, "audience": "all"}
SEARCHES = _one("searches", "fsr", "customer", "visitor")
KEYS = _one("keys", "key", "till")
WEBHOOKS = _one("webhooks", "whk", "till")
TILL = "https://till.a.photos.example.com/hooks"

OBJECTS: dict[str, Asking] = {
    "GET /": NOTHING,
    "GET /admin/admins": NOTHING,
    "POST /admin/admins": lambda world: {
        "neighbour": Asked(body={"email": world.a.people["neighbour"].email, "role": "support"}),
        "foreign": Asked(body={"email": world.b.people["neighbour"].email, "role": "support"}),
        "missing": Asked(body={"email": "nobody@c.photos.example", "role": "support"}),
    },
    "DELETE /admin/admins/{id}": _one("people", "usr", "colleague", "admin", "neighbour"),
    "GET /api-keys": NOTHING,
    "POST /api-keys": lambda world: {"-": Asked(body={"name": "Till", "permissions": ["event.manage"]})},
    "GET /api-keys/{id}": KEYS,
    "DELETE /api-keys/{id}": KEYS,
    "GET /admin/dashboard": NOTHING,
    "GET /admin/audit-logs": NOTHING,
    "GET /admin/audit-logs/export": NOTHING,
    "GET /admin/settings": NOTHING,
    "PUT /admin/settings": lambda world: {
        "site": Asked(body={"section": "site", "version": 0, "values": {"notice": "Back at nine."}}),
        "payments": Asked(body={"section": "payments", "version": 1, "values": {"methods": [{"method": "stripe"}]}}),
        "missing": Asked(body={"section": "colours", "version": 0, "values": {}}),
    },
    "GET /admin/settings/{section}/history": lambda world: {
        "site": Asked(("site",)),
        "missing": Asked(("colours",)),
    },
    "GET /admin/users": NOTHING,
    "GET /admin/users/{id}": PEOPLE,
    "PUT /admin/users/{id}": _with(PEOPLE, {"name": "Somebody"}),
    "PUT /admin/users/{id}/block": _with(PEOPLE, {"reason": "spam"}),
    "GET /auth/me": NOTHING,
    "POST /auth/login": lambda world: {
        "-": Asked(body={"email": world.a.people["customer"].email, "password": world.a.people["customer"].password}),
        "foreign": Asked(body={"email": "admin@b.photos.example", "password": world.b.people["admin"].password}),
        "missing": Asked(body={"email": "admin@c.photos.example", "password": world.b.people["admin"].password}),
    },
    "POST /auth/logout": lambda world: {"-": Asked(body={})},
    "POST /auth/refresh": lambda world: {
        "customer": Asked(body={"refreshToken": world.a.people["customer"].refresh_token}),
        "foreign": Asked(body={"refreshToken": world.b.people["customer"].refresh_token}),
        "missing": Asked(body={"refreshToken": f"{ids.new('ses')}.{ids.token()}"}),
    },
    "POST /auth/register": lambda world: {"-": Asked(body={"email": "no address", "password": "x", "name": "x"})},
    "POST /auth/resend": lambda world: {"-": Asked(body={"email": "no address"})},
    "GET /auth/second-factor": NOTHING,
    "POST /auth/second-factor": _second_steps,
    "PUT /auth/second-factor": lambda world: {"-": Asked(body={"code": "000000"})},
    "POST /auth/second-factor/disable": lambda world: {"-": Asked(body={"code": "000000"})},
    "GET /auth/second-factor/policy": NOTHING,
    "PUT /auth/second-factor/policy": lambda world: {"-": Asked(body={"roles": ["manager"], "version": 0})},
    "POST /auth/second-factor/recovery-codes": lambda world: {"-": Asked(body={"code": "000000"})},
    "POST /auth/second-factor/setup": lambda world: {
        "challenge": Asked(body={"challenge": _challenge(world.a, "neighbour")}),
        "foreign": Asked(body={"challenge": _challenge(world.b, "neighbour")}),
        "missing": Asked(body={"challenge": f"{ids.new('usr')}.{_SOON}.{ids.token()}"}),
        "-": Asked(body={}),
    },
    "GET /auth/providers": NOTHING,
    "DELETE /auth/providers/{provider}": lambda world: {"missing": Asked(("google",))},
    "POST /auth/social": lambda world: {"-": Asked(body={"provider": "google", "redirectUri": f"{worlds.ORIGIN}/in"})},
    "POST /auth/social/google": lambda world: _tickets(world, "google"),
    "POST /auth/social/apple": lambda world: _tickets(world, "apple"),
    "POST /auth/social/facebook": lambda world: _tickets(world, "facebook"),
    "POST /auth/verify": lambda world: {
        "-": Asked(body={"email": world.a.people["customer"].email, **_GUESS}),
        "foreign": Asked(body={"email": world.b.people["customer"].email, **_GUESS}),
        "missing": Asked(body={"email": "customer@c.photos.example", **_GUESS}),
    },
    "GET /auth/verify-email": NOTHING,
    "POST /auth/link": NOTHING,
    "POST /auth/forgot-password": lambda world: {"-": Asked(body={"email": "no address"})},
    "POST /auth/reset-password": lambda world: {
        "-": Asked(body={"email": world.a.people["customer"].email, **_GUESS}),
        "foreign": Asked(body={"email": world.b.people["customer"].email, **_GUESS}),
        "missing": Asked(body={"email": "customer@c.photos.example", **_GUESS}),
    },
    "POST /auth/change-password": lambda world: {
        "-": Asked(body={"currentPassword": "not this one", "password": "a fine long phrase"}),
    },
    "GET /auth/sessions": NOTHING,
    "DELETE /auth/sessions/{id}": lambda world: {
        "customer": Asked((_session(world.a, "customer"),)),
        "foreign": Asked((_session(world.b, "customer"),)),
        "missing": Asked((ids.new("ses"),)),
    },
    "POST /users/email": lambda world: {"-": Asked(body={"email": "no address"})},
    "PUT /users/email": lambda world: {"-": Asked(body={"code": "000000"})},
    "GET /users/phones": NOTHING,
    "POST /users/phones": lambda world: {"-": Asked(body={"phone": "no number"})},
    "PUT /users/phones/{id}": lambda world: {"missing": Asked(("66812345678",), {"isDefault": True})},
    "DELETE /users/phones/{id}": lambda world: {"missing": Asked(("66812345678",))},
    "GET /cart": NOTHING,
    "DELETE /cart": NOTHING,
    "POST /cart/items": _one("photos", "pho", "approved", "pending", "draft", body=lambda id: {"items": [{"ref": id}]}),
    "DELETE /cart/items/{id}": _one("photos", "pho", "approved"),
    "GET /d/{id}/{token}": _links,
    "GET /d/{id}/{token}/invoice": _links,
    "POST /d/{id}/{token}/photos/{photo}": lambda world: _links(world, world.a.photos["approved"]),
    "GET /docs": NOTHING,
    "GET /docs/{asset}": lambda world: {"start.js": Asked(("start.js",)), "missing": Asked(("secrets.js",))},
    "GET /downloads/{id}": ORDERS,
    "POST /downloads/{id}/photos/{photo}": _with(_downloads, {}),
    "POST /downloads/{id}/photos/{photo}/received": _with(_downloads, {"sha256": "0" * 64}),
    "POST /licenses/verify": lambda world: {"-": Asked(body={"document": "{}"})},
    "GET /orders/{id}/licenses": ORDERS,
    "GET /orders/{id}/receipt": ORDERS,
    "POST /orders/{id}/redownload": ORDERS,
    "PUT /orders/{id}/redownload": _with(ORDERS, {"cap": 3}),
    "GET /orders/{id}/zip": ORDERS,
    "POST /orders/{id}/zip": _with(ORDERS, {"size": "original"}),
    "GET /events": NOTHING,
    "POST /events": lambda world: {"-": Asked(body={"name": "New", "date": "2026-04-13"})},
    "GET /events/{id}": _events_and_slugs,
    "PUT /events/{id}": _with(EVENTS, _event_details),
    "DELETE /events/{id}": _one("events", "evt", "empty", "live"),
    "GET /events/{id}/counts": EVENTS,
    "GET /events/{id}/albums": EVENTS,
    "POST /events/{id}/albums": _with(_one("events", "evt", "live", "draft", "closed"), {"name": "Start"}),
    "PUT /events/{id}/albums/{album}": _with(_albums, {"name": "The end", "version": 1}),
    "POST /events/{id}/albums/{album}": _with(_albums, {"add": ["pho_none"]}),
    "DELETE /events/{id}/albums/{album}": _albums,
    "GET /events/{id}/packages": EVENTS,
    "PUT /events/{id}/packages": _with(EVENTS, PACKAGES),
    "GET /events/{id}/photographers": EVENTS,
    "PUT /events/{id}/photographers/{user}": _with(_photographers, {"mayUpload": True}),
    "DELETE /events/{id}/photographers/{user}": _photographers,
    "GET /events/{id}/photos": EVENTS_IN_ALL_STATES,
    "GET /events/{id}/review": EVENTS,
    "POST /events/{id}/review": _with(EVENTS, {"decisions": [{"photoId": "pho_none", "verdict": "approve"}]}),
    "GET /events/{id}/review/lookalikes": EVENTS,
    "PUT /events/{id}/status": _with(EVENTS, _next_status),
    "GET /events/{id}/uploads": EVENTS,
    "POST /events/{id}/uploads": _with(_one("events", "evt", "live", "draft", "closed"), OFFER),
    "GET /events/{id}/recognition": EVENTS,
    "PUT /events/{id}/recognition": _with(EVENTS, _recognition),
    "POST /face/search": _one("events", "evt", "live", "draft", "closed", body=lambda id: _selfie(eventId=id)),
    "GET /face/search/{id}/status": SEARCHES,
    "GET /face/search/{id}/results": SEARCHES,
    "POST /face/feedback": _feedback,
    "POST /events/{id}/faces/blocks": _with(EVENTS, _selfie()),
    "DELETE /events/{id}/faces/blocks/{block}": _blocks,
    "GET /photos/{id}/faces": PHOTOS,
    "POST /face/group": _faces,
    "GET /events/{id}/faces/groups": EVENTS,
    "PUT /events/{id}/faces/groups/{group}": _face_groups,
    "GET /features": NOTHING,
    "GET /health": NOTHING,
    "POST /live/tickets": NOTHING,
    "GET /openapi.json": NOTHING,
    "GET /orders": NOTHING,
    "POST /orders": lambda world: {"-": Asked(body={"email": "buyer@example.com"})},
    "GET /orders/{id}": ORDERS,
    "GET /orders/active": NOTHING,
    "GET /orders/history": NOTHING,
    "POST /orders/{id}/cancel": _with(ORDERS, {"reason": "changed my mind"}),
    "PUT /orders/{id}/billing": _with(ORDERS, {"name": "Somebody Ltd.", "taxNumber": "0105561000001"}),
    "GET /orders/{id}/invoice": ORDERS,
    "GET /orders/{id}/documents": ORDERS,
    "GET /orders/{id}/documents/{number}": lambda world: _invoices(world),
    "GET /admin/invoices": NOTHING,
    "GET /admin/orders": NOTHING,
    "GET /admin/orders/{id}": ORDERS,
    "PUT /admin/orders/{id}": _with(ORDERS, {"note": "called"}),
    "POST /admin/orders/{id}/notes": _with(ORDERS, {"text": "called"}),
    "POST /admin/orders/{id}/resend": ORDERS,
    "POST /admin/orders/{id}/refund": _with(ORDERS, {"reason": "blurred"}),
    "GET /admin/orders/{id}/refunds/{refund}": lambda world: _refunds(world, None),
    "PUT /admin/orders/{id}/refunds/{refund}": lambda world: _refunds(world, {"action": "approve"}),
    "GET /admin/refunds": NOTHING,
    "GET /admin/payments": NOTHING,
    "GET /admin/payments/transfers": NOTHING,
    "GET /admin/payments/disputes": NOTHING,
    "GET /admin/reconciliations": NOTHING,
    "POST /admin/reconciliations": lambda world: {"-": Asked(body=STATEMENT)},
    "GET /admin/reconciliations/{id}": STATEMENTS,
    "GET /admin/reconciliations/{id}/differences": STATEMENTS,
    "GET /admin/reconciliations/{id}/export": STATEMENTS,
    "GET /admin/payments/{id}/slip": TRANSFERS,
    "POST /admin/payments/{id}/confirm": _with(TRANSFERS, {"received": 79_00}),
    "POST /admin/payments/{id}/reject": _with(TRANSFERS, {"reason": "of last year"}),
    "POST /payments/{id}/slip": _with(TRANSFERS, SLIP),
    "GET /payments/history": NOTHING,
    "GET /deposits": NOTHING,
    "GET /admin/deposits": NOTHING,
    "POST /admin/deposits/{id}/release": _with(DEPOSITS, {"amount": 1_00}),
    "POST /admin/deposits/{id}/forfeit": _with(DEPOSITS, {"amount": 1_00, "reason": "broken"}),
    "GET /payments/methods": NOTHING,
    "POST /payments/refund": _one(
        "payments", "pay", "paid", "unpaid", "guest", body=lambda id: {"paymentId": id, "reason": "blurred"}
    ),
    "POST /payments/{id}/refund": _with(PAYMENTS, {"reason": "blurred"}),
    "GET /payments/{id}/refund": PAYMENTS,
    "PUT /payments/review/{id}": _with(
        _one("payments", "pay", "short", "paid", "unpaid", "guest"), {"decision": "refund", "reason": "too little"}
    ),
    "GET /organization": NOTHING,
    "PUT /organization": lambda world: {"-": Asked(body={"version": version_of(world.a), "name": "Renamed"})},
    "GET /organization/settings": NOTHING,
    "PUT /organization/watermark": lambda world: {"-": Asked(body={"version": version_of(world.a), "imagePng": None})},
    "GET /organization/domains": NOTHING,
    "POST /organization/domains": lambda world: {"-": Asked(body={"host": "new.photos.example"})},
    "POST /organization/domains/{host}/verify": lambda world: _domains(world, "found", "lost", "proven"),
    "DELETE /organization/domains/{host}": lambda world: _domains(world, "found", "proven"),
    "GET /organization/plan": NOTHING,
    "PUT /organization/subdomain": lambda world: {
        "-": Asked(body={"version": version_of(world.a), "subdomain": "shop-a"})
    },
    "GET /organization/bank-account": NOTHING,
    "PUT /organization/bank-account": lambda world: {
        "-": Asked(body={"version": version_of(world.a), "bankAccount": ACCOUNT}),
    },
    "GET /organizations": NOTHING,
    "GET /organizations/by-domain": NOTHING,
    "GET /organizations/{id}": lambda world: _tenants(world),
    "PUT /organizations/{id}": lambda world: _with(_tenants, {"version": version_of(world.a), "name": "Other"})(world),
    "GET /organizations/{id}/tenancy": lambda world: _tenants(world),
    "PUT /organizations/{id}/plan": lambda world: _with(_tenants, {"plan": "pro"})(world),
    "PUT /organizations/{id}/suspension": lambda world: _tenants(world),
    "DELETE /organizations/{id}/suspension": lambda world: _tenants(world),
    "PUT /organization/owner": lambda world: _people_named(world, "photographer", "customer"),
    "GET /members": NOTHING,
    "PUT /members/{id}": lambda world: _with(_members, {"roles": ["photographer", "operator"]})(world),
    "DELETE /members/{id}": lambda world: _members(world),
    "GET /departments": NOTHING,
    "PUT /departments": lambda world: {"-": Asked(body={"items": [{"code": "media", "name": "M"}], "version": 0})},
    "GET /invitations": NOTHING,
    "POST /invitations": lambda world: {"-": Asked(body={"email": "new@people.example", "roles": ["photographer"]})},
    "GET /invitations/{id}": lambda world: _invitations(world),
    "POST /invitations/{id}/resend": lambda world: _invitations(world),
    "DELETE /invitations/{id}": lambda world: _invitations(world),
    "POST /invitations/{id}/accept": lambda world: {
        name: Asked((id,), {"token": token, "name": "New", "password": "a long enough phrase"})
        for name, (id, token) in _invitation_links(world).items()
    },
    "GET /invitations/{id}/{token}": lambda world: {
        name: Asked(link) for name, link in _invitation_links(world).items()
    },
    "POST /invitations/{id}/{token}": lambda world: {
        name: Asked(link, b"name=New&password=a+long+enough+phrase") for name, link in _invitation_links(world).items()
    },
    "POST /organizations": lambda world: {"-": Asked(body={"name": "New Shop", "ownerEmail": "owner@new.example"})},
    "POST /organizations/{id}/entry": lambda world: _tenants(world),
    "POST /payments/create": _one("orders", "ord", "paid", "unpaid", "guest", body=lambda id: {"orderId": id}),
    "GET /payments/review": NOTHING,
    "POST /payments/webhook": lambda world: {"-": Asked(body={"data": {}, "signature": "0" * 64})},
    "POST /payments/webhook/{gateway}": lambda world: {
        "paynoi": Asked(("paynoi",), {"data": {}, "signature": "0" * 64})
    },
    "GET /payments/{id}/status": PAYMENTS,
    "GET /photos/{id}": PHOTOS,
    "GET /photos/{id}/metadata": PHOTOS,
    "GET /photos/{id}/original": _originals,
    "POST /photos/upload": _one("events", "evt", "live", "draft", "closed", body=lambda id: OFFER | {"eventId": id}),
    "POST /photos/batch-upload": _one(
        "events", "evt", "live", "draft", "closed", body=lambda id: OFFER | {"eventId": id}
    ),
    "DELETE /photos/{id}": _one("photos", "pho", "pending", "approved", "second", "draft", "mixed"),
    "GET /photos/{id}/related": PHOTOS,
    "GET /photos/{id}/share": PHOTOS,
    "GET /events/{id}/statistics": EVENTS,
    "POST /events/{id}/poster": EVENTS,
    "POST /events/{id}/access": _with(EVENTS, {"code": "a wrong one"}),
    "PUT /events/{id}/access": _with(EVENTS, _new_access),
    "POST /lists": _one("photos", "pho", "approved", "pending", body=lambda id: {"photos": [id]}),
    "GET /lists/{slug}": _lists,
    "PUT /photos/{id}/approve": PHOTOS,
    "PUT /photos/{id}/reject": _with(PHOTOS, {"reason": "blurred"}),
    "POST /photos/{id}/retry": PHOTOS,
    "GET /settings/public": NOTHING,
    "GET /uploads/{id}": UPLOADS,
    "POST /uploads/{id}/resume": UPLOADS,
    "POST /users/me/documents": lambda world: {"-": Asked(body=PASSPORT)},
    "DELETE /users/me/documents/{id}": _my_documents,
    "POST /users/me/documents/{id}/submit": _my_documents,
    "GET /users/me/verification": NOTHING,
    "GET /users/me/consents": NOTHING,
    "PUT /users/me/consents": lambda world: {"-": Asked(body=YES), "needed": Asked(body=YES | NEEDED)},
    "GET /users/me/consents/history": NOTHING,
    "GET /users/me/exports": NOTHING,
    "POST /users/me/exports": NOTHING,
    "GET /exports/{user}/{id}/{token}": _exports,
    "POST /exports/{user}/{id}/{token}": _exports,
    "GET /privacy/receipts/{id}/{token}": lambda world: _receipts(world),
    "GET /users/me/erasure": NOTHING,
    "POST /users/me/erasure": lambda world: {"-": Asked(body={"scope": "photos"})},
    "DELETE /users/me/erasure": NOTHING,
    "GET /privacy/keys": NOTHING,
    "PUT /users/{id}/roles": _people,
    "GET /verification/review": NOTHING,
    "GET /verification/{user}": lambda world: {
        "customer": Asked((world.a.people["customer"].id,)),
        "foreign": Asked((world.b.people["customer"].id,)),
        "missing": Asked((ids.new("usr"),)),
    },
    "GET /verification/{user}/documents/{id}": _documents,
    "PUT /verification/{user}/documents/{id}/approve": _with(_documents, {}),
    "PUT /verification/{user}/documents/{id}/reject": _with(_documents, {"reason": "cut off"}),
    "DELETE /users/{id}/second-factor": _one("ids", "usr", "neighbour", "keeper", "admin"),
    "GET /users/notifications/settings": NOTHING,
    "PUT /users/notifications/settings": lambda world: {"-": Asked(body={"email": {"news": True}})},
    "GET /admin/notifications/analytics": NOTHING,
    "GET /admin/notifications/suppressions": NOTHING,
    "DELETE /admin/notifications/suppressions/{id}": _one("suppressed", "sup", "bounced"),
    "GET /admin/notifications/templates": NOTHING,
    "GET /admin/notifications/templates/{kind}/{channel}/{language}": _templates,
    "PUT /admin/notifications/templates/{kind}/{channel}/{language}": _with(
        _templates, {"subject": "Money", "text": "{{ amount }}", "html": "<p>{{ amount }}</p>", "version": 0}
    ),
    "DELETE /admin/notifications/templates/{kind}/{channel}/{language}": _templates,
    "GET /admin/notifications/templates/{kind}/{channel}/{language}/versions": _templates,
    "POST /admin/notifications/templates/{kind}/{channel}/{language}/restore": _with(
        _templates, {"number": 7, "version": 0}
    ),
    "POST /admin/notifications/templates/{kind}/{channel}/{language}/preview": _with(_templates, {}),
    "POST /admin/notifications/templates/{kind}/{channel}/{language}/test": _templates,
    "POST /notices/line": lambda world: {"-": Asked(body={"events": []})},
    "GET /users/email": NOTHING,
    "GET /users/notifications/devices": NOTHING,
    "POST /users/notifications/line": NOTHING,
    "DELETE /users/notifications/line": NOTHING,
    "GET /admin/broadcasts": NOTHING,
    "POST /admin/broadcasts": lambda world: {"-": Asked(body=HELLO), **TO_FOLLOWERS(world)},
    "GET /admin/broadcasts/{id}": _one("broadcasts", "ann", "planned"),
    "DELETE /admin/broadcasts/{id}": _one("broadcasts", "ann", "planned"),
    "GET /admin/webhooks": NOTHING,
    "POST /admin/webhooks": lambda world: {"-": Asked(body={"url": TILL, "events": ["order.paid"]})},
    "GET /admin/webhooks/events": NOTHING,
    "GET /admin/webhooks/{id}": WEBHOOKS,
    "PUT /admin/webhooks/{id}": _with(WEBHOOKS, {"description": "The other till"}),
    "DELETE /admin/webhooks/{id}": WEBHOOKS,
    "POST /admin/webhooks/{id}/rotate": WEBHOOKS,
    "POST /admin/webhooks/{id}/test": WEBHOOKS,
    "GET /admin/webhooks/{id}/deliveries": WEBHOOKS,
    "GET /admin/webhooks/{id}/deliveries/{delivery}": _deliveries,
    "POST /admin/webhooks/{id}/deliveries/{delivery}/replay": _deliveries,
    "POST /users/notifications/devices": lambda world: {"-": Asked(body={"token": "token-of-a-phone"})},
    "DELETE /users/notifications/devices": lambda world: {"-": Asked(body={"token": "token-of-a-phone"})},
    "GET /users/notifications": NOTHING,
    "DELETE /users/notifications": NOTHING,
    "PUT /users/notifications": NOTHING,
    "PUT /users/notifications/{id}": NOTIFICATIONS,
    "DELETE /users/notifications/{id}": NOTIFICATIONS,
    "GET /favorites": NOTHING,
    "GET /favorites/check/{id}": LIKED,
    "POST /favorites/{id}": _with(LIKED, {}),
    "DELETE /favorites/{id}": LIKED,
    "GET /users/payment-methods": NOTHING,
    "POST /users/payment-methods": lambda world: {"-": Asked(body={"token": "tok_another"})},
    "GET /users/payment-methods/{id}": METHODS,
    "DELETE /users/payment-methods/{id}": METHODS,
    "PUT /users/payment-methods/{id}/default": METHODS,
    "GET /users/profile": NOTHING,
    "PUT /users/profile": lambda world: {"-": Asked(body={"version": 0, "firstName": "Another"})},
    "POST /users/profile/avatar": lambda world: {"-": Asked(body=AVATAR)},
    "DELETE /users/profile/avatar": NOTHING,
    "GET /users/addresses": NOTHING,
    "POST /users/addresses": lambda world: {"-": Asked(body=ADDRESS)},
    "GET /users/addresses/{id}": ADDRESSES,
    "PUT /users/addresses/{id}": _with(ADDRESSES, ADDRESS),
    "DELETE /users/addresses/{id}": ADDRESSES,
    "PUT /users/addresses/{id}/default": ADDRESSES,
    "PUT /cart/items/{id}": _with(_one("photos", "pho", "approved"), {"licence": "personal"}),
    "PUT /cart/update": _one("photos", "pho", "approved", body=lambda id: {"itemId": id, "quantity": 2}),
    "PUT /cart/package": lambda world: {
        "live": _picked(world.a, "live", "approved"),
        "closed": _picked(world.a, "closed", "closed"),
        "draft": _picked(world.a, "draft", "draft"),
        "other-event": _picked(world.a, "mixed", "approved"),
        "foreign": _picked(world.b, "live", "approved"),
        "missing": _picking(ids.new("evt"), world.b.photos["approved"]),
        "foreign-photo": _picking(world.a.events["live"].id, world.b.photos["approved"]),
        "missing-photo": _picking(world.a.events["live"].id, ids.new("pho")),
    },
    "GET /cart/summary": NOTHING,
    "POST /cart/promo": lambda world: {
        "own": Asked(body={"code": worlds.own_code(world.a)}),
        "foreign": Asked(body={"code": worlds.own_code(world.b)}),
        "missing": Asked(body={"code": "NEVER"}),
    },
    "DELETE /cart/promo": NOTHING,
    "GET /admin/promo-codes": NOTHING,
    "POST /admin/promo-codes": lambda world: {
        "-": Asked(body=PROMOTION | {"code": "SUMMER"}),
        "live": Asked(body=PROMOTION | {"code": "SUMMER", "events": [world.a.events["live"].id]}),
        "foreign": Asked(body=PROMOTION | {"code": "SUMMER", "events": [world.b.events["live"].id]}),
        "missing": Asked(body=PROMOTION | {"code": "SUMMER", "events": [ids.new("evt")]}),
    },
    "GET /admin/promo-codes/{id}": _one("promotions", "prm", "own", "shared"),
    "PUT /admin/promo-codes/{id}": _with(_one("promotions", "prm", "own"), PROMOTION | {"version": 1}),
    "GET /packages": NOTHING,
    "POST /packages": lambda world: {"-": Asked(body=PACKAGE | {"code": "bundle"})},
    "PUT /packages/{id}": lambda world: {
        "single": Asked(("single",), PACKAGE | {"version": 0}),
        "missing": Asked(("nothing",), PACKAGE | {"version": 0}),
    },
    "DELETE /packages/{id}": lambda world: {
        "five": Asked(("five",)),
        "single": Asked(("single",)),
        "missing": Asked(("nothing",)),
    },
    "GET /taxes": NOTHING,
    "GET /taxes/report": NOTHING,
    "PUT /taxes": lambda world: {"-": Asked(body={"rates": [TAX], "version": 0})},
    "GET /revenue/split-rules": NOTHING,
    "POST /revenue/split-rules": lambda world: {
        "-": Asked(body=SPLIT),
        "event": Asked(body=SPLIT | {"event": world.a.events["live"].id}),
        "photographer": Asked(body=SPLIT | {"photographer": world.a.people["photographer"].id}),
        "foreign": Asked(body=SPLIT | {"event": world.b.events["live"].id}),
        "missing": Asked(body=SPLIT | {"event": ids.new("evt")}),
        "foreign-photographer": Asked(body=SPLIT | {"photographer": world.b.people["photographer"].id}),
        "missing-photographer": Asked(body=SPLIT | {"photographer": ids.new("usr")}),
        "cheap": Asked(body=SPLIT | {"platform": 2_999, "photographerPart": 6_001}),
    },
    "GET /revenue/summary": NOTHING,
    "GET /revenue/events/{id}": EVENTS,
    "GET /revenue/events/{id}/photos": EVENTS,
    "GET /revenue/photographers": NOTHING,
    "GET /users/me/assignments": NOTHING,
    "GET /users/me/photographer": NOTHING,
    "PUT /users/me/photographer": lambda world: {"-": Asked(body={"version": 0, "bio": "Of light and speed."})},
    "GET /photographers/{id}": _photographers_pages,
    "GET /photographers/{id}/bank-account": _photographers_pages,
    "PUT /photographers/{id}/rating": _ratings,
    "GET /users/me/earnings": NOTHING,
    "GET /users/me/earnings/{id}": EVENTS,
    "GET /users/bonuses": NOTHING,
    "GET /users/bonuses/history": NOTHING,
    "GET /admin/users/{id}/credits": PEOPLE,
    "POST /admin/users/{id}/credits": _with(PEOPLE, {"amount": 100_00, "reason": "a late delivery"}),
    "POST /admin/users/{id}/credits/take-back": lambda world: {
        "customer": _taken(world.a, "customer", world.a.credits["customer"]),
        "missing-credit": _taken(world.a, "customer", world.a.credits["admin"]),
        "foreign": _taken(world.b, "customer", world.b.credits["customer"]),
        "missing": Asked((ids.new("usr"),), {"grantId": world.b.credits["customer"], "reason": "a mistake"}),
    },
    "GET /credit-packs": NOTHING,
    "POST /credit-packs": lambda world: {
        "-": Asked(body=PACK),
        "live": Asked(body=PACK | {"event": world.a.events["live"].id}),
        "foreign": Asked(body=PACK | {"event": world.b.events["live"].id}),
        "missing": Asked(body=PACK | {"event": ids.new("evt")}),
    },
    "DELETE /credit-packs/{id}": _one("packs", "pck", "early", "draft"),
    "GET /print-products": NOTHING,
    "POST /print-products": lambda world: {
        "-": Asked(body=PRINT_PRODUCT | {"code": "another"}),
        "taken": Asked(body=PRINT_PRODUCT | {"code": "10x15"}),
    },
    "PUT /print-products/{id}": lambda world: {
        "own": Asked(("10x15",), PRINT_PRODUCT),
        "missing": Asked(("nothing",), PRINT_PRODUCT),
    },
    "DELETE /print-products/{id}": lambda world: {"own": Asked(("10x15",)), "missing": Asked(("nothing",))},
    "POST /parcels": _one("photos", "pho", "approved", "pending", "closed", body=lambda id: _parcel_of(id)),
    "POST /parcels/{id}/{token}": lambda world: _callbacks(world),
    "GET /admin/prints": NOTHING,
    "GET /events/{id}/ticket-types": EVENTS_IN_ALL_STATES,
    "GET /admin/events/{id}/ticket-types": EVENTS,
    "POST /admin/events/{id}/ticket-types": _with(EVENTS, TICKETS),
    "PUT /admin/events/{id}/ticket-types/{type}": lambda world: _ticket_types(world, TICKETS),
    "DELETE /admin/events/{id}/ticket-types/{type}": lambda world: _ticket_types(world, None),
    "GET /admin/events/{id}/tickets": EVENTS,
    "GET /users/tickets": NOTHING,
    "GET /orders/{id}/tickets": _one("orders", "ord", "tickets", "paid"),
    "GET /t/{id}/{token}": lambda world: _ticket_links(world),
    "GET /revenue/payouts": NOTHING,
    "POST /revenue/payouts": lambda world: {
        "-": Asked(body={"until": "2026-01-01T00:00:00Z"}),
        "unfinished": Asked(body={"until": "2199-01-01T00:00:00Z"}),
    },
    "GET /revenue/payouts/{id}": PAYOUTS,
    "GET /revenue/payouts/{id}/items": PAYOUTS,
    "GET /revenue/payouts/{id}/items/{party}": lambda world: _paid(world, "photographer", "neighbour"),
    "POST /revenue/payouts/{id}/approve": PAYOUTS,
    "PUT /revenue/payouts/{id}/status": _with(APPROVED_PAYOUTS, {"status": "sent"}),
    "POST /revenue/payouts/{id}/bank-file": APPROVED_PAYOUTS,
    "GET /revenue/statements/{party}": lambda world: _accounts(world),
    "POST /revenue/statements/{party}": lambda world: _with(_accounts, DAYS)(world),
    "GET /users/me/statement": NOTHING,
    "POST /users/me/statement": lambda world: {"-": Asked(body=DAYS), "unfinished": Asked(body=DAYS | FUTURE)},
    "GET /users/me/payouts": NOTHING,
    "GET /users/me/payouts/{id}/statement": PAYOUTS,
    "POST /events/{id}/notices": _with(EVENTS_IN_ALL_STATES, {"email": "no address"}),
    "PUT /events/{id}/notices": _with(EVENTS_IN_ALL_STATES, {"email": "new@buyer.example", "code": "000000"}),
    "DELETE /events/{id}/notices": EVENTS_IN_ALL_STATES,
    "POST /events/{id}/notices/faces": _with(EVENTS_IN_ALL_STATES, _selfie(email="new@buyer.example", code="000000")),
    "GET /notices": NOTHING,
    "POST /notices": NOTHING,
    "GET /events/{id}/announce": EVENTS,
    "POST /events/{id}/announce": _with(EVENTS, NEWS),
    "GET /events/{id}/announcements": EVENTS_IN_ALL_STATES,
    "GET /events/{id}/faces/blocks": EVENTS,
}


def _parcel_of(photo: str) -> Any:
    address = {**ADDRESS, "postalCode": "10500"}
    return {"address": address, "prints": [{"photo": photo, "product": "10x15"}]}


def _callbacks(world: World) -> Objects:
    """Addresses that a laboratory was given. The foreign one is whole and works, at B's own host."""
    a, b = world.a, world.b
    mine, theirs = a.parcels["refused"], b.parcels["refused"]
    found = {
        "refused": (mine, secrets.sign("parcel", a.organization, mine)),
        "other-token": (mine, secrets.sign("parcel", a.organization, a.parcels["free"])),
        "foreign": (theirs, secrets.sign("parcel", b.organization, theirs)),
        "missing": (ids.new("prc"), secrets.sign("parcel", a.organization, mine)),
    }
    return {name: Asked(path) for name, path in found.items()}


def _ticket_types(world: World, body: Any) -> Objects:
    a, b = world.a, world.b
    live, mine = a.events["live"].id, a.ticket_types["adult"]
    found = {"adult": (live, mine), "foreign": (b.events["live"].id, b.ticket_types["adult"])}
    found |= {"missing": (ids.new("evt"), mine), "foreign-type": (live, b.ticket_types["adult"])}
    found |= {"missing-type": (live, ids.new("tty")), "other-event": (a.events["draft"].id, mine)}
    return {name: Asked(path, body and body | {"version": 1}) for name, path in found.items()}


def _ticket_links(world: World) -> Objects:
    """Links of mails. The foreign one is whole and works, at B's own host."""
    a, b = world.a, world.b
    found = {
        "tickets": (a.orders["tickets"].id, a.order_token("tickets")),
        "other-key": (a.orders["tickets"].id, a.order_token("guest")),
        "without": (a.orders["guest"].id, a.order_token("guest")),
        "foreign": (b.orders["tickets"].id, b.order_token("tickets")),
        "missing": (ids.new("ord"), a.order_token("tickets")),
    }
    return {name: Asked(path) for name, path in found.items()}


def _taken(shop: Shop, person: str, grant: str) -> Asked:
    return Asked((shop.people[person].id,), {"grantId": grant, "reason": "a mistake"})


def _paid(world: World, *names: str) -> Objects:
    a, b = world.a, world.b
    found = {name: Asked((a.payouts["draft"], a.people[name].id)) for name in names}
    found |= {"foreign": Asked((b.payouts["draft"], b.people[names[0]].id))}
    return found | {"missing": Asked((ids.new("pot"), a.people[names[0]].id))}


def _accounts(world: World) -> Objects:
    a, b = world.a, world.b
    found = {"photographer": a.people["photographer"].id, "organization": a.organization}
    found |= {"foreign": b.people["photographer"].id, "other": b.organization, "missing": ids.new("usr")}
    return {name: Asked((id,)) for name, id in found.items()}


def _picked(shop: Shop, event: str, photo: str) -> Asked:
    return _picking(shop.events[event].id, shop.photos[photo])


def _picking(event: str, photo: str) -> Asked:
    return Asked(body={"event": event, "package": "all", "photos": [photo]})


def _domains(world: World, *names: str) -> Objects:
    found = {name: f"{name}.{world.a.host}" for name in names}
    found |= {"foreign": f"found.{world.b.host}", "missing": "nobodys.photos.example"}
    return {name: Asked((host,)) for name, host in found.items()}


def _members(world: World) -> Objects:
    a, b = world.a.people, world.b.people
    found = {name: a[name].id for name in ("photographer", "admin", "customer")}
    found |= {"foreign": b["photographer"].id, "missing": ids.new("usr")}
    return {name: Asked((id,)) for name, id in found.items()}


def _people_named(world: World, *names: str) -> Objects:
    found = {name: world.a.people[name].id for name in names}
    found |= {"foreign": world.b.people[names[0]].id, "missing": ids.new("usr")}
    return {name: Asked(body={"user": id}) for name, id in found.items()}


def _invitations(world: World) -> Objects:
    mine, theirs = world.a.invitations["open"].id, world.b.invitations["open"].id
    return {"open": Asked((mine,)), "foreign": Asked((theirs,)), "missing": Asked((ids.new("inv"),))}


def _invitation_links(world: World) -> dict[str, tuple[str, str]]:
    """The foreign one is whole and works, at B's own host."""
    mine, theirs = world.a.invitations["open"], world.b.invitations["open"]
    return {
        "open": (mine.id, members.token_of(mine)),
        "other-token": (mine.id, members.token_of(theirs)),
        "foreign": (theirs.id, members.token_of(theirs)),
        "missing": (ids.new("inv"), members.token_of(theirs)),
    }


def _tenants(world: World) -> Objects:
    """For the platform none is foreign."""
    found = {"own": world.a.organization, "other": world.b.organization, "missing": ids.new("org")}
    return {name: Asked((id,)) for name, id in found.items()}


def _receipts(world: World) -> Objects:
    """Links of texts. The foreign one is whole and works, at B's own host."""
    found, receipt = {}, ids.derived("rcp", "example")
    for name, shop in (("own", world.a), ("foreign", world.b)):
        transact(privacy.keep_copy(shop.organization, receipt, "receipt", clock.now() + timedelta(days=1)))
        found[name] = Asked((receipt, secrets.sign("receipt", shop.organization, receipt)))
    return found | {"missing": Asked((ids.new("rcp"), found["own"].path[1]))}


def version_of(shop: Shop) -> int:
    return organizations.get(shop.organization).version


def filled(path: str, asked: Asked) -> str:
    """A path with its variables replaced."""
    for value in asked.path:
        path = re.sub(r"\{[a-z]+\}", value, path, count=1)
    return path


def example(world: World, route: Route) -> Asked:
    """An object that the route may be called on, by A's admin or whoever else has the right."""
    return next(iter(OBJECTS[route.name](world).values()))


# --- what is --------------------------------------------------------------------------------------------------


@dataclass
class Matrix:
    """Calls and judges. What a call that succeeds has written is taken back before the next."""

    world: World
    api: Api
    callers: Mapping[str, Mapping[str, str]]
    stored: Stored
    rules: Sequence[Rule]
    objects: Mapping[str, Asking]
    cells: int = 0

    def __post_init__(self) -> None:
        self._gateway = Gateway(self.api)
        self._sources = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in itertools.count())

    def problems(self, route: Route, *, whole: bool = True) -> Iterator[str]:
        """What is wrong with one route: for everybody at each of its addresses, or for a draw that tries each rule."""
        if route.name not in self.objects:
            yield f"{route.name}: nobody says what to call it on"
            return
        if all(rule.route != route.name for rule in self.rules):
            yield f"{route.name}: no rule"
            return
        asked = self.objects[route.name](self.world)
        callers = [name for name in self.callers if route.permission.startswith(_ONLY.get(name, ""))]
        if not whole:
            callers = self._drawn(route, callers, asked)
        for address in (route.name, *(route.aliases if whole else ())):
            for caller in callers:
                yield from self._row(route, address, caller, asked)

    def _drawn(self, route: Route, callers: Sequence[str], objects: Objects) -> list[str]:
        """A part of the callers: some by lot, and whoever a rule needs that nobody before them tried."""
        drawn, known, tried = list[str](), about(self.rules, route.name), set[Rule | None]()
        for caller in callers:
            rules = {ruling(known, route.name, caller, name) for name in objects}
            if is_drawn(route.name, caller, one_in=4) or not rules <= tried:
                drawn.append(caller)
                tried |= rules
        return drawn

    def _row(self, route: Route, address: str, caller: str, objects: Objects) -> Iterator[str]:
        """One caller at one address, with each object."""
        answers: dict[str, str] = {}
        for name, asked in objects.items():
            cell = f"{address}, {caller}, {name}"
            rule = ruling(self.rules, route.name, caller, name)
            if rule is None:
                yield f"{cell}: no rule"
                continue
            response, written = self._call(route, address, caller, asked)
            answers[name] = _comparable(response, asked)
            if told(response) != rule.answer:
                yield f"{cell}: {told(response)}, not {rule.answer}"
            if response.status >= 400 and written:
                yield f"{cell}: refused, and yet it wrote {', '.join(written)}"
        for name, answer in answers.items():
            missing = answers.get(name.replace("foreign", "missing"))
            if name.startswith("foreign") and answer != missing:
                yield f"{address}, {caller}, {name}: tells itself from one that is missing"

    def _call(self, route: Route, address: str, caller: str, asked: Asked) -> tuple[Response, list[str]]:
        """The answer, and what lasting change was made."""
        self.cells += 1
        method, path = address.split(" ")
        path = filled(path, asked)
        headers = {**self.callers[caller]} | dict.fromkeys(route.headers, f"matrix-{self.cells}")
        source = next(self._sources)
        with worlds.watched() as writes:
            response = self.world.call(method, path, asked.body, headers, source=source, through=self._gateway)
        changed = self.stored.changed_by(writes)
        self.stored.take_back(writes)
        if changed:
            organizations.forget()
        return response, sorted({f"{write.operation} {write.place}" for write in changed})


def told(response: Response) -> str:
    """An answer as the rules write it."""
    content_type = response.header("content-type") or ""
    if response.status < 400 or not content_type.startswith("application/json"):
        return str(response.status)
    return f"{response.status} {response.json()['error']['code']}"


_FLEETING = {"x-request-id", "x-amzn-requestid", "date", "content-length"}
_MADE_UP = re.compile(r"crt_[0-9A-Z]{26}")  # a visitor without a cart sees a new, empty one each time


def _comparable(response: Response, asked: Asked) -> str:
    """All of an answer but what differs from one request to the next, and what the caller named itself."""
    headers = sorted((name.lower(), value) for name, value in response.headers if name.lower() not in _FLEETING)
    body = response.body.decode()
    if body.startswith("{"):
        body = json.dumps(response.json() | {"requestId": "-"})
    for value in asked.path:
        body = body.replace(value, "-")
    return _MADE_UP.sub("-", f"{response.status}\n{headers}\n{body}")
