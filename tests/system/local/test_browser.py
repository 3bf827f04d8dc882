"""A real browser looks at an order while it is paid: Chromium, where it is installed, on a page of an own origin."""

import base64
import itertools
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from infra.local.client import Person
from tests.system.local import shop
from tests.system.local.running import Running
from tests.system.local.test_websockets import ordered

pytestmark = pytest.mark.system

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OWN_PAGE = 3000
"""The port of the origin that the local stage lets in."""

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Your order</title>
<style>body { font: 20px/1.5 sans-serif; margin: 2em } li { margin: .3em 0 }</style>
<h1>Your order</h1>
<p>It is <strong id="status">being looked at</strong>.</p>
<ol id="facts"></ol>
<script>
const { api, token, order } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const show = (id, text) => { document.getElementById(id).textContent = text; };
const note = text => {
  const line = Object.assign(document.createElement("li"), { textContent: text });
  document.getElementById("facts").append(line);
};
(async () => {
  const asked = await fetch(`${api}/live/tickets`, { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  const ticket = (await asked.json()).data;
  const socket = new WebSocket(`${ticket.url}?ticket=${ticket.ticket}`);
  socket.onopen = () => socket.send(JSON.stringify({ action: "subscribe", group: `order:${order}` }));
  socket.onmessage = event => {
    const frame = JSON.parse(event.data);
    if (frame.type === "Subscribed") show("status", "waiting for your money");
    if (frame.type === "OrderUpdate") show("status", frame.data.status);
    note(frame.data ? `${frame.type}: ${frame.data.status}` : frame.type);
  };
  socket.onerror = () => show("status", "not reached");
})().catch(failure => show("status", String(failure)));
</script>
"""


class Site(BaseHTTPRequestHandler):
    """The frontend of somebody who runs one."""

    def do_GET(self) -> None:
        content = PAGE.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", OWN_PAGE), Site) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{OWN_PAGE}/"
        finally:
            server.shutdown()


class Browser:
    """One page of a browser, by the DevTools protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._numbers = socket, itertools.count(1)

    def ask(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(timeout=30))
            if told.get("id") == number:
                return told["result"]

    def text(self, selector: str) -> str:
        expression = f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"
        return str(self.ask("Runtime.evaluate", expression=expression)["result"]["value"])

    def picture(self) -> bytes:
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])


@contextmanager
def browser(home: Path, url: str, running: Running) -> Iterator[Browser]:
    """Opens the page; ends the browser with it."""
    assert CHROMIUM is not None
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    options += [f"--user-data-dir={home}", "--remote-debugging-port=0", "--window-size=420,640"]
    process = subprocess.Popen([CHROMIUM, *options, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        told = home / "DevToolsActivePort"
        port = running.soon(lambda: told.read_text().splitlines()[0] if told.exists() else None, "the browser")

        def page() -> str | None:
            tabs = requests.get(f"http://127.0.0.1:{port}/json", timeout=10).json()
            return next((tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"), None)

        with connect(running.soon(page, "the page"), max_size=None) as socket:
            yield Browser(socket)
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here: apt-get install chromium")
def test_a_browser_shows_the_order_paid_as_it_happens(running: Running, photos, figure, tmp_path):
    customer: Person = running.person("customer")
    order = ordered(customer, photos[1])
    payment = customer.post("/payments/create", {"orderId": order})
    token = customer.headers["Authorization"].removeprefix("Bearer ")
    told = quote(json.dumps({"api": running.url, "token": token, "order": order}))

    with site() as page, browser(tmp_path / "profile", f"{page}#{told}", running) as opened:
        running.soon(lambda: opened.text("#status") == "waiting for your money" or None, "the page listens")
        shop.scan(running, payment)
        running.soon(lambda: opened.text("#status") == "completed" or None, "the page tells of the order")
        facts = opened.text("#facts").splitlines()
        kept = Path(".local") / "browser.png"
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(opened.picture())

    assert facts[0] == "Subscribed"
    assert {"OrderUpdate: paid", "OrderUpdate: completed", "PaymentUpdate: captured"} <= set(facts)
    figure("browser", "a browser shows an order paid as it happens", f"Chromium: {len(facts)} frames, order completed")
