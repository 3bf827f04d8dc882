"""Drives every function through everything that it can ask of AWS.

The flows of the crash harness and the matrix's calls are most of it. Told here, like theirs, is what neither does.
"""

import base64
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Literal

import pytest
from botocore.exceptions import EndpointConnectionError
from moto.s3.models import s3_backends
from PIL import Image

from app import app
from chalicelib.accounts.model import GRACE, LOG_IN_TRIES
from chalicelib.announcements.service import delivering
from chalicelib.core import storage
from chalicelib.core.errors import Unavailable
from chalicelib.core.queues import Outcome
from chalicelib.faces.service import watching
from chalicelib.live import service as live
from chalicelib.orders import service as orders
from chalicelib.payments.gateways.contract import DisputeState, State
from tests.media.photos import encoded
from tests.stack import ACCOUNT, ENVIRONMENT, client
from tests.system import world as worlds
from tests.system.authorization import matrix
from tests.system.authorization.matrix import OBJECTS, Matrix
from tests.system.crash.chaos import Fault, Mode
from tests.system.crash.flows import (
    FLOWS,
    PICTURES,
    Flow,
    _ask_for_news,
    answered,
    give_credit,
    hand_in,
    let_erase,
    members,
    nobody,
    offered,
    open_socket,
    order,
    paid,
    paid_by_card,
    payment,
    prints_ordered,
    recognized,
    say,
    selfie_of,
    studio,
    transferable,
    upload,
    wait_for_photos,
    webhook,
)
from tests.system.crash.lab import Lab
from tests.system.crash.world import Person, World

A_WHILE = timedelta(seconds=4)
"""After this the API asks the gateway again when a buyer looks."""

SAID = {"en": {"title": "Hello", "text": "All of you."}}

CALLERS = ("visitor", "guest", "customer", "photographer", "admin", "owner", "operator")
"""Between them they may use every route."""


def tell(lab: Lab) -> None:
    """What people do, and what functions do behind it; then facts that only the sweep finds, and some told again."""
    for flow in MORE.values():
        lab.tell(flow)
    for flow in FLOWS.values():
        lab.golden(flow)
    for name in ("register", "damaged upload", "webhook", "refused refund", "webhooks"):
        for at, point in enumerate(lab.golden(FLOWS[name]).points, start=1):
            if point.takes(Mode.STREAM_LOST):
                assert lab.differences(FLOWS[name], Fault(at, Mode.STREAM_LOST)) == []
    faces = FLOWS["faces"]
    taken_in = [at for at, point in enumerate(lab.golden(faces).points, start=1) if point.operation == "IndexFaces"]
    assert lab.differences(faces, Fault(taken_in[0], Mode.KILLED_AFTER)) == []
    watched = FLOWS["watched payment"]
    for at, point in enumerate(lab.golden(watched).points, start=1):
        if point.tables == ("claims", "connections"):
            assert lab.differences(watched, Fault(at, Mode.KILLED_AFTER)) == []


def ask(world: worlds.World) -> list[str]:
    """Every route, by whoever may use it, on everything; returns what it answered wrong. Aliases lead to the same."""
    callers = {name: headers for name, headers in matrix.callers(world).items() if name in CALLERS}
    asking = Matrix(world, app, callers, worlds.Stored(), matrix.rules(), OBJECTS)
    return [problem for route in app.mounted for problem in asking.problems(replace(route, aliases=()))]


# --- accounts -----------------------------------------------------------------------------------------------


def log_out_everywhere(world: World) -> None:
    buyer = world.person("buyer")
    world.ask(buyer, "POST", "/auth/logout", {"everywhere": True}, expect=204)
    world.ask(buyer, "GET", "/auth/me", expect=401)


def copied_token(world: World) -> None:
    """Somebody else has the refresh token, too, and comes second."""
    buyer = world.person("buyer")
    copied = {"refreshToken": buyer.refresh}
    world.holds(buyer, world.ask(buyer, "POST", "/auth/refresh", copied).data)
    world.wait(GRACE + timedelta(seconds=1))
    world.ask(Person("", ""), "POST", "/auth/refresh", copied, expect=401)
    world.ask(buyer, "GET", "/auth/me", expect=401)


def locked_out(world: World) -> None:
    """The right password comes after ten wrong ones, and again when the lock is over."""
    buyer = world.person("buyer")
    for _ in range(LOG_IN_TRIES):
        world.ask(buyer, "POST", "/auth/login", {"email": buyer.email, "password": "a wrong guess"}, expect=401)
    world.ask(buyer, "POST", "/auth/login", {"email": buyer.email, "password": buyer.password})


