"""Runs flows: once undisturbed, then with a fault at a call, and compares the ends."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from chalicelib import lines
from chalicelib.accounts import providers
from chalicelib.core import clock, log
from chalicelib.lines.prints import labs
from chalicelib.media import service as media
from chalicelib.notifications.channels import push
from chalicelib.organizations import dns
from chalicelib.payments import gateways
from chalicelib.webhooks import calling
from chalicelib.webhooks.service import delivering
from tests import hiring, stack, zone
from tests.elsewhere import FakeProvider
from tests.printing import account
from tests.system.crash import snapshot
from tests.system.crash.chaos import Chaos, Fault, Point, installed
from tests.system.crash.flows import Flow
from tests.system.crash.world import Checkpoint, World

_SENDING = {"SendEmail", "Publish", "push"}
_START = datetime(2026, 11, 20, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Golden:
    """An undisturbed run: the requests and calls it made, and its end. `known` are the ids from before it."""

    start: Checkpoint
    known: frozenset[str]
    asked: frozenset[tuple[str, str]]
    points: Sequence[Point]
    end: Counter[str]


class Lab:
    """Keeps the starts and the golden runs of flows. One per process, inside `opened`.

    `mails_again` counts the mails, texts and pushes that went twice: between their acceptance and the mark that may be.
    """

    def __init__(self) -> None:
        self.world = World()
        self.mails_again = 0
        self._empty: Checkpoint | None = None
        self._starts: dict[Callable[[World], None], tuple[Checkpoint, frozenset[str]]] = {}
        self._begun: dict[Callable[[World], None], Checkpoint] = {}
        self._golden: dict[Flow, Golden] = {}

    def golden(self, flow: Flow) -> Golden:
        if flow not in self._golden:
            start, known = self._start(flow)
            with self._world(start) as world:
                flow.story(world)
                world.settle()
                assert snapshot.violations(world) == []
                end = snapshot.canonical(world, known)
                self._golden[flow] = Golden(start, known, frozenset(world.asked), tuple(world.chaos.points), end)
        return self._golden[flow]

    def tell(self, flow: Flow) -> None:
        """Run a flow undisturbed, whatever it leaves behind."""
        start, _ = self._start(flow)
        with self._world(start) as world:
            flow.story(world)

    def differences(self, flow: Flow, *faults: Fault) -> list[str]:
        """What a run with faults ends differently in, or wrong; empty is what we want."""
        golden = self.golden(flow)
        first = min(fault.at for fault in faults)
        with self._world(golden.start, *faults) as world:
            wrong, end = self._ended(flow, world, golden)
        if end is None:
            return wrong
        assert tuple(world.chaos.points[:first]) == golden.points[:first], "the run is not the golden one"
        assert faults[0] in world.chaos.fired, "the fault did not fire"
        twice = sum(_strikes_mail(world.chaos.points, fault) for fault in faults)
        return wrong + self._compared(flow, golden, end, twice)

    def differences_when_busy(self, flow: Flow, is_busy: Callable[[], bool], patience: int) -> list[str]:
        """The same for a run in which any attempt at any call may be refused, and in which everybody has patience."""
        golden = self.golden(flow)
        with self._world(golden.start) as world:
            world.chaos.is_busy, world.patience, world.redrives = is_busy, patience, True
            wrong, end = self._ended(flow, world, golden)
        if end is None:
            return wrong
        sent = sum(point.operation in _SENDING for point in world.chaos.points)
        return wrong + self._compared(flow, golden, end, sent)

    def _ended(self, flow: Flow, world: World, golden: Golden) -> tuple[list[str], Counter[str] | None]:
        """Let the story happen: what is wrong at its end in itself, and the end, if it came to that."""
        try:
            flow.story(world)
            world.settle()
        except AssertionError as failure:
            return [f"the story ends at: {failure}"], None
        return snapshot.violations(world), snapshot.canonical(world, golden.known)

    def _compared(self, flow: Flow, golden: Golden, end: Counter[str], mails_again: int) -> list[str]:
        missing, surplus = golden.end - end, end - golden.end
        wrong = [f"missing: {line}" for line in missing.elements()]
        for line, count in surplus.items():
            is_mail_again = line.startswith(("mail ", "text ", "push ")) and line in golden.end and count <= mails_again
            self.mails_again += count if is_mail_again else 0
            if not (is_mail_again or any(re.match(leftover.line, line) for leftover in flow.leaves)):
                wrong.append(f"{count} surplus: {line}")
        return wrong

    def _start(self, flow: Flow) -> tuple[Checkpoint, frozenset[str]]:
        if self._empty is None:
            with self._world(None) as world:
                self._empty = world.checkpoint()
        if flow.given not in self._starts:
            with self._world(self._empty) as world:
                world.begins_with = self._begun
                flow.given(world)
                self._starts[flow.given] = world.checkpoint(), snapshot.known_ids()
        return self._starts[flow.given]

    def _world(self, start: Checkpoint | None, *faults: Fault) -> World:
        self.world = World(start, Chaos(faults))
        return self.world


@contextmanager
def opened(secret: str) -> Iterator[Lab]:
    """A lab in an empty stack, where time stands still unless a flow lets it pass.

    What costs much and proves nothing here is made cheap: rendering.
    """
    lab = Lab()
    with pytest.MonkeyPatch.context() as patch, stack.moto_stack(secret):
        patch.setattr(media, "render", _rendered_once(media.render))
        patch.setattr(media, "deliverable", _cleaned_once(media.deliverable))
        patch.setattr(clock, "now", lambda: _START + clock._offset)
        patch.setattr(gateways, "of_name", lambda name: lab.world.gateway(name))
        patch.setattr(lines, "discover", hiring.with_tools(lines.discover()))
        patch.setattr(labs, "lab", lambda: lab.world.printer)
        patch.setattr(labs, "account_of", account)
        patch.setattr(push, "of_platform", lambda *_: lab.world.phones)
        patch.setattr(providers, "of_name", FakeProvider)
        patch.setattr(dns, "txt", zone.txt)
        patch.setattr(delivering, "random", Random(0))
        patch.setattr(delivering.random, "random", lambda: 0.5)  # two runs wait alike
        patch.setattr(calling, "call", lambda *told, local: lab.world.ears.call(*told, local=local))
        patch.setattr(logging.getLogger(log.__name__), "disabled", True)
        with installed(lambda: lab.world.chaos):
            yield lab


def _strikes_mail(points: Sequence[Point], fault: Fault) -> bool:
    """Whether a fault struck between the moment a mail or a text is accepted and the mark that it was sent."""
    return any(point.operation in _SENDING for point in points[max(0, fault.at - 2) : fault.at])


def _rendered_once(render: Callable[..., media.Rendering]) -> Callable[..., media.Rendering]:
    held: dict[tuple[bytes, media.Watermark], media.Rendering] = {}

    def rendered(path: Path, inspection: media.Inspection, watermark: media.Watermark) -> media.Rendering:
        key = path.read_bytes(), watermark
        if key not in held:
            held[key] = render(path, inspection, watermark)
        return held[key]

    return rendered


def _cleaned_once(deliverable: Callable[..., str]) -> Callable[..., str]:
    held: dict[bytes, tuple[str, bytes]] = {}

    def cleaned(path: Path, inspection: media.Inspection, out: Path) -> str:
        key = path.read_bytes()
        if key not in held:
            digest = deliverable(path, inspection, out)
            held[key] = digest, out.read_bytes()
        digest, content = held[key]
        out.write_bytes(content)
        return digest

    return cleaned
