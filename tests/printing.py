"""A print laboratory in memory."""

from dataclasses import dataclass, field, replace

from chalicelib.core.errors import Unavailable, Unprocessable
from chalicelib.lines.prints.labs.contract import Job, LabAccount, Shipment, Standing

ACCOUNT = LabAccount("key of the laboratory", "http://127.0.0.1:9")
SENT = (Shipment("Sandbox Post", "SB1", "https://post.example/SB1"),)


def account(organization: str) -> LabAccount:
    """Everybody has one."""
    return ACCOUNT


@dataclass
class FakeLab:
    """`fail` makes the next call of that name raise Unavailable after it took effect. Orders by our reference."""

    name: str = "prodigi"
    jobs: dict[str, Job] = field(default_factory=dict)
    orders: dict[str, Standing] = field(default_factory=dict)
    producing: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    fail: set[str] = field(default_factory=set)
    refuses: bool = False

    def order(self, account: LabAccount, job: Job) -> Standing:
        self.asked.append("order")
        if self.refuses:
            raise Unprocessable("print_lab_refused", "The print laboratory refused the order.")
        self.jobs.setdefault(job.reference, job)
        standing = self.orders.setdefault(job.reference, Standing(f"ord_{len(self.orders) + 1}", "printing"))
        self._may_fail("order")
        return standing

    def check(self, account: LabAccount, reference: str) -> Standing | None:
        self.asked.append("check")
        self._may_fail("check")
        return self.orders.get(reference)

    def cancel(self, account: LabAccount, lab_order: str) -> bool:
        self.asked.append("cancel")
        reference = next(key for key, standing in self.orders.items() if standing.id == lab_order)
        if reference in self.producing:
            return False
        self.orders[reference] = replace(self.orders[reference], state="cancelled")
        self._may_fail("cancel")
        return True

    # --- what happens there ---------------------------------------------------------------------------------

    def produce(self, reference: str) -> None:
        self.producing.add(reference)

    def ship(self, reference: str) -> None:
        self.produce(reference)
        self.orders[reference] = replace(self.orders[reference], state="shipped", reason=None, shipments=SENT)

    def get_stuck(self, reference: str, reason: str) -> None:
        self.orders[reference] = replace(self.orders[reference], state="stuck", reason=reason)

    def _may_fail(self, call: str) -> None:
        if call in self.fail:
            self.fail.discard(call)
            raise Unavailable("print_lab_unavailable", "The print laboratory does not answer.", retry_after=5)
