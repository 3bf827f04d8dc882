"""Statements of account as PDF, in the organization's language."""

from chalicelib.core.money import Money
from chalicelib.media import service as media
from chalicelib.media.service import Column, Row
from chalicelib.organizations.model import Language
from chalicelib.payouts.model import Line, Statement

_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Statement of account",
        "for": "For",
        "period": "Period",
        "amounts": "Amounts in",
        "day": "Date",
        "what": "What",
        "about": "Event or reference",
        "amount": "Amount",
        "balance": "Balance",
        "opening": "Opening balance",
        "closing": "Closing balance",
        "share": "Share of a sale",
        "unshare": "Taken back for a refund",
        "dispute-hold": "Held back while a payment is disputed",
        "dispute-free": "No longer held back",
        "payout": "Payout",
        "payout-returned": "Payout that failed",
    },
    "th": {
        "title": "ใบแจ้งยอดบัญชี",
        "for": "สำหรับ",
        "period": "ช่วงเวลา",
        "amounts": "สกุลเงิน",
        "day": "วันที่",
        "what": "รายการ",
        "about": "งานหรือเลขอ้างอิง",
        "amount": "จำนวนเงิน",
        "balance": "ยอดคงเหลือ",
        "opening": "ยอดยกมา",
        "closing": "ยอดยกไป",
        "share": "ส่วนแบ่งจากการขาย",
        "unshare": "หักคืนจากการคืนเงิน",
        "dispute-hold": "กันไว้ระหว่างข้อพิพาทการชำระเงิน",
        "dispute-free": "คืนยอดที่กันไว้",
        "payout": "จ่ายเงินออก",
        "payout-returned": "เงินที่จ่ายไม่สำเร็จ",
    },
}


def printed(found: Statement) -> bytes:
    """A table of all lines, between the balances; above it what each kind of posting comes to."""
    home, words = found.organization, _WORDS[found.organization.language]

    def money(amount: int) -> str:
        return Money(amount, home.currency).number

    first, last = found.period.first.isoformat(), found.period.last.isoformat()
    lines = [
        home.name,
        f"{words['for']}: {found.name} ({found.whose})" if found.name else f"{words['for']}: {found.whose}",
        f"{words['period']}: {first} – {last} ({home.timezone})",
        f"{words['amounts']}: {home.currency}",
        "",
        f"{words['opening']}: {money(found.opening)}",
        *(f"{words.get(kind, kind)}: {money(amount)}" for kind, amount in sorted(found.sums.items())),
        f"{words['closing']}: {money(found.closing)}",
        "",
    ]
    columns = [
        Column(words["day"], 12),
        Column(words["what"], 25),
        Column(words["about"], 33),
        Column(words["amount"], 15, right=True),
        Column(words["balance"], 15, right=True),
    ]
    rows = [
        Row((first, words["opening"], "", "", money(found.opening)), strong=True),
        *(_row(line, home.currency, words) for line in found.lines),
        Row((last, words["closing"], "", "", money(found.closing)), strong=True),
    ]
    return media.document(words["title"], lines, columns, rows)


def _row(line: Line, currency: str, words: dict[str, str]) -> Row:
    about = line.event_name or line.reference
    amount, balance = (Money(each, currency).number for each in (line.amount, line.balance))
    return Row((line.day.isoformat(), words.get(line.kind, line.kind), about, amount, balance))
