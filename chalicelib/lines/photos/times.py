"""How long things took, counted in steps: whatever was counted, reading them costs the same."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

RATIO = 1.25
STEPS = 64
"""From a second to eighteen days; what is beyond counts as the last."""


def step_of(seconds: float) -> int:
    """The first step whose end is not before `seconds`."""
    return min(STEPS - 1, max(0, math.ceil(math.log(max(seconds, 1), RATIO))))


@dataclass(frozen=True, slots=True)
class Times:
    """How many took as long as each step."""

    counts: Mapping[int, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def within(self, share: float) -> float | None:
        """Seconds in which this share of them was done, at most a quarter too many; None before there was one."""
        seen = 0
        for step in sorted(self.counts):
            seen += self.counts[step]
            if seen >= share * self.total > 0:
                return float(round(RATIO**step, 1))
        return None
