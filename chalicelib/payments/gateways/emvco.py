"""The text behind a PromptPay QR code: EMVCo's merchant-presented mode with Thailand's two templates.

A field is two digits of tag, two of length, and its value; a template is a field of fields. The last field is a
checksum of all before it, its own tag and length included.
"""

import binascii
import io
import re
from collections.abc import Mapping
from enum import StrEnum

CREDIT_TRANSFER = "A000000677010111"
BILL_PAYMENT = "A000000677010112"
BAHT = "764"
REFERENCE = re.compile(r"[A-Z0-9]{1,20}")

_BILLER = re.compile(r"[0-9]{15}")
_FIELD = re.compile(r"([0-9]{2})([0-9]{2})")
_LONGEST = 99
_MOST = 10**12
"""Satang: EMVCo gives an amount thirteen characters, with its point."""


class Proxy(StrEnum):
    """What stands for a bank account, by its tag in the template."""

    PHONE = "01"
    TAX_ID = "02"
    EWALLET = "03"


_PROXIES = {
    Proxy.PHONE: re.compile(r"0[0-9]{9}"),
    Proxy.TAX_ID: re.compile(r"[0-9]{13}"),
    Proxy.EWALLET: re.compile(r"[0-9]{15}"),
}


def credit_transfer(proxy: Proxy, number: str, amount: int | None) -> str:
    """Asks for a transfer to whoever owns `number`. A code without an amount may be paid again and again.

    `amount` in satang. Raises ValueError for anything that no bank would take.
    """
    _must_match(_PROXIES[proxy], number)
    target = f"0066{number[1:]}" if proxy is Proxy.PHONE else number
    return _payload(amount, {"29": _joined({"00": CREDIT_TRANSFER, proxy.value: target})}, {})


def bill_payment(biller: str, reference1: str, reference2: str | None, amount: int, *, terminal: str = "") -> str:
    """Asks for a bill to be paid: the references come back to the biller with the money.

    `biller` has fifteen digits, a reference up to twenty capitals and digits. What stands in `terminal` is the third
    reference of some banks. Amount and errors as in `credit_transfer`.
    """
    _must_match(_BILLER, biller)
    references = {"02": reference1} | ({"03": reference2} if reference2 is not None else {})
    for reference in (*references.values(), *filter(None, [terminal])):
        _must_match(REFERENCE, reference)
    merchant = {"30": _joined({"00": BILL_PAYMENT, "01": biller} | references)}
    return _payload(amount, merchant, {"62": _joined({"07": terminal})} if terminal else {})


def fields(payload: str) -> dict[str, str]:
    """The fields of a code, or of a template in it, by tag. Raises ValueError for one that is cut off or repeated."""
    found: dict[str, str] = {}
    at = 0
    while at < len(payload):
        head = _FIELD.match(payload, at)
        if head is None or head[1] in found or head.end() + int(head[2]) > len(payload):
            raise ValueError("not a field")
        at = head.end() + int(head[2])
        found[head[1]] = payload[head.end() : at]
    return found


def scanned(payload: str) -> dict[str, str]:
    """As `fields`, of a whole code; raises ValueError for a checksum that does not fit, too."""
    if checksum(payload[:-4]) != payload[-4:].upper():
        raise ValueError("the checksum does not fit")
    return fields(payload)


def checksum(text: str) -> str:
    """CRC-16/CCITT-FALSE in four hexadecimal digits."""
    return f"{binascii.crc_hqx(text.encode(), 0xFFFF):04X}"


def png(payload: str) -> bytes:
    """The code as a picture, with the quiet zone that scanners ask for."""
    import segno  # only where a code is drawn

    picture = io.BytesIO()
    segno.make_qr(payload, error="m").save(picture, kind="png", scale=8, border=4)
    return picture.getvalue()


def _payload(amount: int | None, merchant: Mapping[str, str], more: Mapping[str, str]) -> str:
    head = {"00": "01", "01": "11" if amount is None else "12"}
    asked = {"53": BAHT} | ({} if amount is None else {"54": _baht(amount)}) | {"58": "TH"}
    text = f"{_joined({**head, **merchant, **asked, **more})}6304"
    return text + checksum(text)


def _joined(values: Mapping[str, str]) -> str:
    if any(not 0 < len(value) <= _LONGEST for value in values.values()):
        raise ValueError(f"a field holds up to {_LONGEST} characters")
    return "".join(f"{tag}{len(value):02d}{value}" for tag, value in values.items())


def _baht(satang: int) -> str:
    if not 0 < satang < _MOST:
        raise ValueError("not an amount that can be asked for")
    return f"{satang // 100}.{satang % 100:02d}"


def _must_match(shape: re.Pattern[str], value: str) -> None:
    if not shape.fullmatch(value):
        raise ValueError("not a number or reference of this kind")
