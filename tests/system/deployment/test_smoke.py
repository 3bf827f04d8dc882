"""What was packaged and deployed works: routes through API Gateway, a sale from upload to download, poison."""

import json
import secrets
from pathlib import Path
from typing import Any, cast

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from chalicelib.organizations.service import DEFAULT
from infra.local.client import Person
from infra.local.journey import Journey
from infra.local.people import LogIn
from infra.local.samples import Sample
from infra.local.system import System
from tests.figures import Show
from tests.system.deployment.conftest import Deployed
from tests.system.local.shop import photo

pytestmark = [pytest.mark.system, pytest.mark.proof]

POISON = '{"handler": "nobody.at_home"}'


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/health", 200, None),
        ("GET", "/events", 200, None),
        ("GET", "/api-of-another-age", 404, "route_not_found"),
        ("GET", "/orders", 401, "sign_in_required"),
        ("POST", "/auth/login", 400, "validation_failed"),
        ("POST", "/payments/webhook", 401, "invalid_signature"),
    ],
)
def test_a_route_answers_through_the_gateway_in_the_envelope(deployed, method, path, status, code):
    answer = requests.request(method, deployed.url + path, json={} if method == "POST" else None, timeout=60)

    body = answer.json()
    assert answer.status_code == status, body
    if path != "/payments/webhook":
        assert body["success"] is (status == 200)
        assert (body["error"] or {}).get("code") == code
        assert body["requestId"] == answer.headers["X-Request-Id"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_photo_is_sold_from_upload_to_download(
    deployed: Deployed, people: dict[str, LogIn], tmp_path: Path, figure: Show
):
    journey = Journey(cast(System, deployed), people, tmp_path)
    event = journey.plan()

    uploaded = journey.upload(event["id"], samples(tmp_path, 2), ignored, ignored)
    journey.review(event["id"], uploaded.photos, ignored)
    gallery = journey.browse(event["slug"], 2)
    buyer, cart = journey.fill_cart(gallery)
    bought = journey.buy(buyer, "buyer@example.com")
    downloaded = journey.download(bought, uploaded, ignored)

    assert bought.order["status"] in ("paid", "completed")
    assert bought.order["total"] == cart["quote"]["total"] > 0
    assert bought.link.startswith(deployed.url)
    assert len(downloaded.files) == 2
    figure(
        "deployment",
        "the package that is deployed sells a photo",
        "stacks made by CloudFormation, {photos} photos from upload to download",
        photos=len(downloaded.files),
    )


def heard(socket: ClientConnection, type: str) -> dict[str, Any]:
    """The next frame of a type; a notice that the photographer is sent passes by."""
    while True:
        frame: dict[str, Any] = json.loads(socket.recv(timeout=120))
        assert frame["type"] in ("NotificationCreated", type), frame
        if frame["type"] == type:
            return frame


def test_a_photographer_hears_over_a_websocket_that_a_photo_is_ready(
    deployed: Deployed, people: dict[str, LogIn], tmp_path: Path
):
    known = people["photographer"]
    photographer = Person(deployed.url, "photographer").log_in(known.email, known.password)
    journey = Journey(cast(System, deployed), people, tmp_path)
    event = journey.plan()
    url = photographer.post("/live/tickets")["url"]
    with pytest.raises(InvalidStatus), connect(f"{url}?ticket=x", open_timeout=120):
        pass  # the function has started by now, which may take longer than a ticket is good
    ticket = photographer.post("/live/tickets")
    address = f"{ticket['url']}?ticket={ticket['ticket']}"

    with connect(address, open_timeout=120) as socket:
        socket.send(json.dumps({"action": "ping"}))
        heard(socket, "Pong")
        with pytest.raises(InvalidStatus), connect(address, open_timeout=120):
            pass  # a ticket is good once
        (photo,) = journey.upload(event["id"], samples(tmp_path, 1), ignored, ignored).photos
        told = [heard(socket, type) for type in ("PhotoUpdate", "BatchProgress")]

    assert told[0]["data"]["processing"] == "ready"
    assert told[1]["after"] == told[0]["cursor"]
    assert photo


def test_of_a_batch_only_the_poisoned_message_reaches_the_dead_letters(deployed: Deployed, people: dict[str, LogIn]):
    fact = {"organization": DEFAULT, "user": people["admin"].user, "nonce": secrets.token_hex(8)}
    good = {
        "handler": "accounts.mail_already_registered",
        "fact": "AddressRegisteredAgain",
        "correlation": "smoke",
        "at": "2026-11-20T10:00:00.000Z",
        "body": fact,
    }
    before = len(mails_to(deployed, people["admin"]))
    retried_at_once(deployed, "emails")

    deployed.client("sqs").send_message_batch(
        QueueUrl=deployed.queue("emails"),
        Entries=[{"Id": "good", "MessageBody": json.dumps(good)}, {"Id": "bad", "MessageBody": POISON}],
    )

    assert dead_letters(deployed, "emails") == [POISON]
    assert len(mails_to(deployed, people["admin"])) == before + 1


def test_poison_beside_an_upload_does_no_harm_to_the_photo(
    deployed: Deployed, people: dict[str, LogIn], tmp_path: Path
):
    journey = Journey(cast(System, deployed), people, tmp_path)
    event = journey.plan()
    retried_at_once(deployed, "uploads", pause=8)  # a photo takes longer where much else runs, and must not die of it
    deployed.client("sqs").send_message(QueueUrl=deployed.queue("uploads"), MessageBody=POISON)

    uploaded = journey.upload(event["id"], samples(tmp_path, 1), ignored, ignored)

    assert len(uploaded.ready_after) == 1
    assert dead_letters(deployed, "uploads") == [POISON]


def test_a_stage_without_secrets_is_refused_with_the_command_that_fills_them(deployed: Deployed):
    assert "python3 -m infra put-secret --stage test" in deployed.said["no secret"]
    assert "thepixstock/test/app: filled" in deployed.said["secret"]
    assert "filled already" in deployed.operator.at("infra.put_secret", expect=1)


def test_the_usual_stacks_are_brought_up_in_order_and_change_only_where_something_differs(deployed: Deployed):
    said = deployed.said["usual"]

    assert "thepixstock-account: nothing to change" in said
    assert "thepixstock-test-data: nothing to change" in said
    assert said.index("thepixstock-test-app: modify") < said.index("thepixstock-test-alarms: add")


def samples(folder: Path, count: int) -> list[Sample]:
    found = []
    for file in (photo() for _ in range(count)):
        path = folder / file.name
        path.write_bytes(file.content)
        found.append(Sample(path, "a test picture"))
    return found


def ignored(_count: int) -> None:
    """Progress that nobody watches."""


def mails_to(deployed: Deployed, person: LogIn) -> list[str]:
    return [mail.subject for mail in deployed.mails() if mail.is_to(person.email)]


def retried_at_once(deployed: Deployed, queue: str, pause: int = 2) -> None:
    """Five tries at the real pause would take minutes; `pause` is in seconds."""
    attributes = {"VisibilityTimeout": str(pause)}
    deployed.client("sqs").set_queue_attributes(QueueUrl=deployed.queue(queue), Attributes=attributes)


def dead_letters(deployed: Deployed, queue: str) -> list[str]:
    """The bodies, once there is one and the queue itself has come to rest."""
    sqs, url, dead = deployed.client("sqs"), deployed.queue(queue), deployed.queue(f"{queue}-dlq")
    states = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def at_rest() -> list[str] | None:
        left = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=states)["Attributes"]
        waiting = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=states)["Attributes"][states[0]]
        if waiting == "0" or any(count != "0" for count in left.values()):
            return None
        found = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10, VisibilityTimeout=1)
        return [message["Body"] for message in found.get("Messages", [])]

    return deployed.soon(at_rest, f"the dead letters of {queue}")