def unproven(world: World) -> None:
    """Who registered and has no code tries everything else; so does who has an account, and who has none."""
    anna, stranger = world.person("anna"), world.person("stranger")
    credentials = {"email": anna.email, "password": anna.password}
    for _ in range(2):
        world.ask(anna, "POST", "/auth/register", credentials | {"name": "Anna"}, expect=202)
    world.ask(anna, "POST", "/auth/login", credentials, expect=403)
    world.ask(anna, "POST", "/auth/verify", credentials | {"code": "wrong!"}, expect=400)
    for who in (anna, stranger):
        world.ask(who, "POST", "/auth/resend", {"email": who.email}, expect=202)
    world.settle()
    assert world.mails_to(anna)
    assert not world.mails_to(stranger)


def registered_already(world: World) -> None:
    buyer = world.person("buyer")
    new = {"email": buyer.email, "password": buyer.password, "name": "Somebody"}
    world.ask(buyer, "POST", "/auth/register", new, expect=202)
    world.ask(buyer, "POST", "/auth/resend", {"email": buyer.email}, expect=202)
    world.settle()
    assert len(world.mails_to(buyer)) == 2


def leaves_a_desk(world: World) -> None:
    """Who is erased worked for the organization, which then has a desk to give."""
    organizer = world.person("organizer")
    world.ask(organizer, "POST", "/users/me/erasure", {"scope": "account"}, expect=202)
    world.settle()
    let_erase(world)
    assert world.rows_with(organizer.email) == []


def takes_earnings_along(world: World) -> None:
    """A photographer who has sold takes along what is kept."""
    world.ask(world.person("photographer"), "POST", "/users/me/exports", {}, expect=202)
    world.settle()
    assert world.mails_to(world.person("photographer"))


def gives_up_credit(world: World) -> None:
    """The buyer leaves with credit that is not spent, and takes along what was kept of it."""
    buyer = world.person("buyer")
    give_credit(world, "grant-0001")
    for address in ("exports", "erasure"):
        body = {"scope": "account"} if address == "erasure" else {}
        world.ask(buyer, "POST", f"/users/me/{address}", body, expect=202)
        world.settle()
    let_erase(world)
    assert world.rows_with("#WAL#") == []


# --- photos -------------------------------------------------------------------------------------------------


def marked_with_an_image(world: World) -> None:
    """The organization's own mark is read where photos are rendered."""
    image = io.BytesIO()
    Image.new("RGBA", (64, 32), "red").save(image, "PNG")
    body = {"version": 0, "imagePng": base64.b64encode(image.getvalue()).decode()}
    world.ask(world.person("organizer"), "PUT", "/organization/watermark", body)
    upload(world)


def vanished(world: World) -> None:
    """The file is gone before anybody looked at it."""
    form, bucket = json.loads(world.notes["form"]), ENVIRONMENT["PIX_ORIGINALS_BUCKET"]
    world.send_file(form, PICTURES[0].content)
    for version in client("s3").list_object_versions(Bucket=bucket)["Versions"]:
        client("s3").delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    world.settle()
    photos = world.see(world.person("photographer"), f"/events/{world.notes['event']}/uploads")["items"]
    assert [photo["processing"] for photo in photos] == ["failed"]


def sold_after_the_end(world: World) -> None:
    """The event is deleted while the buyer looks at the QR code; who paid gets what was bought."""
    world.ask(world.person("organizer"), "DELETE", f"/events/{world.notes['event']}", expect=204)
    webhook(world)


# --- payments -----------------------------------------------------------------------------------------------


def by_webhook(world: World, transaction: str) -> None:
    world.webhook(transaction)
    world.settle()


def by_sweep(world: World, transaction: str) -> None:
    world.minute()
    world.settle()


def by_looking(world: World, transaction: str) -> None:
    world.wait(A_WHILE)
    world.ask(world.person("buyer"), "GET", f"/payments/{world.notes['payment']}/status")
    world.settle()


def settled(how: Callable[[World, str], None], state: State, seen: str, world: World, **changes: int) -> None:
    """The gateway says something of a charge to whoever asks."""
    transaction = next(id for id, held in world.bank.charges.items() if held.reference == world.notes["payment"])
    world.bank.set(transaction, state, **changes)
    how(world, transaction)
    with world.undisturbed():
        found = world.ask(world.person("buyer"), "GET", f"/payments/{world.notes['payment']}/status").data
    assert found["status"] == seen


