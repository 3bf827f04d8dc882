"""The steps of a load, on a system started for it."""

import hashlib
import io
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image
from rich.progress import Progress

from chalicelib.core.settings import settings
from infra import audit
from infra.bench.load.clients import LONGEST, Ask, Clients, Sent, Tick, clients
from infra.bench.load.control import constant
from infra.bench.load.results import Burst, Load, Measured, Served
from infra.local.client import Person
from infra.local.logs import write_logs_to
from infra.local.paynoi import PayNoiSandbox
from infra.local.people import LogIn, log_ins, move, plan_event
from infra.local.samples import real_photos
from infra.local.system import System

ROUNDS = 5
STALLED = 120.0  # seconds without anything new, after which the rest counts as lost
_OFFERS = 100  # files of one upload
_SIZE = (640, 480)
_RENDITIONS = 4
_QUEUES = ("uploads", "payments", "emails", "jobs", "webhooks")


def measure(load: Load, home: Path, progress: Progress) -> Measured:
    def sandbox(api_key: str, webhook_url: str, _state: Path) -> PayNoiSandbox:
        return PayNoiSandbox(api_key, webhook_url)  # with a file it would write all charges at each change of one

    log = home / "log.jsonl"
    write_logs_to(log)
    with System(home / "system", paynoi=sandbox) as system, clients(load.clients) as people:
        run = _Run(load, system, people, log_ins(home / "system"), progress)
        photos = run.upload()
        served = run.read()
        served["writes"], payments = run.order()
        webhooks = run.pay(payments)
        audited, wrong = run.look()
    wrong += [line for line in log.read_text().splitlines() if "unexpected failure" in line]
    return Measured(load, served, photos, webhooks, audited, wrong)


