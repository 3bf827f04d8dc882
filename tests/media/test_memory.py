"""Pixels that are freed are used again, not fetched from the kernel anew."""

import subprocess
import sys

import pytest

from chalicelib.media.memory import keep_freed

# In a process of its own: what malloc does depends on everything done before.
COUNT = """
import resource, sys
from PIL import Image
from chalicelib.media.memory import keep_freed

def new_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        first, second = (Image.new("RGB", (4000, 3000), "white") for _ in range(2))
        del first, second
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

kept = sys.argv[1] == "kept" and keep_freed()
new_pages()
print(kept, new_pages() * resource.getpagesize() // 2**20)
"""


def megabytes_fetched(how: str) -> tuple[str, int]:
    said = subprocess.run([sys.executable, "-c", COUNT, how], capture_output=True, text=True, check=True).stdout
    kept, megabytes = said.split()
    return kept, int(megabytes)


@pytest.mark.skipif(not keep_freed(), reason="malloc is not glibc's")
def test_pixels_once_fetched_are_kept():
    assert megabytes_fetched("kept") == ("True", 0)
    assert megabytes_fetched("as it was")[1] > 100  # of 460 written