def _settling() -> Iterator[tuple[str, Flow]]:
    """Three functions settle payments: each meets all that a gateway may say."""
    for how in (by_webhook, by_sweep, by_looking):
        said = partial(settled, how)
        yield f"pending {how.__name__}", Flow(payment, partial(said, "pending", "pending"))
        yield f"expired {how.__name__}", Flow(payment, partial(said, "expired", "expired"))
        yield f"paid {how.__name__}", Flow(payment, partial(said, "captured", "captured"))
        yield f"wrong {how.__name__}", Flow(payment, partial(said, "captured", "review", amount=1))


def forgotten_with_a_slip(world: World) -> None:
    """What a buyer sent of a transfer is taken along, and goes."""
    buyer = world.person("buyer")
    wanted = {"orderId": world.notes["order"], "method": "bank_transfer"}
    hand_in(world, world.ask(buyer, "POST", "/payments/create", wanted).data["id"], b"%PDF-1.7 a slip")
    world.ask(buyer, "POST", "/users/me/exports", expect=202)
    world.settle()
    assert any("slips/" in name for archive in world.archives() for name in archive.namelist())
    world.ask(buyer, "POST", "/users/me/erasure", {"scope": "account"}, expect=202)
    world.settle()
    let_erase(world)
    assert storage.keys("documents", "slips/") == []


def found_by_sweep(world: World) -> None:
    """The gateway takes its time to give money back, and of another refund to refuse it."""
    organizer, order = world.person("organizer"), world.notes["order"]
    endings: tuple[Literal["settled", "failed"], ...] = ("settled", "failed")
    for ending in endings:
        world.bank.refund_state = "pending"
        wish = {"lines": [{"line": "line-1", "amount": 1_00}], "reason": "one is blurred"}
        world.ask(organizer, "POST", f"/admin/orders/{order}/refund", wish, expect=202, key=f"refund-{ending}")
        world.settle()
        world.minute(timedelta(hours=1))
        world.bank.refund_state = ending
        world.minute(timedelta(hours=2))
        world.settle()
    found = world.see(organizer, f"/admin/orders/{order}")["refunds"]
    assert [each["status"] for each in found] == ["settled", "failed"]


def disputed_in_silence(*ends: tuple[DisputeState, int]) -> Callable[[World], None]:
    """Of a dispute only the bank's question is told; the sweep finds how it goes on."""

    def story(world: World) -> None:
        organizer, order = world.person("organizer"), world.notes["order"]
        transaction = list(world.bank.charges)[-1]
        world.bank.set_dispute("dp_1", transaction, "inquiry")
        world.webhook(transaction, "stripe", "dp_1")
        world.settle()
        for state, withdrawn in ends:
            world.bank.set_dispute("dp_1", transaction, state, withdrawn=withdrawn)
            for _ in range(2):
                world.minute(timedelta(hours=7))
        (found,) = world.see(organizer, f"/admin/orders/{order}")["disputes"]
        assert found["status"] == ends[-1][0]

    return story


def faster_than_the_hand_over(world: World) -> None:
    """The photos are not handed over at once, and before they are the money goes back."""
    real, refused = orders.hand_over, []

    def busy_once(*line: str) -> Outcome:
        if not refused:
            refused.append(line)
            raise Unavailable("busy", "Not now.", retry_after=1)
        return real(*line)

    give_credit(world, "grant-0001")
    buyer, organizer, placed = world.person("buyer"), world.person("organizer"), world.notes["order"]
    world.ask(buyer, "POST", "/payments/create", {"orderId": placed, "method": "credit"})
    world.ask(organizer, "POST", f"/admin/orders/{placed}/refund", {"reason": "a test"}, expect=202, key="refund-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orders, "hand_over", busy_once)
        world.settle()
    assert [step["status"] for step in world.see(buyer, f"/orders/{placed}")["history"]][1:] == ["paid", "refunded"]


def asks_and_leaves(world: World) -> None:
    """Who asks for money back takes everything along, and is forgotten."""
    buyer, payment = world.person("buyer"), world.notes["payment"]
    wish = {"reason": "they are blurred", "payTo": "PromptPay 0812345678"}
    world.ask(buyer, "POST", f"/payments/{payment}/refund", wish, expect=202)
    note = {"text": "called"}
    world.ask(world.person("organizer"), "POST", f"/admin/orders/{world.notes['order']}/notes", note)
    world.see(buyer, f"/orders/{world.notes['order']}/invoice")
    world.ask(buyer, "POST", "/users/me/exports", {}, expect=202)
    world.settle()
    world.ask(buyer, "POST", "/users/me/erasure", {"scope": "account"}, expect=202)
    world.settle()
    let_erase(world)
    assert world.rows_with(wish["reason"]) == []


# --- real time ----------------------------------------------------------------------------------------------


def crowded(world: World) -> None:
    """More connections than a page takes; of their owners one has logged out, and one connection is not there."""
    buyer, organizer, group = world.person("buyer"), world.person("organizer"), f"order:{world.notes['order']}"
    names = [open_socket(world, who, f"{number}")[0] for number, who in enumerate((buyer, buyer, organizer))]
    for name in names:
        say(world, name, {"action": "subscribe", "group": group})
    client("dynamodb").delete_item(
        TableName="thepixstock-test-connections", Key={"pk": {"S": f"G#connection#{names[0]}"}, "sk": {"S": "-"}}
    )
    world.ask(organizer, "POST", "/auth/logout", {}, expect=204)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "PAGE", 1)
        webhook(world)
    assert [bool(world.frames(name)) for name in names] == [True, True, False]


