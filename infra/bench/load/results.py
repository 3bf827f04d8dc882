"""What a load has shown, as tables, as figures and as JSON."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from infra.bench.load.clients import Answered
from infra.figures import machine


@dataclass(frozen=True)
class Load:
    """How much of everything."""

    photos: int = 500
    requests: int = 2000
    webhooks: int = 1000
    clients: int = 20


@dataclass
class Served:
    """What clients got of one kind: every answer, the seconds it took, and those of our processor."""

    answers: list[Answered] = field(default_factory=list)
    seconds: float = 0.0
    worked: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.answers) / self.seconds

    @property
    def worked_ms(self) -> float:
        return 1000 * self.worked / len(self.answers)

    @property
    def lost(self) -> int:
        return sum(answer.is_lost for answer in self.answers)

    def ms(self, part: float) -> float:
        return quantile([answer.ms for answer in self.answers], part)


@dataclass
class Burst:
    """Things that were sent at once: seconds until each was done, and how many never were."""

    took: list[float]
    lost: int

    @property
    def per_second(self) -> float:
        return len(self.took) / max(self.took, default=1.0)


@dataclass
class Measured:
    """What was served of each kind (control, emulator, reads, writes), and all that was lost or does not agree."""

    load: Load
    served: dict[str, Served]
    photos: Burst
    webhooks: Burst
    audited: Counter[str]
    wrong: list[str]


def quantile(values: Iterable[float], part: float) -> float:
    """The smallest value that at least this part of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-round(1000 * part) * len(ordered) // 1000) - 1)] if ordered else 0.0


def shown(measured: Measured) -> list[Table]:
    control, emulator = measured.served["control"], measured.served["emulator"]
    table = Table("", "answers", "lost", "a second", "p50 ms", "p99 ms", "of processor, ms", "control : emulator")
    for kind, served in measured.served.items():
        table.add_row(
            kind,
            f"{len(served.answers):,}",
            str(served.lost),
            f"{served.per_second:.0f}",
            f"{served.ms(0.5):.1f}",
            f"{served.ms(0.99):.1f}",
            f"{served.worked_ms:.2f}",
            f"{served.ms(0.5) / control.ms(0.5):.1f} : {served.ms(0.5) / emulator.ms(0.5):.1f}",
        )
    parts = Table("of these", "answers", "p50 ms", "p99 ms")
    for kind in ("reads", "writes"):
        for name in dict.fromkeys(answer.name for answer in measured.served[kind].answers):
            one = Served([answer for answer in measured.served[kind].answers if answer.name == name])
            parts.add_row(name, f"{len(one.answers):,}", f"{one.ms(0.5):.1f}", f"{one.ms(0.99):.1f}")
    bursts = Table("burst", "done", "lost", "a second", "p50 s", "p95 s")
    for name, burst in (("upload to ready", measured.photos), ("webhook to paid", measured.webhooks)):
        p50, p95 = quantile(burst.took, 0.5), quantile(burst.took, 0.95)
        done = f"{len(burst.took):,}"
        bursts.add_row(name, done, str(burst.lost), f"{burst.per_second:.1f}", f"{p50:.1f}", f"{p95:.1f}")
    return [table, parts, bursts]


def failures(measured: Measured) -> list[str]:
    """Everything for which the run has failed, in words."""
    lost = [f"{served.lost} {kind} lost" for kind, served in measured.served.items() if served.lost]
    bursts = {"photos": measured.photos, "webhooks": measured.webhooks}
    lost += [f"{burst.lost} {kind} lost" for kind, burst in bursts.items() if burst.lost]
    return lost + measured.wrong


def figures(measured: Measured) -> list[tuple[str, str]]:
    reads, writes = measured.served["reads"], measured.served["writes"]
    control, emulator = measured.served["control"], measured.served["emulator"]
    load, photos, webhooks = measured.load, measured.photos, measured.webhooks
    served = (
        f"{len(reads.answers):,} reads: {reads.per_second:.0f} a second (control {control.per_second:.0f}), p50 "
        f"{reads.ms(0.5):.0f} ms, p99 {reads.ms(0.99):.0f} ms; p50 is {reads.ms(0.5) / control.ms(0.5):.1f} of the "
        f"control's and {reads.ms(0.5) / emulator.ms(0.5):.1f} of one read of the emulator's; {reads.worked_ms:.1f} ms "
        f"of processor each (control {control.worked_ms:.1f}); {reads.lost} lost"
    )
    ordered = (
        f"{len(writes.answers):,} writes of {load.webhooks:,} guests: {writes.per_second:.0f} a second, p50 "
        f"{writes.ms(0.5):.0f} ms, p99 {writes.ms(0.99):.0f} ms; {writes.worked_ms:.1f} ms of processor each; "
        f"{writes.lost} lost"
    )
    uploaded = (
        f"{load.photos:,} photos at once: {photos.per_second:.1f} a second, p50 {quantile(photos.took, 0.5):.1f} s, "
        f"p95 {quantile(photos.took, 0.95):.1f} s; {photos.lost} lost"
    )
    paid = (
        f"{load.webhooks:,} webhooks at once: {webhooks.per_second:.1f} a second, p50 "
        f"{quantile(webhooks.took, 0.5):.1f} s, p95 {quantile(webhooks.took, 0.95):.1f} s; {webhooks.lost} lost"
    )
    audited = (
        f"{measured.audited['captures']:,} payments and {measured.audited['entries']:,} entries looked at; "
        f"{len(measured.wrong)} differences"
    )
    return [
        (f"{load.clients} clients read", served),
        (f"{load.clients} clients order", ordered),
        ("A burst of uploads becomes ready, nothing lost", uploaded),
        ("A burst of webhooks pays each order once", paid),
        ("Ledger, orders, payments and counters agree", audited),
    ]


def kept(measured: Measured) -> dict[str, Any]:
    """Everything, for programs: milliseconds of each answer by kind and name, seconds of each burst."""
    served = {
        kind: {
            "seconds": each.seconds,
            "processor_seconds": each.worked,
            "lost": each.lost,
            "ms": {
                name: [round(answer.ms, 2) for answer in each.answers if answer.name == name]
                for name in dict.fromkeys(answer.name for answer in each.answers)
            },
        }
        for kind, each in measured.served.items()
    }
    return {
        "machine": machine(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": asdict(measured.load),
        "served": served,
        "upload_to_ready": asdict(measured.photos),
        "webhook_to_paid": asdict(measured.webhooks),
        "audited": measured.audited,
        "failures": failures(measured),
    }
