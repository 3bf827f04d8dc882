"""What earlier releases left on the queues and in the outbox, told to the code of today; and what later ones may."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from moto.apigatewaymanagementapi.models import apigatewaymanagementapi_backends
from moto.ses.models import ses_backends

import app
from chalicelib.core import clock, outbox, queues, sealing
from chalicelib.core.queues import Fact
from chalicelib.core.table import NewerRelease
from chalicelib.lines.prints import labs
from chalicelib.lines.prints.model import Recipient
from chalicelib.lines.prints.service.addressing import sealed
from chalicelib.orders.store import OrderRecord
from chalicelib.organizations import dns
from chalicelib.organizations import service as organizations
from chalicelib.payments import gateways
from chalicelib.payments.gateways.contract import Status
from chalicelib.profiles.model import Address
from chalicelib.webhooks import calling
from chalicelib.webhooks.model import Answer
from chalicelib.webhooks.service import endpoints
from chalicelib.webhooks.signing import new_secret
from infra.local.gateway import LambdaContext
from tests import rekognition
from tests.compatibility.record import FOLDER
from tests.printing import FakeLab, account
from tests.selling import FakeGateway
from tests.stack import ACCOUNT, ENVIRONMENT, REGION, client

NEWEST = "1.0"
ORIGINALS, PREVIEWS = ENVIRONMENT["PIX_ORIGINALS_BUCKET"], ENVIRONMENT["PIX_PREVIEWS_BUCKET"]
MESSAGES = sorted(FOLDER.glob("*/messages/*.json"))
FACTS = sorted(FOLDER.glob("*/facts.json"))
HANDLED = queues.handlers().keys()  # opens all rooms with facts
OURS = {name for name, fact in Fact.known.items() if fact.__module__.startswith("chalicelib.")}
TOLD = {"GatewayNotified", "GatewayDisputed"}  # never in the outbox
WITHDRAWN: list[str] = []
"""The charges that the gateway was asked to forget."""
DETACHED: list[str] = []
"""The cards that it was asked to forget."""
CONSUMERS = {
    "uploads": "on_upload",
    "payments": "on_payment",
    "emails": "on_email",
    "jobs": "on_job",
    "webhooks": "on_webhook",
}


@contextmanager
def moment(path: Path) -> Iterator[dict[str, Any]]:
    """The tables, files, time and gateway as they were when a message was sent; gives what was on record."""
    text = path.read_text()
    for file in json.loads(text)["files"]:
        content = base64.b64decode(file["content"])
        bucket = ENVIRONMENT[f"PIX_{file.get('bucket', 'originals').upper()}_BUCKET"]
        put = client("s3").put_object(Bucket=bucket, Key=file["key"], Body=content)
        if "VersionId" in put:
            text = text.replace(file["version"], put["VersionId"])
    held: dict[str, Any] = json.loads(text)
    for domain, items in held["tables"].items():
        for item in items:
            client("dynamodb").put_item(TableName=f"thepixstock-test-{domain}", Item=sealed_anew(item))
    for index in statuses("faces", "index"):
        rekognition.here().collections[f"thepixstock-test-{index}"] = {}
    at = datetime.fromisoformat(held["at"])
    organizations.forget()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: at)
        WITHDRAWN.clear()
        DETACHED.clear()
        seal_anew(held["message"])
        patch.setattr(gateways, "of_name", lambda name: bank(held))
        patch.setattr(labs, "lab", FakeLab)
        patch.setattr(labs, "account_of", account)
        patch.setattr(dns, "txt", lambda name: [])
        patch.setattr(calling, "call", lambda *told, local: Answer(1, 204))
        yield held
    organizations.forget()


def seal_anew(message: dict[str, Any]) -> None:
    """So was what some messages carry."""
    fact = message.get("body", {})
    match message.get("handler"):
        case "lines.tickets.mail_tickets":
            told = json.dumps({"email": "anna@people.example", "language": "en", "code": "ABCD2345"})
            purpose = f"tickets#{fact['order']}#{fact['event']}"
            fact["recipient"] = sealing.seal(fact["organization"], purpose, told)
        case "payments.methods.detach_method":
            fact["sealed"] = sealing.seal(fact["organization"], f"payment-method#{fact['method']}", "pm_1")


def sealed_anew(item: dict[str, Any]) -> dict[str, Any]:
    """A parcel's recipient and a webhook's secret were sealed with a key of another stage."""
    if item["sk"]["S"].startswith("ENDPOINT#"):
        sealed_secret = sealing.seal(item["organization"]["S"], endpoints.purpose(item["id"]["S"]), new_secret())
        return {name: value for name, value in item.items() if name != "former"} | {"secret": {"S": sealed_secret}}
    if "recipient" not in item:
        return item
    home = Address("", None, "Anna", None, "TH", None, "Bangkok", "10500", "Silom Road 2", None)
    told = sealed(item["organization"]["S"], item["id"]["S"], Recipient(home, "anna@people.example", "en"))
    return item | {"recipient": {"S": told}}


def bank(held: dict[str, Any]) -> FakeGateway:
    """A gateway where every open payment has been paid as asked."""
    made = FakeGateway(cancelled=WITHDRAWN, detached=DETACHED)
    for payment in held["tables"]["payments"]:
        if "transaction" in payment:
            id, payable = payment["transaction"]["S"], int(payment["payable"]["N"])
            made.charges[id] = Status(id, "captured", payable, "THB", payment["id"]["S"], None)
            if payment["gateway"]["S"] == "stripe":
                made.set_dispute("dp_1", id, "open")
            made.kept_for[id] = "cus_1"
    return made


def consume(queue: str, message: dict[str, Any]) -> list[dict[str, str]]:
    """What Lambda does with a message: the ids of those that come back."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:thepixstock-test-{queue}"
    record = {"messageId": "1", "body": json.dumps(message), "eventSourceARN": arn}
    told = app.app.handler_map[CONSUMERS[queue]]({"Records": [record]}, LambdaContext(CONSUMERS[queue]))
    failures: list[dict[str, str]] = told["batchItemFailures"]
    return failures