def silenced(world: World) -> None:
    """Somebody logs out and says something still; what else is said is refused in all ways."""
    buyer = world.person("buyer")
    socket, _ = open_socket(world, buyer, "socket")
    for group in (f"event:{world.notes['event']}", "event:river-run", "role:customer"):
        say(world, socket, {"action": "subscribe", "group": group})
    world.websocket("message", socket, body="nonsense")
    world.websocket("message", "nobody's", body="{}")
    world.ask(buyer, "POST", "/auth/logout", {}, expect=204)
    world.websocket("message", socket, body='{"action": "ping"}')
    page = {"headers": {"Origin": "https://elsewhere.example"}}
    ticket = world.ask(world.person("organizer"), "POST", "/live/tickets", {}).data["ticket"]
    assert not world.websocket("connect", "foreign", queryStringParameters={"ticket": ticket}, **page)


def unlucky_archive(world: World) -> None:
    """Storage gives the upload up, and loses the answer at the end of the next one; then the buyer is forgotten."""
    put, finish, buyer = storage.put_part, storage.finish_parts, world.person("buyer")
    with pytest.MonkeyPatch.context() as patch:

        def given_up(bucket: storage.Bucket, key: str, upload: str, number: int, content: bytes) -> str:
            patch.setattr(storage, "put_part", put)
            s3_backends[ACCOUNT]["aws"].abort_multipart_upload(storage.bucket_name(bucket), upload)
            return put(bucket, key, upload, number, content)

        def unheard(bucket: storage.Bucket, key: str, upload: str, parts: Sequence[str]) -> None:
            patch.setattr(storage, "finish_parts", finish)
            finish(bucket, key, upload, parts)
            raise EndpointConnectionError(endpoint_url="s3")

        patch.setattr(storage, "put_part", given_up)
        patch.setattr(storage, "finish_parts", unheard)
        world.ask(buyer, "POST", f"/orders/{world.notes['order']}/zip", expect=202)
        world.settle()
    assert world.see(buyer, f"/orders/{world.notes['order']}/zip")["state"] == "ready"
    photo = world.see(buyer, f"/downloads/{world.notes['order']}")["files"][0]["resource"]
    world.ask(buyer, "POST", f"/downloads/{world.notes['order']}/photos/{photo}", {"licensed": True})
    world.ask(buyer, "POST", "/users/me/erasure", {"scope": "account"}, expect=202)
    world.settle()
    let_erase(world)
    assert world.rows_with(buyer.email) == []


# --- faces --------------------------------------------------------------------------------------------------


