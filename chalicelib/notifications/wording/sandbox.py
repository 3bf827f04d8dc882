"""Templates that others write, run with Jinja2 in a sandbox: what they may do is listed, all else is refused.

No call, no assignment, no arithmetic, no part of another template; a loop goes over a list that the notice has, and not
within another one. So what a template costs is bounded by its length, and what it makes by a limit while it makes it.
"""

import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from jinja2.nodes import Node

_FILTERS = ("capitalize", "d", "default", "e", "escape", "first", "last", "length", "lower", "trim", "upper")
_TESTS = ("defined", "none", "undefined")
_NODES = frozenset({
    "Template", "Output", "TemplateData", "Name", "Const", "If", "CondExpr", "For", "Getattr", "Getitem",
    "Compare", "Operand", "And", "Or", "Not", "Concat", "Filter", "Test", "Dict", "Pair", "List", "Keyword",
})  # fmt: skip
_MOST_LOOPS = 10
_ITSELF = "<template>"


class Unusable(Exception):
    """Why a template can not be used; `line` and `part` of a notice where these are known."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.line = reason, line
        self.part: str | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    template: "Template"
    longest: int

    def render(self, values: Mapping[str, Any]) -> str:
        """Raises Unusable, whatever it is that fails."""
        pieces, size = [], 0
        try:
            for piece in self.template.generate({name: _plain(value) for name, value in values.items()}):
                size += len(piece)
                if size > self.longest:
                    raise Unusable("What it makes is too long.")
                pieces.append(piece)
        except Unusable:
            raise
        except Exception as failure:  # (somebody else's program: it may fail in any way, and is not ours to mend)
            raise Unusable(_reason(failure), _line(failure)) from failure
        return "".join(pieces)


def compiled(source: str, *, names: frozenset[str], lists: frozenset[str], html: bool, longest: int) -> Compiled:
    """A template that names nothing but `names`, and goes over nothing but `lists`. Raises Unusable."""
    environment = _environment(html)
    try:
        tree = environment.parse(source)
        _check(tree, names, lists)
        return Compiled(environment.from_string(source), longest)
    except Unusable:
        raise
    except Exception as failure:  # (Jinja2's errors, and Python's for what is nested too deep or counts too far)
        raise Unusable(_reason(failure), getattr(failure, "lineno", None)) from failure


@cache
def _environment(html: bool) -> "Environment":
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        autoescape=html,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    return environment


def _shown(value: Any) -> Any:
    """What a notice does not have is not there."""
    return "" if value is None else value


def _check(tree: "Node", names: frozenset[str], lists: frozenset[str]) -> None:
    loops = 0
    for node, known in _walk(tree, names):
        kind = type(node).__name__
        if kind not in _NODES:
            raise Unusable(f"{kind} is not allowed here.", node.lineno)
        if kind == "Name" and node.ctx == "load" and node.name not in known:
            raise Unusable(f"There is no {node.name}.", node.lineno)
        if kind == "For":
            loops += 1
            _check_loop(node, lists, nested=known != names, many=loops > _MOST_LOOPS)


def _check_loop(node: Any, lists: frozenset[str], *, nested: bool, many: bool) -> None:
    if nested or many or node.recursive:
        raise Unusable("A loop stands in no other one, and there are few of them.", node.lineno)
    if type(node.target).__name__ != "Name":
        raise Unusable("A loop has one name for what it goes over.", node.lineno)
    if type(node.iter).__name__ != "Name" or node.iter.name not in lists:
        told = ", ".join(sorted(lists)) or "nothing here"
        raise Unusable(f"A loop goes over {told}.", node.lineno)


def _walk(node: Any, known: frozenset[str]) -> Iterator[tuple[Any, frozenset[str]]]:
    """Each node, and the names that are known where it stands."""
    yield node, known
    inner = known
    if type(node).__name__ == "For":
        inner = known | {"loop", getattr(node.target, "name", "")}
    for child in node.iter_child_nodes():
        yield from _walk(child, known if child is getattr(node, "iter", None) else inner)


def _plain(value: Any) -> Any:
    """Without the methods that our types have."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value


def _reason(failure: Exception) -> str:
    from jinja2 import TemplateError

    if isinstance(failure, TemplateError):
        return str(failure.message or "It can not be read.")[:200]
    if isinstance(failure, RecursionError | SyntaxError | MemoryError):
        return "It is nested too deep."
    return "It can not be told of these values."


def _line(failure: Exception) -> int | None:
    frames = [frame.lineno for frame in traceback.extract_tb(failure.__traceback__) if frame.filename == _ITSELF]
    return frames[-1] if frames else None