def items(domain: str) -> list[dict[str, Any]]:
    return list(client("dynamodb").scan(TableName=f"thepixstock-test-{domain}")["Items"])


def granted() -> list[dict[str, Any]]:
    return [item for item in items("entitlements") if "resource" in item]


def mails() -> int:
    return len(ses_backends[ACCOUNT][REGION].sent_messages)


def documents(prefix: str) -> int:
    bucket = ENVIRONMENT["PIX_DOCUMENTS_BUCKET"]
    return int(client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("KeyCount", 0))


def statuses(domain: str, name: str) -> set[str]:
    return {item[name]["S"] for item in items(domain) if name in item}


def numbered(begins: str) -> int:
    """How many documents have a number that begins so."""
    return sum(item["number"]["S"].startswith(begins) for item in items("orders") if "number" in item)


def photos_seen() -> int:
    return sum(item["sk"]["S"].startswith("PHOTO#") for item in items("faces"))


def published() -> set[str]:
    return {item["fact"]["S"] for item in items("outbox")}


def told(times: int = 1, **data: Any) -> bool:
    """Whether so many entries of logs show this."""
    shown = [json.loads(item["frame"]["S"])["data"] for item in items("connections") if "frame" in item]
    return sum(data.items() <= each.items() for each in shown) == times


def credit_waits() -> bool:
    """Whether credit is held for a payment."""
    asked = [item for item in items("payments") if item.get("gateway") == {"S": "credit"}]
    return any(item.get("state") == {"S": "pending"} for item in asked)


def pushed() -> bool:
    return any(each.data for each in apigatewaymanagementapi_backends[ACCOUNT][REGION].connections.values())


