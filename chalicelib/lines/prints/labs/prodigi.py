"""Prodigi, whose Print API (v4.0) has prints made by a laboratory near the recipient.

Written after its public reference and not verified against the live service; docs/prints.md lists what was assumed.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from chalicelib.core.errors import Unavailable, Unprocessable
from chalicelib.lines.prints.labs.contract import Job, LabAccount, Shipment, Standing

T = TypeVar("T")
Json = Mapping[str, Any]

ANSWER_LIMIT = 1024 * 1024
RETRY_AFTER = 30
_ORDER_ID = re.compile(r"ord_[A-Za-z0-9]{1,40}")
_REASON = re.compile(r"[A-Za-z0-9.]{1,80}")
_LINK = re.compile(r"https?://[^\s\"<>]{1,500}")
_STATES = {"inprogress": "printing", "complete": "shipped", "cancelled": "cancelled"}
_REFUSED = {400, 422}
_NOT_JSON = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What an answer of another shape makes of reading it."""


class Prodigi:
    """`timeout` is in seconds: to connect, and between two bytes of the answer."""

    name = "prodigi"

    def __init__(self, *, timeout: tuple[float, float] = (2, 8)) -> None:
        self._timeout = timeout

    def order(self, account: LabAccount, job: Job) -> Standing:
        answer = self._ask(account, "POST", "orders", _order(job))
        return _read(lambda: _standing(answer["order"]))

    def check(self, account: LabAccount, reference: str) -> Standing | None:
        answer = self._ask(account, "GET", f"orders?{urlencode({'merchantReferences': reference, 'top': 100})}")
        ours = _read(lambda: [order for order in answer["orders"] if order["merchantReference"] == reference])
        return _read(lambda: _standing(ours[0])) if ours else None

    def cancel(self, account: LabAccount, lab_order: str) -> bool:
        answer = self._ask(account, "POST", f"orders/{lab_order}/actions/cancel", {})
        outcome = _read(lambda: str(answer["outcome"]).lower())
        if outcome not in {"cancelled", "failedtocancel", "actionnotavailable"}:
            raise _unavailable()
        return outcome == "cancelled"

    def _ask(self, account: LabAccount, method: str, path: str, body: Json | None = None) -> Json:
        from requests import RequestException, Session  # what a cold start of the API need not load

        try:
            with Session() as session:
                session.trust_env = False  # neither a proxy nor a .netrc of the machine gets to see an address
                with session.request(
                    method,
                    f"{account.url.rstrip('/')}/v4.0/{path}",
                    json=body,
                    headers={"X-API-Key": account.api_key, "Accept": "application/json"},
                    timeout=self._timeout,
                    allow_redirects=False,  # the request carries the key
                    stream=True,
                ) as response:
                    raw = response.raw.read(ANSWER_LIMIT + 1, decode_content=True)
        except (RequestException, OSError) as failure:
            raise _unavailable() from failure
        if response.status_code in _REFUSED:
            raise Unprocessable("print_lab_refused", "The print laboratory refused the order.")
        if response.status_code != 200 or len(raw) > ANSWER_LIMIT:
            raise _unavailable()
        return _read(lambda: dict(json.loads(raw)))


def _order(job: Job) -> Json:
    address = job.address
    recipient = {
        "name": address.recipient,
        "phoneNumber": address.phone,
        "address": {
            "line1": address.line1,
            "line2": address.line2,
            "townOrCity": address.city,
            "stateOrCounty": address.region,
            "postalOrZipCode": address.postal_code,
            "countryCode": address.country,
        },
    }
    items = [
        {
            "merchantReference": f"{job.reference}-{number}",
            "sku": copies.sku,
            "copies": copies.count,
            "sizing": "fillPrintArea",
            "assets": [{"printArea": "default", "url": copies.url}],
        }
        for number, copies in enumerate(job.copies, start=1)
    ]
    return {
        "merchantReference": job.reference,
        "idempotencyKey": job.reference,
        "callbackUrl": job.callback,
        "shippingMethod": "Standard",
        "recipient": recipient,
        "items": items,
    }


def _standing(order: Json) -> Standing:
    """One that is on hold has no status yet."""
    id = order["id"]
    if not _ORDER_ID.fullmatch(id):
        raise ValueError("not an order's id")
    status = order.get("status") or {}
    stage = str(status.get("stage") or "InProgress")
    state: Any = _STATES.get(stage.lower(), "stuck")
    reason = None if state != "stuck" else stage
    if state == "printing" and "Error" in (status.get("details") or {}).values():
        issues = [str(issue["errorCode"]) for issue in status.get("issues") or ()]
        state, reason = "stuck", issues[-1] if issues else "Error"
    if reason is not None and not _REASON.fullmatch(reason):
        reason = "unknown"
    sent = [each for each in order.get("shipments") or () if each.get("status") == "Shipped"]
    return Standing(id, state, reason, tuple(_shipment(each) for each in sent))


def _shipment(told: Json) -> Shipment:
    """What the carrier is called goes into a mail: one short line of it."""
    tracking = told.get("tracking") or {}
    link = str(tracking.get("url") or "")
    carrier = _line((told.get("carrier") or {}).get("name")) or "-"
    return Shipment(carrier, _line(tracking.get("number")), link if _LINK.fullmatch(link) else None)


def _line(text: object) -> str | None:
    shown = "".join(sign for sign in str(text or "") if sign.isprintable()).strip()
    return shown[:60] or None


def _read(reading: Callable[[], T]) -> T:
    try:
        return reading()
    except _NOT_JSON as failure:
        raise _unavailable() from failure


def _unavailable() -> Unavailable:
    return Unavailable(
        "print_lab_unavailable", "The print laboratory does not answer. Try again shortly.", retry_after=RETRY_AFTER
    )
