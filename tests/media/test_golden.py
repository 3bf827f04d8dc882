"""What people see of a photo is the same tomorrow, to the last bit, unless somebody decided otherwise."""

import json
import platform
import re
from pathlib import Path

import pytest

from tests.media.golden import HASHES, PHOTOS, hashes

KNOWN = json.loads(HASHES.read_text())
CHANGED = (
    "The pictures people see have changed. If that is wanted, say so in docs/decisions.md, look at the new ones, run\n"
    "`python3 -m infra bench images`, and write their hashes: .venv/bin/python -m tests.media.golden D-0xx"
)


@pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="the hashes are of x86-64: floating point may round a filter's weights otherwise elsewhere",
)
@pytest.mark.parametrize("photo", PHOTOS)
def test_renditions_are_the_decided_ones(tmp_path, photo):
    assert hashes(photo, tmp_path) == KNOWN["photos"].get(photo), CHANGED


def test_the_decision_behind_the_hashes_is_written_down():
    decisions = (Path(__file__).parents[2] / "docs" / "decisions.md").read_text()

    assert re.search(rf"^## {KNOWN['decision']} ", decisions, re.MULTILINE)
    assert KNOWN["photos"].keys() == PHOTOS.keys()
