"""Notices are counted as something becomes of them, in the transaction that keeps it from being counted twice."""

from collections import Counter, defaultdict
from contextlib import suppress
from datetime import date, timedelta

from chalicelib.core import clock, tallies
from chalicelib.core.errors import Invalid
from chalicelib.core.settings import settings
from chalicelib.core.table import Write
from chalicelib.notifications.analytics.model import Counted, Figure, Figures, Fives, Report
from chalicelib.notifications.model import Channel

LONGEST = timedelta(days=92)
_USUAL = timedelta(days=30)


def counting(
    organization: str, channel: Channel, notice: str, *figures: Figure, thing: str, day: date | None = None
) -> list[Write]:
    """The writes that count one notice, which was sent on a `day` (UTC): today, where none is told.

    They count again whenever they are committed: what is committed with them has to hold only once. `thing` is
    whatever spreads them.
    """
    day = day or clock.now().date()
    return [
        write
        for figure in figures
        for write in tallies.moved(
            organization, _month(day), thing, was=None, now=Counted(day, channel, notice, figure).name
        )
    ]


def opening(organization: str, broadcast: str, *, thing: str) -> list[Write]:
    """The writes that count that a broadcast was opened, beside the notice that it is. As `counting`."""
    return tallies.moved(organization, _broadcast(broadcast), thing, was=None, now=Figure.OPENED)


def opened(organization: str, broadcast: str, sent: int) -> Fives | None:
    """How many opened a broadcast that so many got, so far. None of few."""
    return Fives.of(tallies.counted(organization, _broadcast(broadcast))[Figure.OPENED], sent)


def report(organization: str, first: date | None, last: date | None) -> Report:
    """What became of the notices of some days: without `last` until today, without `first` the 30 days before its end.

    Raises Invalid `period_ends_first`, `period_too_long`.
    """
    last = last or clock.now().date()
    first = first or last - _USUAL + timedelta(days=1)
    if last < first:
        raise Invalid("period_ends_first", "The last day is before the first one.", field="to")
    if last - first >= LONGEST:
        raise Invalid("period_too_long", f"A report is of {LONGEST.days} days at most.", field="to")
    fed_back = settings().mail_provider == "ses"
    found = _counted(organization, first, last)
    figures = (Figures(*each, tuple(found[each].values()), fed_back) for each in sorted(found))
    return Report(first, last, tuple(figures))


def _counted(organization: str, first: date, last: date) -> dict[tuple[str, Channel], dict[date, Counter[Figure]]]:
    found: dict[tuple[str, Channel], dict[date, Counter[Figure]]] = defaultdict(lambda: defaultdict(Counter))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    for month in dict.fromkeys(_month(day) for day in days):
        for name, count in tallies.counted(organization, month).items():
            with suppress(ValueError):  # a later release counted it
                each = Counted.named(name)
                if first <= each.day <= last:
                    found[each.notice, each.channel][each.day][each.figure] += count
    return found


def _broadcast(id: str) -> str:
    return f"broadcast-{id}"


def _month(day: date) -> str:
    return f"notices-{day:%Y-%m}"
