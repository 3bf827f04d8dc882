"""Rules in basis points, the shares of a line that follow from them, and sums of what was taken. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.core.errors import Invalid
from chalicelib.core.money import allocate

WHOLE = 10_000
"""Basis points of everything."""

ANY = "*"
DEFAULT_RULE = "default"


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of a sale in basis points. Raises Invalid unless they come to the whole."""

    platform: int = 3_000
    photographer: int = 5_000
    organizer: int = 2_000

    def __post_init__(self) -> None:
        if self.platform + self.photographer + self.organizer != WHOLE:
            raise Invalid("split_incomplete", f"The parts must come to {WHOLE} basis points.", field="platform")


@dataclass(frozen=True, slots=True)
class Rule:
    """How sales of an event, of a photographer's photos, of these at that event, or of everything are split."""

    organization: str
    event: str | None
    photographer: str | None
    split: Split
    changed_at: datetime
    changed_by: str | None
    version: int = 0

    @property
    def scope(self) -> str:
        return scope_of(self.event, self.photographer)

    @property
    def name(self) -> str:
        """As the shares of an order remember it."""
        return f"{self.scope}@{self.version}"


def scope_of(event: str | None, photographer: str | None) -> str:
    return f"{event or ANY}|{photographer or ANY}"


def scopes(event: str, photographer: str | None) -> tuple[str, ...]:
    """Which rules may hold for somebody's photos of an event, the most specific first.

    What was agreed with a person comes before what was agreed for an event.
    """
    of_person = (scope_of(event, photographer), scope_of(None, photographer)) if photographer else ()
    return *of_person, scope_of(event, None), scope_of(None, None)


@dataclass(frozen=True, slots=True)
class Takings:
    """What `sold` things brought, by whom it belongs to, in minor units."""

    sold: int = 0
    platform: int = 0
    photographer: int = 0
    organizer: int = 0

    @property
    def gross(self) -> int:
        return self.platform + self.photographer + self.organizer

    def __neg__(self) -> "Takings":
        return Takings(-self.sold, -self.platform, -self.photographer, -self.organizer)

    def __add__(self, other: "Takings") -> "Takings":
        return Takings(
            self.sold + other.sold,
            self.platform + other.platform,
            self.photographer + other.photographer,
            self.organizer + other.organizer,
        )


@dataclass(frozen=True, slots=True)
class Share:
    """What of a line belongs to one photographer's things, and how that was split: by `rule`, as it was then.

    Things without a photographer leave that part to the organizer.
    """

    photographer: str | None
    refs: tuple[str, ...]
    takings: Takings
    split: Split = field(default_factory=Split)
    rule: str = DEFAULT_RULE

    def by_ref(self) -> Iterator[tuple[str, Takings]]:
        """What each thing brought. The parts of all things come to those of the share."""
        each = [1] * len(self.refs)
        parts = (
            allocate(amount, each)
            for amount in (self.takings.platform, self.takings.photographer, self.takings.organizer)
        )
        for ref, (platform, photographer, organizer) in zip(self.refs, zip(*parts, strict=True), strict=True):
            yield ref, Takings(1, platform, photographer, organizer)


@dataclass(frozen=True, slots=True)
class Portion:
    """Some things of one photographer, and what each of them brought or, below zero, takes back."""

    photographer: str | None
    things: tuple[tuple[str, Takings], ...]

    @property
    def takings(self) -> Takings:
        return sum((takings for _, takings in self.things), Takings())


Return = tuple[Takings, ...]
"""What is taken back of each thing of a share, in the order of its `refs`."""


def taken_back(
    shares: Sequence[Share], earlier: Sequence[Sequence[Return]], amount: int, *, whole: bool
) -> tuple[Return, ...]:
    """Split a refund of `amount` (minor units) of a line over its shares: whoever earned gives back their part.

    `earlier` are the returns of each share so far. It goes by what each part has left, by largest remainder, first over
    photographers and parties and then over their things: no part ever gives back more than it got, and a line that is
    given back whole, in however many steps, leaves nothing. `whole`: its things are not sold any more.
    """
    left = [
        [
            takings + -sum((of_share[n] for of_share in before), Takings())
            for n, (_, takings) in enumerate(share.by_ref())
        ]
        for share, before in zip(shares, earlier, strict=True)
    ]
    sums = [part for things in left for part in _parts(sum(things, Takings()))]
    if not sum(sums):
        return tuple(tuple(Takings(int(whole)) for _ in things) for things in left)
    due = allocate(amount, sums)
    returns = []
    for number, things in enumerate(left):
        columns = zip(*(_parts(thing) for thing in things), strict=True)
        parts = [_spread(due[3 * number + party], list(column)) for party, column in enumerate(columns)]
        returns.append(tuple(Takings(int(whole), *of_thing) for of_thing in zip(*parts, strict=True)))
    return tuple(returns)


def _parts(takings: Takings) -> tuple[int, int, int]:
    return takings.platform, takings.photographer, takings.organizer


def _spread(amount: int, weights: list[int]) -> list[int]:
    return allocate(amount, weights) if amount else [0] * len(weights)


def shared(
    amount: int,
    refs: Sequence[str],
    makers: Sequence[str | None],
    event: str,
    rules: Mapping[str, Rule],
    weights: Sequence[int] = (),
) -> tuple[Share, ...]:
    """Split a line's amount (minor units), to the last of them.

    Every thing brings the same, but for a remainder, or by the `weights`; then each photographer's sum is split by the
    most specific of the `rules` (scope -> rule), by largest remainder. `makers` says whose each of the `refs` is;
    empty: nobody's.
    """
    owners: Sequence[str | None] = makers or [None] * len(refs)
    worth = dict(zip(refs, allocate(amount, list(weights) or [1] * len(refs)), strict=True))
    shares = []
    for owner in dict.fromkeys(owners):
        own = tuple(ref for ref, maker in zip(refs, owners, strict=True) if maker == owner)
        rule = next((rules[scope] for scope in scopes(event, owner) if scope in rules), None)
        split = rule.split if rule else Split()
        takings = _split(sum(worth[ref] for ref in own), len(own), split, owner is not None)
        shares.append(Share(owner, own, takings, split, rule.name if rule else DEFAULT_RULE))
    return tuple(shares)


def _split(gross: int, sold: int, split: Split, has_photographer: bool) -> Takings:
    photographer = split.photographer if has_photographer else 0
    parts = allocate(gross, [split.platform, photographer, WHOLE - split.platform - photographer])
    return Takings(sold, *parts)


# --- what is shown ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Earned:
    """What an event, a photographer or a photo brought: `id` names it, `name` tells people where it is known."""

    id: str
    name: str | None
    takings: Takings


@dataclass(frozen=True, slots=True)
class Statement:
    """What was taken in all, and by whom or where."""

    takings: Takings
    items: tuple[Earned, ...]
    cursor: str | None = None
