"""Secrets and personal data sent through the whole main job, then looked for everywhere they have no business.

A dead-letter queue holds what its queue held: looking at every message ever sent looks into those, too.

`ALLOWED` says where each may be and why. A hit that is not listed fails, and so does a line without a hit: what is
never found anywhere would prove nothing.
"""

import base64
import hashlib
import io
import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, urlencode, urlsplit

import pytest
import requests
from argon2 import PasswordHasher
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from PIL import Image
from pyotp import TOTP

from app import app
from chalicelib.accounts import passwords, providers
from chalicelib.accounts import service as accounts
from chalicelib.carts import service as carts
from chalicelib.core import clock, ids, log, queues
from chalicelib.core.secrets import secrets
from chalicelib.core.table import transact
from chalicelib.faces import service as faces
from chalicelib.lines.photos import jobs as photo_jobs
from chalicelib.lines.prints import labs
from chalicelib.lines.prints.labs.contract import LabAccount
from chalicelib.notifications.channels import push
from chalicelib.organizations import service as organizations
from chalicelib.organizations import store as organization_store
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways
from chalicelib.payments.gateways.cloudpayments import CloudPayments
from chalicelib.payments.gateways.crypto import Crypto
from chalicelib.payments.gateways.kaspi import Kaspi
from chalicelib.payments.gateways.paynoi import PayNoi
from chalicelib.payments.gateways.paypal import PayPal
from chalicelib.payments.gateways.promptpay import PromptPay
from chalicelib.payments.gateways.stripe import Stripe
from chalicelib.privacy.service import erasures
from infra.local.authority import Authority
from infra.local.bank import BankSandbox, Client
from infra.local.cloudpayments import CloudPaymentsSandbox
from infra.local.crypto import CryptoSandbox
from infra.local.gateway import Gateway, Response
from infra.local.kaspi import Device, KaspiSandbox
from infra.local.paynoi import PayNoiSandbox
from infra.local.paypal import PayPalSandbox
from infra.local.prodigi import ProdigiSandbox
from infra.local.stripe import StripeSandbox
from tests import deliver
from tests.elsewhere import FakeProvider, id_token
from tests.figures import Show
from tests.lines.photos.pictures import File, broken, jpeg
from tests.payments.gateways.bank import serving
from tests.payments.gateways.receiver import Answer as ReceiverAnswer
from tests.payments.gateways.receiver import Receiver, receiver
from tests.stack import ENVIRONMENT, client, moto_stack

EMAIL, NAME, PASSWORD = "canary.bird@buyer.example", "Birdsong Canary", "a canary sings at 4:17"
CAMERA_EMAIL, CAMERA_NAME = "heron.lens@photo.example", "Heron Lens"
REASON = "canary: the picture is of a heron"
TYPED_WRONG = "a canary that is no password"
PAY_TO = "Canary Bank 417-0-99318-5"
SOURCE, AGENT = "203.0.113.77", "CanaryBrowser/7.31 (Firefox; Linux)"
PHONE, NEW_PASSWORD = "+66817310417", "a canary sings another song"
CARD, GATEWAY_TOKEN = "4242424242424242", "tok_canary_of_the_gateway"
FAMILY_NAME, NATIONAL_ID, STREET = "Canarysurname", "900101300017", "Canary Street 417"
HEIR, HEIRS_PHONE, HEIRS_STREET = "Heir Canarykin", "+66817310418", "Canary Quay 418"
LAB_KEY = "a-canary-of-the-laboratory-0417"
INVITED = "crane.canary@people.example"
BANK_ACCOUNT, TAX_ID = "7310417731041", "3104177310417"
HOUSE_ACCOUNT = "6310417631041"
FOLLOWER = "kingfisher.canary@people.example"
WAITING = "osprey.canary@people.example"
COMPANY, QUAY, COMPANYS_NUMBER = "Canary and Sons Ltd.", "Canary Quay 31", "0417731041731"
PAYER = "egret.canary@people.example"
KEY = "canary-idempotency-key-0417"
GIFT = "canary: for singing beautifully"
EVENT_CODE = "mango canary rice"
PUSH_TOKEN = "canary:APA91bHun4MxP5egoKMwt2KZFBaFUH0417"
TABLES = (
    *("accounts", "organizations", "events", "photos", "carts", "orders", "payments", "ledger", "entitlements"),
    *("audit", "configuration", "verification", "privacy", "profiles", "notifications"),
    *("outbox", "claims", "connections"),
    *("profiles", "notifications", "faces", "announcements", "webhooks"),
    *("outbox", "claims"),
)


# --- evidence ---------------------------------------------------------------------------------------------------


@dataclass
class Evidence:
    """Everything that left a function: every item ever written, message queued, line logged, answer given."""

    logs: io.StringIO = field(default_factory=io.StringIO)
    written: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in TABLES})
    queued: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    answers: list[tuple[str, bytes]] = field(default_factory=list)
    previews: list[bytes] = field(default_factory=list)
    canaries: dict[str, str] = field(default_factory=dict)
    delivered: bytes = b""

    def places(self) -> dict[str, bytes]:
        texts = {
            **{f"table {name}": self.written[name] for name in TABLES},
            "logs": [self.logs.getvalue()],
            "queues": self.queued,
            "mails": self.mails,
            "texts": self.texts,
            "refusals": self.refusals,
            "answers to strangers": self.strangers,
        }
        return {
            **{place: "\n".join(parts).encode() for place, parts in texts.items()},
            "previews": b"\n".join(self.previews),
            "delivered file": self.delivered,
        }

    def note(self, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        """What a writing call to AWS carries."""
        if service == "dynamodb":
            for item in parameters.get("TransactItems", [{operation: parameters}]):
                for request in item.values():
                    self.written[request["TableName"].rpartition("-")[2]].append(json.dumps(request, default=str))
        elif service == "sqs" and operation == "SendMessageBatch":
            self.queued += [entry["MessageBody"] for entry in parameters["Entries"]]
        elif service == "sqs" and operation == "SendMessage":
            self.queued.append(parameters["MessageBody"])
        elif service in ("ses", "sesv2"):
            self.mails.append(json.dumps(parameters, ensure_ascii=False))
        elif service == "sns":
            self.texts.append(json.dumps(parameters, ensure_ascii=False))


@contextmanager
def collecting(evidence: Evidence) -> Iterator[None]:
    """Every call to AWS and every line of every logger. The first mail is refused, with words of SES's own."""
    call, refused = BaseClient._make_api_call, []  # type: ignore[attr-defined]

    def noted(self: Any, operation: str, parameters: Any) -> Any:
        service = self.meta.service_model.service_name
        if service == "dynamodb" and not operation.startswith(("Put", "Update", "Delete", "Transact")):
            return call(self, operation, parameters)
        evidence.note(service, operation, parameters)
        if operation == "SendEmail" and not refused:
            refused.append(parameters["Destination"]["ToAddresses"][0])
            told: Any = {"Error": {"Code": "MessageRejected", "Message": f"Not verified: {refused[0]}"}}
            raise ClientError(told, operation)
        return call(self, operation, parameters)

    root = logging.getLogger()
    level = root.level
    everything = logging.StreamHandler(evidence.logs)
    log.configure(evidence.logs)
    root.addHandler(everything)
    root.setLevel(logging.INFO)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BaseClient, "_make_api_call", noted)
            yield
    finally:
        log.configure()
        root.removeHandler(everything)
        root.setLevel(level)


