"""The hands on a sandbox of a gateway with a page of its own."""

from typing import Any

from infra.local.hosted import HostedSandbox
from tests.payments.gateways.contract import Call, Trouble
from tests.payments.gateways.receiver import Receiver


class HostedLab:
    sandbox: HostedSandbox[Any]
    told: Receiver

    def trouble(self, call: Call, kind: Trouble) -> None:
        self.sandbox.faults.set({call: {kind: 1}, "hang": 5})

    def webhook(self) -> tuple[bytes, dict[str, str]]:
        self.told.wait_for(1)
        return self.told.bodies[-1], self.told.headers[-1]

    def charges(self) -> list[str]:
        return [charge.reference for charge in self.sandbox.charges()]

    def requests(self) -> int:
        return self.sandbox.faults.calls.total()
