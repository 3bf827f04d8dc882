"""What becomes of a parcel at the laboratory. Webhook, queue and sweep all end in `settle`, which asks there."""

from dataclasses import replace
from datetime import timedelta

from chalicelib.core import clock, log, metrics, outbox, queues, secrets, storage
from chalicelib.core.errors import AppError, Conflict, Unauthorized, Unavailable, Unprocessable
from chalicelib.core.metrics import Metric
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.lines.photos import service as photos
from chalicelib.lines.prints import labs, store
from chalicelib.lines.prints.labs.contract import Copies, Job, LabAccount, Standing
from chalicelib.lines.prints.messages import ParcelShipped
from chalicelib.lines.prints.model import ANSWERS_WITHIN, OVER, Parcel, State
from chalicelib.lines.prints.service.addressing import opened
from chalicelib.lines.prints.service.parcels import due
from chalicelib.notifications import service as notifications
from chalicelib.notifications.service import Reader
from chalicelib.organizations import service as organizations

_FETCHED_WITHIN = timedelta(hours=6)
_AT_ONCE = 50
_SWEEP_LASTS = timedelta(seconds=40)
_TRIES = 5
_STATES = {
    "printing": State.PRINTING,
    "stuck": State.REJECTED,
    "shipped": State.SHIPPED,
    "cancelled": State.CANCELLED,
}


def get(organization: str, parcel_id: str) -> Parcel:
    """Raises NotFound."""
    return store.get(organization, parcel_id)


def in_state(organization: str, state: State, request: PageRequest) -> Page[Parcel]:
    """A page of the parcels that were paid for and are in that state, newest first."""
    return store.in_state(organization, state, request)


def accept_callback(organization: str, parcel_id: str, token: str) -> None:
    """The laboratory says that something happened. What it says is not believed: it is asked.

    Raises Unauthorized for an address that we did not give it, Unavailable when it could not be queued.
    """
    parcel = store.find(organization, parcel_id)
    if parcel is None or not secrets.is_signature(token, "parcel", organization, parcel_id):
        log.warning("webhook refused", metrics.of({Metric.WEBHOOKS_REFUSED: 1}))
        raise Unauthorized("invalid_signature", "This is not an address that the print laboratory was given.")
    queues.tell(due(parcel))


def settle(organization: str, parcel_id: str) -> Outcome:
    """Bring a parcel forward: ask the laboratory to print it, how it stands, or not to print it.

    Raises Unavailable where that does not answer, or the organization has none any more.
    """
    for _ in range(_TRIES):
        parcel = store.get(organization, parcel_id)
        if parcel.state is State.DRAFT or parcel.state in OVER:
            return Outcome.SKIPPED
        account = labs.account_of(organization)
        if account is None:
            raise Unavailable("print_lab_missing", "There is no print laboratory.", retry_after=300)
        try:
            return _settle(parcel, account)
        except Conflict:
            continue
    raise Conflict("changed_meanwhile", "The parcel keeps changing.")


def settle_due() -> int:
    """Look at every parcel whose turn it is, as far as time allows; returns how many were looked at.

    One failure stops no other, now or in the next sweep: what failed has its next turn some minutes later.
    """
    start, looked = clock.now(), 0
    for parcel in store.due(start, _AT_ONCE):
        if clock.now() - start > _SWEEP_LASTS:
            break
        about = {"organization": parcel.organization, "order": parcel.order}
        with log.correlated(parcel.correlation):
            try:
                _look_at(parcel)
                looked += 1
            except AppError as refusal:
                log.warning("parcel not looked at", code=refusal.code, **about)
                _postpone(parcel)
            except Exception as failure:  # noqa: BLE001 (asked again later; the others have their turn now)
                log.bug("parcel not looked at", failure, **about)
                _postpone(parcel)
    return looked


def mail_shipment(organization: str, parcel_id: str) -> Outcome:
    """Tell the buyer that the parcel is on its way, and where they may follow it."""
    parcel = store.get(organization, parcel_id)
    recipient = opened(parcel)
    if recipient is None or recipient.email is None:
        return Outcome.SKIPPED
    home = organizations.get(organization)
    return notifications.send_email(
        organization,
        once=f"prints-shipped#{parcel.id}",
        to=recipient.email,
        template="prints_shipped",
        language=recipient.language or home.language,
        values={
            "order_code": str(parcel.code),
            "organization": home.name,
            "shipments": [
                {"carrier": each.carrier, "number": each.number, "link": each.url} for each in parcel.shipments
            ],
        },
        reader=Reader(parcel.owner, page=f"/orders/{parcel.order}") if parcel.owner else None,
    )