def faces_of_all(world: World) -> None:
    """Visitors and nobody search; photos are taken off sale; numbers are read otherwise; the buyer is forgotten."""
    organizer, buyer, visitor = world.person("organizer"), world.person("buyer"), Person("", "")
    event, path = world.notes["event"], f"/events/{world.notes['event']}"
    nobody_there = selfie_of(encoded(Image.new("RGB", (96, 72), "navy")))
    mine = selfie_of(PICTURES[0].content)
    found = world.ask(visitor, "POST", "/face/search", mine | {"eventId": event}, expect=202).data
    world.settle()
    visitor.headers["X-Search-Token"] = found["token"]
    assert len(world.see(visitor, f"/face/search/{found['id']}/results")["items"]) == 1
    answered(world, "/face/search", mine | {"eventId": event})
    world.ask(buyer, "POST", f"{path}/faces/blocks", nobody_there, expect=202)
    world.settle()
    answered(world, f"{path}/faces/blocks", mine)
    photo = world.see(organizer, f"{path}/photos")["items"][0]["id"]
    world.ask(organizer, "PUT", f"/photos/{photo}/reject", {"reason": "blurred"})
    world.settle()

    world.eyes.texts = [("900", 99.0)]
    for wanted in ({"bibs": False}, {"bibs": True, "keepDays": 365}):
        version = world.see(organizer, f"{path}/recognition")["version"]
        world.ask(organizer, "PUT", f"{path}/recognition", {"faces": None, "version": version} | wanted)
        world.settle()
    assert len(world.see(buyer, f"{path}/photos?bib=900")["items"]) == 1

    world.ask(buyer, "POST", "/users/me/erasure", {"scope": "faces"}, expect=202)
    let_erase(world)


def faces_blocked_and_erased(world: World) -> None:
    """The buyer found themselves, is blocked, and is forgotten while the event's faces are still looked for."""
    buyer, path = world.person("buyer"), f"/events/{world.notes['event']}"
    mine = selfie_of(PICTURES[0].content)
    answered(world, "/face/search", mine | {"eventId": world.notes["event"]})
    answered(world, f"{path}/faces/blocks", mine)
    for photo in world.see(buyer, f"{path}/photos")["items"]:
        for decision, reason in (("reject", {"reason": "blurred"}), ("approve", None)):
            world.ask(world.person("organizer"), "PUT", f"/photos/{photo['id']}/{decision}", reason)
            world.settle()
    world.ask(buyer, "POST", "/users/me/erasure", {"scope": "faces"}, expect=202)
    let_erase(world)
    assert world.rows_with("blk_") == []


def faces_kept_long_enough(world: World) -> None:
    world.minute(timedelta(days=366))
    world.settle()
    assert world.eyes.collections == {}


def faces_of_a_deleted_event(world: World) -> None:
    world.ask(world.person("organizer"), "DELETE", f"/events/{world.notes['event']}", expect=204)
    world.settle()
    assert world.eyes.collections == {}


def faces_that_wait(world: World) -> None:
    """On the selfie of one is nobody, one is told and erased, one waits until the faces are forgotten."""
    path, buyer, visitor = f"/events/{world.notes['event']}", world.person("buyer"), world.person("visitor")
    world.ask(visitor, "POST", f"{path}/notices", {"email": visitor.email, "language": "en"}, expect=202)
    world.settle()
    code = re.search(r"(?<![#\w])\d{6}\b", world.mails_to(visitor)[-1].body)
    assert code is not None
    nobody_there = selfie_of(encoded(Image.new("RGB", (96, 72), "navy")))
    proof = {"email": visitor.email, "code": code[0], "language": "en"}
    world.ask(visitor, "POST", f"{path}/notices/faces", proof | nobody_there, expect=202)
    world.settle()
    assert world.rows_with("WATCH#") == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching, "_AT_ONCE", 1)
        for who in (buyer, visitor):
            wait_for_photos(world, who, path, PICTURES[0].content)
        for passing in (timedelta(minutes=61), timedelta(minutes=31), timedelta(days=1, hours=1)):
            world.minute(passing)
            world.settle()
    for who in (buyer, visitor):
        assert len([mail for mail in world.mails_to(who) if "#search=" in mail.body]) == 1
    world.ask(buyer, "POST", "/users/me/erasure", {"scope": "faces"}, expect=202)
    let_erase(world)
    faces_kept_long_enough(world)
    assert world.rows_with("WATCH#") == world.rows_with(visitor.email) == []


# --- news ---------------------------------------------------------------------------------------------------


def news_of_all(world: World) -> None:
    """A page is one person: a visitor who pressed the link of the mail, and who bought. Then the buyer is forgotten."""
    organizer, buyer, visitor = world.person("organizer"), world.person("buyer"), world.person("visitor")
    at = f"/events/{world.notes['event']}"
    world.ask(visitor, "POST", f"{at}/notices", {"email": visitor.email}, expect=202)
    world.settle()
    link = re.search(r"/notices\?token=c\.[\w.-]+", world.mails_to(visitor)[-1].body)
    assert link is not None
    world.ask(visitor, "GET", link[0])
    world.ask(visitor, "POST", link[0], "")
    for number, audience in enumerate(("all", "buyers")):
        said = {"texts": {"th": {"title": f"News {number}", "text": "Rain."}}, "audience": audience}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(delivering, "PAGE", 1)
            world.ask(organizer, "POST", f"{at}/announce", said, expect=202)
            world.ask(organizer, "POST", f"{at}/announce", said, expect=202)
            world.settle()
    assert [each["sent"] for each in world.see(organizer, f"{at}/announce")["items"]][:2] == [1, 2]
    world.ask(buyer, "DELETE", f"{at}/notices", expect=204)
    world.ask(buyer, "POST", "/users/me/erasure", {"scope": "account"}, expect=202)
    let_erase(world)