@dataclass
class Person:
    """Somebody with a browser. What a stranger is told, and what anybody is refused, is kept."""

    evidence: Evidence
    headers: dict[str, str] = field(default_factory=dict)
    is_stranger: bool = False

    def call(self, method: str, target: str, body: Any = None, **headers: str) -> Response:
        content = b"" if body is None else json.dumps(body).encode()
        sent = {"User-Agent": AGENT, "Content-Type": "application/json"} | self.headers
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        answer = Gateway(app).handle(method, target, sent, content, SOURCE)
        self.evidence.answers.append((target, answer.body))
        told = f"{answer.headers}\n{answer.body.decode()}"
        if answer.status >= 400:
            self.evidence.refusals.append(told)
        if self.is_stranger:
            self.evidence.strangers.append(told)
        return answer

    def get(self, target: str) -> Any:
        answer = self.call("GET", target)
        assert answer.status == 200, answer.body
        return answer.json()["data"]

    def post(self, target: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        answer = self.call("POST", target, body, **headers)
        assert answer.status == status, answer.body
        return answer.json()["data"]

    def log_in(self, email: str, password: str) -> Any:
        tokens = self.post("/auth/login", {"email": email, "password": password})
        self.headers["Authorization"] = f"Bearer {tokens['accessToken']}"
        return tokens


# --- the main job -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def evidence(secret: str, hasher: PasswordHasher) -> Iterator[Evidence]:
    """Of passwords that are hashed as ever."""
    found = Evidence()
    organizations.forget()
    with moto_stack(secret), receiver() as told, collecting(found), pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", hasher)
        api_key = secrets().paynoi.api_key.get_secret_value()
        held = secrets().stripe
        assert held is not None
        biller = secrets().promptpay
        assert biller is not None
        client = Client(biller.api_key.get_secret_value(), biller.api_secret.get_secret_value(), biller.biller_id)
        notices = f"{told.url}/payments/webhook/promptpay?key={biller.webhook_keys[0].get_secret_value()}"
        page, coins = secrets().paypal, secrets().crypto
        assert page is not None
        assert coins is not None
        keys, authority = (page.client_id, page.client_secret.get_secret_value()), Authority()
        coin_key, coin_secret = coins.api_key.get_secret_value(), coins.webhook_secrets[0].get_secret_value()
        card_key, card_secret = held.secret_key.get_secret_value(), held.webhook_secrets[0].get_secret_value()
        with (
            PayNoiSandbox(api_key, f"{told.url}/payments/webhook", stage="test") as sandbox,
            StripeSandbox(card_key, card_secret, f"{told.url}/payments/webhook/stripe", stage="test") as cards,
            serving(BankSandbox(client, notices, stage="test", between_notices=())) as bank,
            PayPalSandbox(
                keys, page.webhook_ids[0], f"{told.url}/payments/webhook/paypal", authority, stage="test"
            ) as paypal,
            CryptoSandbox(coin_key, coin_secret, f"{told.url}/payments/webhook/crypto", stage="test") as chain,
        ):
            known = {"paynoi": PayNoi(sandbox.url), "stripe": Stripe(cards.url), "promptpay": PromptPay(bank.url)}
            known |= {"paypal": PayPal(paypal.url, authority=authority.root), "crypto": Crypto(chain.url)}
            patch.setattr(gateways, "of_name", known.__getitem__)
            patch.setattr(push, "of_platform", lambda *_: SimpleNamespace(send=lambda token, told: "rung"))
            _main_job(found, sandbox, cards, bank, (paypal, chain), told, patch)
        found.canaries |= {
            "gateway's API key": api_key,
            "other gateway's key": card_key,
            "secret of webhooks": card_secret,
            "key at the bank": client.key,
            "secret at the bank": client.secret,
            "key of notices": biller.webhook_keys[0].get_secret_value(),
            "PayPal's secret": keys[1],
            "key for coins": coin_key,
            "secret of coins": coin_secret,
            "key of all tokens": secrets().token_key.get_secret_value(),
            "private key": secrets().jwt_private_key.get_secret_value().splitlines()[2],
        }
        _collect_images(found)
        yield found
    organizations.forget()


def _main_job(
    found: Evidence,
    sandbox: PayNoiSandbox,
    cards: StripeSandbox,
    bank: BankSandbox,
    pages: tuple[PayPalSandbox, CryptoSandbox],
    told: Receiver,
    patch: pytest.MonkeyPatch,
) -> None:
    admin, camera, buyer = Person(found), Person(found), Person(found)
    stranger = Person(found, is_stranger=True)
    neighbour = Person(found, is_stranger=True)
    users = {}
    for person, email, name, role in (
        (admin, "admin@shop.example", "Admin", "admin"),
        (camera, CAMERA_EMAIL, CAMERA_NAME, "photographer"),
        (neighbour, "neighbour@buyer.example", "Neighbour", "customer"),
    ):
        users[role] = accounts.create_user(DEFAULT, email=email, password=PASSWORD, name=name, roles=[role])
        found.canaries.setdefault("access token", person.log_in(email, PASSWORD)["accessToken"])

    patch.setattr(providers, "of_name", FakeProvider)
    page = {"provider": "google", "redirectUri": "http://localhost:3000/in"}
    attempt = Person(found).post("/auth/social", page)
    brought = {"ticket": attempt["ticket"], "idToken": id_token("subject-canary@mail.example", attempt["nonce"])}
    Person(found).post("/auth/social/google", brought)
    found.canaries |= {"ticket": attempt["ticket"].rpartition(".")[2], "subject elsewhere": "google subject-canary"}
    notice = {"section": "site", "version": 0, "values": {"notice": "Back at nine."}}
    assert admin.call("PUT", "/admin/settings", notice).status == 200
    key = admin.post("/api-keys", {"name": "Till", "permissions": ["event.manage"]}, 201)["token"]
    till = Person(found)
    till.headers["Authorization"] = f"Bearer {key}"
    till.get("/events")
    found.canaries["API key"] = key.split("_", 2)[2]
    photo, failed, event = _upload(admin, camera, users["photographer"].id)
    _show_work(found, camera, admin)
    _share(found, admin, photo)
    _find_faces(found, admin, event)
    _hear_news(found, admin)
    _buy(found, buyer, photo, sandbox, told)
    _buy_by_card(found, photo, cards, told)
    _buy_at_the_bank(found, photo, bank, told)
    _buy_in_tenge(found, photo, told)
    _buy_on_pages(found, admin, photo, pages, told)
    _print(found, admin, photo, sandbox, told, patch)
    _admit(found, admin, event, sandbox, told)
    _pay_back(admin, buyer, stranger)
    _rename(admin)
    _pay_out(found, admin, camera)
    _reconcile(found, admin)
    _reward(found, admin)
    _invite(found, admin)
    _prove(found, admin, buyer)
    hook = {"url": "http://127.0.0.1:9/hooks", "events": ["photo.failed"]}
    found.canaries["secret of a webhook"] = admin.post("/admin/webhooks", hook, 201)["secret"].removeprefix("whsec_")
    _look_around(stranger, event, photo, failed, found)
    _look_around(neighbour, event, photo, failed, found)
    _break(neighbour, patch)


def _upload(admin: Person, camera: Person, photographer: str) -> tuple[str, str, str]:
    planned = admin.post("/events", {"name": "Lake run", "date": "2026-04-13", "slug": "lake-run"}, 201)
    admin.call("PUT", f"/events/{planned['id']}/photographers/{photographer}")
    files = [jpeg(7), File("IMG_CANARY_9999.JPG", broken().content)]
    offered = camera.post(f"/events/{planned['id']}/uploads", {"files": [file.wire for file in files]}, 201)["files"]
    for file, progress in zip(files, offered, strict=True):
        key = progress["upload"]["fields"]["key"]
        held = client("s3").put_object(Bucket=ENVIRONMENT["PIX_ORIGINALS_BUCKET"], Key=key, Body=file.content)
        stored = {"key": quote_plus(key), "versionId": held["VersionId"]}
        told = {"Records": [{"eventName": "ObjectCreated:Post", "s3": {"object": stored}}]}
        client("sqs").send_message(QueueUrl=ENVIRONMENT["PIX_UPLOADS_QUEUE"], MessageBody=json.dumps(told))
    _run_jobs()
    photo, failed = (progress["photoId"] for progress in offered)
    assert camera.call("POST", f"/photos/{failed}/retry").status == 200
    _run_jobs()
    assert admin.call("PUT", f"/photos/{photo}/approve").status == 200
    version = admin.get("/events/lake-run")["version"]
    assert admin.call("PUT", "/events/lake-run/status", {"status": "live", "version": version}).status == 200
    return photo, failed, planned["id"]


def _show_work(found: Evidence, camera: Person, admin: Person) -> None:
    """The photographer tells where the money goes; finance looks."""
    account = {"bank": "Kasikorn", "holder": "Heronholder", "number": BANK_ACCOUNT}
    page = {"version": 0, "bio": "Of water and light.", "bankAccount": account, "taxId": TAX_ID}
    assert camera.call("PUT", "/users/me/photographer", page).status == 200
    assert camera.call("PUT", "/users/me/photographer", page).status == 409
    user = camera.get("/auth/me")["id"]
    told = json.dumps([camera.get("/users/me/photographer"), admin.get(f"/photographers/{user}/bank-account")])
    assert BANK_ACCOUNT not in told
    assert TAX_ID not in told
    assert Person(found, is_stranger=True).call("GET", f"/photographers/{user}").status == 200
    found.canaries |= {"bank account": BANK_ACCOUNT, "tax id": TAX_ID, "account's holder": "Heronholder"}


def _share(found: Evidence, admin: Person, photo: str) -> None:
    """A list is shared, and another event is for who knows its code."""
    slug = Person(found).post("/lists", {"photos": [photo]})["slug"]
    planned = admin.post("/events", {"name": "Closed run", "date": "2026-04-14", "slug": "closed-run"}, 201)
    restricted = {"access": "private", "code": EVENT_CODE, "version": planned["version"]}
    version = admin.call("PUT", "/events/closed-run/access", restricted).json()["data"]["version"]
    assert admin.call("PUT", "/events/closed-run/status", {"status": "live", "version": version}).status == 200
    token = Person(found).post("/events/closed-run/access", {"code": EVENT_CODE})["token"]
    Person(found).call("POST", "/events/closed-run/access", {"code": f"{EVENT_CODE}x"})
    found.canaries |= {
        "code of an event": EVENT_CODE,
        "token of an event": token.partition(".")[2],
        "slug of a list": slug,
    }


def _hear_news(found: Evidence, admin: Person) -> None:
    """A visitor hears of an event that goes live, and of rain; then they have enough."""
    planned = admin.post("/events", {"name": "Hill run", "date": "2026-04-15", "slug": "hill-run"}, 201)
    at, visitor = f"/events/{planned['id']}", Person(found)
    assert visitor.call("POST", f"{at}/notices", {"email": FOLLOWER, "language": "en"}).status == 202
    _run_jobs()
    code = re.search(r"(?<![#\w])\d{6}\b", json.loads(found.mails[-1])["Message"]["Body"]["Text"]["Data"])
    assert code is not None
    proof = {"email": FOLLOWER, "code": code[0], "language": "en"}
    assert visitor.call("PUT", f"{at}/notices", proof).status == 204
    moved = {"status": "live", "version": planned["version"]}
    assert admin.call("PUT", f"{at}/status", moved).status == 200
    admin.post(f"{at}/announce", {"texts": {"en": {"title": "It rains", "text": "Take a coat."}}}, 202)
    _run_jobs()
    content = json.loads(found.mails[-1])["Content"]["Simple"]
    link = content["Headers"][0]["Value"].strip("<>")
    assert visitor.call("POST", f"/notices?{urlsplit(link).query}").status == 200
    found.canaries |= {"who hears of an event": FOLLOWER, "link that ends news": link.rpartition(".")[2]}


def _find_faces(found: Evidence, admin: Person, event: str) -> None:
    """A visitor looks for their face; somebody else has the id of their search."""
    basis = {"basis": "consent", "statement": "Runners agree when they sign up.", "minors": False}
    wanted = {"faces": basis, "bibs": True, "version": 0}
    assert admin.call("PUT", f"/events/{event}/recognition", wanted).status == 200
    _run_jobs()
    image = base64.b64encode(jpeg(7).content).decode()
    asked = {"eventId": event, "image": image, "consent": {"granted": True, "wording": "2026-11"}}
    visitor = Person(found)
    search = visitor.post("/face/search", asked, 202)
    _run_jobs()
    visitor.headers["X-Search-Token"] = search["token"]
    assert len(visitor.get(f"/face/search/{search['id']}/results")["items"]) == 1
    assert Person(found, is_stranger=True).call("GET", f"/face/search/{search['id']}/results").status == 404
    found.canaries |= {"selfie": image[400:460], "token of a search": search["token"]}
    _wait_for_photos(found, f"/events/{event}", {name: asked[name] for name in ("image", "consent")})


def _wait_for_photos(found: Evidence, at: str, selfie: dict[str, Any]) -> None:
    """A visitor is told of a photo that shows them."""
    visitor = Person(found)
    assert visitor.call("POST", f"{at}/notices", {"email": WAITING, "language": "en"}).status == 202
    _run_jobs()
    code = re.search(r"(?<![#\w])\d{6}\b", json.loads(found.mails[-1])["Message"]["Body"]["Text"]["Data"])
    assert code is not None
    proof = {"email": WAITING, "code": code[0], "language": "en"}
    opened = visitor.post(f"{at}/notices/faces", proof | selfie, 202)
    _run_jobs()
    with clock.travel(timedelta(minutes=61)):
        faces.begin_rounds()
        _run_jobs()
    opens = re.search(r"#search=\w+&(?:amp;)?token=([\w-]+)", found.mails[-1])
    assert opens is not None
    found.canaries |= {
        "who waits for photos": WAITING,
        "token of a watch's search": opened["token"],
        "token of own photos": opens[1],
    }


def _rename(admin: Person) -> None:
    """Staff corrects the buyer's name and takes it back: the audit log knows both changes and neither name."""
    (person,) = admin.get(f"/admin/users?email={EMAIL}")["items"]
    for name in ("Somebody", NAME):
        assert admin.call("PUT", f"/admin/users/{person['id']}", {"name": name}).status == 200


def _pay_out(found: Evidence, admin: Person, camera: Person) -> None:
    """The photographer and the shop are paid: by two people, with the file for the bank; and everybody looks at it."""
    owner, email = Person(found), "owner@shop.example"
    accounts.create_user(DEFAULT, email=email, password=PASSWORD, name="Owner", roles=["owner"])
    owner.log_in(email, PASSWORD)
    account = {"bank": "Krungthai", "holder": "Shop", "number": HOUSE_ACCOUNT}
    version = owner.get("/organization/bank-account")["version"]
    for status in (200, 409):
        told = owner.call("PUT", "/organization/bank-account", {"version": version, "bankAccount": account})
        assert told.status == status
    wrong = {"version": 1, "bankAccount": account | {"number": f"{HOUSE_ACCOUNT}_"}}
    assert owner.call("PUT", "/organization/bank-account", wrong).status == 400
    with clock.travel(timedelta(hours=2)):
        for person, whose in ((admin, "admin@shop.example"), (owner, email), (camera, CAMERA_EMAIL)):
            person.log_in(whose, PASSWORD)
        until = {"until": clock.stamp(clock.now() - timedelta(hours=1))}
        batch = f"/revenue/payouts/{admin.post('/revenue/payouts', until, 201, Idempotency_Key=KEY)['id']}"
        _run_jobs()
        assert owner.call("POST", f"{batch}/bank-file").status == 409
        owner.post(f"{batch}/approve")
        file = owner.call("POST", f"{batch}/bank-file").body.decode()
        for state in ("sent", "settled"):
            assert admin.call("PUT", f"{batch}/status", {"status": state}).status == 200
        _run_jobs()
        for target in ("/revenue/payouts", batch, "/admin/audit-logs", "/admin/audit-logs/export"):
            assert admin.call("GET", target).status == 200
        paid = admin.get(f"{batch}/items")["items"]
        assert [item["status"] for item in paid] == ["settled"] * 2
        assert camera.get("/users/me/payouts")["items"][0]["bankAccount"]["number"].endswith(BANK_ACCOUNT[-4:])
        for item in paid:
            assert admin.call("GET", f"{batch}/items/{item['partyId']}").status == 200
    assert f",Heronholder,Kasikorn,{BANK_ACCOUNT}," in file
    assert f",Shop,Krungthai,{HOUSE_ACCOUNT}," in file
    for person, whose in ((admin, "admin@shop.example"), (camera, CAMERA_EMAIL)):
        person.log_in(whose, PASSWORD)
    found.canaries["shop's bank account"] = HOUSE_ACCOUNT


def _reconcile(found: Evidence, admin: Person) -> None:
    """A statement names buyers; of that nothing is kept, whether the file can be read or not."""
    until = clock.now() - timedelta(hours=2)
    for heading in ("ours,amount,buyer", "somebody's,amount,buyer"):
        content = f"{heading}\npay_01J00000000000000000000001,1.00,{PAYER}\n".encode()
        statement = {
            "gateway": "paynoi",
            "columns": {"reference": "ours", "amount": "amount"},
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "since": clock.stamp(until - timedelta(days=1)),
            "until": clock.stamp(until),
        }
        offered = admin.post("/admin/reconciliations", statement, 202)
        bucket, key = ENVIRONMENT["PIX_DOCUMENTS_BUCKET"], offered["form"]["fields"]["key"]
        client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        admin.post("/admin/reconciliations", statement, 202)
        _run_jobs()
        assert client("s3").list_objects_v2(Bucket=bucket, Prefix=key).get("KeyCount", 0) == 0
    shown = admin.get("/admin/reconciliations")["items"]
    assert {each["status"] for each in shown} == {"done", "failed"}
    found.canaries["buyer in a statement"] = PAYER


def _reward(found: Evidence, admin: Person) -> None:
    """The buyer is given credit, for a reason that is for the audit log alone."""
    (person,) = admin.get(f"/admin/users?email={EMAIL}")["items"]
    gift = {"amount": 100_00, "reason": GIFT}
    admin.post(f"/admin/users/{person['id']}/credits", gift, Idempotency_Key=KEY)
    found.canaries["why credit was given"] = GIFT


def _invite(found: Evidence, admin: Person) -> None:
    """Somebody is invited twice and joins by the second link: neither token is known anywhere but in its mail."""
    invited = admin.post("/invitations", {"email": INVITED, "roles": ["photographer"], "language": "en"}, 201)
    _run_jobs()
    assert admin.call("POST", f"/invitations/{invited['id']}/resend").status == 200
    _run_jobs()
    tokens = re.findall(rf"/invitations/{invited['id']}/([\w-]{{43}})", "".join(found.mails))
    first, second = dict.fromkeys(tokens)
    joining = {"name": "Crane", "password": "a crane has long legs"}
    guest = Person(found)
    guest.call("POST", f"/invitations/{invited['id']}/accept", joining | {"token": first})
    assert guest.call("POST", f"/invitations/{invited['id']}/accept", joining | {"token": second}).status == 200
    found.canaries |= {"token of an invitation": first, "token of another": second, "who was invited": INVITED}


def _buy_by_card(found: Evidence, photo: str, cards: StripeSandbox, told: Receiver) -> None:
    """A guest leaves the QR code for a card; Stripe speaks of the key and of what it was asked in its errors."""
    guest = Person(found)
    guest.headers["X-Cart-Token"] = guest.post("/cart/items", {"items": [{"ref": photo}]})["token"]
    order = guest.post("/orders", {"email": EMAIL}, 201, Idempotency_Key="by-card-1")
    guest.headers["X-Order-Token"] = order["token"]
    guest.post("/payments/create", {"orderId": order["id"]})
    asked = {"orderId": order["id"], "method": "stripe"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cards, "_key", "another key")
        assert guest.call("POST", "/payments/create", asked).status == 422
    payment = guest.post("/payments/create", asked)
    found.canaries["secret of hosted fields"] = payment["hostedFields"]["clientSecret"]
    before = len(told.bodies)
    cards.pay(cards.intents(reference=payment["id"])[0].id)
    told.wait_for(before + 1)
    raw, headers = told.bodies[-1], {"Stripe-Signature": told.headers[-1]["stripe-signature"]}
    assert Gateway(app).handle("POST", told.paths[-1], headers, raw, SOURCE).status == 200
    _run_jobs()
    assert guest.get(f"/payments/{payment['id']}/status")["status"] == "captured"


def _buy_at_the_bank(found: Evidence, photo: str, bank: BankSandbox, told: Receiver) -> None:
    """A guest pays a bill of ours, and the bank is asked with its key."""
    guest = Person(found)
    guest.headers["X-Cart-Token"] = guest.post("/cart/items", {"items": [{"ref": photo}]})["token"]
    order = guest.post("/orders", {"email": EMAIL}, 201, Idempotency_Key="at-the-bank-1")
    guest.headers["X-Order-Token"] = order["token"]
    payment = guest.post("/payments/create", {"orderId": order["id"], "method": "promptpay"})
    before = len(told.bodies)
    bank.pay(payment["qrText"])
    told.wait_for(before + 1)
    headers = {"Content-Type": "application/json"}
    assert Gateway(app).handle("POST", told.paths[-1], headers, told.bodies[-1], SOURCE).status == 200
    _run_jobs()
    assert guest.get(f"/payments/{payment['id']}/status")["status"] == "captured"


def _buy_in_tenge(found: Evidence, photo: str, told: Receiver) -> None:
    """In Kazakhstan one guest pays on a page and another in an app; both gateways are asked with wrong keys first."""
    site, desk = secrets().cloudpayments, secrets().kaspi
    assert site is not None
    assert desk is not None
    secret, key, token = (held.get_secret_value() for held in (site.api_secret, desk.api_key, desk.device_token))
    found.canaries |= {"secret at CloudPayments": secret, "key at Kaspi": key, "token of a cash desk": token}
    _sell_in("KZT")
    with (
        CloudPaymentsSandbox(
            site.public_id, secret, f"{told.url}/payments/webhook/cloudpayments", stage="test"
        ) as cards,
        KaspiSandbox(Device(key, token, desk.organization_bin), stage="test") as app_of_kaspi,
        pytest.MonkeyPatch.context() as here,
    ):
        known = {"cloudpayments": CloudPayments(cards.url), "kaspi": Kaspi(app_of_kaspi.url)}
        here.setattr(gateways, "of_name", known.__getitem__)
        usual, told.otherwise = told.otherwise, ReceiverAnswer(body=b'{"code": 0}')
        for name, sandbox in (("cloudpayments", cards), ("kaspi", app_of_kaspi)):
            guest = Person(found)
            guest.headers["X-Cart-Token"] = guest.post("/cart/items", {"items": [{"ref": photo}]})["token"]
            order = guest.post("/orders", {"email": EMAIL}, 201, Idempotency_Key=f"by-{name}-1")
            guest.headers["X-Order-Token"] = order["token"]
            asked = {"orderId": order["id"], "method": name}
            with pytest.MonkeyPatch.context() as wrong:
                wrong.setattr(sandbox, *(("_secret", "x") if sandbox is cards else ("_device", Device("x", "x", "x"))))
                assert guest.call("POST", "/payments/create", asked).status == 422
            payment, before = guest.post("/payments/create", asked), len(told.bodies)
            sandbox.act(sandbox.charges(reference=payment["id"])[0].id, "pay")
            if sandbox is cards:
                told.wait_for(before + 1)
                headers = {shown: told.headers[-1][shown.lower()] for shown in ("Content-HMAC", "Content-Type")}
                answer = Gateway(app).handle("POST", told.paths[-1], headers, told.bodies[-1], SOURCE)
                assert answer.status == 200
                _run_jobs()
            with clock.travel(timedelta(seconds=6)):
                assert guest.get(f"/payments/{payment['id']}/status")["status"] == "captured"
    told.otherwise = usual
    _run_jobs()
    _sell_in("THB")


def _sell_in(currency: str) -> None:
    held = organizations.get(DEFAULT)
    transact(organization_store.save(replace(held, currency=currency), was=held))
    organizations.forget()


def _buy_on_pages(
    found: Evidence, admin: Person, photo: str, pages: tuple[PayPalSandbox, CryptoSandbox], told: Receiver
) -> None:
    """Guests pay on pages of gateways; before that one of them does not know our keys any more."""
    offered = {"methods": [{"method": name} for name in ("paynoi", "stripe", "promptpay", "paypal", "crypto")]}
    assert admin.call("PUT", "/admin/settings", {"section": "payments", "version": 0, "values": offered}).status == 200
    paypal, chain = pages
    for name, page, action, kept in (("paypal", paypal, "approve", "_keys"), ("crypto", chain, "pay", "_key")):
        guest = Person(found)
        guest.headers["X-Cart-Token"] = guest.post("/cart/items", {"items": [{"ref": photo}]})["token"]
        order = guest.post("/orders", {"email": EMAIL}, 201, Idempotency_Key=f"on-a-page-{name}")
        guest.headers["X-Order-Token"] = order["token"]
        asked = {"orderId": order["id"], "method": name}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(page, kept, "another key")
            assert guest.call("POST", "/payments/create", asked).status == 422
        payment = guest.post("/payments/create", asked)
        before = len(told.bodies)
        page.act(page.charges(reference=payment["id"])[0].id, action)
        told.wait_for(before + 1)
        headers, raw = told.headers[before], told.bodies[before]
        assert Gateway(app).handle("POST", told.paths[before], headers, raw, SOURCE).status == 200
        _run_jobs()
        assert guest.get(f"/payments/{payment['id']}/status")["status"] == "captured"
    found.canaries["token of PayPal"] = next(iter(paypal._tokens))


def _print(
    found: Evidence, admin: Person, photo: str, sandbox: PayNoiSandbox, told: Receiver, patch: pytest.MonkeyPatch
) -> None:
    """A guest has a photo printed and sent: where it goes only the laboratory reads."""
    product = {"code": "10x15", "name": "10 x 15 cm", "sku": "PHO-4X6", "width": 102, "height": 152, "paper": "matt"}
    product |= {"price": 60_00, "cost": 20_00, "shortSide": 60, "longSide": 90}
    admin.post("/print-products", product)
    fees = {"section": "prints", "version": 0, "values": {"shipping": {"TH": 100_00}}}
    assert admin.call("PUT", "/admin/settings", fees).status == 200
    with ProdigiSandbox(LAB_KEY, stage="test") as lab:
        patch.setattr(labs, "account_of", lambda organization: LabAccount(LAB_KEY, lab.url))
        guest, home = Person(found), {"recipient": HEIR, "phone": HEIRS_PHONE, "country": "TH", "city": "Bangkok"}
        home |= {"line1": HEIRS_STREET, "postalCode": "10417"}
        wrong = {"address": home | {"country": "SE"}, "prints": [{"photo": photo, "product": "10x15"}]}
        assert guest.call("POST", "/parcels", wrong).status == 409
        parcel = guest.post("/parcels", wrong | {"address": home})["id"]
        items = {"items": [{"kind": "prints", "ref": parcel}]}
        guest.headers["X-Cart-Token"] = guest.post("/cart/items", items)["token"]
        order = guest.post("/orders", {"email": EMAIL}, 201, Idempotency_Key=KEY)
        guest.headers["X-Order-Token"] = order["token"]
        _pay(guest, order["id"], sandbox, told)
        (printed,) = lab.of_reference(parcel)
        assert printed["recipient"]["address"]["line1"] == HEIRS_STREET
        lab.happen(printed["id"], "ship")
        callback = urlsplit(printed["callbackUrl"]).path
        assert Person(found).call("POST", callback, {"data": {"order": printed}}).status == 204
        assert Person(found).call("POST", f"{callback}x", {"data": {"order": printed}}).status == 401
        _run_jobs()
        assert len(admin.get("/admin/prints?state=shipped")["items"]) == 1
    found.canaries |= {
        "who gets a parcel": HEIR,
        "phone of a parcel": HEIRS_PHONE,
        "where a parcel goes": HEIRS_STREET,
        "laboratory's key": LAB_KEY,
        "laboratory's way to tell": callback.rpartition("/")[2],
    }


def _admit(found: Evidence, admin: Person, event: str, sandbox: PayNoiSandbox, told: Receiver) -> None:
    """A guest buys a ticket, whose code nobody reads who may not show it."""
    adult = {"name": "Adult", "price": 500_00, "capacity": 10, "closesAt": "2199-01-01T00:00:00Z"}
    type = admin.post(f"/admin/events/{event}/ticket-types", adult, Idempotency_Key=KEY)["id"]
    guest, items = Person(found), {"items": [{"kind": "tickets", "ref": f"{type}-1"}]}
    guest.headers["X-Cart-Token"] = guest.post("/cart/items", items)["token"]
    order = guest.post("/orders", {"email": EMAIL}, 201, Idempotency_Key=f"{KEY}-ticket")
    guest.headers["X-Order-Token"] = order["token"]
    _pay(guest, order["id"], sandbox, told)
    (ticket,) = guest.get(f"/orders/{order['id']}/tickets")["items"]
    found.canaries["ticket's signature"] = ticket["code"].rpartition(".")[2]


def _pay(buyer: Person, order: str, sandbox: PayNoiSandbox, told: Receiver) -> Any:
    """Open a payment and send the money; the webhook reaches the API by way of the receiver."""
    payment, before = buyer.post("/payments/create", {"orderId": order}), len(told.bodies)
    asked = requests.get(f"{sandbox.url}/_sandbox/transactions", params={"ref1": payment["id"]}, timeout=10).json()
    transaction = asked["transactions"][0]["trans_id"]
    requests.post(f"{sandbox.url}/_sandbox/{transaction}/pay", json={}, timeout=10).raise_for_status()
    told.wait_for(before + 1)
    webhook = Gateway(app).handle("POST", told.paths[-1], {"Content-Type": "application/json"}, told.bodies[-1], SOURCE)
    assert webhook.status == 200
    _run_jobs()
    return payment


def _buy(found: Evidence, buyer: Person, photo: str, sandbox: PayNoiSandbox, told: Receiver) -> None:
    form = {"email": EMAIL, "password": PASSWORD, "name": NAME, "language": "en"}
    cart = buyer.post("/cart/items", {"items": [{"ref": photo}]})["token"]
    buyer.post("/auth/register", form, 202)
    buyer.post("/auth/register", form | {"password": TYPED_WRONG}, 202)
    buyer.post("/auth/register", form, 202)
    _run_jobs()
    code = re.findall(r"\b[0-9]{6}\b", json.loads(found.mails[-1])["Message"]["Body"]["Text"]["Data"])[0]
    proof = {"email": EMAIL, "code": code, "password": PASSWORD}
    buyer.call("POST", "/auth/verify", proof | {"code": "000000" if code != "000000" else "000001"})
    first = buyer.post("/auth/verify", proof)
    buyer.post("/auth/register", form, 202)  # now somebody's: its owner is told
    buyer.call("POST", "/auth/login", {"email": EMAIL, "password": TYPED_WRONG})
    buyer.call("POST", "/auth/login", {"email": EMAIL, "password": {"typed": TYPED_WRONG}})
    second = buyer.post("/auth/refresh", {"refreshToken": first["refreshToken"]})
    buyer.headers |= {"Authorization": f"Bearer {second['accessToken']}", "X-Cart-Token": cart}
    _prove_and_recover(found, buyer)
    authenticator = buyer.post("/auth/second-factor/setup", {})
    shown = {"code": TOTP(authenticator["secret"]).now()}
    assert buyer.call("PUT", "/auth/second-factor", shown).status == 200
    buyer.get("/cart")

    _tell_of_oneself(found, buyer)
    order = buyer.post("/orders", {"email": EMAIL}, 201, Idempotency_Key=KEY)
    buyer.call("POST", "/orders", {"email": f"other.{EMAIL}"}, Idempotency_Key=KEY)
    _name_a_company(found, buyer, order["id"])
    payment = _pay(buyer, order["id"], sandbox, told)
    assert buyer.get(f"/payments/{payment['id']}/status")["status"] == "captured"
    download = buyer.post(f"/downloads/{order['id']}/photos/{photo}")
    bucket = ENVIRONMENT["PIX_ORIGINALS_BUCKET"]
    key = urlsplit(download["url"]).path.removeprefix(f"/{bucket}/")
    found.delivered = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    guest = Person(found)
    assert guest.call("GET", f"/d/{order['id']}/{order['token']}").status == 200
    assert guest.call("GET", f"/d/{order['id']}/{order['token']}x").status == 404
    found.canaries |= {
        "password": PASSWORD,
        "mistyped password": TYPED_WRONG,
        "mailed code": code,
        "where a refund goes": PAY_TO,
        "buyer's access token": second["accessToken"],
        "first refresh token": first["refreshToken"].partition(".")[2],
        "second refresh token": second["refreshToken"].partition(".")[2],
        "authenticator's secret": authenticator["secret"],
        "recovery code": authenticator["recoveryCodes"][0],
        "recovery code as it is kept": authenticator["recoveryCodes"][1].replace("-", ""),
        "cart token": cart.partition(".")[2],
        "order token": order["token"],
        "idempotency key": KEY,
        "QR code": payment["qrImageBase64"],
        "signature of a download": parse_qs(urlsplit(download["url"]).query)["X-Amz-Signature"][0],
        "buyer's e-mail": EMAIL,
        "buyer's name": NAME,
        "photographer's e-mail": CAMERA_EMAIL,
        "photographer's name": CAMERA_NAME,
        "latitude": "13.7367",
        "longitude": "100.4925",
        "camera's serial number": "SERIAL-CANARY",
        "comment in the file": "COMMENT-CANARY",
        "file name": "IMG_CANARY",
        "source address": SOURCE,
        "browser": "CanaryBrowser",
    }


def _name_a_company(found: Evidence, buyer: Person, order: str) -> None:
    company = {"name": COMPANY, "address": QUAY, "taxNumber": COMPANYS_NUMBER}
    for wrong in ({"name": [COMPANY]}, {"address": QUAY * 20}, {"taxNumber": f"{COMPANYS_NUMBER}\n"}):
        assert buyer.call("PUT", f"/orders/{order}/billing", company | wrong).status == 400
    told = buyer.call("PUT", f"/orders/{order}/billing", company)
    assert (told.status, is_in(COMPANYS_NUMBER, told.body)) == (200, False)
    found.canaries |= {"company": COMPANY, "company's address": QUAY, "company's number": COMPANYS_NUMBER}


def _pay_back(admin: Person, buyer: Person, stranger: Person) -> None:
    """The buyer asks for money back and mistypes; staff decline, begin another refund themselves, and one is left open.

    Who pays it out sees where it goes, and nobody else.
    """
    (payment,) = buyer.get("/payments/history")["items"]
    order, asked = payment["orderId"], f"/payments/{payment['id']}/refund"
    wish = {"reason": "blurred", "payTo": PAY_TO}
    for wrong in ({"payTo": [PAY_TO]}, {"payTo": PAY_TO * 20}, {"reason": ""}, {"lines": [{"line": "line-9"}]}):
        assert buyer.call("POST", asked, wish | wrong).status in (400, 404)
    declined = buyer.post(asked, wish, 202)
    refunds = f"/admin/orders/{order}/refunds"
    shown = admin.get(f"{refunds}/{declined['id']}")
    assert admin.call("PUT", f"{refunds}/{declined['id']}", {"action": "decline"}).status == 200
    given = {"lines": [{"line": "line-1", "amount": 100}]} | wish
    begun = admin.post(f"/admin/orders/{order}/refund", given, 202, Idempotency_Key="refund-0001")
    other = given | {"payTo": f"{PAY_TO} or so"}
    assert admin.call("POST", f"/admin/orders/{order}/refund", other, Idempotency_Key="refund-0001").status == 422
    sent = {"action": "transferred", "reference": "SCB 417"}
    assert admin.call("PUT", f"{refunds}/{begun['id']}", sent).status == 200
    assert admin.call("PUT", f"{refunds}/{begun['id']}", {"action": "confirm"}).status == 403
    open_one = buyer.post(asked, wish, 202)
    _run_jobs()

    for paper in buyer.get(f"/orders/{order}/documents")["documents"]:
        drawn = buyer.get(f"/orders/{order}/documents/{paper['number']}")["document"]
        assert (drawn, COMPANYS_NUMBER in json.dumps(drawn)) == (paper, False)
        assert stranger.call("GET", f"/orders/{order}/documents/{paper['number']}").status == 404
    assert [shown["payTo"], begun["payTo"]] == [PAY_TO] * 2
    assert admin.get(f"{refunds}/{declined['id']}")["payTo"] is None
    looks = ["/admin/refunds", f"/admin/orders/{order}", f"/admin/orders?event={order}", "/admin/audit-logs"]
    told = [*map(admin.get, looks), buyer.get(asked), buyer.get(f"/orders/{order}"), declined, open_one]
    assert PAY_TO not in json.dumps(told)
    for target in (asked, f"{refunds}/{open_one['id']}", "/admin/refunds"):
        assert stranger.call("GET", target).status in (401, 404)


def _prove(found: Evidence, admin: Person, buyer: Person) -> None:
    """The buyer sends a passport; staff looks at it and refuses it."""
    content = b"\x89PNG\r\n\x1a\n PASSPORT-CANARY"
    digest = hashlib.sha256(content).hexdigest()
    offer = {"kind": "passport", "contentType": "image/png", "size": len(content), "sha256": digest}
    offered = buyer.post("/users/me/documents", offer, 202)
    key, bucket = offered["form"]["fields"]["key"], ENVIRONMENT["PIX_DOCUMENTS_BUCKET"]
    client("s3").put_object(Bucket=bucket, Key=key, Body=content)
    document = buyer.post(f"/users/me/documents/{offered['document']['id']}/submit")
    address = f"/verification/{document['user']}/documents/{document['id']}"
    opened = admin.get(address)
    assert admin.call("PUT", f"{address}/reject", {"reason": REASON}).status == 200
    buyer.call("PUT", "/users/me/consents", {"kind": "marketing", "granted": True, "wording": "2026-11"})
    buyer.post("/users/me/exports", None, 202)
    buyer.post("/users/me/erasure", {"scope": "account"}, 202)
    _run_jobs()
    link = re.search(r"/exports/[\w/-]+/([\w-]{43})", "".join(found.mails))
    assert link is not None
    assert buyer.call("POST", link[0]).status == 303
    with clock.travel(timedelta(days=30, seconds=1)):
        erasures.begin_due()
        deliver.relay()
        deliver.queue("jobs")
    _run_jobs()
    receipt = re.search(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]{86}", "".join(found.mails))
    assert receipt is not None
    found.canaries |= {
        "key of an export": link[1],
        "receipt": receipt[0],
        "identity document": "PASSPORT-CANARY",
        "why it was refused": REASON,
        "signature of a document": parse_qs(urlsplit(opened["url"]).query)["X-Amz-Signature"][0],
    }


def _prove_and_recover(found: Evidence, buyer: Person) -> None:
    """Adds a phone, then forgets the password and chooses another one on the page of the mail."""
    buyer.post("/users/phones", {"phone": PHONE}, 202)
    _run_jobs()
    texted = re.findall(r"\b[0-9]{6}\b", json.loads(found.texts[-1])["Message"])[0]
    assert buyer.call("PUT", f"/users/phones/{PHONE[1:]}", {"code": texted}).status == 200
    guest = Person(found)
    guest.post("/auth/forgot-password", {"phone": PHONE}, 202)
    guest.post("/auth/forgot-password", {"email": EMAIL}, 202)
    _run_jobs()
    told = next(mail for mail in reversed(found.mails) if "token=" in mail)
    token = re.findall(r"token=([\w.-]+)", json.loads(told)["Message"]["Body"]["Text"]["Data"])[0]
    assert guest.call("GET", f"/auth/verify-email?token={token}").status == 200
    form = urlencode({"token": token, "password": NEW_PASSWORD}).encode()
    assert Gateway(app).handle("POST", "/auth/link", {}, form, SOURCE).status == 200
    again = buyer.log_in(EMAIL, NEW_PASSWORD)
    _run_jobs()
    found.canaries |= {
        "phone": PHONE,
        "texted code": texted,
        "new password": NEW_PASSWORD,
        "signature of a link": token.rpartition(".")[2],
        "token of a new session": again["refreshToken"].partition(".")[2],
    }


def _tell_of_oneself(found: Evidence, buyer: Person) -> None:
    told = {"version": 0, "lastName": FAMILY_NAME, "nationalId": {"country": "KZ", "number": NATIONAL_ID}}
    assert buyer.call("PUT", "/users/profile", told).status == 200
    assert buyer.call("PUT", "/users/profile", told).status == 409
    assert buyer.call("PUT", "/users/profile", told | {"birthDate": "1991-01-01", "version": 1}).status == 400
    assert NATIONAL_ID not in json.dumps(buyer.get("/users/profile"))
    buyer.post("/users/addresses", {"recipient": "Me", "country": "KZ", "city": "Almaty", "line1": STREET}, 201)
    for gateway in ("paynoi", "stripe"):
        wanted = {"token": GATEWAY_TOKEN, "gateway": gateway}
        assert buyer.call("POST", "/users/payment-methods", wanted).status == 422
    assert buyer.call("POST", "/users/payment-methods", {"token": f"card {CARD}"}).status == 400
    assert buyer.call("PUT", "/users/notifications/settings", {"email": {"news": True}}).status == 200
    buyer.call("POST", "/users/notifications/devices", {"token": PUSH_TOKEN})
    found.canaries |= {"token of a device": PUSH_TOKEN}
    found.canaries |= {"card number": CARD, "token of the gateway": GATEWAY_TOKEN}
    found.canaries |= {"national id": NATIONAL_ID, "family name": FAMILY_NAME, "street": STREET}


def _look_around(person: Person, event: str, photo: str, failed: str, found: Evidence) -> None:
    """What anybody may try who learned all ids but no secret."""
    order = re.search(r"ord_[0-9A-Z]{26}", "".join(found.written["orders"]))
    payment = re.search(r"pay_[0-9A-Z]{26}", "".join(found.written["payments"]))
    assert order is not None
    assert payment is not None
    for target in (
        *("/events", "/events?status=live", "/organization", "/health", "/cart", "/orders", "/users/me", "/docs"),
        *("/users/profile", "/users/addresses"),
        *(f"/events/{event}", "/events/lake-run/photos", "/events/lake-run/packages", "/events/lake-run/review"),
        *(f"/photos/{photo}", f"/photos/{failed}", f"/orders/{order[0]}", f"/payments/{payment[0]}/status"),
        *(f"/downloads/{order[0]}", f"/d/{order[0]}/{'x' * 43}", "/payments/review", "/organization/settings"),
    ):
        person.call("GET", target)
    person.call("POST", f"/downloads/{order[0]}/photos/{photo}")
    person.call("POST", "/payments/create", {"orderId": order[0]})
    person.call("POST", "/auth/register", {"email": EMAIL, "password": "another fine phrase", "name": "Stranger"})
    person.call("POST", "/auth/resend", {"email": EMAIL})
    person.call("POST", "/auth/verify", {"email": EMAIL, "code": "000000", "password": "not the canary's"})
    person.call("POST", "/auth/login", {"email": EMAIL, "password": "not the canary's"})
    person.call("POST", "/orders", {"email": "stranger@buyer.example"}, Idempotency_Key=KEY)
    person.call("POST", "/cart/items", {"items": [{"ref": failed}]})
    _run_jobs()


def _break(buyer: Person, patch: pytest.MonkeyPatch) -> None:
    """A bug whose message holds all that was in reach, in a request and in a job."""
    spilled = f"{EMAIL} {PASSWORD} {buyer.headers}"

    def broken(*_: object, **__: object) -> Any:
        raise ValueError(spilled)

    patch.setattr(carts, "open_cart", broken)
    assert buyer.call("GET", "/cart").status == 500
    message = queues.encode(queues.handlers_of("OrderPaid")[0], "OrderPaid", {"order": "ord_x"}, spilled[:0])
    event = {"Records": [{"messageId": "m1", "body": message, "eventSourceARN": "arn:aws:sqs:x:y:jobs"}]}
    patch.setattr("chalicelib.orders.jobs.service.clear_cart", broken)
    assert queues.consume(event)["batchItemFailures"] == [{"itemIdentifier": "m1"}]


def _run_jobs() -> None:
    deliver.all(consumers={"uploads": lambda event: queues.consume(event, foreign=photo_jobs.ingest)})


def _collect_images(found: Evidence) -> None:
    s3, bucket = client("s3"), ENVIRONMENT["PIX_PREVIEWS_BUCKET"]
    for item in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        found.previews.append(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())


# --- looking for them ---------------------------------------------------------------------------------------------

ALLOWED = {
    ("buyer's e-mail", "mails"): "who it is written to",
    ("buyer's e-mail", "table accounts"): "the account itself",
    ("buyer's e-mail", "table orders"): "where the link goes, for guests too",
    ("buyer's e-mail", "table entitlements"): "the licence says whose it is; it goes when they are forgotten",
    ("buyer's name", "mails"): "the greeting",
    ("buyer's name", "table accounts"): "the account itself",
    ("photographer's e-mail", "mails"): "who it is written to",
    ("photographer's e-mail", "table accounts"): "the account itself",
    ("photographer's name", "mails"): "the greeting",
    ("photographer's name", "table accounts"): "the account itself",
    ("photographer's name", "answers to strangers"): "the public page, which they opened",
    ("family name", "table profiles"): "the profile itself",
    ("street", "table profiles"): "the address itself",
    ("company", "table orders"): "in whose name the receipt is; accounting keeps it until they are forgotten",
    ("company's address", "table orders"): "the same",
    ("token of an invitation", "mails"): "the link of the mail",
    ("token of another", "mails"): "the link of the mail",
    ("who was invited", "mails"): "who it is written to",
    ("who was invited", "table organizations"): "the invitation itself",
    ("who was invited", "table accounts"): "the account that joined",
    ("who hears of an event", "mails"): "who it is written to",
    ("who hears of an event", "table accounts"): "what the code is to prove, for ten minutes",
    ("who waits for photos", "mails"): "who it is written to",
    ("who waits for photos", "table accounts"): "what the code is to prove, for ten minutes",
    ("token of own photos", "mails"): "the link of the mail",
    ("link that ends news", "mails"): "the link of the mail",
    ("mailed code", "mails"): "what the mail is for",
    ("key of an export", "mails"): "the link to one's own data",
    ("receipt", "mails"): "what the mail is for",
    ("receipt", "table privacy"): "until it is mailed",
    ("why it was refused", "mails"): "whoever sent the document is told",
    ("why it was refused", "table verification"): "staff and owner may talk about it",
    ("phone", "texts"): "who it is written to",
    ("phone", "table accounts"): "the account itself",
    ("texted code", "texts"): "what the text is for",
    ("signature of a link", "mails"): "the link of the mail",
    ("order token", "mails"): "the link to the downloads",
    ("QR code", "table payments"): "shown again to a buyer who comes back; it only takes money",
    ("latitude", "table photos"): "EXIF, for staff alone",
    ("longitude", "table photos"): "EXIF, for staff alone",
    ("source address", "table audit"): "the audit log says where a change came from",
    ("why credit was given", "table audit"): "why staff did it",
    ("file name", "table photos"): "how the photographer knows the photo; visitors never see it",
}


def spellings(canary: str) -> set[bytes]:
    """How a text may look where it leaked: plain, lower, in JSON, in an address, in Base64, in hex."""
    plain = canary.encode()
    coded = {base64.b64encode(b"\0" * shift + plain)[4 if shift else 0 : -4] for shift in range(3)}
    quoted = {quote(canary).encode(), quote_plus(canary).encode(), json.dumps(canary)[1:-1].encode()}
    return {plain, plain.lower(), plain.hex().encode(), *quoted, *(text for text in coded if len(text) >= 12)}


def is_in(canary: str, text: bytes) -> bool:
    if canary.isdigit():  # a code: not any six digits of a longer number
        return re.search(rb"(?<![0-9A-Za-z.])" + canary.encode() + rb"(?![0-9A-Za-z])", text) is not None
    return any(spelling in text for spelling in spellings(canary))


def test_each_is_only_where_it_has_to_be(evidence: Evidence, figure: Show):
    places = evidence.places()

    hits = {
        (name, place)
        for name, canary in evidence.canaries.items()
        for place, text in places.items()
        if is_in(canary, text)
    }

    seen, leaks = sum(map(len, places.values())), len(hits - ALLOWED.keys())
    text = f"{len(evidence.canaries)} canaries, {len(places)} places, {seen:,} bytes: {leaks} leaks"
    figure("canaries", "secrets and personal data are only where they have to be", text)
    assert hits - ALLOWED.keys() == set()
    assert ALLOWED.keys() - hits == set()


def test_account_numbers_are_answered_in_the_file_for_the_bank_alone(evidence: Evidence):
    for number in (BANK_ACCOUNT, HOUSE_ACCOUNT):
        told = [target for target, body in evidence.answers if is_in(number, body)]

        assert [target.rpartition("/")[2] for target in told] == ["bank-file"]


def test_there_was_something_to_find_in_every_place(evidence: Evidence):
    wanted = {
        "logs": (b'"unexpected failure"', b'"message failed"', b"ClientError", b'"handled"', b"payment captured"),
        "queues": (b"accounts.mail_sign_up_code", b"payments.settle", b"orders.mail_downloads", b"uploads%2Forg_"),
        "refusals": (b"invalid_credentials", b"idempotency_key_reused", b"internal_error", b"order_not_found"),
        "answers to strangers": (b'"nextCursor"', b"X-Amz-Signature", b'"twenty"', b"sign_in_required"),
        "mails": (b"/d/ord_", b"Canary"),
        "table outbox": (b"PhotoFailed", b"OrderCompleted", b"AddressRegisteredAgain", b"PhotoRetryRequested"),
    }
    places = evidence.places()

    missing = [(place, sign) for place, signs in wanted.items() for sign in signs if sign not in places[place]]

    assert missing == []
    assert [place for place, text in places.items() if not text and place != "table organizations"] == []
    assert len(evidence.canaries) >= 26


def test_control_a_leak_is_found_however_it_is_written():
    secret = "a canary/sings at 4:17"
    texts = [
        secret,
        f"xx{secret}yy",
        secret.lower(),
        quote(secret),
        quote_plus(secret),
        json.dumps({"x": secret}),
        secret.encode().hex(),
        *(base64.b64encode(("x" * shift + secret + "tail").encode()).decode() for shift in range(3)),
    ]

    assert [text for text in texts if not is_in(secret, f"before {text} after".encode())] == []
    assert not is_in(secret, b"a canary sings")
    assert is_in("417417", b'"code": "417417"')
    assert not is_in("417417", b"1417417")


# --- numbers of cards ---------------------------------------------------------------------------------------

_DIGITS = re.compile(r"(?<![\w.+-])\d(?:[ -]?\d){12,18}(?![\w.-])")
_ISSUERS = ("2", "34", "35", "36", "37", "38", "4", "51", "52", "53", "54", "55", "60", "62", "64", "65", "9860")
"""What card numbers begin with: a time in milliseconds begins otherwise, and by chance fits Luhn's rule, too."""


def card_numbers(text: str) -> list[str]:
    """What looks like the number of a card: so long, of an issuer that there is, and true to Luhn's rule."""
    found = (re.sub(r"[ -]", "", run) for run in _DIGITS.findall(text))
    return [digits for digits in found if digits.startswith(_ISSUERS) and obeys_luhn(digits)]


def obeys_luhn(digits: str) -> bool:
    """ISO/IEC 7812-1: every second one from the last doubled, its digits added, all come to a multiple of 10."""
    signs = [int(sign) * (1 + place % 2) for place, sign in enumerate(reversed(digits))]
    return sum(sum(divmod(sign, 10)) for sign in signs) % 10 == 0


def test_no_card_number_is_in_any_store_or_log(evidence: Evidence, figure: Show):
    places = evidence.places()
    answers = "\n".join(body.decode("latin-1") for _, body in evidence.answers)
    texts = {
        place: text.decode("latin-1") for place, text in places.items() if place not in ("previews", "delivered file")
    }
    texts["answers"] = answers

    found = {place: numbers for place, text in texts.items() if (numbers := card_numbers(text))}

    text = "{places} places, {bytes:,} bytes: {found} numbers"
    seen = sum(map(len, texts.values()))
    figure("canaries", "no number of a card is anywhere", text, places=len(texts), bytes=seen, found=len(found))
    assert found == {}


def test_control_the_number_of_a_card_is_found_however_it_is_written():
    texts = [
        "4242424242424242",
        "4242 4242 4242 4242",
        '"5555-5555-5555-4444"',
        "card=378282246310005;",
        "x:4000056655665556,",
    ]

    assert [text for text in texts if not card_numbers(f"before {text} after")] == []
    assert card_numbers("4242424242424241 1764000000000 pay_4242424242424242 +4242424242424242") == []


def test_what_must_be_recognised_again_is_kept_as_a_digest(evidence: Evidence):
    tables = {name: "\n".join(parts) for name, parts in evidence.written.items()}
    canaries = evidence.canaries
    passwords = set(re.findall(r'"(\$argon2[^"]+)"', tables["accounts"]))

    assert {text.rpartition("$")[0].rpartition("$")[0] for text in passwords} == {"$argon2id$v=19$m=19456,t=2,p=1"}
    assert len(passwords) >= 4
    assert ids.digest(canaries["first refresh token"]) in tables["accounts"]
    assert ids.digest(canaries["second refresh token"]) in tables["accounts"]
    assert ids.digest(canaries["cart token"]) in tables["carts"]
    assert ids.digest(KEY) in tables["claims"]


def test_previews_hold_the_picture_and_nothing_else(evidence: Evidence):
    assert len(evidence.previews) == 4
    for content in evidence.previews:
        for mark in (b"Exif", b"http://ns.adobe.com", b"Photoshop", b"Canary Camera", b"\xff\xfe"):
            assert mark not in content[: content.index(b"\xff\xda")], mark
        with Image.open(io.BytesIO(content)) as image:
            assert dict(image.getexif()) == {}
            assert not image.info.keys() & {"exif", "comment", "xmp", "icc_profile", "photoshop"}


def test_the_delivered_file_keeps_the_camera_and_loses_place_and_serial_number(evidence: Evidence):
    with Image.open(io.BytesIO(evidence.delivered)) as image, Image.open(io.BytesIO(jpeg(7).content)) as original:
        exif = image.getexif()
        assert image.tobytes() == original.tobytes()
        assert exif[0x010F] == "Canary Camera"
        assert dict(exif.get_ifd(0x8825)) == {}
        assert 0xA431 not in exif.get_ifd(0x8769)
        assert original.getexif().get_ifd(0x8769)[0xA431] == "SERIAL-CANARY"