class _Run:
    """The steps, in their order. `photo_ids`, `event` and `handed_over` are what they leave to those after them."""

    def __init__(
        self, load: Load, system: System, people: Clients, known: Mapping[str, LogIn], progress: Progress
    ) -> None:
        self._load = load
        self._system = system
        self._people = people
        self._known = known
        self._progress = progress
        self._dynamodb = system.client("dynamodb")
        self.photo_ids: list[str] = []
        self.event: dict[str, Any] = {}
        self.handed_over = 0

    def upload(self) -> Burst:
        """All files are offered, then sent at once. A photo is ready when its record says so."""
        admin, photographer = self._log_in("admin"), self._log_in("photographer")
        event = plan_event(admin, self._known["photographer"].user, "Load Run", f"load-run-{secrets.token_hex(3)}")
        kept = {name: event[name] for name in ("name", "date", "slug", "timezone", "version")}
        admin.put(f"/events/{event['id']}", kept | {"autoApprove": True})
        files = list(made(self._load.photos))
        forms = []
        for batch in (files[start : start + _OFFERS] for start in range(0, len(files), _OFFERS)):
            offers = [_offer(content) for content in batch]
            offered = photographer.post(f"/events/{event['id']}/uploads", {"files": offers}, expect=201)["files"]
            forms += [(file["photoId"], file["upload"], content) for file, content in zip(offered, batch, strict=True)]
        sent: list[Sent] = []
        sending = threading.Thread(target=lambda: sent.extend(self._people.send(forms, _unheard)[0]))
        sending.start()
        ready = self._awaited("photos", "photos", "ready_at", len(forms))
        sending.join()
        self.event = move(self._log_in("admin"), event["id"], "live")
        self.photo_ids = sorted(ready)
        took = [ready[each.photo] - each.at for each in sent if each.at is not None and each.photo in ready]
        return Burst(took, len(forms) - len(took))

    def read(self) -> dict[str, Served]:
        """What visitors ask for, beside both controls; they take turns, so that what else runs here meets all three."""
        url, photo = self._system.url, self.photo_ids[0]
        paths = {
            "events": "/events",
            "event": f"/events/{self.event['slug']}",
            "gallery": f"/events/{self.event['slug']}/photos?pageSize=20",
            "photo": f"/photos/{photo}",
            "packages": f"/events/{self.event['id']}/packages",
            "organization": "/organization",
        }
        served = {"control": Served(), "emulator": Served(), "reads": Served()}
        with constant() as control:
            asks = {
                "control": [Ask("constant", "GET", control)],
                "emulator": [self._read_of_the_emulator(photo)],
                "reads": [Ask(name, "GET", url + path) for name, path in paths.items()],
            }
            with self._task("reads and controls", 3 * self._load.requests) as tick:
                for turn in range(ROUNDS):
                    count = self._load.requests // ROUNDS + (turn < self._load.requests % ROUNDS)
                    for kind, asked in asks.items():
                        with _worked(served[kind]):
                            answers, seconds = self._people.ask(asked, count, tick)
                        served[kind].answers += answers
                        served[kind].seconds += seconds
        return served

    def order(self) -> tuple[Served, list[str]]:
        """As many guests as there will be webhooks; answers their payments."""
        served = Served()
        with self._task("orders", self._load.webhooks) as tick, _worked(served):
            bought, served.seconds = self._people.buy(self._system.url, self.photo_ids, self._load.webhooks, tick)
        served.answers = [answer for each in bought for answer in each.answers]
        return served, [each.payment for each in bought if each.payment is not None]

    def pay(self, payments: Sequence[str]) -> Burst:
        """All of them pay in one moment, each hears of it once. Paid is when the order's record says so."""
        sandbox = self._system.paynoi
        assert isinstance(sandbox, PayNoiSandbox)
        charges = {charge.ref1: charge.trans_id for charge in sandbox.transactions()}
        began = time.time()
        for payment in payments:
            sandbox.pay(charges[payment])
        paid = self._awaited("webhooks", "orders", "paid_at", self._load.webhooks)
        self.handed_over = len(self._awaited("handed over", "orders", "completed", self._load.webhooks))
        return Burst([at - began for at in paid.values()], self._load.webhooks - len(paid))

    def look(self) -> tuple[Counter[str], list[str]]:
        """What was looked at, and what is not as it must be."""
        report = audit.audit(f"{settings().app}-{settings().stage}", self._dynamodb)
        wrong = [f"{each.check}: {each.subject}: {each.text}" for each in report.differences]
        entries = Counter(item["entry"]["S"] for item in self._items("ledger", "entry") if "entry" in item)
        captured = [item["id"]["S"] for item in self._items("payments", "id, captured_at") if "captured_at" in item]
        sales = [entry for entry in entries if entry.startswith("capture#")]
        if len(sales) != len(captured):
            wrong.append(f"{len(captured)} captured payments have {len(sales)} entries in the ledger")
        if self.handed_over != self._load.webhooks:
            wrong.append(f"{self.handed_over} of {self._load.webhooks} orders were handed over")
        previews = self._files("PreviewsBucketName")
        if previews != _RENDITIONS * self._load.photos:
            wrong.append(f"{self._load.photos} photos have {previews} previews")
        for queue in _QUEUES:
            if count := self._dead(queue):
                wrong.append(f"{count} dead letters of {queue}")
        return report.looked_at, wrong

    # --- details ----------------------------------------------------------------------------------------------

    def _log_in(self, role: str) -> Person:
        known = self._known[role]
        return Person(self._system.url, role).log_in(known.email, known.password)

    def _awaited(self, what: str, domain: str, mark: str, count: int) -> dict[str, float]:
        """When each record of a domain got its mark, in seconds since 1970; what is not there in time is left out."""
        found: dict[str, float] = {}
        started = news = time.monotonic()
        with self._task(what, count) as tick:
            while len(found) < count and time.monotonic() < min(started + LONGEST, news + STALLED):
                time.sleep(0.5)
                marked = dict(self._marks(domain, mark))
                if len(marked) > len(found):
                    tick(len(marked) - len(found))
                    found, news = marked, time.monotonic()
        return found

    def _marks(self, domain: str, mark: str) -> Iterator[tuple[str, float]]:
        """Of each record that has the mark: when. A mark is an attribute with a time, or a status, which has none."""
        for item in self._items(domain, "id, #mark, #status", {"#mark": mark, "#status": "status"}):
            if "id" not in item:
                continue
            if mark in item:
                yield item["id"]["S"], datetime.fromisoformat(item[mark]["S"]).timestamp()
            elif item.get("status", {}).get("S") == mark:
                yield item["id"]["S"], 0.0

    def _items(self, domain: str, wanted: str, names: Mapping[str, str] | None = None) -> Iterator[Mapping[str, Any]]:
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=settings().table(domain),
            ProjectionExpression=wanted,
            **({"ExpressionAttributeNames": names} if names else {}),
        )
        return (item for page in pages for item in page["Items"])

    def _files(self, bucket: str) -> int:
        pages = self._system.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self._system.outputs[bucket])
        return sum(page.get("KeyCount", 0) for page in pages)

    def _dead(self, queue: str) -> int:
        name = settings().queue(queue).rpartition("/")[2]
        sqs = self._system.client("sqs")
        url = sqs.get_queue_url(QueueName=f"{name}-dlq")["QueueUrl"]
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(told["Attributes"]["ApproximateNumberOfMessages"])

    def _read_of_the_emulator(self, photo: str) -> Ask:
        key = next(item for item in self._items("photos", "pk, sk, id") if item.get("id", {}).get("S") == photo)
        body = {"TableName": settings().table("photos"), "Key": {"pk": key["pk"], "sk": key["sk"]}}
        headers = {
            "X-Amz-Target": "DynamoDB_20120810.GetItem",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request",
        }
        return Ask("GetItem", "POST", f"{self._system.endpoint}/", headers, json.dumps(body).encode())

    @contextmanager
    def _task(self, what: str, count: int) -> Iterator[Tick]:
        task = self._progress.add_task(what, total=count)
        yield lambda done: self._progress.advance(task, done)


def _unheard(_done: int) -> None:
    """Nobody is told."""


@contextmanager
def _worked(served: Served) -> Iterator[None]:
    before = time.process_time()
    yield
    served.worked += time.process_time() - before


def made(count: int) -> Iterator[bytes]:
    """Small JPEGs, each with a comment of its own, so that no two are the same file."""
    with Image.open(real_photos() / "coffee.png") as picture:
        coded = io.BytesIO()
        picture.convert("RGB").resize(_SIZE).save(coded, "JPEG", quality=88)
    plain = coded.getvalue()
    for _ in range(count):
        comment = secrets.token_bytes(16)
        yield plain[:2] + b"\xff\xfe" + (2 + len(comment)).to_bytes(2, "big") + comment + plain[2:]


def _offer(content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"name": f"{digest[:12]}.jpg", "size": len(content), "type": "image/jpeg", "sha256": digest}
