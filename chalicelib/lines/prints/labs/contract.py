"""What prints ask of a laboratory. Every adapter passes tests/lines/prints/labs/contract.py.

A call may raise `Unavailable("print_lab_unavailable")`, which says nothing about what the laboratory did: the order may
be there all the same. `Unprocessable("print_lab_refused")` says that it did nothing, and never will as it was asked.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from chalicelib.profiles.model import Address


@dataclass(frozen=True, slots=True)
class LabAccount:
    """Who an organization is at a laboratory, and where that is. The key stays out of `repr`."""

    api_key: str = field(repr=False)
    url: str


@dataclass(frozen=True, slots=True)
class Copies:
    """`count` copies of a file on the laboratory's product `sku`. Whoever has the `url` has the photo."""

    sku: str
    count: int
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Job:
    """`reference` is ours. `callback` is where the laboratory tells that something happened."""

    reference: str
    copies: tuple[Copies, ...]
    address: Address = field(repr=False)
    callback: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shipment:
    """`url` leads to the carrier's page about it, if there is one."""

    carrier: str
    number: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How an order stands. `id` is the laboratory's. One that is `stuck` needs a person, and `reason` says why."""

    id: str
    state: Literal["printing", "stuck", "shipped", "cancelled"]
    reason: str | None = None
    shipments: tuple[Shipment, ...] = ()


class PrintLab(Protocol):
    @property
    def name(self) -> str: ...

    def order(self, account: LabAccount, job: Job) -> Standing:
        """Have a job printed and sent, once for each reference: asked again it says how the first one stands."""

    def check(self, account: LabAccount, reference: str) -> Standing | None:
        """How the order of a reference stands; None where the laboratory has none."""

    def cancel(self, account: LabAccount, lab_order: str) -> bool:
        """Whether it will not be printed any more. It is too late once it is being printed."""
