"""The doors of the PayNoi sandbox: the gateway's API, the pages, and the control API."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from infra.local.paynoi_wire import FAULTS, THAILAND, Transaction, baht, satang
from infra.local.sandbox import PAGES, Doors, Refused, Reply, added, as_json, page, see, switches, written

if TYPE_CHECKING:
    from infra.local.paynoi import PayNoiSandbox

SHOWN = 200
SWITCHES = {
    "pay": ("amount", "delay", "duplicates", "drop", "bad_signature"),
    "expire": ("delay", "duplicates", "drop", "bad_signature"),
    "fail": ("delay", "duplicates", "drop", "bad_signature"),
    "notify": ("delay", "duplicates", "bad_signature"),
}
PAGES.filters |= {
    "baht": lambda amount: f"฿{int(baht(amount)[:-3]):,}{baht(amount)[-3:]}",
    "clock": lambda moment: moment.astimezone(THAILAND).strftime("%H:%M:%S"),
}


class Handler(Doors):
    server_version = "PayNoiSandbox"

    def _get(self, path: str) -> Reply:
        sandbox: PayNoiSandbox = self.server.sandbox
        query = self._query()
        match path.strip("/").split("/"):
            case [""]:
                transactions = sandbox.transactions()
                return page(
                    "paynoi_charges.html",
                    transactions=transactions[:SHOWN],
                    hidden=max(0, len(transactions) - SHOWN),
                    faults=sandbox.faults.shown(),
                    known_faults=FAULTS,
                )
            case ["pay", trans_id]:
                transaction = sandbox.transaction(trans_id)
                return page("paynoi_pay.html", t=transaction, minutes=_minutes(transaction, sandbox.now()))
            case ["_sandbox", "transactions"]:
                if query.keys() - {"ref1", "status"}:
                    raise Refused(HTTPStatus.BAD_REQUEST, "Filters are ref1 and status.")
                return as_json({"transactions": [sandbox.shown(t) for t in sandbox.transactions(**query)]})
            case ["_sandbox", "transactions", trans_id]:
                return as_json({"transaction": sandbox.shown(sandbox.transaction(trans_id))})
            case ["_sandbox", "stats"]:
                return as_json(sandbox.stats())
            case ["_sandbox", "faults"]:
                return as_json(sandbox.faults.shown())
            case _:
                raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _post(self, path: str) -> Reply:
        sandbox: PayNoiSandbox = self.server.sandbox
        match path.strip("/").split("/"):
            case ["ppay_api"]:
                return written(sandbox.answer(self._json_body()), "application/json")
            case ["faults"]:
                form = self._form()
                sandbox.faults.set({} if form.get("action") == "heal" else added(sandbox.faults.shown(), form))
                return see("/")
            case ["pay", trans_id]:
                self._act(trans_id, self._form())
                return see(f"/pay/{trans_id}")
            case ["_sandbox", "faults"]:
                return as_json(sandbox.faults.set(self._json_body()))
            case ["_sandbox", trans_id, action]:
                return as_json({"transaction": sandbox.shown(self._act(trans_id, self._json_body(), action))})
            case _:
                raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _act(self, trans_id: str, asked: Mapping[str, object], action: str | None = None) -> Transaction:
        sandbox: PayNoiSandbox = self.server.sandbox
        if action is None:
            action = str(asked.get("action"))
            asked = {name: value for name, value in asked.items() if name in SWITCHES.get(action, ())}
        if action not in SWITCHES:
            raise Refused(HTTPStatus.NOT_FOUND, f"Actions are {', '.join(SWITCHES)}.")
        how = switches(asked, SWITCHES[action], satang)
        match action:
            case "pay":
                return sandbox.pay(trans_id, **how)
            case "notify":
                return sandbox.notify(trans_id, **how)
            case _:
                return sandbox.end(trans_id, "expired" if action == "expire" else "failed", **how)

    def _refusal(self, path: str, refusal: Refused) -> Reply:
        if path == "/ppay_api":
            if refusal.status == HTTPStatus.OK:
                return as_json({"status": 0, "msg": refusal.reason})
            return Reply(refusal.status, b"", "text/html", "/ppay_api" if refusal.status < 400 else None)
        if path.startswith("/_sandbox/"):
            return as_json({"error": refusal.reason}, refusal.status)
        return page("paynoi_refused.html", refusal.status, reason=refusal.reason)


def _minutes(transaction: Transaction, now: datetime) -> int:
    return max(0, round((transaction.expires_at - now).total_seconds() / 60))
