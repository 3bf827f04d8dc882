"""Sweeps: what is run by a schedule and finds work that is due."""

from collections.abc import Callable

from chalicelib.core import log


def run(*sweeps: Callable[[], object]) -> None:
    """Give each its turn, whatever becomes of the others. Raises what failed as ExceptionGroup, for the alarm."""
    failures = []
    for sweep in sweeps:
        try:
            sweep()
        except Exception as failure:  # noqa: BLE001 (raised below, after the others)
            log.bug("sweep failed", failure, handler=f"{sweep.__module__}.{sweep.__name__}")
            failures.append(failure)
    if failures:
        raise ExceptionGroup("sweeps failed", failures)
