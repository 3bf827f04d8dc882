"""Where the system on one machine writes its logs: one file, one JSON object a line, instead of the terminal."""

import logging
from pathlib import Path

from chalicelib.core import log


def write_logs_to(path: Path) -> None:
    """The application's structured lines and whatever libraries and pumps warn of."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = path.open("w", encoding="utf-8", buffering=1)
    log.configure(stream)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        logging.Formatter('{"level": "%(levelname)s", "logger": "%(name)s", "message": "%(message)s"}')
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
