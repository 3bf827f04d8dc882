"""PromptPay's QR codes: codes that others made, and what holds for all of ours."""

import io
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chalicelib.payments.gateways import emvco
from chalicelib.payments.gateways.emvco import Proxy

BILLER = "099400012345678"
DIGITS = st.text(string.digits, min_size=1)
REFERENCES = st.text(string.digits + string.ascii_uppercase, min_size=1, max_size=20)
AMOUNTS = st.integers(1, 10**12 - 1)


# Made by others: two of an open library's, one that SCB documents, two of shops.
CODES = [
    "00020101021129370016A000000677010111011300668012345675802TH530376463046197",
    "00020101021129370016A000000677010111011300668399999995802TH5303764630478A3",
    "00020101021230670016A00000067701011201151234567890123450210REFERENCE10310REFERENCE2"
    "52047011530376454041.005802TH6007BANGKOK62070703SCB6304CE18",
    "00020101021130730016A0000006770101120115010753700088205021916151060181105030020307PIRASIT"
    "53037645802TH620807040000630443A3",
    "00020101021230540016A0000006770101120115010556207402702021125062781065520412345303764540510.005802TH5902NA6304CE42",
]


@pytest.mark.parametrize("code", CODES)
def test_codes_that_others_made_are_read(code):
    found = emvco.scanned(code)

    assert next(iter(found)) == "00"
    assert (found["53"], found["58"]) == (emvco.BAHT, "TH")


def test_the_checksum_is_the_one_that_has_a_known_answer():
    assert emvco.checksum("123456789") == "29B1"


def crc(text: str) -> str:
    """CRC-16/CCITT-FALSE bit by bit, as its definition has it: polynomial 1021, from FFFF, nothing reflected."""
    register = 0xFFFF
    for byte in text.encode():
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1) ^ 0x1021 if register & 0x8000 else register << 1
            register &= 0xFFFF
    return f"{register:04X}"


@pytest.mark.parametrize(
    ("proxy", "number", "template"),
    [
        (Proxy.PHONE, "0812345678", "29370016A00000067701011101130066812345678"),
        (Proxy.TAX_ID, "1101700230708", "29370016A00000067701011102131101700230708"),
        (Proxy.EWALLET, "004999000012345", "29390016A0000006770101110315004999000012345"),
    ],
)
@pytest.mark.parametrize(("satang", "field"), [(None, ""), (1, "54040.01"), (158_00, "5406158.00")])
def test_a_code_is_laid_out_field_by_field(proxy, number, template, satang, field):
    method = "010211" if satang is None else "010212"
    by_hand = f"000201{method}{template}5303764{field}5802TH6304"

    assert emvco.credit_transfer(proxy, number, satang) == by_hand + crc(by_hand)


def test_a_bill_is_asked_for_as_the_bank_documents():
    ours = emvco.scanned(emvco.bill_payment("123456789012345", "REFERENCE1", "REFERENCE2", 100, terminal="SCB"))
    documented = emvco.scanned(CODES[2])

    assert {tag: documented[tag] for tag in ours if tag != "63"} == {tag: ours[tag] for tag in ours if tag != "63"}
    assert set(documented) - set(ours) == {"52", "60"}  # trade and city, which need not be there


@pytest.mark.parametrize(
    ("proxy", "number", "target"),
    [
        (Proxy.PHONE, "0801234567", "0066801234567"),
        (Proxy.TAX_ID, "1234567890123", "1234567890123"),
        (Proxy.EWALLET, "004999000012345", "004999000012345"),
    ],
)
def test_a_transfer_names_who_gets_it(proxy, number, target):
    found = emvco.scanned(emvco.credit_transfer(proxy, number, 4205))

    assert emvco.fields(found["29"]) == {"00": emvco.CREDIT_TRANSFER, proxy: target}
    assert (found["01"], found["54"]) == ("12", "42.05")


def test_a_transfer_without_an_amount_is_for_many_payments():
    ours = emvco.credit_transfer(Proxy.PHONE, "0801234567", None)

    assert emvco.scanned(ours) == emvco.scanned(CODES[0]) | {"63": ours[-4:]}


@given(REFERENCES, REFERENCES | st.none(), AMOUNTS)
def test_what_is_asked_for_is_what_is_read(first, second, amount):
    found = emvco.scanned(emvco.bill_payment(BILLER, first, second, amount))

    expected = {"00": emvco.BILL_PAYMENT, "01": BILLER, "02": first} | ({"03": second} if second else {})
    assert emvco.fields(found["30"]) == expected
    assert int(found["54"].replace(".", "")) == amount
    assert len(found["54"]) <= 13


@given(REFERENCES, AMOUNTS, st.data())
def test_no_character_changes_unnoticed(reference, amount, data):
    code = emvco.bill_payment(BILLER, reference, None, amount)
    place = data.draw(st.integers(0, len(code) - 1))
    other = data.draw(st.sampled_from([each for each in string.digits + string.ascii_uppercase if each != code[place]]))

    with pytest.raises(ValueError, match="checksum"):
        emvco.scanned(code[:place] + other + code[place + 1 :])


@given(st.text())
def test_what_is_no_code_is_refused(text):
    with pytest.raises(ValueError, match=r"checksum|field"):
        emvco.scanned(f"{text}6304")


@pytest.mark.parametrize(
    ("biller", "first", "second", "amount"),
    [
        ("12345678901234", "A", None, 1),
        (BILLER, "", None, 1),
        (BILLER, "a", None, 1),
        (BILLER, "A" * 21, None, 1),
        (BILLER, "A", "ก", 1),
        (BILLER, "A", None, 0),
        (BILLER, "A", None, 10**12),
    ],
)
def test_what_no_bank_would_take_is_not_drawn(biller, first, second, amount):
    with pytest.raises(ValueError, match="not a"):
        emvco.bill_payment(biller, first, second, amount)


@pytest.mark.parametrize("number", ["812345678", "08123456789", "+66812345678", "0812 345 678"])
def test_a_phone_has_ten_digits(number):
    with pytest.raises(ValueError, match="not a number"):
        emvco.credit_transfer(Proxy.PHONE, number, 1)


def test_the_picture_is_a_png_with_its_quiet_zone():
    with Image.open(io.BytesIO(emvco.png(emvco.bill_payment(BILLER, "A" * 20, "B" * 20, 29900)))) as picture:
        assert picture.format == "PNG"
        assert picture.width >= 200
        edge = picture.convert("L").crop((0, 0, picture.width, 32))
        assert edge.getextrema() == (255, 255)
