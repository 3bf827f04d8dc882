import pytest

from chalicelib.core import sweeps


def test_each_sweep_has_its_turn_and_a_failure_is_an_error_of_the_function():
    ran = []

    def first() -> None:
        ran.append("first")

    def broken() -> None:
        raise ConnectionError("gone")

    def last() -> None:
        ran.append("last")

    with pytest.raises(ExceptionGroup) as raised:
        sweeps.run(first, broken, last)

    assert ran == ["first", "last"]
    assert [str(failure) for failure in raised.value.exceptions] == ["gone"]


def test_nothing_is_raised_where_nothing_failed():
    sweeps.run(lambda: 1, lambda: None)


def test_who_is_killed_goes_no_further():
    ran = []

    def killed() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        sweeps.run(killed, lambda: ran.append(1))
    assert ran == []
