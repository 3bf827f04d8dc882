"""Composition: mounts every domain's routes on the API and names every Lambda function."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import chalicelib.orders.settings
import chalicelib.payments.settings  # noqa: F401 (what may be set is known before the room is opened)
from chalicelib.accounts import service as accounts
from chalicelib.api_keys import service as api_keys
from chalicelib.core import outbox, queues, sweeps
from chalicelib.core.http import Access, Api
from chalicelib.organizations import service as organizations
from chalicelib.organizations.roles import GUARDED, ROLES

ROOMS = (
    "chalicelib.accounts",
    "chalicelib.accounts.second_factor",
    "chalicelib.accounts.federation",
    "chalicelib.accounts.administration",
    "chalicelib.api_keys",
    "chalicelib.organizations",
    "chalicelib.members",
    "chalicelib.audit",
    "chalicelib.configuration",
    "chalicelib.events",
    "chalicelib.events.assignments",
    "chalicelib.lines.photos",
    "chalicelib.lines.photos.lists",
    "chalicelib.lines.photos.albums",
    "chalicelib.lines.credits",
    "chalicelib.lines.prints",
    "chalicelib.lines.tickets",
    "chalicelib.promotions",
    "chalicelib.taxes",
    "chalicelib.carts",
    "chalicelib.orders",
    "chalicelib.payments",
    "chalicelib.payments.methods",
    "chalicelib.payments.refunds",
    "chalicelib.payments.transfers",
    "chalicelib.payments.disputes",
    "chalicelib.payments.reconciliations",
    "chalicelib.payments.deposits",
    "chalicelib.payments.administration",
    "chalicelib.orders.administration",
    "chalicelib.entitlements",
    "chalicelib.entitlements.archives",
    "chalicelib.entitlements.licences",
    "chalicelib.verification",
    "chalicelib.privacy",
    "chalicelib.live",
    "chalicelib.profiles",
    "chalicelib.notifications",
    "chalicelib.notifications.analytics",
    "chalicelib.notifications.inbox",
    "chalicelib.notifications.devices",
    "chalicelib.notifications.feedback",
    "chalicelib.notifications.linking",
    "chalicelib.notifications.wording",
    "chalicelib.favorites",
    "chalicelib.revenue",
    "chalicelib.wallet",
    "chalicelib.payouts",
    "chalicelib.photographers",
    "chalicelib.faces",
    "chalicelib.announcements",
    "chalicelib.webhooks",
    "chalicelib.invoices",
    "chalicelib.operations",
)
"""Packages with `routes`. In a deployed function each is imported by the first request for it, and so are jobs."""

JOBS = (
    "chalicelib.accounts",
    "chalicelib.entitlements.archives",
    "chalicelib.entitlements.sizes",
    "chalicelib.live",
    "chalicelib.members",
    "chalicelib.notifications",
    "chalicelib.notifications.devices",
    "chalicelib.notifications.inbox",
    "chalicelib.orders",
    "chalicelib.organizations",
    "chalicelib.payments",
    "chalicelib.payments.methods",
    "chalicelib.payments.refunds",
    "chalicelib.payments.transfers",
    "chalicelib.payments.disputes",
    "chalicelib.payments.reconciliations",
    "chalicelib.lines.photos",
    "chalicelib.lines.prints",
    "chalicelib.lines.tickets",
    "chalicelib.privacy",
    "chalicelib.profiles",
    "chalicelib.verification",
    "chalicelib.faces",
    "chalicelib.payouts",
    "chalicelib.announcements",
    "chalicelib.webhooks",
    "chalicelib.invoices",
)
"""Packages with `jobs`."""

ADDRESSES = Path(__file__).parent / "chalicelib" / "addresses.json"
"""Written by `package`, and there in no checkout."""

# Chalice wants an ARN here; packaging and the local system both put the real queue or stream in by its short name.
_ARN = "arn:aws:{}:us-east-1:000000000000:{}"


app = Api(
    "thepixstock",
    Access(
        permissions=ROLES,
        guarded=GUARDED,
        tenant_of=organizations.tenant_of,
        session_lives=accounts.session_lives,
        stands=accounts.stands,
        origins_of=organizations.origins_of,
        admit=organizations.admit,
        key_holder=api_keys.principal_of,
    ),
)
app.experimental_feature_flags.add("WEBSOCKETS")  # to Chalice they are, and it wants to hear it
app.mount_rooms(ROOMS, ADDRESSES)
queues.handled_in(*JOBS)


@app.on_ws_connect(name="websocket_connect")
def websocket_connect(event: Any) -> dict[str, Any]:
    """Somebody opens a websocket."""
    from chalicelib.live import sockets

    return sockets.connect(event.to_dict())


@app.on_ws_message(name="websocket_message")
def websocket_message(event: Any) -> dict[str, Any]:
    """Somebody says something over a websocket."""
    from chalicelib.events import service as events
    from chalicelib.live import service as live
    from chalicelib.live import sockets
    from chalicelib.orders import service as orders

    # What one may listen to is what one may see.
    see: live.See = {
        "event": lambda principal, id: events.visible(principal, id).id,
        "order": lambda principal, id: orders.open_order(principal, id).id,
    }
    return sockets.message(event.to_dict(), see)


@app.on_ws_disconnect(name="websocket_disconnect")
def websocket_disconnect(event: Any) -> dict[str, Any]:
    """A websocket is closed."""
    from chalicelib.live import sockets

    return sockets.disconnect(event.to_dict())


@app.on_sqs_message(queue_arn=_ARN.format("sqs", "uploads"), batch_size=1, name="on_upload")
def on_upload(event: Any) -> dict[str, list[dict[str, str]]]:
    """A photo or an avatar has arrived in S3, or a photo is to be processed again."""
    return queues.consume(event.to_dict(), foreign=_arrived)


def _arrived(message: Mapping[str, Any]) -> queues.Outcome:
    """Of a notice of S3 each domain takes the objects whose keys it made."""
    from chalicelib.lines.photos import jobs as photos_jobs
    from chalicelib.profiles import jobs as profiles_jobs

    outcomes = {photos_jobs.ingest(message), profiles_jobs.take_avatars(message)}
    return queues.Outcome.SUCCESS if queues.Outcome.SUCCESS in outcomes else queues.Outcome.SKIPPED


@app.on_sqs_message(queue_arn=_ARN.format("sqs", "payments"), batch_size=10, name="on_payment")
def on_payment(event: Any) -> dict[str, list[dict[str, str]]]:
    """A gateway says that something happened to a payment."""
    return queues.consume(event.to_dict())


@app.on_sqs_message(queue_arn=_ARN.format("sqs", "emails"), batch_size=10, name="on_email")
def on_email(event: Any) -> dict[str, list[dict[str, str]]]:
    """A mail is to be sent, or SES says what became of one."""
    return queues.consume(event.to_dict(), foreign=_came_back)


def _came_back(message: dict[str, Any]) -> queues.Outcome:
    from chalicelib.notifications.feedback import service as feedback

    return feedback.take(message)


@app.on_sqs_message(queue_arn=_ARN.format("sqs", "jobs"), batch_size=10, name="on_job")
def on_job(event: Any) -> dict[str, list[dict[str, str]]]:
    """Everything else that follows a fact."""
    return queues.consume(event.to_dict())


@app.on_sqs_message(queue_arn=_ARN.format("sqs", "webhooks"), batch_size=1, name="on_webhook")
def on_webhook(event: Any) -> dict[str, list[dict[str, str]]]:
    """Another system is to be told of something: one at a time, for it may take its time."""
    return queues.consume(event.to_dict())


@app.on_dynamodb_record(
    stream_arn=_ARN.format("dynamodb", "table/outbox/stream"),
    batch_size=25,
    starting_position="TRIM_HORIZON",
    name="relay",
)
def relay(event: Any) -> None:
    """Facts published a moment ago go to their queues."""
    outbox.relay_stream(event.to_dict())


@app.schedule("rate(1 minute)", name="sweep_outbox")
def sweep_outbox(_event: Any) -> None:
    """Facts that the stream left behind."""
    outbox.sweep()


@app.schedule("rate(1 minute)", name="sweep_payments")
def sweep_payments(_event: Any) -> None:
    """Payments, refunds and disputes whose webhook may be lost: ask the gateway. Deposits and credit that are due."""
    from chalicelib.payments import service as payments
    from chalicelib.payments.deposits import service as deposits
    from chalicelib.payments.disputes import service as disputes
    from chalicelib.payments.refunds import service as refunds
    from chalicelib.wallet import service as wallet

    sweeps.run(payments.settle_due, refunds.submit_due, disputes.settle_due, deposits.release_due, wallet.expire_due)


@app.schedule("rate(1 minute)", name="sweep_orders")
def sweep_orders(_event: Any) -> None:
    """Orders that were not paid in time. Parcels of prints whose webhook may be lost: ask the laboratory. Webhooks."""
    from chalicelib.lines.prints import service as prints
    from chalicelib.orders import service as orders
    from chalicelib.webhooks import service as webhooks

    sweeps.run(orders.expire_due, prints.settle_due, webhooks.send_due)


@app.schedule("rate(1 minute)", name="sweep_people")
def sweep_people(_event: Any) -> None:
    """Documents, exports and faces whose time is up, erasures nobody took back, domains to look at, broadcasts due.

    Quiet hours that are over.
    """
    from chalicelib.announcements import service as announcements
    from chalicelib.faces import service as faces
    from chalicelib.notifications.quiet import service as quiet
    from chalicelib.privacy.service import erasures, exports
    from chalicelib.verification import service as verification

    sweeps.run(
        verification.expire_due,
        exports.expire_due,
        erasures.begin_due,
        organizations.begin_due,
        faces.delete_selfies,
        faces.give_up_due,
        faces.begin_rounds,
        announcements.begin_due,
        quiet.release_due,
    )