def news_of_a_deleted_event(world: World) -> None:
    visitor, at = world.person("visitor"), f"/events/{world.notes['event']}"
    _ask_for_news(world, visitor, at, {"email": visitor.email})
    said = {"texts": {"en": {"title": "It rains", "text": "Take a coat."}}}
    world.ask(world.person("organizer"), "POST", f"{at}/announce", said, expect=202)
    world.settle()
    world.ask(world.person("organizer"), "DELETE", at, expect=204)
    world.settle()
    assert world.rows_with("fol_") == []


def without_the_app(world: World) -> None:
    """A phone is another person's by now, then has the app no more; somebody with a phone is forgotten."""
    buyer, organizer = world.person("buyer"), world.person("organizer")
    for who in (organizer, buyer):
        world.ask(who, "POST", "/users/notifications/devices", {"token": "phone-of-both"}, expect=204)
    world.phones.gone.add("phone-of-both")
    world.ask(organizer, "POST", "/admin/broadcasts", {"texts": SAID}, expect=202)
    world.ask(buyer, "PUT", "/users/notifications/settings", {"push": {"news": True}})
    world.settle()
    assert world.rows_with("#DEVICE#") == []
    world.ask(buyer, "POST", "/users/notifications/devices", {"token": "another-phone"}, expect=204)
    world.ask(buyer, "POST", "/users/me/erasure", {"scope": "account"}, expect=202)
    let_erase(world)


def ordered_by_sweep(world: World) -> None:
    """The answer of the laboratory is lost, and the sweep is faster than the message; long after, it forgets."""
    world.printer.fail = {"order"}
    webhook(world)
    world.minute(timedelta(days=61), only="sweep_orders")


MORE: dict[str, Flow] = {
    "news of all": Flow(paid, news_of_all),
    "news of a deleted event": Flow(studio, news_of_a_deleted_event),
    "faces of all": Flow(recognized, faces_of_all),
    "faces blocked and erased": Flow(recognized, faces_blocked_and_erased),
    "faces that wait": Flow(recognized, faces_that_wait),
    "faces kept long enough": Flow(recognized, faces_kept_long_enough),
    "faces of a deleted event": Flow(recognized, faces_of_a_deleted_event),
    "forgotten with a slip": Flow(transferable, forgotten_with_a_slip),
    "log out everywhere": Flow(studio, log_out_everywhere),
    "copied token": Flow(studio, copied_token),
    "locked out": Flow(members, locked_out),
    "unproven": Flow(nobody, unproven),
    "registered already": Flow(members, registered_already),
    "leaves a desk": Flow(studio, leaves_a_desk),
    "takes earnings along": Flow(paid, takes_earnings_along),
    "gives up credit": Flow(studio, gives_up_credit),
    "marked with an image": Flow(studio, marked_with_an_image),
    "vanished": Flow(offered, vanished),
    "sold after the end": Flow(payment, sold_after_the_end),
    "unlucky archive": Flow(paid, unlucky_archive),
    "refund found by sweep": Flow(paid, found_by_sweep),
    "dispute lost in silence": Flow(paid_by_card, disputed_in_silence(("open", 158_00), ("lost", 158_00))),
    "dispute won in silence": Flow(paid_by_card, disputed_in_silence(("open", 158_00), ("won", 0))),
    "loss beyond the payment, in silence": Flow(
        paid_by_card, disputed_in_silence(("open", 200_00), ("lost", 200_00), ("lost", 100_00))
    ),
    "asks and leaves": Flow(paid, asks_and_leaves),
    "refund faster than the hand-over": Flow(order, faster_than_the_hand_over),
    "crowded": Flow(payment, crowded),
    "silenced": Flow(studio, silenced),
    "phone without the app": Flow(paid, without_the_app),
    "prints ordered by sweep": Flow(prints_ordered, ordered_by_sweep),
    **dict(_settling()),
}
