"""Lines of sale. Each folder here exports `LINE`; adding a folder adds a line, and nothing else changes."""

import importlib
import pkgutil
from functools import cache

from chalicelib.core.errors import Invalid
from chalicelib.lines.contract import LineOfSale


@cache
def discover() -> dict[str, LineOfSale]:
    """All lines of sale by kind."""
    folders = [module.name for module in pkgutil.iter_modules(__path__) if module.ispkg]
    lines = [importlib.import_module(f"{__name__}.{folder}.line").LINE for folder in sorted(folders)]
    return {line.kind: line for line in lines}


def of_kind(kind: str) -> LineOfSale:
    """Raises Invalid for a kind that nobody sells."""
    line = discover().get(kind)
    if line is None:
        raise Invalid("unknown_kind", "Nothing of this kind is sold here.", field="kind")
    return line
