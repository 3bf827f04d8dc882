from datetime import date

import pytest

from chalicelib.core.errors import Invalid
from chalicelib.profiles import national_ids
from tests.profiles.conftest import IIN


def with_control(start: str) -> list[str]:
    """All twelve-digit numbers with these eleven digits that a reader takes."""
    found = []
    for digit in "0123456789":
        try:
            national_ids.iin(start + digit)
        except ValueError:
            continue
        found.append(start + digit)
    return found


@pytest.mark.parametrize(
    ("start", "born"),
    [
        ("90010130001", date(1990, 1, 1)),
        ("90010140001", date(1990, 1, 1)),
        ("05022950002", None),  # 2005 had no 29 February
        ("04022960002", date(2004, 2, 29)),
        ("95123110003", date(1895, 12, 31)),
        ("90010100001", None),  # a foreigner: the century is not told
    ],
)
def test_an_iin_tells_the_birth_date(start, born):
    numbers = with_control(start)

    assert [national_ids.iin(number).born for number in numbers] == ([born] if numbers else [])
    assert bool(numbers) is (start != "05022950002")


def test_each_start_has_one_control_digit_at_most_and_few_have_none():
    starts = [f"90010130{serial:03d}" for serial in range(1000)]

    counts = [len(with_control(start)) for start in starts]

    assert set(counts) == {0, 1}
    assert 0 < counts.count(0) < 20  # where both rows of weights give 10


def test_the_second_row_of_weights_counts_where_the_first_gives_ten():
    start = next(
        start
        for start in (f"90010130{serial:03d}" for serial in range(1000))
        if sum(int(digit) * weight for digit, weight in zip(start, range(1, 12), strict=True)) % 11 == 10
        and with_control(start)
    )
    second = (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)

    (number,) = with_control(start)

    assert int(number[-1]) == sum(int(digit) * weight for digit, weight in zip(start, second, strict=True)) % 11


@pytest.mark.parametrize("at", [*range(10), 11])  # the eleventh weighs 11, which counts nothing modulo 11
def test_a_wrong_digit_is_found(at):
    wrong = IIN[:at] + str((int(IIN[at]) + 1) % 10) + IIN[at + 1 :]

    with pytest.raises(Invalid, match="invalid_national_id"):
        national_ids.read("KZ", wrong)


@pytest.mark.parametrize("text", ["3100600445635", "1-1120-34563-56-2", "3 1006 00445 63 5"])
def test_a_thai_number_is_kept_as_digits(text):
    number, facts = national_ids.read("TH", text)

    assert (len(number), number.isdigit(), facts.born) == (13, True, None)


@pytest.mark.parametrize(
    ("country", "text"),
    [
        ("TH", "1101700230705"),
        ("TH", "0101700230705"),
        ("TH", "12345678"),
        ("KZ", "90010130001٧"),
        ("KZ", f"{IIN}0"),
        ("KZ", "x" * 12),
        ("KZ", ""),
    ],
)
def test_what_is_no_number_is_refused(country, text):
    with pytest.raises(Invalid, match="invalid_national_id") as refused:
        national_ids.read(country, text)

    assert refused.value.field == "nationalId.number"


def test_a_country_without_a_reader_is_refused():
    with pytest.raises(Invalid, match="unknown_country"):
        national_ids.read("XX", IIN)


def test_a_number_is_shown_by_its_last_four_digits():
    assert national_ids.masked(IIN) == f"********{IIN[-4:]}"
