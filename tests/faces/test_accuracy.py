"""How well the embedded engine tells people apart: measured on what there is offline, which is little.

Three people prove that detecting, encoding and comparing are put together rightly. They say nothing of how often the
network errs among thousands: for that there are its authors' figures, see docs/faces.md.
"""

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from chalicelib.faces.engines import embedded
from tests.faces import labelled

pytestmark = pytest.mark.slow

Vectors = dict[tuple[str, int, str], Any]
"""By person, number of their photograph, and variant; None where no face was found."""


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    if not (embedded.is_installed() and labelled.is_there()):
        pytest.skip("the embedded engine is not installed: python3 -m infra faces")
    return {
        (who, number, variant): vector_of(picture)
        for who, pictures in labelled.portraits().items()
        for number, portrait in enumerate(pictures)
        for variant, picture in labelled.variants(portrait).items()
    }


def vector_of(picture) -> Any:
    seen = embedded._seen(labelled.jpeg(picture))
    return max(seen, key=lambda face: face[0].width * face[0].height)[2] if seen else None


def distances(vectors: Vectors) -> tuple[list[float], list[float]]:
    """Of pairs of different photographs: of the same person, of different ones."""
    same, different = [], []
    for (one, first), (other, second) in combinations(vectors.items(), 2):
        if first is not None and second is not None and one[:2] != other[:2]:
            (same if one[0] == other[0] else different).append(float(np.linalg.norm(first - second)))
    return same, different


def test_photographs_as_they_are_are_told_apart_without_an_error(vectors):
    same, different = distances({key: found for key, found in vectors.items() if key[2] == "as it is"})

    print(f"\n{len(same)} pairs of one person: at most {max(same):.2f}")
    print(f"{len(different)} pairs of two people: at least {min(different):.2f}")
    assert (len(same), len(different)) == (15, 13)
    assert max(same) < embedded.SAME_PERSON < min(different)


def test_nobody_is_taken_for_somebody_else_in_any_variant(vectors):
    same, different = distances(vectors)

    kept = sum(distance <= embedded.SAME_PERSON for distance in same)
    print(f"\n{len(same):,} pairs of one person in all variants: {kept / len(same):.1%} within {embedded.SAME_PERSON}")
    print(f"{len(different):,} pairs of two people: at least {min(different):.2f}")
    assert min(different) > embedded.SAME_PERSON
    assert kept / len(same) > 0.9


@pytest.mark.parametrize("variant", list(labelled.variants(labelled.Image.new("RGB", (64, 64)))))
def test_each_variant_is_found_by_the_photograph_that_it_is_of(vectors, variant):
    pairs = [
        (vector, vectors[who, number, "as it is"]) for (who, number, kind), vector in vectors.items() if kind == variant
    ]

    seen = [(vector, plain) for vector, plain in pairs if vector is not None]
    near = [float(np.linalg.norm(vector - plain)) for vector, plain in seen]
    found = sum(distance <= embedded.SAME_PERSON for distance in near)
    print(f"\n{variant}: {len(seen)} of {len(pairs)} faces seen, {found} found, at most {max(near):.2f}")
    assert len(seen) >= len(pairs) - 1
    assert found == len(seen)
