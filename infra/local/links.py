"""What the stand-ins for gateways share whose buyers follow a link: the pages, and the control API.

`/` and `/d/{id}` are pages on which a person does what buyers do; `/_sandbox/...` offers the same as JSON.
"""

import hmac
import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, ClassVar, Protocol, TypeVar

from infra.local.charges import ChargeSandbox, Told
from infra.local.sandbox import Doors, Refused, Reply, added, as_json, page, see, switches

SHOWN = 200
SWITCHES = ("delay", "duplicates", "drop", "bad_signature")


class Link(Told, Protocol):
    """`amount` is in minor units; `badge` is how the pages colour its `state`."""

    @property
    def reference(self) -> str: ...

    @property
    def amount(self) -> int: ...

    @property
    def currency(self) -> str: ...

    @property
    def state(self) -> str: ...

    @property
    def badge(self) -> str: ...


Held = TypeVar("Held", bound=Link)


class LinkSandbox(ChargeSandbox[Held]):
    actions: ClassVar[Mapping[str, str]]
    """What may become of a link, and what the buttons say."""

    @abstractmethod
    def act(self, id: str, action: str, **how: Any) -> Held:
        """Raises Refused for what can not become of it."""

    def link(self, id: str) -> Held:
        with self._lock:
            if id not in self._held:
                raise Refused(HTTPStatus.NOT_FOUND, "There is no such payment.")
            return self._held[id]

    def links(self, **wanted: str) -> dict[str, Held]:
        """By their ids, the newest first; `wanted` filters by equality, `reference="..."` or `state="..."`."""
        with self._lock:
            every = reversed(self._held.items())
            return {id: link for id, link in every if all(getattr(link, name) == wanted[name] for name in wanted)}

    def stats(self) -> dict[str, object]:
        with self._lock:
            return {"links": len(self._held), "calls": dict(self.faults.calls), "webhooks": self._webhook_stats()}

    def shown(self, id: str, link: Held) -> dict[str, object]:
        """A link as the control API writes it."""
        told = {name: getattr(link, name) for name in ("reference", "amount", "currency", "state")}
        return {"id": id, **told, "webhook": asdict(link.webhook), "page": f"{self.url}/d/{id}"}


class LinkDoors(Doors):
    """`api` is what the paths of the gateway's own API begin with."""

    api: ClassVar[tuple[str, ...]]

    @abstractmethod
    def _call(self, path: str) -> Reply:
        """A call of the gateway's API."""

    def _get(self, path: str) -> Reply:
        if path.startswith(self.api):
            return self._call(path)
        sandbox: LinkSandbox[Any] = self.server.sandbox
        match path.strip("/").split("/"):
            case [""]:
                links = sandbox.links()
                return self._page(
                    "links.html",
                    links=list(links.items())[:SHOWN],
                    hidden=max(0, len(links) - SHOWN),
                    faults=sandbox.faults.shown(),
                    known_faults=sandbox.known_faults,
                )
            case ["d", id]:
                return self._page("link.html", id=id, link=sandbox.link(id), actions=sandbox.actions)
            case ["_sandbox", "links"]:
                wanted = {name: value for name, value in self._query().items() if name in ("reference", "state")}
                found = sandbox.links(**wanted)
                return as_json({"links": [sandbox.shown(id, link) for id, link in found.items()]})
            case ["_sandbox", "links", id]:
                return as_json({"link": sandbox.shown(id, sandbox.link(id))})
            case ["_sandbox", "stats"]:
                return as_json(sandbox.stats())
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _post(self, path: str) -> Reply:
        if path.startswith(self.api):
            return self._call(path)
        sandbox: LinkSandbox[Any] = self.server.sandbox
        match path.strip("/").split("/"):
            case ["faults"]:
                form = self._form()
                sandbox.faults.set({} if form.get("action") == "heal" else added(sandbox.faults.shown(), form))
                return see("/")
            case ["d", id]:
                form = self._form()
                how = {name: value for name, value in form.items() if name in SWITCHES}
                self._act(id, str(form.get("action")), how)
                return see(f"/d/{id}")
            case ["_sandbox", "faults"]:
                return as_json(sandbox.faults.set(self._json_body()))
            case ["_sandbox", id, action]:
                return as_json({"link": sandbox.shown(id, self._act(id, action, self._json_body()))})
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _act(self, id: str, action: str, asked: Mapping[str, object]) -> Link:
        sandbox: LinkSandbox[Any] = self.server.sandbox
        if action not in sandbox.actions:
            raise Refused(HTTPStatus.NOT_FOUND, f"Actions are {', '.join(sandbox.actions)}.")
        done: Link = sandbox.act(id, action, **switches(asked, SWITCHES))
        return done

    def _refusal(self, path: str, refusal: Refused) -> Reply:
        if path.startswith(self.api):
            return Reply(refusal.status, b"", "text/html", path if refusal.status < 400 else None)
        if path.startswith("/_sandbox/"):
            return as_json({"error": refusal.reason}, refusal.status)
        return self._page("link_refused.html", refusal.status, reason=refusal.reason)

    def _page(self, template: str, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Reply:
        return page(template, status, who=self.server.sandbox.who, **values)


def same(shown: str, known: str) -> bool:
    return hmac.compare_digest(shown.encode(), known.encode())


def broken(fault: str, status: HTTPStatus, told: dict[str, Any]) -> Reply:
    """An answer with the fault that it was told to have."""
    if fault == "garbage":
        return Reply(status, b"<html><body>Bad gateway", "text/html")
    if fault == "extra":
        told = told | {"Promo": {"kk": "тегін", "until": None}, "V": 2.5}
    return Reply(status, json.dumps(told, ensure_ascii=False).encode(), "application/json")