def _look_at(parcel: Parcel) -> None:
    if parcel.state in OVER:
        held = store.get(parcel.organization, parcel.id)
        transact(store.save(replace(held, recipient=None), was=held))
    else:
        settle(parcel.organization, parcel.id)


def _postpone(parcel: Parcel) -> None:
    try:
        held = store.get(parcel.organization, parcel.id)
        transact(store.save(replace(held, looked_at=clock.now()), was=held))
    except AppError as refusal:
        log.warning("parcel not postponed", organization=parcel.organization, order=parcel.order, code=refusal.code)


def _settle(parcel: Parcel, account: LabAccount) -> Outcome:
    lab = labs.lab()
    if parcel.state is State.WAITING:
        # Written down before it is asked: from now on the laboratory may know of the parcel.
        asked = parcel.moved(State.ASKED, clock.now())
        transact(store.save(asked, was=parcel))
        parcel = replace(asked, version=parcel.version + 1)
    try:
        standing = _order(parcel, account) if _is_to_be_ordered(parcel) else lab.check(account, parcel.id)
    except _NotPrintable as reason:
        return _save(parcel.moved(State.REJECTED, clock.now(), str(reason)), parcel)
    if standing is None:
        return _unknown(parcel)
    if parcel.withdrawn and standing.state in {"printing", "stuck"} and lab.cancel(account, standing.id):
        standing = replace(standing, state="cancelled")
    return _apply(parcel, standing)


def _is_to_be_ordered(parcel: Parcel) -> bool:
    return parcel.state is State.ASKED and not parcel.withdrawn


def _order(parcel: Parcel, account: LabAccount) -> Standing:
    """The order at the laboratory, made now or when it was asked before."""
    recipient, held = opened(parcel), photos.find(parcel.organization, parcel.photos)
    if recipient is None:
        raise _NotPrintable("address_gone")
    if len(held) < len(parcel.photos):
        raise _NotPrintable("photo_gone")
    files = {id: storage.lend_url("originals", photo.delivery_key, lasts=_FETCHED_WITHIN) for id, photo in held.items()}
    copies = tuple(Copies(each.sku, each.copies, files[each.photo]) for each in parcel.prints)
    try:
        return labs.lab().order(account, Job(parcel.id, copies, recipient.address, _callback(parcel)))
    except Unprocessable as refusal:
        raise _NotPrintable("refused") from refusal


def _unknown(parcel: Parcel) -> Outcome:
    """The laboratory has no order. One that it was asked for a moment ago may yet come."""
    if parcel.state is State.ASKED and clock.now() - parcel.looked_at < ANSWERS_WITHIN:
        raise Unavailable("parcel_asked", "The print laboratory was asked a moment ago.", retry_after=60)
    state = State.CANCELLED if parcel.withdrawn else State.REJECTED
    return _save(parcel.moved(state, clock.now(), parcel.reason or "unknown"), parcel)


def _apply(parcel: Parcel, standing: Standing) -> Outcome:
    state, reason = _STATES[standing.state], standing.reason
    if state is State.CANCELLED and not parcel.withdrawn:
        state, reason = State.REJECTED, "cancelled"
    now = replace(parcel.moved(state, clock.now(), reason), lab_order=standing.id, shipments=standing.shipments)
    shipped = ParcelShipped(organization=parcel.organization, order=str(parcel.order), parcel=parcel.id)
    return _save(now, parcel, *([outbox.publish(shipped)] if state is State.SHIPPED else []))


def _save(now: Parcel, was: Parcel, *beside: Write) -> Outcome:
    transact(store.save(now, was=was), *beside)
    if now.state is not was.state:
        about = {"organization": now.organization, "order": now.order}
        log.info("parcel moved", state=now.state, reason=now.reason, **about)
    return Outcome.SUCCESS


def _callback(parcel: Parcel) -> str:
    token = secrets.sign("parcel", parcel.organization, parcel.id)
    return f"{organizations.url_of(parcel.organization)}/parcels/{parcel.id}/{token}"


class _NotPrintable(Exception):
    """Why the laboratory need not be asked again."""
