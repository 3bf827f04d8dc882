"""Documents of account as PDF, in the language of their order."""

from collections.abc import Iterator, Mapping

from chalicelib.core.money import Money
from chalicelib.invoices.model import Document, Kind, Position
from chalicelib.lines.contract import TaxSum, percent
from chalicelib.media import service as media
from chalicelib.media.service import Column, Row
from chalicelib.organizations.model import Language

_WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "receipt": "Receipt",
        "tax_receipt": "Receipt / Tax invoice",
        "credit_note": "Credit note",
        "number": "Number",
        "day": "Date",
        "order": "Order",
        "corrects": "Corrects",
        "tax_number": "Tax number",
        "buyer": "Buyer",
        "what": "Description",
        "count": "Number",
        "price": "Price",
        "amount": "Amount in",
        "discount": "Discount",
        "total": "Total",
        "of": "of",
        "tail": "Difference by the way of payment",
        "paid": "Paid",
        "returned": "Given back",
        "by": "By",
        "paynoi": "PromptPay",
        "promptpay": "PromptPay",
        "stripe": "card",
        "cloudpayments": "card",
        "kaspi": "Kaspi",
        "paypal": "PayPal",
        "crypto": "cryptocurrency",
        "bank_transfer": "bank transfer",
        "credit": "credit",
        "transfer": "bank transfer",
        "gateway": "the way it was paid",
    },
    "th": {
        "receipt": "ใบเสร็จรับเงิน",
        "tax_receipt": "ใบเสร็จรับเงิน / ใบกำกับภาษี",
        "credit_note": "ใบลดหนี้",
        "number": "เลขที่",
        "day": "วันที่",
        "order": "คำสั่งซื้อ",
        "corrects": "อ้างอิงเอกสารเลขที่",
        "tax_number": "เลขประจำตัวผู้เสียภาษี",
        "buyer": "ผู้ซื้อ",
        "what": "รายการ",
        "count": "จำนวน",
        "price": "ราคา",
        "amount": "จำนวนเงิน",
        "discount": "ส่วนลด",
        "total": "รวมทั้งสิ้น",
        "of": "จาก",
        "tail": "ส่วนต่างจากวิธีชำระเงิน",
        "paid": "ชำระแล้ว",
        "returned": "คืนเงิน",
        "by": "โดย",
        "paynoi": "พร้อมเพย์",
        "promptpay": "พร้อมเพย์",
        "stripe": "บัตร",
        "cloudpayments": "บัตร",
        "kaspi": "Kaspi",
        "paypal": "PayPal",
        "crypto": "คริปโทเคอร์เรนซี",
        "bank_transfer": "โอนเงินผ่านธนาคาร",
        "credit": "เครดิต",
        "transfer": "โอนเงินผ่านธนาคาร",
        "gateway": "ช่องทางเดียวกับที่ชำระ",
    },
}


def printed(document: Document, tax_number: str | None) -> bytes:
    """Seller, buyer, what was bought or given back, its total and taxes, and how the money moved.

    `tax_number` is the buyer's.
    """
    words = _WORDS["th" if document.language == "th" else "en"]
    columns = [
        Column(words["what"], 52),
        Column(words["count"], 12, right=True),
        Column(words["price"], 16, right=True),
        Column(f"{words['amount']} {document.currency}", 20, right=True),
    ]
    rows = [row for position in document.positions for row in _position(position, document.currency, words)]
    return media.document(
        _title(document, words),
        list(_head(document, tax_number, words)),
        columns,
        [*rows, *_sums(document, words)],
        list(_paid_by(document, words)),
    )


def _paid_by(document: Document, words: Mapping[str, str]) -> Iterator[str]:
    """How the money moved: one way, or each of several with what came by it."""
    if document.method:
        yield f"{words['by']}: {words.get(document.method, document.method)}"
    for each in document.paid_by:
        paid = Money(each.amount, document.currency)
        yield f"{words['by']}: {words.get(each.method, each.method)}, {paid}"


def _title(document: Document, words: Mapping[str, str]) -> str:
    if document.kind is Kind.RECEIPT and document.taxes and document.seller.tax_number:
        return words["tax_receipt"]
    return words[document.kind]


def _head(document: Document, tax_number: str | None, words: Mapping[str, str]) -> Iterator[str]:
    yield f"{words['number']}: {document.number}"
    yield f"{words['day']}: {document.day.isoformat()}"
    yield f"{words['order']}: {document.code}"
    if document.corrects:
        yield f"{words['corrects']}: {document.corrects}"
    yield ""
    yield from _party(document.seller.name, document.seller.address, document.seller.tax_number, words)
    yield ""
    buyer = document.buyer
    name = buyer.name or buyer.email
    if name:
        yield f"{words['buyer']}:"
        yield from _party(name, buyer.address, tax_number, words)


def _party(name: str, address: str | None, tax_number: str | None, words: Mapping[str, str]) -> Iterator[str]:
    yield name
    yield from (address or "").splitlines()
    if tax_number:
        yield f"{words['tax_number']}: {tax_number}"


def _position(position: Position, currency: str, words: Mapping[str, str]) -> Iterator[Row]:
    """Its parts and its discount, which come to its amount before tax is put on top; or its amount."""
    if not position.parts:
        yield Row((position.title, "", "", Money(position.amount, currency).number))
    for part in position.parts:
        what = position.title if part.name == position.title else f"{position.title}: {part.name}"
        yield Row((what, str(part.count), Money(part.price, currency).number, Money(part.amount, currency).number))
    if position.discount:
        yield Row((words["discount"], "", "", Money(-position.discount, currency).number))


def _sums(document: Document, words: Mapping[str, str]) -> Iterator[Row]:
    yield Row((words["total"], "", "", Money(document.total, document.currency).number), strong=True)
    for tax in document.taxes:
        yield Row((_tax(tax, document.currency, words), "", "", Money(tax.amount, document.currency).number))
    if document.tail:
        yield Row((words["tail"], "", "", Money(document.tail, document.currency).number))
    done = words["paid" if document.kind is Kind.RECEIPT else "returned"]
    yield Row((done, "", "", Money(document.paid, document.currency).number), strong=True)


def _tax(tax: TaxSum, currency: str, words: Mapping[str, str]) -> str:
    return f"{tax.name} {percent(tax.rate)} % {words['of']} {Money(tax.base, currency).number}"
