"""Services that refuse every twentieth, every fifth, every second attempt: all goes on slowly, and nothing is lost."""

import random
from collections import Counter

import pytest

from tests.figures import is_drawn
from tests.system.crash import lab as laboratory
from tests.system.crash.flows import FLOWS, MAIN_JOB

pytestmark = pytest.mark.slow

PATIENCE = 400
"""How often people repeat a request, and for how many minutes messages may go round."""
ONE_IN = {True: 3, False: 24}
"""The tests try one of so many flows: of the main job, of the others."""
MOST_TRIES = 3
"""What core/aws.py gives the SDK."""


@pytest.fixture(scope="module")
def lab(secret):
    with laboratory.opened(secret) as lab:
        yield lab


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("percent", [5, 20, 50])
def test_a_flow_ends_as_always_when_attempts_are_refused(lab, figure, full, name, percent):
    if not full and (percent < 50 or not is_drawn(name, one_in=ONE_IN[name in MAIN_JOB])):
        pytest.skip("the proof tries 5, 20 and 50 percent of all flows, the tests draw, and try the worst")
    flow, seeds = FLOWS[name], 5 if full and name in MAIN_JOB else 1
    wrong, seen = {}, Counter()
    for seed in range(seeds):
        rng = random.Random(f"{name} {percent} {seed}")
        if found := lab.differences_when_busy(flow, lambda rng=rng: rng.random() * 100 < percent, PATIENCE):
            wrong[seed] = found
        chaos = lab.world.chaos
        assert max(chaos.tries) <= MOST_TRIES, "the SDK does not hammer"
        seen.update(runs=1, refused=chaos.refused, answered=lab.world.refusals["503"], redriven=lab.world.redriven)
        seen.update(lost=int(bool(found)))

    text = "{runs} runs, {refused:,} refusals, {answered:,} x 503 with Retry-After, {redriven} redriven, {lost} lost"
    promise = f"{percent} % of all attempts refused: nothing is lost, no call is tried more than {MOST_TRIES} times"
    figure("throttling", promise, text, **seen)
    assert wrong == {}
