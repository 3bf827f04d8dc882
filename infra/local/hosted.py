"""What the stand-ins for gateways with a page of their own share: the page, and the doors.

`/` and `/pay/{id}` are pages on which a person does what a buyer, a bank or a bad day does; `/_sandbox/...` offers the
same as JSON, for demos and tests. Everything else is the gateway's API.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from infra.local.charges import ChargeSandbox, Told
from infra.local.sandbox import Doors, NoAnswer, Refused, Reply, added, as_json, page, see, switches, written

SHOWN = 200
SWITCHES = ("delay", "duplicates", "drop", "bad_signature")


class OnPage(Told, Protocol):
    """A charge as the pages show it. `price` is for people, `badge` how they colour its state."""

    id: str
    reference: str
    return_url: str

    @property
    def status(self) -> str: ...

    @property
    def price(self) -> str: ...

    @property
    def badge(self) -> str: ...


Held = TypeVar("Held", bound=OnPage)


class Failed(Exception):
    """An error as the gateway's API tells it."""

    def __init__(self, status: HTTPStatus, told: dict[str, Any]) -> None:
        super().__init__(str(told))
        self.status = status
        self.told = told


class HostedSandbox(ChargeSandbox[Held], Generic[Held]):
    actions: ClassVar[Mapping[str, str]]
    """What may happen to a charge, and how the button is called."""

    @abstractmethod
    def answer(
        self, method: str, path: list[str], headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, Any] | str]:
        """Status and body of a call of the API; `headers` by names in lower case.

        Raises Failed, Refused and NoAnswer.
        """

    @abstractmethod
    def _happen(self, held: Held, action: str, amount: int | None) -> None:
        """Raises Refused."""

    def act(self, id: str, action: str, *, amount: int | None = None, wait: bool = False, **how: Any) -> Held:
        """One of `actions`, or `notify`. The webhook follows as of `_notify`; with `wait` once, before this returns."""
        with self._lock:
            held = self.charge(id)
            if action in self.actions:
                self._happen(held, action, amount)
            elif action != "notify":
                raise Refused(HTTPStatus.NOT_FOUND, f"Actions are {', '.join((*self.actions, 'notify'))}.")
            self._notify(id, by_hand=wait, **how)
        if wait:
            self._send_now(id)
        return held

    def charges(self, **wanted: str) -> list[Held]:
        """Newest first; `wanted` filters by equality, `reference="..."` or `status="..."`."""
        with self._lock:
            every = [self.charge(id) for id in reversed(self._held)]
            return [each for each in every if all(getattr(each, name) == value for name, value in wanted.items())]

    def charge(self, id: str) -> Held:
        with self._lock:
            if id not in self._held:
                raise Refused(HTTPStatus.NOT_FOUND, "There is no such charge.")
            return self._held[id]

    def shown(self, held: Held) -> dict[str, object]:
        """A charge as the control API writes it."""
        told = {name: getattr(held, name) for name in ("id", "reference", "status", "price")}
        return told | {"webhook": asdict(held.webhook), "page": f"{self.url}/pay/{held.id}"}

    def stats(self) -> dict[str, object]:
        with self._lock:
            return {
                "charges": dict(Counter(held.status for held in self._held.values())),
                "calls": dict(self.faults.calls),
                "webhooks": self._webhook_stats(),
            }

    def _garbled(self, fault: str, status: int, told: dict[str, Any]) -> tuple[int, dict[str, Any] | str]:
        """What a fault makes of an answer to what was carried out. Raises NoAnswer."""
        if fault == "lost":
            raise NoAnswer
        if fault == "garbage":
            return HTTPStatus.OK, "<html><body>Bad gateway"
        return status, told | ({"promo": {"th": "ฟรี", "until": None}, "v": 2.5} if fault == "extra" and told else {})


class HostedDoors(Doors):
    def _get(self, path: str) -> Reply:
        sandbox: HostedSandbox[Any] = self.server.sandbox
        match path.strip("/").split("/"):
            case [""]:
                charges = sandbox.charges()
                return page(
                    "hosted_charges.html",
                    house=sandbox.who,
                    charges=charges[:SHOWN],
                    hidden=max(0, len(charges) - SHOWN),
                    faults=sandbox.faults.shown(),
                    known_faults=sandbox.known_faults,
                )
            case ["pay", id]:
                held = sandbox.charge(id)
                return page("hosted_pay.html", house=sandbox.who, charge=held, actions=sandbox.actions)
            case ["_sandbox", "charges"]:
                wanted = {name: value for name, value in self._query().items() if name in ("reference", "status")}
                return as_json({"charges": [sandbox.shown(held) for held in sandbox.charges(**wanted)]})
            case ["_sandbox", "charges", id]:
                return as_json({"charge": sandbox.shown(sandbox.charge(id))})
            case ["_sandbox", "stats"]:
                return as_json(sandbox.stats())
            case rest:
                return self._api(rest, b"")

    def _post(self, path: str) -> Reply:
        sandbox: HostedSandbox[Any] = self.server.sandbox
        match path.strip("/").split("/"):
            case ["faults"]:
                form = self._form()
                sandbox.faults.set({} if form.get("action") == "heal" else added(sandbox.faults.shown(), form))
                return see("/")
            case ["pay", id]:
                form = self._form()
                wanted = {name: value for name, value in form.items() if name in SWITCHES}
                sandbox.act(id, str(form.get("action")), **switches(wanted, SWITCHES))
                return see(f"/pay/{id}")
            case ["_sandbox", "faults"]:
                return as_json(sandbox.faults.set(self._json_body()))
            case ["_sandbox", id, action]:
                return as_json(
                    {"charge": sandbox.shown(sandbox.act(id, action, **switches(self._json_body(), SWITCHES)))}
                )
            case rest:
                return self._api(rest, self._body())

    def _api(self, path: list[str], body: bytes) -> Reply:
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            status, told = self.server.sandbox.answer(str(self.command), path, headers, body)
        except Failed as failure:
            status, told = failure.status, failure.told
        if isinstance(told, str):
            return written(told, "text/plain", HTTPStatus(status))
        if status == HTTPStatus.NO_CONTENT:
            return Reply(HTTPStatus.NO_CONTENT, b"", "application/json")
        return as_json(told, HTTPStatus(status))

    def _refusal(self, path: str, refusal: Refused) -> Reply:
        if refusal.status < HTTPStatus.BAD_REQUEST:
            return Reply(refusal.status, b"", "text/html", path)
        if path.startswith("/_sandbox/"):
            return as_json({"error": refusal.reason}, refusal.status)
        house = self.server.sandbox.who
        return page("hosted_refused.html", refusal.status, house=house, reason=refusal.reason)
