"""A Prodigi that runs on this machine: its wire format, no paper, and faults on demand.

`/v4.0/orders` is the print laboratory. `POST /_sandbox/orders/{id}/{produce|ship|fail|cancel}` is what happens there,
after which the callback follows; `GET /_sandbox/orders` shows all. It listens on 127.0.0.1, calls back to this machine
only, and does not start on a stage that other people use.
"""

import hmac
import json
import secrets
import threading
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

import requests

from chalicelib.core import clock
from infra.local.sandbox import LOOPBACK, NoAnswer, Refused

Json = dict[str, Any]
Call = Literal["order", "check", "cancel"]
Fault = Literal["timeout", "lost", "error", "garbage", "redirect", "refused", "extra"]
Event = Literal["produce", "ship", "fail", "cancel"]

_STEPS = ("downloadAssets", "printReadyAssetsPrepared", "allocateProductionLocation", "inProduction", "shipping")
_TIMEOUT = 5


class ProdigiSandbox:
    """With `state`, orders outlive the process. `hang` is how long a time-out takes, in seconds."""

    def __init__(
        self, api_key: str, state: Path | None = None, *, stage: str = "local", port: int = 0, hang: float = 12
    ) -> None:
        if stage not in ("local", "test"):
            raise RuntimeError(f"the Prodigi sandbox takes no part in the stage {stage!r}")
        self._api_key = api_key
        self._state = state
        self._port = port
        self._hang = hang
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._faults: dict[str, Fault] = {}
        self.orders: dict[str, Json] = {}
        self.calls: Counter[str] = Counter()

    # --- life -----------------------------------------------------------------------------------------------

    def start(self) -> Self:
        if self._state and self._state.exists():
            self.orders = json.loads(self._state.read_text("utf-8"))
        self._stopping.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
        self._server.daemon_threads = True
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        if not self._port:
            raise RuntimeError("the Prodigi sandbox has no address before it starts")
        return f"http://127.0.0.1:{self._port}"

    # --- the laboratory -------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, key: str, body: bytes) -> bytes:
        """What a request is answered with status 200. Raises Refused and NoAnswer."""
        split = urlsplit(path)
        match (method, *split.path.strip("/").split("/")):
            case ("POST", "v4.0", "orders"):
                return self._called("order", key, lambda: self._order(_json(body)))
            case ("GET", "v4.0", "orders"):
                wanted = parse_qs(split.query).get("merchantReferences", [])
                return self._called("check", key, lambda: self._listed(wanted))
            case ("POST", "v4.0", "orders", id, "actions", "cancel"):
                return self._called("cancel", key, lambda: self._cancel(id))
            case ("GET", "_sandbox", "orders"):
                return json.dumps({"orders": list(self.orders.values())}).encode()
            case ("POST", "_sandbox", "orders", id, ("produce" | "ship" | "fail" | "cancel") as event):
                return json.dumps({"order": self.happen(id, event)}).encode()
        raise Refused(HTTPStatus.NOT_FOUND, "EndpointDoesNotExist")

    def misbehave(self, call: Call, fault: Fault) -> None:
        """The next such call goes wrong, once."""
        self._faults[call] = fault

    def _called(self, call: Call, key: str, work: Any) -> bytes:
        with self._lock:
            self.calls[call] += 1
            fault = self._faults.pop(call, None)
        if fault == "timeout":
            self._stopping.wait(self._hang)
            raise NoAnswer
        if fault == "error":
            raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalServerError")
        if fault == "redirect":
            raise Refused(HTTPStatus.TEMPORARY_REDIRECT, "Elsewhere")
        if fault == "refused":
            raise Refused(HTTPStatus.BAD_REQUEST, "ValidationFailed")
        if not hmac.compare_digest(key.encode(), self._api_key.encode()):
            raise Refused(HTTPStatus.UNAUTHORIZED, "NotAuthenticated")
        with self._lock:
            told: Json = work()
            self._save()
        if fault == "lost":
            raise NoAnswer
        if fault == "garbage":
            return b"<html><body>Service Unavailable"
        more = {"traceParent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"}
        return json.dumps(told | more | ({"promotion": {"until": None}} if fault == "extra" else {})).encode()

    def _order(self, asked: Json) -> Json:
        key = asked.get("idempotencyKey")
        earlier = next((order for order in self.orders.values() if key and order["idempotencyKey"] == key), None)
        if earlier is not None:
            return {"outcome": "AlreadyExists", "order": earlier}
        _must_be_complete(asked)
        id, now = f"ord_{secrets.randbelow(10**9):09d}", clock.stamp(clock.now())
        self.orders[id] = {
            "id": id,
            "created": now,
            "lastUpdated": now,
            "callbackUrl": asked.get("callbackUrl"),
            "merchantReference": asked.get("merchantReference"),
            "shippingMethod": asked["shippingMethod"],
            "idempotencyKey": key,
            "status": {"stage": "InProgress", "issues": [], "details": dict.fromkeys(_STEPS, "NotStarted")},
            "charges": [],
            "shipments": [],
            "recipient": asked["recipient"],
            "items": asked["items"],
            "packingSlip": None,
            "metadata": asked.get("metadata"),
        }
        return {"outcome": "Created", "order": self.orders[id]}

    def _listed(self, references: list[str]) -> Json:
        found = [order for order in self.orders.values() if not references or order["merchantReference"] in references]
        return {"outcome": "Ok", "orders": found[::-1], "hasMore": False, "nextUrl": None}

    def _cancel(self, id: str) -> Json:
        order = self._found(id)
        status = order["status"]
        if status["stage"] != "InProgress" or status["details"]["inProduction"] != "NotStarted":
            return {"outcome": "ActionNotAvailable" if status["stage"] != "InProgress" else "FailedToCancel"}
        status["stage"] = "Cancelled"
        return {"outcome": "Cancelled", "order": order}

    # --- what happens there ---------------------------------------------------------------------------------

    def happen(self, id: str, event: Event, *, callbacks: int = 1) -> Json:
        """Something happens to an order, and is told of so often; an answer that says no is not asked again."""
        with self._lock:
            order = self._found(id)
            status = order["status"]
            details = status["details"]
            match event:
                case "produce":
                    details |= dict.fromkeys(_STEPS[:3], "Complete") | {"inProduction": "InProgress"}
                case "ship":
                    details |= dict.fromkeys(_STEPS, "Complete")
                    status["stage"] = "Complete"
                    order["shipments"] = [_shipment()]
                case "fail":
                    details["downloadAssets"] = "Error"
                    fault = {"errorCode": "order.items.assets.FailedToDownloaded", "description": "10 of 10 failed"}
                    status["issues"] = [{"objectId": id, **fault}]
                case "cancel":
                    status["stage"] = "Cancelled"
            self._save()
        for _ in range(callbacks):
            self._call_back(order, status["stage"])
        return order

    def of_reference(self, reference: str) -> list[Json]:
        return [order for order in self.orders.values() if order["merchantReference"] == reference]

    def _call_back(self, order: Json, stage: str) -> None:
        url = order["callbackUrl"]
        if not url or urlsplit(url).hostname not in LOOPBACK:
            return
        event = {
            "specversion": "1.0",
            "type": f"com.prodigi.order.status.stage.changed#{stage}",
            "source": f"{self.url}/v4.0/Orders/",
            "id": f"evt_{secrets.randbelow(10**9)}",
            "time": clock.stamp(clock.now()),
            "dataContentType": "application/json",
            "data": {"order": order},
            "subject": order["id"],
        }
        try:
            requests.post(url, json=event, timeout=_TIMEOUT)
        except requests.RequestException:
            self.calls["lost callback"] += 1

    def _found(self, id: str) -> Json:
        if id not in self.orders:
            raise Refused(HTTPStatus.NOT_FOUND, "EntityNotFound")
        return self.orders[id]

    def _save(self) -> None:
        if self._state:
            self._state.parent.mkdir(parents=True, exist_ok=True)
            new = self._state.with_name(f"{self._state.name}.new")
            new.write_text(json.dumps(self.orders), "utf-8")
            new.replace(self._state)


