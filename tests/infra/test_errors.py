from pathlib import Path

from chalicelib.core.errors import Conflict, Invalid, NotFound
from infra.errors import DOCUMENT, Known, document, known

SOURCE = """
MISSING = "tent_missing"


class Wet(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__("tent_wet", f"The tent {name} is wet.")


class Soaked(Wet):
    pass


def pitch(tent):
    if tent is None:
        raise NotFound(MISSING, "There is no tent.")
    if tent.poles < 2:
        raise Invalid("few_poles", "One pole is missing." if tent.poles else "Bring poles.", field="poles")
    if tent.torn:
        return Problem(tent.ref, "tent_torn", "It is torn | open.")
    raise errors.Unavailable("storm", tent.why)
"""


def test_every_error_of_the_code_stands_in_the_document():
    assert DOCUMENT.read_text() == document(known()), "Write it anew: python3 -m infra errors"


def test_codes_are_read_wherever_they_are_made(tmp_path: Path):
    (tmp_path / "tents.py").write_text(SOURCE)

    found = set(known(tmp_path))

    assert found >= {
        Known(NotFound.status, "tent_missing", "There is no tent."),
        Known(Conflict.status, "tent_wet", "The tent … is wet."),
        Known(Invalid.status, "few_poles", "One pole is missing. / Bring poles."),
        Known(Conflict.status, "tent_torn", r"It is torn \| open."),
        Known(503, "storm", "…"),
    }
    assert Known(504, "timeout", "This took too long. Try again shortly.") in found  # of API Gateway


def test_one_row_tells_all_that_a_code_may_say():
    told = document([Known(409, "taken", "By her."), Known(409, "taken", "By him.")])

    assert told.endswith("| 409 | `taken` | By her. / By him. |\n")
