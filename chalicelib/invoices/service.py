"""Documents of account: issued once for each fact, under a number without a gap, and drawn when somebody asks."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from chalicelib.core import clock, log, sealing, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, NotFound, Unavailable
from chalicelib.core.queues import Outcome
from chalicelib.core.sealing import NotSealed
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.invoices import pages, store
from chalicelib.invoices.model import Billing, Buyer, Document, Kind, Series, day_of
from chalicelib.orders import service as orders
from chalicelib.orders.model import Order, Status
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import Organization
from chalicelib.payments import service as payments
from chalicelib.payments.refunds import service as refunds

_TRIES = 100
"""Who loses a number has seen somebody win it: this many at once come through."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A document and its PDF: `url` works until `expires_at`."""

    document: Document
    url: str
    expires_at: datetime


# --- issuing ------------------------------------------------------------------------------------------------


def issue_receipt(organization: str, order_id: str) -> Outcome:
    """The receipt of a paid order. What cost nothing has none."""
    order = orders.get(organization, order_id)
    if order.payment is None or not order.total:
        return Outcome.SKIPPED
    home = organizations.get(organization)
    paid = [each for each in map(partial(payments.find, organization), order.payments) if each is not None]

    def drawn(given: Series) -> tuple[Document, Write]:
        billing = store.billing(organization, order_id)
        return Document.receipt(order, paid, home, billing, given), store.same_billing(billing)

    return _issue(home, Kind.RECEIPT, lambda: store.find(organization, order_id), drawn)


def issue_credit_note(organization: str, order_id: str, refund_id: str) -> Outcome:
    """The credit note of a settled refund, behind the receipt that it corrects.

    An order that was never more than paid late has no receipt, nor has money that belonged to no order.
    """
    order, refund = orders.get(organization, order_id), refunds.get(organization, order_id, refund_id)
    if not refund.parts or not any(step.status is Status.PAID for step in order.history):
        return Outcome.SKIPPED
    issue_receipt(organization, order_id)
    home = organizations.get(organization)

    def drawn(given: Series) -> tuple[Document, Write]:
        receipt = store.find(organization, order_id)
        assert receipt is not None, "what was given back was paid"
        return receipt.credit_note(order, refund, home, given), store.same(receipt)

    return _issue(home, Kind.CREDIT_NOTE, lambda: store.find(organization, order_id, refund_id), drawn)


def _issue(
    home: Organization,
    kind: Kind,
    issued: Callable[[], Document | None],
    drawn: Callable[[Series], tuple[Document, Write]],
) -> Outcome:
    """Give the fact its document under the next number. `drawn` makes it, and says what must not have changed."""
    for _ in range(_TRIES):
        if issued() is not None:
            return Outcome.SKIPPED
        now = clock.now()
        year = day_of(now, home).year
        given = (store.series(home.id, kind, year) or Series(home.id, kind, year, 0, now)).following(now)
        document, unchanged = drawn(given)
        with suppress(Conflict):
            transact(*store.add(document, given), unchanged)
            log.info("document issued", order=document.order)
            return Outcome.SUCCESS
    raise Unavailable("busy", "Too many documents at once.", retry_after=1)


# --- reading ------------------------------------------------------------------------------------------------


def draw_receipt(principal: Principal, order_id: str) -> Drawn:
    """An order's receipt as PDF, for whoever may open the order. Raises NotFound where there is none yet."""
    order = orders.open_order(principal, order_id)
    return _drawn(store.find(order.organization, order.id))


def draw(principal: Principal, order_id: str, number: str) -> Drawn:
    """As `draw_receipt`, any document of the order by its number."""
    found = {document.number: document for document in of_order(principal, order_id)}
    return _drawn(found.get(number))


def of_order(principal: Principal, order_id: str) -> list[Document]:
    """An order's documents, the receipt first, for whoever may open the order."""
    order = orders.open_order(principal, order_id)
    return store.of_order(order.organization, order.id)


def find(
    organization: str,
    kind: Kind,
    number: str | None,
    since: datetime | None,
    until: datetime | None,
    request: PageRequest,
) -> Page[Document]:
    """The document with a number, or those of a kind that were issued from `since` to before `until`, newest first."""
    if number is None:
        return store.listed(organization, kind, since, until, request)
    found = store.of_number(organization, number)
    return Page([found] if found else [], request.size)


def _drawn(document: Document | None) -> Drawn:
    """The PDF is kept for a day; the same document is the same file."""
    if document is None:
        raise NotFound("document_not_found", "There is no such document, or not yet.")
    name = f"{document.number}.pdf"
    key = f"{_folder(document.organization, document.order)}{name}"
    tax_number = open_tax_number(document.organization, document.order, document.buyer.tax_number)
    storage.upload("documents", key, pages.printed(document, tax_number), content_type="application/pdf")
    return Drawn(document, storage.read_url("documents", key, filename=name), clock.now() + storage.LONGEST_READ)


# --- whom a receipt is for ----------------------------------------------------------------------------------


def set_billing(
    principal: Principal, order_id: str, *, name: str | None, address: str | None, tax_number: str | None
) -> Billing:
    """In whose name the receipt is to be, as its buyer, with the order's token or as staff.

    Raises NotFound, Forbidden (staff who only look), Conflict `receipt_issued`.
    """
    order = orders.open_order(principal, order_id)
    if not orders.is_buyer(principal, order) and not principal.may("order.manage"):
        raise Forbidden("forbidden", "You may not do this.")
    was = store.billing(order.organization, order.id)
    sealed = sealing.seal(order.organization, _purpose(order.id), tax_number) if tax_number else None
    told = replace(was, name=name, address=address, tax_number=sealed)
    transact(store.no_receipt(order.organization, order.id), store.save_billing(told, was=was))
    return told


def open_tax_number(organization: str, order: str, sealed: str | None) -> str | None:
    """The buyer's tax number. None also for what no accepted key opens."""
    if sealed is None:
        return None
    try:
        return sealing.unseal(organization, _purpose(order), sealed)
    except NotSealed:
        log.warning("a number that nobody can read", organization=organization)
        return None


def personal_data(organization: str, user: str) -> list[Mapping[str, Any]]:
    """What documents and billing details say of a buyer, order by order."""
    return [
        {
            "order": order.code,
            "billing": _told(order, store.billing(organization, order.id)),
            "documents": [
                {
                    "number": each.number,
                    "issued_at": each.issued_at,
                    "total": each.total,
                    "buyer": _told(order, each.buyer),
                }
                for each in store.of_order(organization, order.id)
            ],
        }
        for order in orders.of_person(organization, user)
    ]


def erase_person(organization: str, user: str) -> None:
    """Take the buyer out of all documents, and of those that are still to come. May run again where it was cut off."""
    for order in orders.of_person(organization, user):
        was = store.billing(organization, order.id)
        if not was.erased:
            gone = Billing(organization, order.id, erased=True)
            transact(store.save_billing(gone, was=was))
        while named := [each for each in store.of_order(organization, order.id) if each.buyer != Buyer()]:
            for document in named:
                transact(store.save(document.without_buyer(), was=document))
        storage.remove("documents", _folder(organization, order.id))


def _told(order: Order, of: Billing | Buyer) -> Mapping[str, Any]:
    number = open_tax_number(order.organization, order.id, of.tax_number)
    return {"name": of.name, "address": of.address, "tax_number": number}


def _purpose(order: str) -> str:
    return f"tax-number#{order}"


def _folder(organization: str, order: str) -> str:
    return f"invoices/{organization}/{order}/"