DONE: dict[str, Callable[[], bool]] = {
    "s3.notification": lambda: statuses("photos", "processing") == {"ready"} and "PhotoReady" in published(),
    "lines.photos.delete_files": lambda: sum("removed_at" in item for item in items("photos")) == 1,  # of two
    "lines.photos.set_clock": lambda: any("clock_offset" in item for item in items("photos")),
    "lines.photos.clear_album": lambda: sum(item["sk"]["S"] == "in#album" for item in items("photos")) == 1,  # of two
    "lines.photos.process_again": lambda: "PhotoFailed" in published(),  # cut off as it is, it fails again
    "accounts.mail_sign_up_code": lambda: mails() == 1,
    "accounts.mail_already_registered": lambda: mails() == 1,
    "accounts.send_code": lambda: mails() == 1,
    "accounts.tell_of_change": lambda: mails() == 1,
    "accounts.tell_of_new_device": lambda: mails() == 1,
    "members.mail_invitation": lambda: mails() == 1,
    "members.mail_lost_domain": lambda: mails() == 1,
    "organizations.look_again": lambda: any(
        "looked_at" in item and "missed" in item for item in items("organizations")
    ),
    "payments.settle": lambda: statuses("payments", "state") == {"captured"} and len(items("ledger")) == 3,
    "invoices.issue_receipt": lambda: numbered("R-") == 1,
    "invoices.issue_credit_note": lambda: numbered("C-") == 1,
    "orders.clear_cart": lambda: json.loads(items("carts")[0]["items"]["S"]) == [],
    "orders.hand_over": lambda: statuses("orders", "status") == {"completed"} and len(granted()) == 2,
    "orders.share_out": lambda: any("#TAKEN#" in item["pk"]["S"] for item in items("ledger")),
    "entitlements.archives.build_archive": lambda: "ready" in statuses("entitlements", "state"),
    "entitlements.sizes.make_sizes": lambda: "sizes/" in str(client("s3").list_objects_v2(Bucket=ORIGINALS)),
    "payouts.collect": lambda: "draft" in statuses("ledger", "state"),
    "payouts.end_items": lambda: "due" not in statuses("ledger", "state"),
    "orders.mail_downloads": lambda: mails() == 1,
    "verification.mail_review": lambda: mails() == 1,
    "verification.remove_file": lambda: documents("identity/") == 2,
    "privacy.make_export": lambda: "ready" in statuses("privacy", "state"),
    "privacy.mail_export": lambda: mails() == 1,
    "privacy.remove_export": lambda: documents("exports/") == 0,
    "privacy.mail_plan": lambda: mails() == 1,
    "privacy.erase": lambda: "ErasureDone" in published(),
    "privacy.mail_receipt": lambda: statuses("privacy", "contact") == set(),  # its key was another stage's
    "profiles.drop_picture": lambda: "1.jpg" not in str(client("s3").list_objects_v2(Bucket=PREVIEWS)),
    "orders.settle_late": lambda: statuses("orders", "status") == {"paid"} and "LineDue" in published(),
    "orders.tell_of_payment": lambda: told(status="paid"),
    "orders.tell_of_late_payment": lambda: told(status="paid_late"),
    "orders.tell_of_completion": lambda: told(status="completed"),
    "orders.tell_of_expiry": lambda: told(status="expired"),
    "payments.keep_method": lambda: "visa" in str(items("payments")),
    "payments.tell_of_capture": lambda: told(status="captured"),
    "payments.tell_of_review": lambda: told(status="review"),
    "lines.photos.tell_of_processing": lambda: told(processing="ready"),
    "lines.photos.tell_of_failure": lambda: told(processing="failed"),
    "lines.photos.tell_of_approval": lambda: told(onSale=True) or told(onSale=False),  # as the photo is by then
    "lines.photos.tell_of_rejection": lambda: told(approval="rejected") or told(approval="approved"),
    "lines.photos.tell_of_reconsideration": lambda: told(
        times=3, approval="pending"
    ),  # each when it came, and one again
    "live.push": pushed,
    "live.show_notification": lambda: told(isRead=False),
    "notifications.inbox.delete_cleared": lambda: "topic" not in str(items("notifications")),
    "notifications.devices.ring": lambda: "#DEVICE#" not in str(items("notifications")),  # another stage's token
    "faces.begin_recognition": lambda: "PhotoToRecognize" in published(),
    "faces.recognize_photo": lambda: photos_seen() == 1,
    "faces.recognize_approved": lambda: photos_seen() == 1,
    "faces.forget_rejected": lambda: photos_seen() == 1,  # the other one
    "faces.forget_reconsidered": lambda: photos_seen() == 1,
    "faces.forget_removed": lambda: photos_seen() == 1,
    "faces.forget_event": lambda: "FaceIndexDropped" in published(),
    "faces.forget_index": lambda: "#FIX#" not in str(items("faces")),
    "faces.search": lambda: statuses("faces", "state") == {"done"} and documents("selfies/") == 0,
    "faces.group": lambda: statuses("faces", "members") == {"[]"},  # of a face that the index has no more
    "faces.look_for_all": lambda: str(items("faces")).count("'ROUND#") == 2,  # and the one from the beginning
    "faces.go_round": lambda: "FaceWatchDue" in published(),
    "faces.look_for": lambda: "SearchFaces" in [operation for operation, _ in rekognition.here().asked],
    "faces.end_watch": lambda: "WATCH#" not in str(items("faces")),
    "faces.unblock": lambda: "DeleteFaces" in [operation for operation, _ in rekognition.here().asked],
    "orders.mail_downloads_again": lambda: mails() == 1,
    "orders.tell_of_cancelling": lambda: told(status="cancelled"),
    "payments.withdraw_charge": lambda: len(WITHDRAWN) == 1,
    "payments.release_credit": lambda: not credit_waits(),
    "payments.release_credit_of_cancelled": lambda: not credit_waits(),
    "payments.refunds.give_back_lapsed": lambda: "RefundDue" in published(),
    "payments.refunds.give_back_of_expired": lambda: "RefundDue" in published(),
    "payments.refunds.give_back_of_cancelled": lambda: "RefundDue" in published(),
    "payments.tell_of_instalment": lambda: told(status="captured"),
    "payments.methods.detach_method": lambda: DETACHED == ["pm_1"],
    "notifications.deliver_waiting": lambda: "#WAITING#" not in str(items("notifications")),
    "lines.tickets.mail_tickets": lambda: mails() == 1,
    "payments.refunds.submit": lambda: "settled" in statuses("payments", "state"),
    "payments.refunds.take_back": lambda: any("#unshare#" in item["pk"]["S"] for item in items("ledger")),
    "payments.refunds.mail_refund": lambda: mails() == 1,
    "payments.refunds.mail_decline": lambda: mails() == 1,
    "payments.disputes.settle": lambda: any(item["pk"]["S"].count("#dispute#") for item in items("ledger")),
    "payments.disputes.follow_shares": lambda: any("#dispute-hold#" in item["pk"]["S"] for item in items("ledger")),
    "payments.disputes.mail_staff": lambda: mails() == 1,
    "payments.reconciliations.compare": lambda: "done" in statuses("payments", "state"),
    "payments.transfers.mail_rejection": lambda: mails() == 1,
    "lines.prints.settle": lambda: "printing" in statuses("orders", "state"),
    "lines.prints.mail_shipment": lambda: mails() == 1,
    "webhooks.announce": lambda: "DeliveryDue" in published(),
    "webhooks.deliver": lambda: statuses("webhooks", "state") == {"delivered"},
    "webhooks.mail_disabled": lambda: mails() == 1,
    "announcements.send_code": lambda: mails() == 1,
    "announcements.begin_live": lambda: "NoticeDue" in published(),
    "announcements.show_live": lambda: told(status="live"),
    "announcements.deliver": lambda: statuses("announcements", "done_at") != set(),
    "announcements.note_buyer": lambda: statuses("announcements", "bought_at") != set(),
    "announcements.forget_event": lambda: items("announcements") == [],
    "announcements.tell_of_photos": lambda: statuses("announcements", "watch") == set(),  # another stage's address
    "announcements.lose_watch": lambda: statuses("announcements", "watch") == set(),
    "announcements.end_watches": lambda: statuses("announcements", "watch") == set(),
    "accounts.send_sample": lambda: mails() == 1,
    "payments.mail_expiry": lambda: mails() == 1,
    "payouts.announce": lambda: "PayoutItemSent" in published(),
    "payouts.mail_sent": lambda: mails() == 1,
    "payouts.mail_failed": lambda: mails() == 1,
    "privacy.note_face_consent": lambda: "face_recognition" in statuses("privacy", "kind"),
}
"""What each message brings about."""