def _must_be_complete(asked: Mapping[str, Any]) -> None:
    """Raises Refused for an order that the laboratory's reference says it would not take."""
    recipient = asked.get("recipient") or {}
    address = recipient.get("address") or {}
    needed = [recipient.get("name"), *(address.get(name) for name in ("line1", "postalOrZipCode", "townOrCity"))]
    items = asked.get("items") or []
    for item in items:
        assets = item.get("assets") or []
        needed += [item.get("sku"), item.get("copies"), *(asset.get("url") for asset in assets), assets]
        needed += [item.get("sizing") in ("fillPrintArea", "fitPrintArea", "stretchToPrintArea")]
    methods = ("Budget", "Standard", "Express", "Overnight")
    country = len(str(address.get("countryCode"))) == 2
    if not (all(needed) and items and country and asked.get("shippingMethod") in methods):
        raise Refused(HTTPStatus.BAD_REQUEST, "ValidationFailed")


def _shipment() -> Json:
    number = f"SB{secrets.randbelow(10**9):09d}TH"
    return {
        "id": f"shp_{secrets.randbelow(10**6)}",
        "status": "Shipped",
        "carrier": {"name": "Sandbox Post", "service": "Standard"},
        "tracking": {"number": number, "url": f"https://post.example/{number}"},
        "dispatchDate": clock.stamp(clock.now()),
        "items": [],
    }


def _json(body: bytes) -> Json:
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "ValidationFailed")
    return told


def _handler(sandbox: ProdigiSandbox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version, timeout = "ProdigiSandbox", "", 30

        def do_GET(self) -> None:
            self._serve(b"")

        def do_POST(self) -> None:
            self._serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def _serve(self, body: bytes) -> None:
            status, told = HTTPStatus.OK, b""
            try:
                told = sandbox.answer(self.command, self.path, self.headers.get("X-API-Key", ""), body)
            except NoAnswer:
                self.close_connection = True
                return
            except Refused as refusal:
                status = refusal.status
                told = json.dumps({"outcome": refusal.reason, "statusCode": status.value}).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", self.path)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: object) -> None:
            """Silent: `/_sandbox/orders` tells what happened."""

    return Handler
