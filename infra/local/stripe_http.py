"""The doors of the Stripe sandbox: the API, the pages, and the control API."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from infra.local.sandbox import Doors, Refused, Reply, added, as_json, page, see, switches
from infra.local.stripe_money_back import DISPUTED
from infra.local.stripe_wire import FAULTS, Failed, Intent, new_id, params

if TYPE_CHECKING:
    from infra.local.stripe import StripeSandbox

SHOWN = 200
SWITCHES = ("delay", "duplicates", "drop", "bad_signature")
ACTIONS = ("pay", "decline", "process", "expire", "fail", "notify", *DISPUTED)


class Handler(Doors):
    server_version = "StripeSandbox"

    def do_DELETE(self) -> None:  # noqa: N802 (as the base class calls it)
        self._serve(self._get)

    def _get(self, path: str) -> Reply:
        sandbox: StripeSandbox = self.server.sandbox
        match path.strip("/").split("/"):
            case [""]:
                intents = sandbox.intents()
                return page(
                    "stripe_payments.html",
                    intents=intents[:SHOWN],
                    hidden=max(0, len(intents) - SHOWN),
                    faults=sandbox.faults.shown(),
                    known_faults=FAULTS,
                )
            case ["v1", *rest]:
                return self._api(rest, urlsplit(self.path).query)
            case ["pay", id]:
                return page("stripe_pay.html", intent=sandbox.intent(id), returned=sandbox.returned(id))
            case ["_sandbox", "intents"]:
                wanted = {name: value for name, value in self._query().items() if name in ("reference", "status")}
                return as_json({"intents": [sandbox.shown(intent) for intent in sandbox.intents(**wanted)]})
            case ["_sandbox", "intents", id]:
                return as_json({"intent": sandbox.shown(sandbox.intent(id))})
            case ["_sandbox", "stats"]:
                return as_json(sandbox.stats())
            case _:
                raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _post(self, path: str) -> Reply:
        sandbox: StripeSandbox = self.server.sandbox
        match path.strip("/").split("/"):
            case ["v1", *rest]:
                return self._api(rest, self._body().decode("utf-8", "replace"))
            case ["faults"]:
                form = self._form()
                sandbox.faults.set({} if form.get("action") == "heal" else added(sandbox.faults.shown(), form))
                return see("/")
            case ["pay", id]:
                form = self._form()
                how = {name: value for name, value in form.items() if name in SWITCHES}
                self._act(id, str(form.get("action")), how)
                return see(f"/pay/{id}")
            case ["_sandbox", "faults"]:
                return as_json(sandbox.faults.set(self._json_body()))
            case ["_sandbox", id, action]:
                return as_json({"intent": sandbox.shown(self._act(id, action, self._json_body()))})
            case _:
                raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _api(self, path: list[str], form: str) -> Reply:
        sandbox: StripeSandbox = self.server.sandbox
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        told = {"Request-Id": new_id("req")}
        try:
            if scheme != "Bearer":
                raise Failed(HTTPStatus.UNAUTHORIZED, "invalid_request_error", "You did not provide an API key.")
            idempotency_key = self.headers.get("Idempotency-Key")
            status, body, replayed = sandbox.answer(str(self.command), path, params(form), key, idempotency_key)
        except Failed as failure:
            reply = as_json({"error": failure.error}, failure.status)
            return Reply(reply.status, reply.body, reply.content_type, headers=told)
        told |= {"Idempotent-Replayed": "true"} if replayed else {}
        return Reply(HTTPStatus(status), body.encode(), "application/json", headers=told)

    def _act(self, id: str, action: str, asked: Mapping[str, object]) -> Intent:
        sandbox: StripeSandbox = self.server.sandbox
        if action not in ACTIONS:
            raise Refused(HTTPStatus.NOT_FOUND, f"Actions are {', '.join(ACTIONS)}.")
        how = switches(asked, SWITCHES)
        match action:
            case "pay":
                return sandbox.pay(id, **how)
            case "decline":
                return sandbox.decline(id, **how)
            case "process":
                return sandbox.process(id, **how)
            case "notify":
                return sandbox.notify(id, **how)
            case "dispute" | "inquire" | "review" | "win" | "lose" | "withdraw":
                sandbox.dispute(id, action, drop=bool(how.get("drop")))
                return sandbox.intent(id)
            case _:
                return sandbox.end(id, "expired" if action == "expire" else "failed", **how)

    def _refusal(self, path: str, refusal: Refused) -> Reply:
        if path.startswith("/v1/"):
            return Reply(refusal.status, b"", "text/html", path if refusal.status < 400 else None)
        if path.startswith("/_sandbox/"):
            return as_json({"error": refusal.reason}, refusal.status)
        return page("stripe_refused.html", refusal.status, reason=refusal.reason)