def test_every_handler_has_a_message_of_the_newest_release():
    """Whoever adds a handler records it: see record.py."""
    recorded = {path.stem for path in MESSAGES if path.parts[-3] == NEWEST}

    assert (
        recorded
        == DONE.keys()
        == {*HANDLED, "s3.notification"}
        - {name for name, handler in queues.handlers().items() if handler.facts[0].__name__ not in OURS}
    )


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_a_message_of_an_earlier_release_is_handled(path, aws):
    with moment(path) as held:
        assert not DONE[path.stem]()

        failed = consume(held["queue"], held["message"])

        assert (failed, DONE[path.stem]()) == ([], True)


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_a_message_with_more_in_it_is_handled_by_those_who_do_not_know_it(path, aws):
    """The next release may add a field to a fact, and one to the message around it."""
    with moment(path) as held:
        message = held["message"] | {"urgency": "high"}
        if "body" in message:
            message["body"] |= {"added_later": {"deep": [1]}}

        failed = consume(held["queue"], message)

        assert (failed, DONE[path.stem]()) == ([], True)


@pytest.mark.parametrize("queue", CONSUMERS)
def test_a_message_for_a_handler_of_a_later_release_comes_back(queue, aws):
    later = {
        "handler": "orders.print_and_post",
        "fact": "OrderPrinted",
        "correlation": "cor_1",
        "at": "2026-11-20T08:00:00.000Z",
        "body": {"organization": "org_1", "order": "ord_1"},
    }

    assert consume(queue, later) == [{"itemIdentifier": "1"}]


