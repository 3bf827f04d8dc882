"""What becomes of freed memory: a picture is tens of megabytes, and a photo needs a dozen of them one after another."""

import ctypes
from functools import cache

# mallopt(3) of glibc, in bytes. Before 2.35 it takes no mmap threshold above 32 MB.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
KEPT, MOST, MOST_OF_OLD = 512 * 1024 * 1024, 1024 * 1024 * 1024, 32 * 1024 * 1024


@cache
def keep_freed() -> bool:
    """Lets the process reuse what it frees instead of returning it to the kernel. False where malloc is not glibc's.

    By default every picture comes from the kernel, which has to map and to clear each of its pages: a fifth of the
    time of a photo. It works for the main thread, where a Lambda function runs.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    raised = mallopt(MMAP_THRESHOLD, MOST) or mallopt(MMAP_THRESHOLD, MOST_OF_OLD)
    return bool(raised and mallopt(TRIM_THRESHOLD, KEPT))