def test_a_message_about_an_item_of_a_later_release_comes_back_and_changes_nothing(aws):
    """New code has raised the order's schema, old code still reads the queue."""
    (path,) = (path for path in MESSAGES if path.parts[-3:] == (NEWEST, "messages", "orders.hand_over.json"))
    with moment(path) as held:
        (order,) = (item for item in items("orders") if "status" in item)
        newer = order | {"schema": {"N": str(OrderRecord.newest_schema() + 1)}, "gift_wrap": {"S": "red"}}
        client("dynamodb").put_item(TableName="thepixstock-test-orders", Item=newer)

        assert consume(held["queue"], held["message"]) == [{"itemIdentifier": "1"}]
        assert [item for item in items("orders") if "status" in item] == [newer]

        client("dynamodb").put_item(TableName="thepixstock-test-orders", Item=order)  # as if the deploy had ended
        assert (consume(held["queue"], held["message"]), DONE["orders.hand_over"]()) == ([], True)


def test_an_order_in_a_state_of_a_later_release_comes_back(aws):
    (path,) = (path for path in MESSAGES if path.parts[-3:] == (NEWEST, "messages", "orders.hand_over.json"))
    with moment(path) as held:
        (order,) = (item for item in items("orders") if "status" in item)
        newer = order | {"status": {"S": "gift_wrapped"}}
        client("dynamodb").put_item(TableName="thepixstock-test-orders", Item=newer)

        assert consume(held["queue"], held["message"]) == [{"itemIdentifier": "1"}]
        with pytest.raises(NewerRelease):
            queues.handlers()["orders.hand_over"].run(
                queues.handlers()["orders.hand_over"].fact("LineDue").model_validate(held["message"]["body"])
            )
        assert [item for item in items("orders") if "status" in item] == [newer]


# --- facts --------------------------------------------------------------------------------------------------


def test_every_fact_is_on_record():
    (newest,) = (path for path in FACTS if path.parent.name == NEWEST)

    assert json.loads(newest.read_text()).keys() == OURS - TOLD


@pytest.mark.parametrize("path", FACTS, ids=lambda path: path.parent.name)
def test_a_fact_of_an_earlier_release_is_understood_and_told_again_whole(path):
    for name, body in json.loads(path.read_text()).items():
        fact = Fact.known[name].model_validate(body | {"added_later": 1})

        assert body.items() <= fact.model_dump(mode="json").items(), name
        assert not hasattr(fact, "added_later")


def test_a_fact_of_a_later_release_waits_in_the_outbox(aws):
    """The stream and the sweep of old code meet it; the sweep of new code relays it."""
    known = outbox.publish(Fact.known["OrderPaid"](organization="org_1", order="ord_1")).record.serialize()
    image = known | {"fact": {"S": "OrderPrinted"}}
    client("dynamodb").put_item(TableName="thepixstock-test-outbox", Item=image)

    outbox.relay_stream({"Records": [{"eventName": "INSERT", "dynamodb": {"NewImage": image}}]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox, "_STALE", -outbox._STALE)
        assert outbox.sweep() == 0

    assert items("outbox") == [image]
